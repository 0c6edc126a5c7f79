//! Ids of Meta in columns: numbers where they are written as numbers are, and texts elsewhere.
//!
//! Meta's ids are opaque texts. Nearly all are decimal numbers of 17 characters, which a number of
//! eight bytes says as well. A text becomes a number only if that number is written exactly like it,
//! so that every text comes back as it was, and two ids are equal in the database if and only if
//! their texts are.
//!
//! For SQLite a number and a text are never equal: an id that is bound as the text it is would find
//! nothing. So every id goes through [`MetaId::column`] on its way to a statement and through [`Text`]
//! on its way back, in every table that has one, and three things refuse what went another way: the
//! columns refuse a text that should have been a number (migration 0012), so does reading one, and
//! a test of the house looks for ids that are bound as texts.

use hookline_model::ids::{AccountId, CommentId, ContactId, MediaId};
use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, Value, ValueRef};

/// An id as a column holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column<'id> {
    /// The number that is written like the id.
    Number(i64),
    /// The id, which no number is written like.
    Text(&'id str),
}

impl<'id> Column<'id> {
    /// How a column holds the id of this text.
    pub(crate) fn of(text: &'id str) -> Self {
        match text.as_bytes() {
            // What else would begin like this is written shorter, or otherwise.
            [b'0'] | [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..] => {
                text.parse().map_or(Self::Text(text), Self::Number)
            }
            _ => Self::Text(text),
        }
    }

    /// The text of the id.
    pub(crate) fn to_text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.to_owned(),
        }
    }
}

impl ToSql for Column<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Number(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

impl From<Column<'_>> for Value {
    fn from(column: Column<'_>) -> Self {
        match column {
            Column::Number(number) => Self::Integer(number),
            Column::Text(text) => Self::Text(text.to_owned()),
        }
    }
}

/// What is kept in columns of ids.
pub(crate) trait MetaId {
    /// The id as a column holds it.
    fn column(&self) -> Column<'_>;
}

macro_rules! in_columns {
    ($($id:ty),*) => {$(
        impl MetaId for $id {
            fn column(&self) -> Column<'_> {
                Column::of(self.as_str())
            }
        }
    )*};
}

in_columns!(AccountId, CommentId, ContactId, MediaId);

/// The text of an id that a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl FromSql for Text {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Integer(number) => Ok(Self(number.to_string())),
            ValueRef::Text(_) => {
                let text = value.as_str()?;
                match Column::of(text) {
                    Column::Text(text) => Ok(Self(text.to_owned())),
                    Column::Number(_) => Err(FromSqlError::Other(
                        "the text of a number, which nobody who looks for the number finds".into(),
                    )),
                }
            }
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => {
                Err(FromSqlError::InvalidType)
            }
        }
    }
}

#[cfg(test)]
mod tests;
