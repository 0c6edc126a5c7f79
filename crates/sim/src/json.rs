//! JSON with a key order of its own, written the way Meta writes it.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

/// A JSON value whose objects keep the order they were built in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, kept as the text that goes on the wire.
    Number(String),
    /// A string, unescaped.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object in wire order.
    Object(Vec<(Cow<'static, str>, Json)>),
}

/// Which characters are escaped besides those JSON itself demands (contract 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Escaping {
    /// Non-ASCII as lowercase `\uXXXX` and `/` as `\/`: what captures show.
    #[default]
    Captured,
    /// The captured form, and `<`, `%`, `@` as `\u003C`, `\u0025`, `\u0040`.
    Extended,
    /// Plain UTF-8, nothing escaped that JSON does not demand: what a careless receiver hashes.
    Decoded,
}

impl Json {
    /// Starts an empty object.
    pub fn object() -> Self {
        Self::Object(Vec::new())
    }

    /// Adds a key at the end of an object; other values are left as they are.
    #[must_use]
    pub fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Json>) -> Self {
        if let Self::Object(members) = &mut self {
            members.push((key.into(), value.into()));
        }
        self
    }

    /// Adds a key only when there is a value for it.
    #[must_use]
    pub fn with_some<V: Into<Json>>(
        self,
        key: impl Into<Cow<'static, str>>,
        value: Option<V>,
    ) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Adds a key with `true` when the flag is set; an absent flag is absent on the wire too.
    #[must_use]
    pub fn with_flag(self, key: impl Into<Cow<'static, str>>, is_set: bool) -> Self {
        if is_set { self.with(key, true) } else { self }
    }

    /// The object `{"id": …}` that the Graph API uses for every reference.
    pub fn id(id: impl Into<String>) -> Self {
        Self::object().with("id", id.into())
    }

    /// Writes compact JSON bytes.
    pub fn to_bytes(&self, escaping: Escaping) -> Vec<u8> {
        let mut out = String::with_capacity(256);
        self.write(&mut out, escaping);
        out.into_bytes()
    }

    pub(crate) fn write(&self, out: &mut String, escaping: Escaping) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(text) => out.push_str(text),
            Self::Text(text) => write_string(out, text, escaping),
            Self::Array(items) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    item.write(out, escaping);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (position, (key, value)) in members.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    write_string(out, key, escaping);
                    out.push(':');
                    value.write(out, escaping);
                }
                out.push('}');
            }
        }
    }
}

fn write_string(out: &mut String, text: &str, escaping: Escaping) {
    out.push('"');
    for character in text.chars() {
        write_character(out, character, escaping);
    }
    out.push('"');
}

fn write_character(out: &mut String, character: char, escaping: Escaping) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '/' if escaping != Escaping::Decoded => out.push_str("\\/"),
        '<' | '%' | '@' if escaping == Escaping::Extended => {
            write_escape(out, format_args!("\\u{:04X}", u32::from(character)));
        }
        control if u32::from(control) < 0x20 => {
            write_escape(out, format_args!("\\u{:04x}", u32::from(control)));
        }
        wide if !wide.is_ascii() && escaping != Escaping::Decoded => {
            let mut units = [0; 2];
            for unit in wide.encode_utf16(&mut units) {
                write_escape(out, format_args!("\\u{unit:04x}"));
            }
        }
        plain => out.push(plain),
    }
}

/// Writing into a `String` cannot fail, so the result carries nothing.
fn write_escape(out: &mut String, escape: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(escape);
    debug_assert!(written.is_ok());
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Json {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Self {
        Self::Number(value.to_string())
    }
}

impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Self {
        Self::Array(items)
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.to_string()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            Value::Object(members) => Self::Object(
                members
                    .iter()
                    .map(|(key, value)| (Cow::Owned(key.clone()), Self::from(value)))
                    .collect(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, escaping: Escaping) -> String {
        String::from_utf8(Json::from(text).to_bytes(escaping)).unwrap()
    }

    #[test]
    fn non_ascii_becomes_lowercase_surrogate_pairs() {
        assert_eq!(
            written("é👑/", Escaping::Captured),
            r#""\u00e9\ud83d\udc51\/""#
        );
    }

    #[test]
    fn the_extended_form_also_escapes_three_signs_in_upper_case() {
        assert_eq!(
            written("<%@#&", Escaping::Extended),
            r#""\u003C\u0025\u0040#&""#
        );
        assert_eq!(written("<%@#&", Escaping::Captured), r#""<%@#&""#);
    }

    #[test]
    fn control_characters_use_the_short_forms_where_json_has_them() {
        assert_eq!(
            written("\n\u{1}\"\\", Escaping::Captured),
            r#""\n\u0001\"\\""#
        );
    }

    #[test]
    fn objects_keep_the_order_they_were_built_in() {
        let value = Json::object()
            .with("z", 1)
            .with_some("a", None::<i64>)
            .with("b", true);
        assert_eq!(value.to_bytes(Escaping::Captured), br#"{"z":1,"b":true}"#);
    }
}
