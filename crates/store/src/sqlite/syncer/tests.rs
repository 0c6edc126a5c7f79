use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use super::{Owed, Syncer};
use crate::error::StoreError;
use crate::sqlite::intake::Intake;

/// Long enough for whatever should not come.
const A_WHILE: Duration = Duration::from_millis(50);

/// A disk whose syncs return when the test says so, and with what.
struct Disk {
    syncer: Syncer,
    begun: Receiver<()>,
    let_go: SyncSender<bool>,
    syncs: Arc<AtomicUsize>,
}

impl Disk {
    fn new() -> Self {
        let (begins, begun) = sync_channel(8);
        let (let_go, may_go) = sync_channel(8);
        let syncs = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&syncs);
        let sync = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            begins.send(()).unwrap();
            if may_go.recv().unwrap() {
                Ok(())
            } else {
                Err(std::io::Error::other("the disk is gone"))
            }
        };
        Self {
            syncer: Syncer::with(sync, Arc::default()).unwrap(),
            begun,
            let_go,
            syncs,
        }
    }

    /// Hands over a commit; what is answered arrives at the receiver.
    fn commit(&self) -> Receiver<Result<(), StoreError>> {
        let (reply, answer) = sync_channel(8);
        let completion = move |result: Result<(), &StoreError>| {
            let _ = reply.send(result.map_err(StoreError::shared));
        };
        self.syncer.sync(Owed {
            written: Vec::new(),
            answers: vec![Box::new(completion)],
        });
        answer
    }
}

#[test]
fn a_commit_is_answered_when_its_sync_has_returned() {
    let disk = Disk::new();
    let answer = disk.commit();
    disk.begun.recv().unwrap();
    assert!(disk.syncer.is_busy());
    assert!(answer.recv_timeout(A_WHILE).is_err(), "not synced yet");
    disk.let_go.send(true).unwrap();
    assert!(answer.recv().unwrap().is_ok());
    disk.syncer.finish();
}

#[test]
fn commits_that_come_during_a_sync_share_the_next() {
    let disk = Disk::new();
    let first = disk.commit();
    disk.begun.recv().unwrap();
    let later = [disk.commit(), disk.commit(), disk.commit()];
    disk.let_go.send(true).unwrap();
    assert!(first.recv().unwrap().is_ok());
    disk.begun.recv().unwrap();
    for answer in &later {
        assert!(
            answer.recv_timeout(A_WHILE).is_err(),
            "the sync that returned had begun before it"
        );
    }
    disk.let_go.send(true).unwrap();
    for answer in later {
        assert!(answer.recv().unwrap().is_ok());
    }
    assert_eq!(disk.syncs.load(Ordering::Relaxed), 2);
    assert!(!disk.syncer.is_busy());
    disk.syncer.finish();
}

#[test]
fn after_a_sync_that_failed_nothing_is_durable_any_more() {
    let disk = Disk::new();
    assert!(disk.syncer.check().is_ok());
    let first = disk.commit();
    disk.begun.recv().unwrap();
    let second = disk.commit();
    disk.let_go.send(false).unwrap();
    assert!(matches!(first.recv().unwrap(), Err(StoreError::Unsynced)));
    assert!(matches!(second.recv().unwrap(), Err(StoreError::Unsynced)));
    assert!(matches!(disk.syncer.check(), Err(StoreError::Unsynced)));
    assert_eq!(disk.syncs.load(Ordering::Relaxed), 1, "not tried again");
    disk.syncer.finish();
}

#[test]
fn what_waits_at_the_end_is_synced_and_answered() {
    let disk = Disk::new();
    let answer = disk.commit();
    disk.let_go.send(true).unwrap();
    disk.syncer.finish();
    assert!(answer.recv().unwrap().is_ok());
}

#[test]
fn the_log_of_a_database_that_is_not_there_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let started = Syncer::start(&directory.path().join("x.db"), Arc::<Intake>::default());
    let message = started.err().unwrap().to_string();
    assert!(message.contains("x.db-wal"), "{message}");
}
