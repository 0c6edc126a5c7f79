//! Upkeep: what comes back for as long as an account is connected, and when the engine last lived.

use hookline_model::clock::Timestamp;
use hookline_model::ids::AccountId;
use hookline_model::upkeep::Task;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use crate::Store;
use crate::error::StoreError;
use crate::ids::{self, Column, MetaId as _};
use crate::rows::Reader;

/// How the app itself stands in the column of accounts.
const APP: Column<'_> = Column::Text("");

/// A task whose time has come.
#[derive(Debug, Clone, PartialEq)]
pub struct DueTask {
    /// Whose it is; none for the app's own.
    pub account_id: Option<AccountId>,
    /// What is to be done.
    pub task: Task,
    /// How often in a row it has failed.
    pub failures: u32,
    /// What the task wanted to remember.
    pub memo: Option<Value>,
}

/// How a task ended for now.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskDone {
    /// When it is due again.
    pub next_at: Timestamp,
    /// How often in a row it has failed.
    pub failures: u32,
    /// What it wants to remember.
    pub memo: Option<Value>,
}

impl Store {
    /// Tasks whose time has come, those first that waited longest.
    pub async fn due_tasks(&self, now: Timestamp, limit: u32) -> Result<Vec<DueTask>, StoreError> {
        self.read(move |connection| due(connection, now, limit))
            .await
    }

    /// Keeps what came of a task. A task that was asked for again while it was done is due again;
    /// one whose account was removed meanwhile is gone.
    pub async fn finish_task(
        &self,
        done_for: DueTask,
        begun_at: Timestamp,
        done: TaskDone,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let account = done_for.account_id.as_ref();
            let account = account.map_or(APP, AccountId::column);
            let memo = done.memo.as_ref().map(Value::to_string);
            connection
                .prepare_cached(
                    "UPDATE upkeep SET failures = ?3, memo = ?4,
                         due_at = iif(due_at > ?5, min(due_at, ?6), ?6)
                     WHERE account_id = ?1 AND task = ?2",
                )
                .and_then(|mut update| {
                    update.execute(params![
                        account,
                        done_for.task.as_str(),
                        done.failures,
                        memo,
                        begun_at.as_millis(),
                        done.next_at.as_millis(),
                    ])
                })
                .map_err(StoreError::database("keep what came of a task"))?;
            Ok(())
        })
        .await
    }

    /// Makes a task due at `at`, unless it is due before: for one account, or for all that have
    /// it. Says how many were hastened.
    pub async fn hasten_task(
        &self,
        task: Task,
        account: Option<AccountId>,
        at: Timestamp,
    ) -> Result<usize, StoreError> {
        self.write(move |connection| hasten(connection, task, account.as_ref(), at))
            .await
    }

    /// When the engine last said that it lives.
    pub async fn pulse(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|connection| {
            let at: Option<i64> = connection
                .prepare_cached("SELECT at FROM pulse WHERE id = 1")
                .and_then(|mut query| query.query_row([], |row| row.get(0)).optional())
                .map_err(StoreError::database("read when the engine lived"))?;
            Ok(at.map(Timestamp::from_millis))
        })
        .await
    }

    /// Says that the engine lives. What follows from a silence before has to be kept by then: the
    /// next life hears of it no more.
    pub async fn beat(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO pulse (id, at) VALUES (1, ?1)
                     ON CONFLICT (id) DO UPDATE SET at = excluded.at",
                )
                .and_then(|mut insert| insert.execute([now.as_millis()]))
                .map_err(StoreError::database("keep that the engine lives"))?;
            Ok(())
        })
        .await
    }
}

fn due(connection: &Connection, now: Timestamp, limit: u32) -> Result<Vec<DueTask>, StoreError> {
    let doing = || StoreError::database("read due tasks");
    let mut query = connection
        .prepare_cached(
            "SELECT account_id, task, failures, memo FROM upkeep WHERE due_at <= ?1
             ORDER BY due_at LIMIT ?2",
        )
        .map_err(doing())?;
    let mut rows = query
        .query(params![now.as_millis(), limit])
        .map_err(doing())?;
    let mut tasks = Vec::new();
    while let Some(row) = rows.next().map_err(doing())? {
        let ids::Text(account) = row.get("account_id").map_err(doing())?;
        match task(&account, &Reader::new("upkeep", &account, row)) {
            Ok(task) => tasks.push(task),
            // It stays due, for a version that can read it; the others go on.
            Err(error) => {
                tracing::error!(account, %error, "a task cannot be read from the database");
            }
        }
    }
    Ok(tasks)
}

fn task(account: &str, read: &Reader<'_, '_>) -> Result<DueTask, StoreError> {
    Ok(DueTask {
        task: read.word("task", Task::from_name)?,
        failures: read.count("failures")?,
        memo: read.optional_json("memo")?,
        account_id: (Column::of(account) != APP).then(|| AccountId::new(account)),
    })
}

/// Makes a task due at `at` or before. Without an account: the app's own task, or that of every
/// account.
pub(crate) fn hasten(
    connection: &Connection,
    task: Task,
    account: Option<&AccountId>,
    at: Timestamp,
) -> Result<usize, StoreError> {
    let account = account.map(AccountId::column);
    connection
        .prepare_cached(
            "UPDATE upkeep SET due_at = ?3
             WHERE task = ?1 AND (?2 IS NULL OR account_id = ?2) AND due_at > ?3",
        )
        .and_then(|mut update| update.execute(params![task.as_str(), account, at.as_millis()]))
        .map_err(StoreError::database("hasten a task"))
}

/// An account that was connected, anew or again, has everything looked at.
pub(crate) fn begin(
    connection: &Connection,
    account: &AccountId,
    now: Timestamp,
) -> Result<(), StoreError> {
    for task in Task::OF_ACCOUNTS {
        connection
            .prepare_cached(
                "INSERT INTO upkeep (account_id, task, due_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (account_id, task) DO UPDATE SET due_at = ?3, failures = 0",
            )
            .and_then(|mut insert| {
                insert.execute(params![account.column(), task.as_str(), now.as_millis()])
            })
            .map_err(StoreError::database("begin the upkeep of an account"))?;
    }
    Ok(())
}

/// An account that was removed is looked after no more.
pub(crate) fn end(connection: &Connection, account: &AccountId) -> Result<(), StoreError> {
    let doing = StoreError::database;
    connection
        .execute(
            "DELETE FROM upkeep WHERE account_id = ?1",
            [account.column()],
        )
        .map_err(doing("end the upkeep of an account"))?;
    connection
        .execute("DELETE FROM gaps WHERE account_id = ?1", [account.column()])
        .map_err(doing("forget the gaps of an account"))?;
    Ok(())
}
