//! Reading a document piece by piece, remembering everything that is wrong with it.

use std::fmt::Display;

use serde_json::{Map, Value};

use super::{Problem, nearest};

/// Problems after which no more are kept; nobody reads further before mending these.
const PROBLEMS_MAX: usize = 100;

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    /// The value, unless something is wrong with the document.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Vec<Problem>> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(self.problems),
        }
    }

    pub(super) fn problem(&mut self, path: &str, message: impl Display) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem {
                path: path.to_owned(),
                message: message.to_string(),
            });
        }
    }

    /// A table that has only these keys.
    pub(super) fn table<'v>(
        &mut self,
        value: &'v Value,
        path: &str,
        keys: &[&'static str],
    ) -> Option<&'v Map<String, Value>> {
        let Some(table) = value.as_object() else {
            self.wrong_type(path, "a table", value);
            return None;
        };
        for key in table.keys().filter(|key| !keys.contains(&key.as_str())) {
            if self.problems.len() == PROBLEMS_MAX {
                // Guessing is what costs, and nobody would read the guess.
                break;
            }
            let guess = nearest(key, keys.iter().copied())
                .map(|key| format!(", did you mean {key}?"))
                .unwrap_or_default();
            self.problem(
                &join(path, key),
                format_args!(
                    "there is no such key{guess} (the keys are {})",
                    keys.join(", ")
                ),
            );
        }
        Some(table)
    }

    pub(super) fn string<'v>(&mut self, value: &'v Value, path: &str) -> Option<&'v str> {
        if value.as_str().is_none() {
            self.wrong_type(path, "a string", value);
        }
        value.as_str()
    }

    pub(super) fn boolean(&mut self, value: &Value, path: &str) -> Option<bool> {
        if value.as_bool().is_none() {
            self.wrong_type(path, "true or false", value);
        }
        value.as_bool()
    }

    pub(super) fn integer(&mut self, value: &Value, path: &str) -> Option<i32> {
        let integer = value.as_i64().and_then(|number| i32::try_from(number).ok());
        if integer.is_none() && value.is_number() {
            self.problem(
                path,
                format_args!("expected a whole number from {} to {}", i32::MIN, i32::MAX),
            );
        } else if integer.is_none() {
            self.wrong_type(path, "a whole number", value);
        }
        integer
    }

    /// A list of at most so many elements, each read in its place; nothing if one is wrong.
    pub(super) fn list<T>(
        &mut self,
        value: &Value,
        path: &str,
        most: usize,
        mut read: impl FnMut(&mut Self, &Value, &str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(list) = value.as_array() else {
            self.wrong_type(path, "a list", value);
            return None;
        };
        if list.len() > most {
            self.problem(
                path,
                format_args!("at most {most} are possible, found {}", list.len()),
            );
            return None;
        }
        // All are read, also behind a wrong one, so that all their problems are found.
        let elements: Vec<Option<T>> = list
            .iter()
            .enumerate()
            .map(|(index, value)| read(self, value, &format!("{path}[{index}]")))
            .collect();
        elements.into_iter().collect()
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        value: &Value,
        path: &str,
        choices: &[T],
        word_of: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        let written = self.string(value, path)?;
        let chosen = choices
            .iter()
            .copied()
            .find(|choice| word_of(*choice) == written);
        if chosen.is_none() {
            let words: Vec<&'static str> = choices.iter().copied().map(word_of).collect();
            let guess = nearest(written, words.iter().copied())
                .map(|word| format!(", did you mean {word}?"))
                .unwrap_or_default();
            let written: String = written.chars().take(40).collect();
            self.problem(
                path,
                format_args!(
                    "\"{written}\" is not known{guess} (one of {})",
                    words.join(", ")
                ),
            );
        }
        chosen
    }

    pub(super) fn wrong_type(&mut self, path: &str, expected: &str, found: &Value) {
        let found = match found {
            Value::Null => "nothing (null)",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "a table",
        };
        self.problem(path, format_args!("expected {expected}, found {found}"));
    }
}

fn join(path: &str, key: &str) -> String {
    let key: String = key.chars().take(100).collect();
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}
