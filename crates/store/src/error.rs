//! What can go wrong with the durable record.

use std::path::PathBuf;

/// A store operation that did not happen. Nothing of it is kept: every operation is one
/// transaction.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk has no room for another commit.
    #[error("the disk that holds the database is full")]
    Full,
    /// The disk did not confirm a commit, this one or one before it. Whether it is kept is known
    /// when the store is opened again; until then nothing more is.
    #[error("the disk did not keep what was written: restart hookline once the disk is sound")]
    Unsynced,
    /// The database refused the operation.
    #[error("could not {doing}")]
    Database {
        /// What we were doing.
        doing: &'static str,
        /// What the database said.
        #[source]
        source: rusqlite::Error,
    },
    /// A row holds something this version cannot read.
    #[error("the {column} of {table} {id} cannot be read")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row.
        id: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Someone else changed what this operation was based on; do it again from the beginning.
    #[error("{0} was changed by someone else meanwhile")]
    Conflict(&'static str),
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
    /// A write failed together with its neighbours, for the reason given.
    #[error("the commit failed: {0}")]
    Commit(String),
}

impl StoreError {
    /// Wraps an error of the database with what we were doing.
    pub(crate) fn database(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| {
            if source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
                Self::Full
            } else {
                Self::Database { doing, source }
            }
        }
    }

    /// A row that does not decode.
    pub(crate) fn corrupt<E>(
        table: &'static str,
        column: &'static str,
        id: &dyn std::fmt::Display,
    ) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let id = id.to_string();
        move |source| Self::Corrupt {
            table,
            column,
            id,
            source: source.into(),
        }
    }

    /// The same error for every write that shared a failed commit.
    pub(crate) fn shared(&self) -> Self {
        match self {
            Self::Full => Self::Full,
            Self::Unsynced => Self::Unsynced,
            Self::Closed => Self::Closed,
            Self::Conflict(what) => Self::Conflict(what),
            Self::Database { source, .. } => Self::Commit(source.to_string()),
            Self::Corrupt { source, .. } => Self::Commit(source.to_string()),
            Self::Commit(reason) => Self::Commit(reason.clone()),
        }
    }
}

/// Why a store could not be opened. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names a database this version does not speak.
    #[error(
        "the store URL {url:?} is not understood: use sqlite:<path>, for example sqlite:hookline.db"
    )]
    Url {
        /// The URL as given.
        url: String,
    },
    /// Another process has the database.
    #[error(
        "another hookline is running on {path}: stop it first, or give this one another store.url"
    )]
    InUse {
        /// The database file.
        path: PathBuf,
    },
    /// The lock beside the database cannot be made.
    #[error("cannot lock {path}: check that the directory exists and can be written to")]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file cannot be opened or is not a database.
    #[error(
        "cannot open {path} to {doing}: check that its directory exists, can be written to, and that the file is a hookline database"
    )]
    Open {
        /// The database file.
        path: PathBuf,
        /// What we were doing.
        doing: &'static str,
        /// What the database said.
        #[source]
        source: rusqlite::Error,
    },
    /// The database does not keep what it commits the way we need it to.
    #[error(
        "{path} cannot run with {pragma} = {wanted} (it says {found}): the file system may not support it; put the database on a local disk"
    )]
    Pragma {
        /// The database file.
        path: PathBuf,
        /// The setting.
        pragma: &'static str,
        /// What we need.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
    /// A newer version of hookline wrote the database.
    #[error(
        "{path} was written by a newer hookline (its schema is {found}, this one knows {known}): run that version, or restore a backup from before the upgrade"
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema this version knows.
        known: i64,
    },
    /// The log beside the database cannot be synced.
    #[error("cannot sync {path}: check that the disk is sound and that the file can be written to")]
    Log {
        /// The log.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The writer thread could not be started.
    #[error("cannot start a database thread")]
    Thread(#[source] std::io::Error),
}
