//! The simplest durable store: a file to which bodies are appended, synced for many at once.
//!
//! Nothing can be found again in it, and it begins anew when it is full: it is there to be measured.
//! A receiver that answers when its bytes are durable does at least this much.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

/// The file has this size from the start, and is written anew from its beginning when it is full:
/// a file that grows costs a sync more.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Bodies that wait to be written, at most.
const WAITING_MAX: usize = 4096;

/// What is synced at once, at most.
const BATCH: usize = 1024;

/// Batches that are durable and of which nobody has been told yet, at most.
const UNTOLD_MAX: usize = 8;

/// A body, and whom to tell that it is durable.
struct Entry {
    body: Bytes,
    kept: oneshot::Sender<()>,
}

/// Keeps bodies; cloned for whoever has some.
#[derive(Debug, Clone)]
pub struct Journal {
    entries: SyncSender<Entry>,
}

impl Journal {
    /// Makes a new file in the directory and starts the thread that writes it. Nobody learns that
    /// anything is durable unless the second part runs.
    pub fn open(directory: &Path) -> io::Result<(Self, Durable)> {
        let file = prepared(&directory.join("journal"))?;
        let (entries, to_write) = sync_channel(WAITING_MAX);
        let (to_tell, written) = mpsc::channel(UNTOLD_MAX);
        thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                // Whoever waits for a body that could not be kept finds out that nobody keeps it.
                let _ = write(file, &to_write, &to_tell);
            })?;
        Ok((Self { entries }, Durable { written }))
    }

    /// Returns when the body is durable; `false` when it could not be kept.
    pub async fn keep(&self, body: Bytes) -> bool {
        let (kept, waiting) = oneshot::channel();
        let is_asked = self.entries.try_send(Entry { body, kept }).is_ok();
        is_asked && waiting.await.is_ok()
    }
}

fn prepared(path: &Path) -> io::Result<File> {
    let mut file = File::create_new(path)?;
    io::copy(&mut io::Read::take(io::repeat(0), FILE_BYTES), &mut file)?;
    file.sync_all()?;
    Ok(file)
}

type Waiting = Vec<oneshot::Sender<()>>;

fn write(
    mut file: File,
    entries: &Receiver<Entry>,
    to_tell: &mpsc::Sender<Waiting>,
) -> io::Result<()> {
    let (mut bytes, mut place) = (Vec::new(), 0);
    while let Ok(first) = entries.recv() {
        bytes.clear();
        let mut waiting = Waiting::new();
        for entry in std::iter::once(first).chain(entries.try_iter()).take(BATCH) {
            bytes.extend_from_slice(&entry.body);
            waiting.push(entry.kept);
        }
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if length > FILE_BYTES - place {
            place = 0;
        }
        file.seek(SeekFrom::Start(place))?;
        file.write_all(&bytes)?;
        file.sync_data()?;
        place += length;
        // Only when the runtime is gone, and with it everybody who waits.
        if to_tell.blocking_send(waiting).is_err() {
            break;
        }
    }
    Ok(())
}

/// Tells those who wait that their bodies are durable, a whole batch at a time and from within the
/// runtime: each alone and from another thread costs more.
#[derive(Debug)]
pub struct Durable {
    written: mpsc::Receiver<Waiting>,
}

impl Durable {
    /// Goes on until nothing is written any more.
    pub async fn tell(mut self) {
        while let Some(waiting) = self.written.recv().await {
            for kept in waiting {
                // A connection that broke meanwhile waits no more.
                let _ = kept.send(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_kept_stands_in_the_file_in_its_order() {
        let directory = tempfile::tempdir().unwrap();
        let (journal, durable) = Journal::open(directory.path()).unwrap();
        let keeping = async move {
            for body in ["one ", "two ", "three"] {
                assert!(journal.keep(Bytes::from_static(body.as_bytes())).await);
            }
        };
        tokio::join!(keeping, durable.tell());
        let file = std::fs::read(directory.path().join("journal")).unwrap();
        assert!(file.starts_with(b"one two three\0"));
        assert_eq!(u64::try_from(file.len()).unwrap(), FILE_BYTES);
    }

    #[tokio::test]
    async fn what_cannot_be_kept_is_not_said_to_be() {
        let (entries, gone) = sync_channel(1);
        drop(gone);
        assert!(!Journal { entries }.keep(Bytes::new()).await);
    }
}
