//! Ids of messages in columns: in six bits a character, without what all of them begin with.
//!
//! A message's id is opaque, some 160 characters of base64 of which the first 42 are the same for
//! everyone. One of other characters is kept as its text, and the id of a comment, which a public
//! reply has, as its number ([`crate::ids`]). Every text comes back as it was, and is kept in
//! one way only. Nothing in SQL compares one with another: what is looked for is its digest, and
//! then the text.

use hookline_model::ids::MessageId;
use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, Value, ValueRef};

use crate::ids;

/// What ids of messages begin with, as was observed. Never changed: another is another form.
const BEGINNING: &str = "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQx";

/// The characters, in the order of their numbers.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What stands for a character that has no number.
const NONE: u8 = 64;

/// The number of each character.
const NUMBERS: [u8; 256] = numbers();

/// In the first byte: the text goes on behind [`BEGINNING`]. The two bits below are the number of
/// characters modulo four, which the number of bytes leaves open.
const HAS_BEGINNING: u8 = 4;

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "a constant: what is out of bounds does not compile, and 64 fits a byte"
)]
const fn numbers() -> [u8; 256] {
    let mut numbers = [NONE; 256];
    let mut number = 0;
    while number < ALPHABET.len() {
        numbers[ALPHABET[number] as usize] = number as u8;
        number += 1;
    }
    numbers
}

fn number_of(character: u8) -> Option<u32> {
    let number = NUMBERS.get(usize::from(character)).copied();
    number.filter(|number| *number < NONE).map(u32::from)
}

/// The id of a message as a column holds it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column(Value);

impl Column {
    pub(crate) fn of(id: &MessageId) -> Self {
        Self::of_text(id.as_str())
    }

    /// How a column holds the id of this text.
    pub(crate) fn of_text(text: &str) -> Self {
        match ids::Column::of(text) {
            number @ ids::Column::Number(_) => Self(number.into()),
            ids::Column::Text(text) => Self(match packed(text) {
                Some(bytes) => Value::Blob(bytes),
                None => Value::Text(text.to_owned()),
            }),
        }
    }
}

impl ToSql for Column {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl From<Column> for Value {
    fn from(column: Column) -> Self {
        column.0
    }
}

/// The text of an id that a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl FromSql for Text {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Blob(bytes) => unpacked(bytes)
                .map(Self)
                .ok_or_else(|| FromSqlError::Other("no id of a message has these bytes".into())),
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Text(_) => {
                ids::Text::column_result(value).map(|id| Self(id.0))
            }
        }
    }
}

/// The characters of a text, six bits each; none when one of them has no number.
fn packed(text: &str) -> Option<Vec<u8>> {
    let (flag, rest) = match text.strip_prefix(BEGINNING) {
        Some(rest) => (HAS_BEGINNING, rest),
        None => (0, text),
    };
    let modulo = u8::try_from(rest.len() % 4).ok()?;
    let mut bytes = Vec::with_capacity(2 + rest.len() * 3 / 4);
    bytes.push(flag | modulo);
    for four in rest.as_bytes().chunks(4) {
        let mut bits = 0;
        for place in 0..4 {
            let number = four
                .get(place)
                .map_or(Some(0), |character| number_of(*character))?;
            bits = bits << 6 | number;
        }
        let [_, three @ ..] = bits.to_be_bytes();
        bytes.extend(three.iter().take(four.len()));
    }
    Some(bytes)
}

/// What [`packed`] made of a text; none of any other bytes.
fn unpacked(bytes: &[u8]) -> Option<String> {
    let (first, rest) = bytes.split_first()?;
    let mut text = String::with_capacity(BEGINNING.len() + rest.len() * 4 / 3);
    if first & HAS_BEGINNING > 0 {
        text.push_str(BEGINNING);
    }
    let modulo = usize::from(first & 3);
    let last = rest.len().div_ceil(3);
    for (place, three) in (1..).zip(rest.chunks(3)) {
        let byte = |place| three.get(place).copied().unwrap_or(0);
        let bits = u32::from_be_bytes([0, byte(0), byte(1), byte(2)]);
        let characters = if place == last && modulo > 0 {
            modulo
        } else {
            4
        };
        for place in 0..characters {
            let number = usize::try_from(bits >> (18 - 6 * place) & 63).ok()?;
            text.push(char::from(*ALPHABET.get(number)?));
        }
    }
    // One text has one form: lengths that do not fit, bits that nobody wrote.
    (packed(&text).as_deref() == Some(bytes)).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::types::{FromSql as _, Type, Value, ValueRef};

    use super::{BEGINNING, Column, Text};

    fn read(value: &Value) -> Option<String> {
        Text::column_result(ValueRef::from(value))
            .ok()
            .map(|text| text.0)
    }

    fn texts() -> impl Strategy<Value = String> {
        let like_metas = format!("{BEGINNING}[A-Za-z0-9_.=-]{{0,130}}");
        prop_oneof![
            any::<String>(),
            "[A-Za-z0-9_-]{0,200}",
            "[0-9]{1,20}",
            prop::string::string_regex(&like_metas).unwrap(),
            (0..=BEGINNING.len()).prop_map(|end| BEGINNING[..end].to_owned()),
        ]
    }

    proptest! {
        #[test]
        fn every_text_comes_back_as_it_was(text in texts()) {
            let value = Value::from(Column::of_text(&text));
            prop_assert_eq!(read(&value), Some(text));
        }

        #[test]
        fn bytes_that_read_as_a_text_are_those_it_is_kept_as(
            bytes in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let value = Value::Blob(bytes);
            if let Some(text) = read(&value) {
                prop_assert_eq!(Value::from(Column::of_text(&text)), value);
            }
        }
    }

    #[test]
    fn an_id_of_metas_takes_half_of_its_room() {
        let mid = format!("{BEGINNING}NDAwMDAwMDAwMDAxOjM0MDI4MjM2Njg0MTcxMDMwMTI0QZDZD");
        let Value::Blob(bytes) = Value::from(Column::of_text(&mid)) else {
            panic!("it is not packed")
        };
        assert!(
            bytes.len() * 2 < mid.len(),
            "{} of {}",
            bytes.len(),
            mid.len()
        );
        for (text, kind) in [
            ("17900000000000001", Type::Integer),
            ("mid.1", Type::Text),
            ("07", Type::Blob),
        ] {
            assert_eq!(Value::from(Column::of_text(text)).data_type(), kind);
        }
    }

    /// Whatever later versions write, they read this.
    #[test]
    fn what_the_first_version_kept_reads_the_same_for_ever() {
        let bytes = [4 | 1, 0x53, 0xD1, 0xA9, 0x58];
        assert_eq!(
            read(&Value::Blob(bytes.to_vec())),
            Some(format!("{BEGINNING}U9GpW"))
        );
    }
}
