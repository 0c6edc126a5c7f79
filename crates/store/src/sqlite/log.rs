//! The file of the log, beside SQLite, which alone decides what is in it.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Bytes of the log before its first page, and of each page besides the page.
const HEADER_BYTES: u64 = 32;
const PAGE_HEADER_BYTES: u64 = 24;

/// A log of fewer pages belongs to nobody who is in a hurry.
const HURRY_PAGES: u64 = 256;

/// Room is made until so many pages fit behind those that are written.
const AHEAD_PAGES: u64 = 2048;

/// Most pages of one step: a sync that runs beside it has to wait for them too.
const STEP_PAGES: u64 = 512;

/// Where the log of a database is.
pub(super) fn path_of(database: &Path) -> PathBuf {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// The log as it is from now on, and its name in the directory durable too.
pub(super) fn open_durably(database: &Path) -> io::Result<File> {
    let log = File::options().write(true).open(path_of(database))?;
    log.sync_all()?;
    let directory = match database.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    File::open(directory)?.sync_all()?;
    Ok(log)
}

/// Makes the log longer before the writer needs it: syncing what was written behind the end of a
/// file takes twice as long as syncing what was written over something.
///
/// What is added are zeros, which are no page to SQLite: a page says by a checksum whether it is
/// one. They never come to lie over a page, however the writer writes meanwhile, because the system
/// appends each of our writes to the end the file has by then.
pub(super) struct Room {
    log: File,
    page_bytes: u64,
    pages_max: u64,
}

impl Room {
    /// For a log that is begun anew when it has `pages_max` pages of `page_bytes`.
    pub(super) fn open(database: &Path, page_bytes: u64, pages_max: u64) -> io::Result<Self> {
        Ok(Self {
            log: File::options().append(true).open(path_of(database))?,
            page_bytes,
            pages_max,
        })
    }

    /// Goes one step ahead of a writer that has written so many pages, unless it has room.
    ///
    /// # Errors
    /// What the system says. Nothing is lost by it: a sync that failed is told to every file that is
    /// open on the log, so the syncer hears of it too and stops the engine.
    pub(super) fn make(&mut self, written: u64) -> io::Result<()> {
        if written < HURRY_PAGES {
            return Ok(());
        }
        let length = self.log.metadata()?.len();
        let wanted = self.length_of((written + AHEAD_PAGES).min(self.pages_max));
        let step = STEP_PAGES * self.page_bytes;
        let missing = wanted.saturating_sub(length).min(step);
        if missing == 0 {
            return Ok(());
        }
        let zeros = vec![0; usize::try_from(missing).unwrap_or(0)];
        self.log.write_all(&zeros)?;
        self.log.sync_data()
    }

    fn length_of(&self, pages: u64) -> u64 {
        HEADER_BYTES + pages * (PAGE_HEADER_BYTES + self.page_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(length: usize) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("h.db");
        std::fs::write(path_of(&database), vec![7; length]).unwrap();
        (directory, database)
    }

    fn length(database: &Path) -> u64 {
        std::fs::metadata(path_of(database)).unwrap().len()
    }

    #[test]
    fn room_is_made_step_by_step_behind_what_is_written() {
        let (_directory, database) = log_of(1000);
        let mut room = Room::open(&database, 4096, 8192).unwrap();
        room.make(HURRY_PAGES - 1).unwrap();
        assert_eq!(length(&database), 1000, "nobody is in a hurry");
        room.make(HURRY_PAGES).unwrap();
        assert_eq!(length(&database), 1000 + 512 * 4096, "one step");
        for _ in 0..20 {
            room.make(HURRY_PAGES).unwrap();
        }
        assert_eq!(length(&database), 32 + (256 + 2048) * 4120, "enough");
        let bytes = std::fs::read(path_of(&database)).unwrap();
        assert!(bytes[..1000].iter().all(|byte| *byte == 7), "as it was");
        assert!(bytes[1000..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn no_room_is_made_for_more_than_a_log_may_hold() {
        let (_directory, database) = log_of(0);
        let mut room = Room::open(&database, 4096, 600).unwrap();
        for _ in 0..20 {
            room.make(500).unwrap();
        }
        assert_eq!(length(&database), 32 + 600 * 4120);
    }

    #[test]
    fn what_the_writer_appends_meanwhile_stays() {
        use std::os::unix::fs::FileExt as _;
        let (_directory, database) = log_of(0);
        let mut room = Room::open(&database, 4096, 8192).unwrap();
        room.make(300).unwrap();
        let writer = File::options()
            .write(true)
            .open(path_of(&database))
            .unwrap();
        let end = length(&database);
        writer.write_all_at(&[7; 4120], end).unwrap();
        room.make(600).unwrap();
        let bytes = std::fs::read(path_of(&database)).unwrap();
        let page = usize::try_from(end).unwrap()..usize::try_from(end).unwrap() + 4120;
        assert!(bytes[page].iter().all(|byte| *byte == 7));
        assert!(length(&database) > end + 4120, "and room was made behind");
    }
}
