//! Columns to nouns and back, the same way everywhere.

use hookline_model::clock::Timestamp;
use hookline_model::ids::{AccountId, CommentId, ContactId, MessageId};
use rusqlite::Row;
use serde::de::DeserializeOwned;

use crate::error::StoreError;

/// Reads columns of one row by name, turning what cannot be read into an error that names table,
/// column and row.
pub(crate) struct Reader<'row, 'statement> {
    table: &'static str,
    id: &'row dyn std::fmt::Display,
    row: &'row Row<'statement>,
}

impl<'row, 'statement> Reader<'row, 'statement> {
    pub(crate) fn new(
        table: &'static str,
        id: &'row dyn std::fmt::Display,
        row: &'row Row<'statement>,
    ) -> Self {
        Self { table, id, row }
    }

    /// An error about a column; made only when there is one, because rows are read by the million.
    fn corrupt<E>(&self, column: &'static str, error: E) -> StoreError
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        StoreError::corrupt(self.table, column, self.id)(error)
    }

    pub(crate) fn get<T: rusqlite::types::FromSql>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        self.row
            .get(column)
            .map_err(|error| self.corrupt(column, error))
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
        let word = self.row.get_ref(column).and_then(|word| Ok(word.as_str()?));
        let word = word.map_err(|error| self.corrupt(column, error))?;
        from_name(word).ok_or_else(|| self.corrupt(column, format!("{word:?} is not a known word")))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        let text = self.row.get_ref(column).and_then(|text| Ok(text.as_str()?));
        let text = text.map_err(|error| self.corrupt(column, error))?;
        serde_json::from_str(text).map_err(|error| self.corrupt(column, error))
    }

    pub(crate) fn optional_json<T: DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get(column)?;
        text.map(|text| serde_json::from_str(&text).map_err(|error| self.corrupt(column, error)))
            .transpose()
    }

    pub(crate) fn account(&self) -> Result<AccountId, StoreError> {
        self.get::<String>("account_id").map(AccountId::new)
    }

    pub(crate) fn contact(&self) -> Result<Option<ContactId>, StoreError> {
        Ok(self
            .get::<Option<String>>("contact_id")?
            .map(ContactId::new))
    }

    pub(crate) fn comment(&self) -> Result<Option<CommentId>, StoreError> {
        Ok(self
            .get::<Option<String>>("comment_id")?
            .map(CommentId::new))
    }

    pub(crate) fn message(&self, column: &'static str) -> Result<Option<MessageId>, StoreError> {
        Ok(self.get::<Option<String>>(column)?.map(MessageId::new))
    }

    pub(crate) fn count(&self, column: &'static str) -> Result<u32, StoreError> {
        self.get(column)
    }
}

/// A value as the JSON text of a column. Our own nouns always serialise.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::corrupt("value", "json", &"being written"))
}
