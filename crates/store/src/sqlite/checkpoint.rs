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

/// Looks that the checkpointer leaves out so that the writer can do what it was asked for: only one
/// of them can move pages at a time, and the writer comes to it only when its transaction ends.
const PATIENCE: u32 = 20;

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

    /// Moves what is left, if that was asked for. Called by the writer between two commits, until
    /// it can.
    pub(super) fn move_rest(&self, writer: &Connection) {
        if self.is_rest_wanted.load(Ordering::Relaxed)
            && checkpoint(writer, "PRAGMA wal_checkpoint(PASSIVE)").is_some()
        {
            self.is_rest_wanted.store(false, Ordering::Relaxed);
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
    let mut patience = 0;
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(EVERY) {
        if patience > 0 && is_rest_wanted.load(Ordering::Relaxed) {
            patience -= 1;
            continue;
        }
        let log = move_most(connection);
        if log.pages >= LOG_PAGES {
            patience = PATIENCE;
            is_rest_wanted.store(true, Ordering::Relaxed);
        } else if let Err(error) = room.make(log.pages.unsigned_abs()) {
            tracing::debug!(%error, "the log grows with what is written to it");
        }
    }
    checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/// Moves all there is, and again what came meanwhile while that is much.
fn move_most(connection: &Connection) -> Log {
    let pass = || checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)").unwrap_or_default();
    let mut log = pass();
    for _ in 1..PASSES_MAX {
        let moved_before = log.moved;
        if log.pages < LOG_PAGES {
            break;
        }
        log = pass();
        if log.pages - moved_before < REST_PAGES {
            break;
        }
    }
    log
}

/// What the log is like after a checkpoint; none when somebody else is at it.
fn checkpoint(connection: &Connection, pragma: &str) -> Option<Log> {
    let moved = connection.query_row(pragma, [], |row| {
        let is_busy: bool = row.get(0)?;
        let log = Log {
            pages: row.get(1)?,
            moved: row.get(2)?,
        };
        Ok((!is_busy).then_some(log))
    });
    moved.unwrap_or_else(|error| {
        tracing::debug!(%error, "a checkpoint did not run; the next one will");
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log that somebody reads, and somebody else waits for that to end, because they begin it anew.
    fn somebody_is_at_it(path: &Path) -> (Connection, JoinHandle<()>) {
        let reader = open_connection(path, Purpose::Read).unwrap();
        reader
            .execute_batch("BEGIN; SELECT count(*) FROM t")
            .unwrap();
        let other = open_connection(path, Purpose::Write).unwrap();
        other.execute_batch("INSERT INTO t VALUES (2)").unwrap();
        let at_it = std::thread::spawn(move || {
            other.busy_timeout(Duration::from_secs(30)).unwrap();
            // Turned away at once when it meets another one that has only begun.
            while checkpoint(&other, "PRAGMA wal_checkpoint(RESTART)").is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        (reader, at_it)
    }

    #[test]
    fn the_writer_moves_what_is_left_once_nobody_else_is_at_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hookline.db");
        let writer = open_connection(&path, Purpose::Write).unwrap();
        writer
            .execute_batch("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1)")
            .unwrap();
        let (stop, stopped) = sync_channel(1);
        let checkpointer = Checkpointer {
            is_rest_wanted: Arc::new(AtomicBool::new(true)),
            stop,
            thread: spawn("hookline-checkpoint", move || stopped.recv().unwrap()).unwrap(),
        };
        let is_wanted = || checkpointer.is_rest_wanted.load(Ordering::Relaxed);
        let (reader, at_it) = somebody_is_at_it(&path);
        // Until they are at it, which takes a thread to start.
        for _ in 0..500 {
            if checkpoint(&writer, "PRAGMA wal_checkpoint(PASSIVE)").is_none() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        checkpointer.move_rest(&writer);
        assert!(is_wanted(), "it could not be done yet");
        reader.execute_batch("COMMIT").unwrap();
        at_it.join().unwrap();
        checkpointer.move_rest(&writer);
        assert!(!is_wanted(), "it was done");
        checkpointer.finish();
    }
}
