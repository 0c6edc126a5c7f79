//! Connections with the settings our promises rest on, each read back after it was set.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::OpenError;

/// How long a statement waits for another process, such as a command beside a running server.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Memory for pages of a writing connection, in negative kilobytes as SQLite wants it: what the
/// sends and events of a commit touch, several times over.
const WRITER_CACHE: &str = "-16384";

/// Prepared statements each connection keeps.
const STATEMENTS_KEPT: usize = 128;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reads and writes.
    Write,
    /// Reads only; refuses to write.
    Read,
}

/// Opens a connection. A writing one creates the file and makes sure that a commit that returned
/// survives a power cut: `journal_mode = WAL` with `synchronous = FULL`, both read back.
pub(crate) fn open_connection(path: &Path, purpose: Purpose) -> Result<Connection, OpenError> {
    let opening = |doing| {
        move |source| OpenError::Open {
            path: path.to_owned(),
            doing,
            source,
        }
    };
    let access = match purpose {
        Purpose::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        Purpose::Read => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(opening("read it"))?;
    connection
        .busy_timeout(BUSY_WAIT)
        .map_err(opening("set its busy timeout"))?;
    // One plan for each statement, whatever values are bound: SQLite would otherwise plan it anew
    // when a limit changes, and a plan nobody has seen could read a whole table.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(opening("keep its query plans"))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    match purpose {
        Purpose::Write => {
            set(&connection, path, "journal_mode", "wal", "wal")?;
            set(&connection, path, "synchronous", "FULL", "2")?;
            // Pages a commit changes stay in memory until the next one needs them again.
            set(&connection, path, "cache_size", WRITER_CACHE, WRITER_CACHE)?;
            // The checkpointer does this beside the commits instead of inside one of them.
            set(&connection, path, "wal_autocheckpoint", "0", "0")?;
            set(&connection, path, "foreign_keys", "ON", "1")?;
            // What is deleted is overwritten with zeros; what moving rows leaves behind is cleaned
            // by erase/pages.rs.
            set(&connection, path, "secure_delete", "ON", "1")?;
        }
        Purpose::Read => set(&connection, path, "query_only", "ON", "1")?,
    }
    Ok(connection)
}

/// Keeps what undoes a part of a transaction in memory, where SQLite would write it to a temporary
/// file in each commit. For connections whose transactions are short.
pub(super) fn undo_in_memory(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    set(connection, path, "temp_store", "MEMORY", "2")
}

/// Lets commits return before the disk has them: for the writer, whose commits are answered by the
/// syncer. What is in front of a synced place of the log is there, and what is behind it comes back
/// in whole commits or not at all.
pub(super) fn leave_syncing(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    set(connection, path, "synchronous", "NORMAL", "1")
}

fn set(
    connection: &Connection,
    path: &Path,
    pragma: &'static str,
    value: &'static str,
    wanted: &'static str,
) -> Result<(), OpenError> {
    let opening = |source| OpenError::Open {
        path: path.to_owned(),
        doing: "set it up",
        source,
    };
    connection
        .pragma_update(None, pragma, value)
        .map_err(opening)?;
    let found: String = connection
        .pragma_query_value(None, pragma, |row| {
            row.get::<_, rusqlite::types::Value>(0)
                .map(|value| match value {
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    rusqlite::types::Value::Text(text) => text,
                    other @ (rusqlite::types::Value::Null
                    | rusqlite::types::Value::Real(_)
                    | rusqlite::types::Value::Blob(_)) => format!("{other:?}"),
                })
        })
        .map_err(opening)?;
    if found == wanted {
        Ok(())
    } else {
        Err(OpenError::Pragma {
            path: path.to_owned(),
            pragma,
            wanted,
            found,
        })
    }
}
