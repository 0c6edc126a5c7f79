//! Names of automations.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::NAME_CHARS_MAX;

/// The name of an automation: 1 to 64 of the characters `a-z`, `0-9`, `-` and `_`.
///
/// It stands in URLs, log fields and command lines as it is, without quoting.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AutomationName(Arc<str>);

/// Text that cannot name an automation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name is 1 to {NAME_CHARS_MAX} of the characters a-z, 0-9, - and _")]
pub struct NameProblem;

impl AutomationName {
    /// Takes the text as a name, if it can be one.
    pub fn parse(text: &str) -> Result<Self, NameProblem> {
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
        };
        if text.is_empty() || text.len() > NAME_CHARS_MAX || !text.bytes().all(allowed) {
            return Err(NameProblem);
        }
        Ok(Self(text.into()))
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AutomationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AutomationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AutomationName({})", self.0)
    }
}

impl std::str::FromStr for AutomationName {
    type Err = NameProblem;

    fn from_str(text: &str) -> Result<Self, NameProblem> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for AutomationName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
