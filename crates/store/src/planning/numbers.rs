//! Ids of new rows, in their order and never given twice, though the newest rows may be erased or
//! leave their table.

use rusqlite::{Connection, params};

use crate::error::StoreError;

/// The ids of one table, for one transaction.
pub(super) struct Numbers {
    table: &'static str,
    last: i64,
    is_changed: bool,
}

impl Numbers {
    pub(super) fn of(connection: &Connection, table: &'static str) -> Result<Self, StoreError> {
        let last = connection
            .prepare_cached("SELECT id FROM last_ids WHERE noun = ?1")
            .and_then(|mut query| query.query_row([table], |row| row.get(0)))
            .map_err(StoreError::database("look for the last id"))?;
        Ok(Self {
            table,
            last,
            is_changed: false,
        })
    }

    pub(super) fn next(&mut self) -> i64 {
        self.last += 1;
        self.is_changed = true;
        self.last
    }

    /// Has the next transaction go on behind these.
    pub(super) fn keep(self, connection: &Connection) -> Result<(), StoreError> {
        if !self.is_changed {
            return Ok(());
        }
        connection
            .prepare_cached("UPDATE last_ids SET id = ?2 WHERE noun = ?1")
            .and_then(|mut update| update.execute(params![self.table, self.last]))
            .map_err(StoreError::database("keep the last id"))?;
        Ok(())
    }
}
