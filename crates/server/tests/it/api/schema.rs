//! Holds answers against the OpenAPI document: every field is described, every required one is
//! there.

use hookline_server::http::api::openapi;
use serde_json::{Map, Value};

/// Fails unless `value` is what the schema of this name describes.
#[track_caller]
pub(crate) fn check(name: &str, value: &Value) {
    let document: Value = serde_json::from_str(&openapi()).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let schema = schemas
        .get(name)
        .unwrap_or_else(|| panic!("no schema {name}"));
    if let Err(problem) = fits(schemas, schema, value) {
        panic!("not a {name}: {problem}\n{value:#}");
    }
}

fn fits(schemas: &Map<String, Value>, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let name = reference.rsplit('/').next().unwrap();
        return fits(schemas, &schemas[name], value).map_err(|it| format!("{name}: {it}"));
    }
    if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
        let fitting = choices
            .iter()
            .filter(|choice| fits(schemas, choice, value).is_ok());
        return match fitting.count() {
            0 => Err(format!("{value} is none of {schema}")),
            _ => Ok(()),
        };
    }
    has_type(schema, value)?;
    if let Some(words) = schema.get("enum").and_then(Value::as_array)
        && !words.contains(value)
    {
        return Err(format!("{value} is none of {words:?}"));
    }
    match value {
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| fits(schemas, &schema["items"], item)),
        Value::Object(fields) => of_object(schemas, schema, fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn has_type(schema: &Value, value: &Value) -> Result<(), String> {
    let wanted: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if wanted.contains(&found) {
        Ok(())
    } else {
        Err(format!("{value} is {found}, not {wanted:?}"))
    }
}

fn of_object(
    schemas: &Map<String, Value>,
    schema: &Value,
    fields: &Map<String, Value>,
) -> Result<(), String> {
    let (mut known, mut required) = (Map::new(), Vec::new());
    gather(schemas, schema, &mut known, &mut required);
    if let Some(missing) = required.iter().find(|name| !fields.contains_key(**name)) {
        return Err(format!("{missing} is missing"));
    }
    let is_open = schema.get("additionalProperties").is_some();
    for (name, value) in fields {
        match known.get(name) {
            Some(schema) => fits(schemas, schema, value).map_err(|it| format!("{name}: {it}"))?,
            None if is_open => {}
            None => return Err(format!("{name} is not described")),
        }
    }
    Ok(())
}

/// The fields of a schema, those of the schemas it is made of included.
fn gather<'a>(
    schemas: &'a Map<String, Value>,
    schema: &'a Value,
    known: &mut Map<String, Value>,
    required: &mut Vec<&'a str>,
) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        gather(
            schemas,
            &schemas[reference.rsplit('/').next().unwrap()],
            known,
            required,
        );
    }
    for part in schema
        .get("allOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        gather(schemas, part, known, required);
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    known.extend(
        properties
            .into_iter()
            .flatten()
            .map(|(name, it)| (name.clone(), it.clone())),
    );
    let names = schema.get("required").and_then(Value::as_array);
    required.extend(names.into_iter().flatten().filter_map(Value::as_str));
}
