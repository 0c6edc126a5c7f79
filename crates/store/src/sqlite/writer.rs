//! The one writer: takes what waits, does it in one transaction, commits once, answers all.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use hookline_model::clock::Timestamp;
use hookline_model::ids::DeliveryId;
use rusqlite::{Connection, params};
use tokio::sync::{mpsc, oneshot};

use super::connection::{Purpose, open_connection};
use crate::error::{OpenError, StoreError};

/// Commands that may wait for the writer. More wait in their senders, which feel it as time.
const QUEUE_LENGTH: usize = 4096;

/// Most commands of one commit: bounds how long the first of them waits for the last.
const GROUP_MAX: usize = 1024;

/// Most delivery bytes of one commit.
const GROUP_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How often the checkpointer looks whether the log has grown.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(250);

/// What is recorded of a delivery.
#[derive(Debug)]
pub(crate) struct NewDelivery {
    pub(crate) received_at: Timestamp,
    pub(crate) secret_index: usize,
    pub(crate) api_version: Option<String>,
    /// Where it comes from, if not from Meta.
    pub(crate) source: Option<&'static str>,
    pub(crate) body: Bytes,
}

type Completion = Box<dyn FnOnce(Result<(), &StoreError>) + Send>;
type Work = Box<dyn FnOnce(&Connection) -> Completion + Send>;

enum Command {
    Record {
        delivery: NewDelivery,
        reply: oneshot::Sender<Result<DeliveryId, StoreError>>,
    },
    Work(Work),
    Stop,
}

/// A handle to the writer thread.
pub(crate) struct Writer {
    commands: mpsc::Sender<Command>,
}

impl Writer {
    /// Starts the writer and its checkpointer on an already migrated database.
    pub(crate) fn start(path: &Path) -> Result<(Self, JoinHandle<()>), OpenError> {
        let connection = open_connection(path, Purpose::Write)?;
        let checkpoints = open_connection(path, Purpose::Write)?;
        let last_id = last_delivery(&connection, path)?;
        let (commands, queue) = mpsc::channel(QUEUE_LENGTH);
        let (stop_checkpoints, stopped) = sync_channel(1);
        let checkpointer = spawn("hookline-checkpoint", move || {
            checkpoint(&checkpoints, &stopped);
        })?;
        let mut thread = WriterThread {
            connection,
            queue,
            last_id,
        };
        let writer = spawn("hookline-writer", move || {
            thread.run();
            stop(&stop_checkpoints, checkpointer);
        })?;
        Ok((Self { commands }, writer))
    }

    /// Records a delivery: answers once its bytes are committed.
    pub(crate) async fn record(&self, delivery: NewDelivery) -> Result<DeliveryId, StoreError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Record { delivery, reply };
        self.commands
            .send(command)
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Does `work` inside a transaction and answers once that is committed. On an error nothing
    /// of this work is kept, while its neighbours of the same commit are.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let result = in_savepoint(connection, work);
            Box::new(move |committed| {
                let result = match committed {
                    Ok(()) => result,
                    Err(error) => Err(error.shared()),
                };
                // The caller may have given up waiting; the work is committed all the same.
                let _ = reply.send(result);
            })
        });
        self.commands
            .send(Command::Work(work))
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Lets the writer finish what waits and end.
    pub(crate) async fn stop(&self) {
        let _ = self.commands.send(Command::Stop).await;
    }
}

fn spawn<F>(name: &str, body: F) -> Result<JoinHandle<()>, OpenError>
where
    F: FnOnce() + Send + 'static,
{
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(OpenError::Thread)
}

fn stop(stop_checkpoints: &SyncSender<()>, checkpointer: JoinHandle<()>) {
    let _ = stop_checkpoints.send(());
    if checkpointer.join().is_err() {
        tracing::error!("the checkpoint thread panicked");
    }
}

/// Ids go on behind everything ever recorded, also what has been deleted since.
pub(super) fn last_delivery(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    connection
        .query_row(
            "SELECT max(coalesce((SELECT max(id) FROM deliveries), 0),
                        (SELECT delivery_id FROM progress WHERE stage = 'interpret'))",
            [],
            |row| row.get(0),
        )
        .map_err(|source| OpenError::Open {
            path: path.to_owned(),
            doing: "find its last delivery",
            source,
        })
}

struct WriterThread {
    connection: Connection,
    queue: mpsc::Receiver<Command>,
    last_id: i64,
}

impl WriterThread {
    fn run(&mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let (group, is_last) = self.gather(first);
            self.commit_group(group);
            if is_last {
                return;
            }
        }
    }

    /// Everything that waits already, up to the bounds of a commit.
    fn gather(&mut self, first: Command) -> (Vec<Command>, bool) {
        let mut group = Vec::with_capacity(64);
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(command) = next {
            match &command {
                Command::Stop => return (group, true),
                Command::Record { delivery, .. } => bytes += delivery.body.len(),
                Command::Work(_) => {}
            }
            group.push(command);
            if group.len() >= GROUP_MAX || bytes >= GROUP_BYTES_MAX {
                break;
            }
            next = self.queue.try_recv().ok();
        }
        (group, false)
    }

    fn commit_group(&mut self, group: Vec<Command>) {
        let last_id_before = self.last_id;
        let mut answers: Vec<Completion> = Vec::with_capacity(group.len());
        let mut result = self
            .connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(StoreError::database("begin"));
        for command in group {
            match command {
                Command::Record { reply, .. } if reply.is_closed() => {}
                Command::Record { delivery, reply } => {
                    let recorded = match &result {
                        Ok(()) => self.record(&delivery),
                        Err(_) => Ok(DeliveryId(0)),
                    };
                    if let (Ok(()), Err(error)) = (&result, &recorded) {
                        result = Err(error.shared());
                    }
                    answers.push(Box::new(move |committed| {
                        let _ = reply.send(committed.map_err(StoreError::shared).and(recorded));
                    }));
                }
                // After a failed BEGIN the work runs outside any transaction of ours, so it must
                // not run at all; dropping it tells its caller that the store did not take it.
                Command::Work(work) if result.is_ok() => answers.push(work(&self.connection)),
                Command::Work(_) | Command::Stop => {}
            }
            // A full disk can make SQLite roll the whole transaction back by itself.
            if result.is_ok() && self.connection.is_autocommit() {
                result = Err(StoreError::Full);
            }
        }
        let result = finish(&self.connection, result);
        if let Err(error) = &result {
            self.last_id = last_id_before;
            tracing::warn!(error = %error, "a commit failed");
        }
        for answer in answers {
            answer(result.as_ref().map(|&()| ()));
        }
    }

    fn record(&mut self, delivery: &NewDelivery) -> Result<DeliveryId, StoreError> {
        let id = self.last_id + 1;
        insert(&self.connection, id, delivery)?;
        self.last_id = id;
        Ok(DeliveryId(id))
    }
}

/// Commits, unless something failed already; what cannot be committed must not be seen by the
/// next transaction either.
pub(super) fn finish(
    connection: &Connection,
    result: Result<(), StoreError>,
) -> Result<(), StoreError> {
    let result = result.and_then(|()| {
        connection
            .execute_batch("COMMIT")
            .map_err(StoreError::database("commit"))
    });
    if result.is_err()
        && !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "a failed commit could not be rolled back");
    }
    result
}

pub(super) fn insert(
    connection: &Connection,
    id: i64,
    delivery: &NewDelivery,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO deliveries (id, received_at, secret_index, api_version, source, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                id,
                delivery.received_at.as_millis(),
                i64::try_from(delivery.secret_index).unwrap_or(i64::MAX),
                delivery.api_version,
                delivery.source,
                &delivery.body[..],
            ])
        })
        .map_err(StoreError::database("record a delivery"))?;
    Ok(())
}

fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let run = |sql| {
        connection
            .execute_batch(sql)
            .map_err(StoreError::database("keep work apart"))
    };
    run("SAVEPOINT work")?;
    let result = work(connection);
    if result.is_err() && !connection.is_autocommit() {
        run("ROLLBACK TO work")?;
    }
    if !connection.is_autocommit() {
        run("RELEASE work")?;
    }
    result
}

/// Moves committed pages from the log into the database, beside the writer, never inside one of
/// its commits.
fn checkpoint(connection: &Connection, stopped: &Receiver<()>) {
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(CHECKPOINT_EVERY) {
        passive_checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)");
    }
    passive_checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
}

fn passive_checkpoint(connection: &Connection, pragma: &str) {
    if let Err(error) = connection.query_row(pragma, [], |_| Ok(())) {
        tracing::debug!(%error, "a checkpoint did not run; the next one will");
    }
}
