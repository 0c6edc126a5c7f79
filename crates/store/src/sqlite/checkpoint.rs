//! Moving committed pages from the log into the database, beside the writer.
//!
//! SQLite begins the log anew only when all of it has been moved, which a writer that never rests
//! does not let happen: the log would grow as long as the load lasts. So the checkpointer moves
//! nearly everything beside the writer, and asks it to move the little that is left between two
//! commits. A log that is written anew is also faster, because the file does not grow.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::connection::{Purpose, open_connection};
use super::log::{self, Room};
use super::writer::spawn;
use crate::error::OpenError;

/// How often the checkpointer looks whether the log has grown: often, because what it has to sync
/// at once is what a commit may have to wait behind.
const EVERY: Duration = Duration::from_millis(50);

/// A log of so many pages is begun anew.
const LOG_PAGES: i64 = 8192;

/// The writer is asked for so many pages at most: they take it a few milliseconds.
const REST_PAGES: i64 = 1024;

/// Passes in a row that chase a writer which is faster than they are.
const PASSES_MAX: usize = 4;

/// The checkpoint thread, and what it asks of the writer.
pub(super) struct Checkpointer {
    is_rest_wanted: Arc<AtomicBool>,
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Checkpointer {
    pub(super) fn start(path: &Path) -> Result<Self, OpenError> {
        let connection = open_connection(path, Purpose::Write)?;
        let room = open_room(&connection, path)?;
        let is_rest_wanted = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = sync_channel(1);
        let asks = Arc::clone(&is_rest_wanted);
        let thread = spawn("hookline-checkpoint", move || {
            run(&connection, room, &asks, &stopped);
        })?;
        Ok(Self {
            is_rest_wanted,
            stop,
            thread,
        })
    }

    /// Moves what is left, if that was asked for. Called by the writer between two commits.
    pub(super) fn move_rest(&self, writer: &Connection) {
        if self.is_rest_wanted.load(Ordering::Relaxed)
            && self.is_rest_wanted.swap(false, Ordering::Relaxed)
        {
            checkpoint(writer, "PRAGMA wal_checkpoint(PASSIVE)");
        }
    }

    /// Moves everything, and ends.
    pub(super) fn finish(self) {
        let _ = self.stop.send(());
        if self.thread.join().is_err() {
            tracing::error!("the checkpoint thread panicked");
        }
    }
}

/// Pages in the log, and how many of them have been moved.
#[derive(Debug, Clone, Copy, Default)]
struct Log {
    pages: i64,
    moved: i64,
}

fn open_room(connection: &Connection, path: &Path) -> Result<Room, OpenError> {
    let page_bytes: u32 = connection
        .pragma_query_value(None, "page_size", |row| row.get(0))
        .map_err(|source| OpenError::Open {
            path: path.to_owned(),
            doing: "find how large its pages are",
            source,
        })?;
    let pages_max = (LOG_PAGES + REST_PAGES).unsigned_abs();
    Room::open(path, page_bytes.into(), pages_max).map_err(|source| OpenError::Log {
        path: log::path_of(path),
        source,
    })
}

fn run(
    connection: &Connection,
    mut room: Room,
    is_rest_wanted: &AtomicBool,
    stopped: &Receiver<()>,
) {
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(EVERY) {
        let mut log = checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)");
        for _ in 1..PASSES_MAX {
            let moved_before = log.moved;
            if log.pages < LOG_PAGES {
                break;
            }
            log = checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)");
            if log.pages - moved_before < REST_PAGES {
                break;
            }
        }
        if log.pages >= LOG_PAGES {
            is_rest_wanted.store(true, Ordering::Relaxed);
        } else if let Err(error) = room.make(log.pages.unsigned_abs()) {
            tracing::debug!(%error, "the log grows with what is written to it");
        }
    }
    checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
}

fn checkpoint(connection: &Connection, pragma: &str) -> Log {
    let moved = connection.query_row(pragma, [], |row| {
        Ok(Log {
            pages: row.get(1)?,
            moved: row.get(2)?,
        })
    });
    moved.unwrap_or_else(|error| {
        tracing::debug!(%error, "a checkpoint did not run; the next one will");
        Log::default()
    })
}
