//! The one writer: takes what waits, does it in one transaction, commits once, answers all.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hookline_model::ids::DeliveryId;
use rusqlite::{CachedStatement, Connection, params};
use tokio::sync::mpsc;

use super::checkpoint::Checkpointer;
use super::connection::{Purpose, leave_syncing, open_connection, undo_in_memory};
use super::intake::{Intake, NewDelivery, Recording, Taken, WORTH_A_COMMIT};
use super::syncer::{Owed, Syncer, Written};
use super::work::{Answer, Completion, Place, Work};
use crate::error::{OpenError, StoreError};

/// Pieces of work that may wait for the writer. More wait in their senders, which feel it as time.
const QUEUE_LENGTH: usize = 4096;

/// Most pieces of work of one commit.
const WORK_MAX: usize = 1024;

/// How long a commit may wait for company, and how many deliveries the one before it must have
/// held: a commit costs the processor as much as twenty deliveries do, so under load it is better
/// shared, while a delivery that comes alone waits for nobody.
const COMPANY_WAIT: Duration = Duration::from_micros(200);
const COMPANY_LIKELY: usize = 6;

/// How long a commit may take up work while deliveries wait for the next one.
const WORK_TIME: Duration = Duration::from_micros(500);

enum Command {
    Work(Work),
    Stop,
}

/// A handle to the writer thread.
pub(crate) struct Writer {
    intake: Arc<Intake>,
    commands: mpsc::Sender<Command>,
}

impl Writer {
    /// Starts the writer and its checkpointer on an already migrated database.
    pub(crate) fn start(path: &Path) -> Result<(Self, JoinHandle<()>), OpenError> {
        let connection = open_connection(path, Purpose::Write)?;
        undo_in_memory(&connection, path)?;
        let last_id = last_delivery(&connection, path)?;
        let checkpointer = Checkpointer::start(path)?;
        let intake = Arc::<Intake>::default();
        let syncer = Syncer::start(path, Arc::clone(&intake))?;
        leave_syncing(&connection, path)?;
        let (commands, work) = mpsc::channel(QUEUE_LENGTH);
        let mut thread = WriterThread {
            connection,
            intake: Arc::clone(&intake),
            work,
            last_id,
            syncer,
            checkpointer,
            is_last: false,
            last_shared_by: 0,
        };
        let writer = spawn("hookline-writer", move || {
            thread.run();
            thread.syncer.finish();
            thread.checkpointer.finish();
        })?;
        Ok((Self { intake, commands }, writer))
    }

    /// Records a delivery: answers once its bytes are committed.
    pub(crate) fn record(&self, delivery: NewDelivery) -> Recording {
        self.intake.bring(delivery)
    }

    /// Does `work` inside a transaction and answers once that is committed. On an error nothing
    /// of this work is kept, while its neighbours of the same commit are.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let answer = self.submit(work).await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// The same, but returns as soon as the work waits for the writer, with what will be answered.
    pub(crate) async fn submit<T, F>(&self, work: F) -> Result<Answer<T>, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (work, answer) = Work::of(work);
        self.commands
            .send(Command::Work(work))
            .await
            .map_err(|_| StoreError::Closed)?;
        self.intake.wake_writer();
        Ok(answer)
    }

    /// Lets the writer finish what waits and end.
    pub(crate) async fn stop(&self) {
        let _ = self.commands.send(Command::Stop).await;
        self.intake.wake_writer();
    }
}

impl Drop for Writer {
    /// A thread that sleeps does not see that nobody can ask it any more.
    fn drop(&mut self) {
        let (closed, _) = mpsc::channel(1);
        self.commands = closed;
        self.intake.wake_writer();
    }
}

pub(super) fn spawn<F>(name: &str, body: F) -> Result<JoinHandle<()>, OpenError>
where
    F: FnOnce() + Send + 'static,
{
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(OpenError::Thread)
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
    intake: Arc<Intake>,
    work: mpsc::Receiver<Command>,
    last_id: i64,
    syncer: Syncer,
    checkpointer: Checkpointer,
    is_last: bool,
    /// How many deliveries the last commit held.
    last_shared_by: usize,
}

impl WriterThread {
    fn run(&mut self) {
        let _attended = self.intake.attend();
        loop {
            let was_last = self.is_last;
            if was_last {
                self.intake.close();
            }
            let mut first = self.next_work();
            if first.is_none() {
                self.await_company();
                first = self.next_work();
            }
            let batches = match &first {
                // Those who come while it is done share the commit too.
                Some(_) => Vec::new(),
                None => self.intake.take(),
            };
            if !batches.is_empty() || first.is_some() {
                self.commit_group(batches, first);
                self.checkpointer.move_rest(&self.connection);
            } else if was_last {
                return;
            } else if !self.is_last {
                std::thread::park();
            }
        }
    }

    /// Under load, gives deliveries that are on their way the time to share a commit.
    fn await_company(&self) {
        let began = now();
        while (1..WORTH_A_COMMIT).contains(&self.intake.waiting()) && self.work.is_empty() {
            if self.syncer.is_busy() {
                // They wait for the disk in any case.
                std::thread::park_timeout(COMPANY_WAIT);
                continue;
            }
            if self.last_shared_by < COMPANY_LIKELY || self.is_last {
                return;
            }
            match COMPANY_WAIT.checked_sub(began.elapsed()) {
                Some(left) => std::thread::park_timeout(left),
                None => return,
            }
        }
    }

    fn next_work(&mut self) -> Option<Work> {
        if self.is_last {
            return None;
        }
        match self.work.try_recv() {
            Ok(Command::Work(work)) => Some(work),
            Err(mpsc::error::TryRecvError::Empty) => None,
            Ok(Command::Stop) | Err(mpsc::error::TryRecvError::Disconnected) => {
                self.is_last = true;
                None
            }
        }
    }

    fn commit_group(&mut self, mut batches: Vec<Taken>, first: Option<Work>) {
        let last_id_before = self.last_id;
        let mut result = self.syncer.check().and_then(|()| begin(&self.connection));
        let answers = self.do_work(first, &mut result);
        if !answers.is_empty() {
            batches.extend(self.intake.take());
        }
        let written: Vec<Written> = batches
            .into_iter()
            .map(|mut batch| {
                let ids = self.write_batch(&mut batch, &mut result);
                (batch, ids)
            })
            .collect();
        self.last_shared_by = written.iter().map(|(_, ids)| ids.len()).sum();
        let owed = Owed { written, answers };
        let result = finish(&self.connection, result);
        if let Err(error) = &result {
            self.last_id = last_id_before;
            tracing::warn!(error = %error, "a commit failed");
            owed.answer(&result);
        } else {
            self.syncer.sync(owed);
        }
    }

    /// Writes a batch, unless something failed already.
    fn write_batch(
        &mut self,
        batch: &mut Taken,
        result: &mut Result<(), StoreError>,
    ) -> Vec<Option<DeliveryId>> {
        let deliveries = std::mem::take(&mut batch.deliveries);
        let mut ids = Vec::with_capacity(deliveries.len());
        let mut insert = match (&*result, prepare_insert(&self.connection)) {
            (Ok(()), Ok(insert)) => insert,
            (Ok(()), Err(error)) => {
                *result = Err(error);
                return ids;
            }
            (Err(_), _) => return ids,
        };
        for delivery in deliveries {
            let id = delivery.map(|delivery| {
                self.last_id += 1;
                (
                    self.last_id,
                    insert_with(&mut insert, self.last_id, &delivery),
                )
            });
            ids.push(id.as_ref().map(|(id, _)| DeliveryId(*id)));
            if let Some((_, Err(error))) = id {
                *result = Err(error);
                break;
            }
        }
        ids
    }

    /// Does what waits besides deliveries, and stops early when deliveries wait.
    fn do_work(
        &mut self,
        first: Option<Work>,
        result: &mut Result<(), StoreError>,
    ) -> Vec<Completion> {
        let mut answers = Vec::new();
        let mut next = first;
        let mut place = Place::First;
        let began = now();
        while let Some(work) = next {
            // After a failed BEGIN the work would run outside any transaction of ours, so it must
            // not run at all; dropping it tells its caller that the store did not take it.
            if result.is_ok() {
                let done = work.take(&self.connection, place);
                answers.push(done.answer);
                if self.connection.is_autocommit() {
                    // A full disk can make SQLite roll the whole transaction back by itself.
                    *result = Err(StoreError::Full);
                } else if done.is_kept {
                    place = Place::Beside;
                } else if place == Place::First {
                    *result = begin_anew(&self.connection);
                }
            }
            let must_stop = answers.len() >= WORK_MAX
                || (began.elapsed() >= WORK_TIME && self.intake.waiting() > 0);
            next = if must_stop { None } else { self.next_work() };
        }
        answers
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "shares the writer's time out between its callers; decides nothing about them"
)]
fn now() -> Instant {
    Instant::now()
}

/// Runs a statement that is prepared once for each connection.
pub(super) fn run(
    connection: &Connection,
    sql: &str,
    doing: &'static str,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute([]))
        .map(|_| ())
        .map_err(StoreError::database(doing))
}

fn begin(connection: &Connection) -> Result<(), StoreError> {
    run(connection, "BEGIN IMMEDIATE", "begin")
}

/// Undoes all of the transaction, of which nobody wants anything kept, and begins the next.
fn begin_anew(connection: &Connection) -> Result<(), StoreError> {
    run(connection, "ROLLBACK", "undo what failed")?;
    begin(connection)
}

/// Commits, unless something failed already; what cannot be committed must not be seen by the
/// next transaction either.
pub(super) fn finish(
    connection: &Connection,
    result: Result<(), StoreError>,
) -> Result<(), StoreError> {
    let result = result.and_then(|()| run(connection, "COMMIT", "commit"));
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
    insert_with(&mut prepare_insert(connection)?, id, delivery)
}

fn prepare_insert(connection: &Connection) -> Result<CachedStatement<'_>, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO deliveries (id, received_at, secret_index, api_version, source, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .map_err(StoreError::database("record deliveries"))
}

fn insert_with(
    insert: &mut CachedStatement<'_>,
    id: i64,
    delivery: &NewDelivery,
) -> Result<(), StoreError> {
    insert
        .execute(params![
            id,
            delivery.received_at.as_millis(),
            i64::try_from(delivery.secret_index).unwrap_or(i64::MAX),
            delivery.api_version,
            delivery.source,
            &delivery.body[..],
        ])
        .map(|_| ())
        .map_err(StoreError::database("record a delivery"))
}
