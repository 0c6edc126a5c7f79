//! Columns to nouns and back, the same way everywhere.

use std::cell::Cell;

use hookline_model::clock::Timestamp;
use hookline_model::ids::{AccountId, CommentId, ContactId, MessageId};
use rusqlite::types::{FromSql, ValueRef};
use rusqlite::{Row, Statement};
use serde::de::DeserializeOwned;

use crate::error::StoreError;
use crate::packs::PackedRow;
use crate::{ids, mids};

/// Where a row is.
#[derive(Clone, Copy)]
enum Source<'row, 'statement> {
    /// A statement found it.
    Table(&'row Row<'statement>),
    /// It left its table.
    Pack(&'row PackedRow),
}

/// Reads columns of one row by name, wherever the row is, turning what cannot be read into an error
/// that names table, column and row.
pub(crate) struct Reader<'row, 'statement> {
    table: &'static str,
    id: &'row dyn std::fmt::Display,
    row: Source<'row, 'statement>,
    /// Where the next column is looked for first.
    next: Cell<usize>,
}

impl<'row, 'statement> Reader<'row, 'statement> {
    pub(crate) fn new(
        table: &'static str,
        id: &'row dyn std::fmt::Display,
        row: &'row Row<'statement>,
    ) -> Self {
        Self {
            table,
            id,
            row: Source::Table(row),
            next: Cell::new(0),
        }
    }

    /// Reads a row that left its table.
    pub(crate) fn of_packed(id: &'row dyn std::fmt::Display, row: &'row PackedRow) -> Self {
        Self {
            table: row.table().name(),
            id,
            row: Source::Pack(row),
            next: Cell::new(0),
        }
    }

    /// The place of a column. Rows are read by the million and mostly in the order of their
    /// columns, so the search goes on behind the column that was read last.
    fn place(&self, row: &Row<'_>, column: &'static str) -> rusqlite::Result<usize> {
        let statement: &Statement<'_> = row.as_ref();
        let next = self.next.get();
        let is_here = |place: &usize| {
            statement
                .column_name(*place)
                .is_ok_and(|name| name == column)
        };
        let behind = next..statement.column_count();
        let found = behind.chain(0..next).find(is_here);
        let found = found.ok_or_else(|| rusqlite::Error::InvalidColumnName(column.to_owned()))?;
        self.next.set(found + 1);
        Ok(found)
    }

    /// An error about a column; made only when there is one, because rows are read by the million.
    fn corrupt<E>(&self, column: &'static str, error: E) -> StoreError
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        StoreError::corrupt(self.table, column, self.id)(error)
    }

    fn value(&self, column: &'static str) -> rusqlite::Result<ValueRef<'row>> {
        match self.row {
            Source::Table(row) => self.place(row, column).and_then(|place| row.get_ref(place)),
            Source::Pack(row) => row
                .value(column)
                .ok_or_else(|| rusqlite::Error::InvalidColumnName(column.to_owned())),
        }
    }

    pub(crate) fn get<T: FromSql>(&self, column: &'static str) -> Result<T, StoreError> {
        match self.row {
            Source::Table(row) => self
                .place(row, column)
                .and_then(|place| row.get(place))
                .map_err(|error| self.corrupt(column, error)),
            Source::Pack(_) => {
                let value = self.value(column);
                let value = value.map_err(|error| self.corrupt(column, error))?;
                T::column_result(value).map_err(|error| self.corrupt(column, error))
            }
        }
    }

    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.get(column).map(Timestamp::from_millis)
    }

    pub(crate) fn optional_time(
        &self,
        column: &'static str,
    ) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp::from_millis))
    }

    /// A word of a closed list.
    pub(crate) fn word<T>(
        &self,
        column: &'static str,
        from_name: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let word = self.value(column).and_then(|value| Ok(value.as_str()?));
        let word = word.map_err(|error| self.corrupt(column, error))?;
        from_name(word).ok_or_else(|| self.corrupt(column, format!("{word:?} is not a known word")))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        let text = self.value(column).and_then(|value| Ok(value.as_str()?));
        let text = text.map_err(|error| self.corrupt(column, error))?;
        serde_json::from_str(text).map_err(|error| self.corrupt(column, error))
    }

    pub(crate) fn optional_json<T: DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let text = self
            .value(column)
            .and_then(|value| Ok(value.as_str_or_null()?));
        let text = text.map_err(|error| self.corrupt(column, error))?;
        text.map(|text| serde_json::from_str(text).map_err(|error| self.corrupt(column, error)))
            .transpose()
    }

    pub(crate) fn account(&self) -> Result<AccountId, StoreError> {
        self.get::<ids::Text>("account_id")
            .map(|id| AccountId::new(id.0))
    }

    pub(crate) fn contact(&self) -> Result<Option<ContactId>, StoreError> {
        self.optional_id("contact_id", ContactId::new)
    }

    pub(crate) fn comment(&self) -> Result<Option<CommentId>, StoreError> {
        self.optional_id("comment_id", CommentId::new)
    }

    /// An id of Meta's that is kept as [`ids`] say.
    pub(crate) fn optional_id<T>(
        &self,
        column: &'static str,
        of_text: impl FnOnce(String) -> T,
    ) -> Result<Option<T>, StoreError> {
        let id = self.get::<Option<ids::Text>>(column)?;
        Ok(id.map(|id| of_text(id.0)))
    }

    pub(crate) fn message(&self, column: &'static str) -> Result<Option<MessageId>, StoreError> {
        let id = self.get::<Option<mids::Text>>(column)?;
        Ok(id.map(|id| MessageId::new(id.0)))
    }

    pub(crate) fn count(&self, column: &'static str) -> Result<u32, StoreError> {
        self.get(column)
    }
}

/// A value as the JSON text of a column. Our own nouns always serialise.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::corrupt("value", "json", &"being written"))
}
