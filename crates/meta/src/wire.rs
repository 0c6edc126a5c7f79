//! The small parts Meta's JSON is made of, read tolerantly: what can be understood is, and what is
//! odd beside it does not spoil it.

use std::borrow::Cow;
use std::fmt;

use hookline_model::clock::Timestamp;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// Longest id taken. Meta's longest (`mid`) are about 160 characters (contract section 0); ids
/// are indexed, so they must stay short.
const ID_BYTES_MAX: usize = 512;

/// Words as people wrote them. Half surrogate pairs (text cut by its sender) and zero characters
/// (which databases refuse) become replacement characters instead of losing the event.
#[derive(Debug, Clone)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                // Nearly always sound, and to find that out is quicker than to go through pieces.
                Ok(std::str::from_utf8(bytes)
                    .map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Cow::Owned(String::from_utf8_lossy(bytes).into_owned()))
            }
        }

        // Asked for bytes, serde_json hands over half surrogate pairs that it refuses in strings.
        let text = deserializer.deserialize_bytes(TextVisitor)?;
        Ok(Self(if text.contains('\0') {
            Cow::Owned(text.replace('\0', "\u{fffd}"))
        } else {
            text
        }))
    }
}

impl Text<'_> {
    pub(crate) fn into_string(self) -> String {
        self.0.into_owned()
    }
}

/// An id, written as a string or a number; numbers keep every digit (contract section 0).
#[derive(Debug, Clone)]
pub(crate) struct Id<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let id = match raw
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
        {
            Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
            Some(_) => Cow::Owned(serde_json::from_str(raw).map_err(D::Error::custom)?),
            None if raw.bytes().all(|byte| byte.is_ascii_digit()) => Cow::Borrowed(raw),
            None => return Err(D::Error::custom("not an id")),
        };
        let is_sound = !id.is_empty() && id.len() <= ID_BYTES_MAX && !id.contains(char::is_control);
        if is_sound {
            Ok(Self(id))
        } else {
            Err(D::Error::custom("not an id"))
        }
    }
}

impl Id<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0.into_owned()
    }
}

/// A whole number, written as a number or a string; anything else counts as absent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Whole(pub(crate) Option<i64>);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        Ok(Self(raw.trim_matches('"').parse().ok()))
    }
}

impl Whole {
    /// Read as a time in seconds or milliseconds (contract 2.2).
    pub(crate) fn as_time(self) -> Option<Timestamp> {
        self.0.map(Timestamp::from_meta)
    }
}

/// A mark that is set or not; anything but a plain yes is no.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flag(pub(crate) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        Ok(Self(matches!(raw, "true" | "\"true\"" | "1" | "\"1\"")))
    }
}

/// A part that may be left out without losing the event it belongs to: an unknown form of it
/// counts as absent.
pub(crate) fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// The tree behind `raw`, unless it is too deep or holds what databases refuse: half surrogate
/// pairs and zero characters.
pub(crate) fn value_of(raw: &RawValue) -> Option<Value> {
    if raw.get().contains(r"\u0000") {
        return None;
    }
    serde_json::from_str(raw.get()).ok()
}
