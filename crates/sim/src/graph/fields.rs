//! The `fields` parameter: names, arguments and nested lists.

use super::GraphError;
use crate::json::Json;

/// One requested field, such as `replies.limit(5){id,text}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) args: Vec<(String, String)>,
    pub(crate) inner: Vec<Field>,
}

/// Nesting beyond this is refused; Meta's own bound is not documented.
const DEPTH_MAX: usize = 5;

impl Field {
    pub(crate) fn arg(&self, name: &str) -> Option<&str> {
        self.args
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn named(names: &[&str]) -> Vec<Self> {
        names
            .iter()
            .map(|name| Self {
                name: (*name).to_owned(),
                args: Vec::new(),
                inner: Vec::new(),
            })
            .collect()
    }

    /// The nested list, or these names when there is none.
    pub(crate) fn inner_or(&self, names: &[&str]) -> Vec<Self> {
        if self.inner.is_empty() {
            Self::named(names)
        } else {
            self.inner.clone()
        }
    }
}

/// Reads a `fields` parameter.
pub(crate) fn parse(text: &str) -> Result<Vec<Field>, GraphError> {
    let mut rest = text.trim();
    let fields = parse_list(&mut rest, 0)?;
    if rest.is_empty() {
        Ok(fields)
    } else {
        Err(broken(text))
    }
}

fn broken(text: &str) -> GraphError {
    GraphError::new(
        400,
        2500,
        None,
        format!("Syntax error \"{text}\" in fields"),
    )
}

fn parse_list(rest: &mut &str, depth: usize) -> Result<Vec<Field>, GraphError> {
    if depth > DEPTH_MAX {
        return Err(broken(rest));
    }
    let mut fields = Vec::new();
    loop {
        let mut field = Field {
            name: parse_name(rest),
            args: Vec::new(),
            inner: Vec::new(),
        };
        if field.name.is_empty() {
            return if fields.is_empty() && rest.is_empty() {
                Ok(fields)
            } else {
                Err(broken(rest))
            };
        }
        while let Some(after) = rest.strip_prefix('.') {
            *rest = after;
            let key = parse_name(rest);
            let (value, after) = rest
                .strip_prefix('(')
                .and_then(|inside| inside.split_once(')'))
                .ok_or_else(|| broken(rest))?;
            field.args.push((key, value.to_owned()));
            *rest = after;
        }
        if let Some(after) = rest.strip_prefix('{') {
            *rest = after;
            field.inner = parse_list(rest, depth + 1)?;
            *rest = rest.strip_prefix('}').ok_or_else(|| broken(rest))?;
        }
        fields.push(field);
        match rest.strip_prefix(',') {
            Some(after) => *rest = after.trim_start(),
            None => return Ok(fields),
        }
    }
}

fn parse_name(rest: &mut &str) -> String {
    let end = rest
        .find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
        .unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    *rest = after;
    name.to_owned()
}

/// Builds an object of the requested fields; `id` comes last unless asked for, as Meta adds it.
pub(crate) fn select(
    fields: &[Field],
    id: &str,
    mut value: impl FnMut(&Field) -> Result<Option<Json>, GraphError>,
) -> Result<Json, GraphError> {
    let mut object = Json::object();
    let mut has_id = false;
    for field in fields {
        if field.name == "id" {
            has_id = true;
            object = object.with("id", id);
        } else {
            object = object.with_some(field.name.clone(), value(field)?);
        }
    }
    Ok(if has_id {
        object
    } else {
        object.with("id", id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_lists_and_arguments_are_read() {
        let fields = parse("id,replies.limit(5){id,text},media{media_product_type}").unwrap();
        assert_eq!(fields.len(), 3);
        assert_eq!(fields[1].arg("limit"), Some("5"));
        assert_eq!(fields[1].inner.len(), 2);
        assert_eq!(fields[2].inner[0].name, "media_product_type");
    }

    #[test]
    fn broken_lists_are_refused() {
        for text in [
            "id,,text",
            "media{id",
            "a.b",
            "id}",
            "a{b{c{d{e{f{g{h}}}}}}}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("").unwrap(), Vec::new());
    }
}
