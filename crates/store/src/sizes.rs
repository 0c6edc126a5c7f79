//! How much room everything takes.

use rusqlite::Connection;

use crate::Store;
use crate::error::StoreError;

/// The room a database takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sizes {
    /// All pages, those of its file and those still in the log.
    pub bytes: u64,
    /// Of those, what is free for what comes next.
    pub free_bytes: u64,
    /// Each table and index, the largest first.
    pub rooms: Vec<Room>,
}

/// The room of one table or index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Its name.
    pub name: String,
    /// Its pages.
    pub bytes: u64,
    /// Of those, what rows fill.
    pub filled_bytes: u64,
}

impl Store {
    /// Adds up the room of everything. Reads every page: for reports, not for a running server.
    pub async fn sizes(&self) -> Result<Sizes, StoreError> {
        self.read(|connection| {
            let page_bytes = pragma(connection, "page_size")?;
            Ok(Sizes {
                bytes: pragma(connection, "page_count")? * page_bytes,
                free_bytes: pragma(connection, "freelist_count")? * page_bytes,
                rooms: rooms(connection).map_err(StoreError::database("add up pages"))?,
            })
        })
        .await
    }
}

fn pragma(connection: &Connection, name: &'static str) -> Result<u64, StoreError> {
    let number: i64 = connection
        .pragma_query_value(None, name, |row| row.get(0))
        .map_err(StoreError::database("count pages"))?;
    Ok(number.unsigned_abs())
}

fn rooms(connection: &Connection) -> rusqlite::Result<Vec<Room>> {
    connection
        .prepare(
            "SELECT name, sum(pgsize), sum(pgsize - unused) FROM dbstat
             GROUP BY name ORDER BY sum(pgsize) DESC",
        )?
        .query_map([], |row| {
            Ok(Room {
                name: row.get(0)?,
                bytes: row.get::<_, i64>(1)?.unsigned_abs(),
                filled_bytes: row.get::<_, i64>(2)?.unsigned_abs(),
            })
        })?
        .collect()
}
