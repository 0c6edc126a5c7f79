//! Making commits durable beside the writer.
//!
//! The writer's commits go into the log without waiting for the disk. They are answered here, once
//! an `fdatasync` of the log has returned that began after them: it covers them and everything
//! before them, so what is answered survives a power cut, and so does all that it rests on. Meanwhile
//! the writer writes the next ones, and those that are written during one sync share the next.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use hookline_model::ids::DeliveryId;

use super::intake::{Intake, Taken};
use super::log;
use super::work::Completion;
use super::writer::spawn;
use crate::error::{OpenError, StoreError};

/// Commits that may wait for the disk: a writer that is further ahead waits with them, and what it
/// would write gathers for a larger commit.
const COMMITS_MAX: usize = 8;

/// A batch whose deliveries have been written, with their ids.
pub(super) type Written = (Taken, Vec<Option<DeliveryId>>);

/// What is owed to those whose work one transaction did.
pub(super) struct Owed {
    pub(super) written: Vec<Written>,
    pub(super) answers: Vec<Completion>,
}

impl Owed {
    /// Tells everyone what came of it.
    pub(super) fn answer(self, result: &Result<(), StoreError>) {
        for (batch, ids) in self.written {
            batch.settle(result.as_ref().map(|&()| ids).map_err(StoreError::shared));
        }
        for answer in self.answers {
            answer(result.as_ref().map(|&()| ()));
        }
    }
}

/// The thread that syncs, as the writer sees it.
pub(super) struct Syncer {
    commits: SyncSender<Owed>,
    state: Arc<State>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// Commits that have not been synced.
    unsynced: AtomicUsize,
    is_broken: AtomicBool,
}

impl Syncer {
    /// For the log of a database that is open; wakes the writer after each sync.
    pub(super) fn start(database: &Path, intake: Arc<Intake>) -> Result<Self, OpenError> {
        let log = log::open_durably(database).map_err(|source| OpenError::Log {
            path: log::path_of(database),
            source,
        })?;
        Self::with(move || log.sync_data(), intake)
    }

    /// With something else that syncs.
    fn with<F>(sync: F, intake: Arc<Intake>) -> Result<Self, OpenError>
    where
        F: Fn() -> io::Result<()> + Send + 'static,
    {
        let (commits, waiting) = sync_channel(COMMITS_MAX);
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        let thread = spawn("hookline-sync", move || {
            run(sync, &waiting, &shared, &intake);
        })?;
        Ok(Self {
            commits,
            state,
            thread,
        })
    }

    /// Answers for a commit as soon as it is durable.
    pub(super) fn sync(&self, commit: Owed) {
        self.state.unsynced.fetch_add(1, Ordering::Relaxed);
        if let Err(unsent) = self.commits.send(commit) {
            unsent.0.answer(&Err(StoreError::Closed));
        }
    }

    /// Whether a commit waits for the disk.
    pub(super) fn is_busy(&self) -> bool {
        self.state.unsynced.load(Ordering::Relaxed) > 0
    }

    /// An error once a sync has failed: what the log holds is unknown from then on, and nothing
    /// may be added to it.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.state.is_broken.load(Ordering::Relaxed) {
            Err(StoreError::Unsynced)
        } else {
            Ok(())
        }
    }

    /// Answers for everything, and ends.
    pub(super) fn finish(self) {
        drop(self.commits);
        if self.thread.join().is_err() {
            tracing::error!("the thread that syncs panicked");
        }
    }
}

fn run(
    sync: impl Fn() -> io::Result<()>,
    waiting: &Receiver<Owed>,
    state: &State,
    intake: &Intake,
) {
    while let Ok(first) = waiting.recv() {
        let mut commits = vec![first];
        commits.extend(waiting.try_iter());
        let result = sync_once(&sync, state);
        state.unsynced.fetch_sub(commits.len(), Ordering::Relaxed);
        for commit in commits {
            commit.answer(&result);
        }
        intake.wake_writer();
    }
}

/// A sync that fails is not tried again: the system may have given up pages it could not write, and
/// would say of the next sync that all is well.
fn sync_once(sync: impl Fn() -> io::Result<()>, state: &State) -> Result<(), StoreError> {
    if state.is_broken.load(Ordering::Relaxed) {
        return Err(StoreError::Unsynced);
    }
    sync().map_err(|error| {
        state.is_broken.store(true, Ordering::Relaxed);
        tracing::error!(
            %error,
            "the disk did not keep what was written: nothing is recorded or sent until hookline is \
             started again; look after the disk first"
        );
        StoreError::Unsynced
    })
}

#[cfg(test)]
mod tests;
