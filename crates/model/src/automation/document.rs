//! Reading the document of an automation.

mod scope;
mod steps;
mod text;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::reader::Reader;
use super::{Automation, AutomationName, Limit, OncePer, Problem};

const KEYS: [&str; 7] = [
    "name", "accounts", "priority", "trigger", "match", "limit", "steps",
];

impl Automation {
    /// Reads a document from JSON; all its problems are found at once.
    pub fn from_json(document: &Value) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::default();
        let automation = reader
            .table(document, "", &KEYS)
            .and_then(|document| read_document(&mut reader, document));
        reader.finish(automation)
    }

    /// Reads a document from TOML; all its problems are found at once, unless it is not TOML.
    pub fn from_toml(document: &str) -> Result<Self, Vec<Problem>> {
        match document.parse::<toml::Table>() {
            Ok(table) => Self::from_json(&json_of(toml::Value::Table(table))),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                let before = document.get(..at).unwrap_or_default();
                let line = 1 + before.matches('\n').count();
                let message = format!("this is not TOML: line {line}: {}", error.message());
                Err(vec![Problem {
                    path: String::new(),
                    message,
                }])
            }
        }
    }
}

impl<'de> Deserialize<'de> for Automation {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = Value::deserialize(deserializer)?;
        Self::from_json(&document).map_err(|problems| {
            let problems: Vec<String> = problems
                .into_iter()
                .map(|problem| format!("{}: {}", problem.path, problem.message))
                .collect();
            serde::de::Error::custom(problems.join("; "))
        })
    }
}

fn read_document(reader: &mut Reader, document: &Map<String, Value>) -> Option<Automation> {
    let name = required(reader, document, "name", "its name").and_then(|value| {
        let name = reader.string(value, "name")?;
        AutomationName::parse(name)
            .map_err(|problem| reader.problem("name", problem))
            .ok()
    });
    let accounts = scope::accounts(reader, document.get("accounts"));
    let priority = match document.get("priority") {
        Some(value) => reader.integer(value, "priority"),
        None => Some(0),
    };
    let trigger = required(reader, document, "trigger", "a trigger")
        .and_then(|value| scope::trigger(reader, value));
    let kinds = trigger.as_ref().map(|trigger| trigger.on.as_slice());
    let matching = text::matching(reader, document.get("match"));
    let limit = limit(reader, document.get("limit"));
    let steps = required(reader, document, "steps", "at least one step")
        .and_then(|value| steps::steps(reader, value, kinds.unwrap_or_default()));
    Some(Automation {
        name: name?,
        accounts: accounts?,
        priority: priority?,
        trigger: trigger?,
        matching: matching?,
        limit: limit?,
        steps: steps?,
    })
}

fn required<'v>(
    reader: &mut Reader,
    document: &'v Map<String, Value>,
    key: &str,
    what: &str,
) -> Option<&'v Value> {
    if !document.contains_key(key) {
        reader.problem(key, format_args!("an automation needs {what}"));
    }
    document.get(key)
}

fn limit(reader: &mut Reader, value: Option<&Value>) -> Option<Limit> {
    let Some(value) = value else {
        return Some(Limit::default());
    };
    let once_per = match reader.table(value, "limit", &["once_per"])?.get("once_per") {
        Some(value) => reader.choice(value, "limit.once_per", &OncePer::ALL, OncePer::as_str)?,
        None => OncePer::default(),
    };
    Some(Limit { once_per })
}

/// The same document as JSON; dates, which no key takes, become text.
fn json_of(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Boolean(truth) => Value::Bool(truth),
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        toml::Value::Array(list) => list.into_iter().map(json_of).collect(),
        toml::Value::Table(table) => table
            .into_iter()
            .map(|(key, value)| (key, json_of(value)))
            .collect(),
    }
}
