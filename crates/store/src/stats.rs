//! Counts for metrics and readiness.

use std::collections::BTreeMap;

use hookline_model::alert::AlertCode;
use hookline_model::clock::Timestamp;
use rusqlite::{Connection, params};

use crate::error::StoreError;
use crate::{Store, alerts};

/// Counts at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Deliveries that have not been interpreted.
    pub backlog: i64,
    /// Sends that are not finished, by state.
    pub sends: BTreeMap<String, i64>,
    /// Lanes.
    pub lanes: LaneStats,
    /// Connected accounts.
    pub accounts: i64,
    /// Connected accounts that may not send now.
    pub accounts_held: i64,
    /// Open alerts, by code; a code without any is left out.
    pub alerts: BTreeMap<AlertCode, i64>,
}

/// Lanes, by what they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LaneStats {
    /// Have something to do now.
    pub due: i64,
    /// Wait for a later moment.
    pub waiting: i64,
    /// Are owned by a worker.
    pub leased: i64,
    /// Are paused.
    pub paused: i64,
    /// Have nothing to do.
    pub idle: i64,
}

impl Store {
    /// Counts what is not finished; the cost grows with that, not with the age of the database.
    pub async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError> {
        self.read(move |connection| {
            let mut stats = Stats {
                backlog: count(
                    connection,
                    "SELECT coalesce(max((SELECT max(id) FROM deliveries) -
                         (SELECT delivery_id FROM progress WHERE stage = 'interpret'), 0), 0)",
                    [],
                )?,
                accounts: count(connection, "SELECT count(*) FROM accounts", [])?,
                accounts_held: count(
                    connection,
                    "SELECT count(*) FROM accounts WHERE hold_reason IS NOT NULL
                         AND (hold_until IS NULL OR hold_until > ?1)",
                    [now.as_millis()],
                )?,
                lanes: lanes(connection, now)?,
                sends: BTreeMap::new(),
                alerts: alerts::count_open(connection)?,
            };
            for state in ["planned", "leased", "unknown"] {
                // Each literal lets SQLite use the partial index of that state.
                let sql = format!("SELECT count(*) FROM sends WHERE state = '{state}'");
                stats
                    .sends
                    .insert(state.to_owned(), count(connection, &sql, [])?);
            }
            Ok(stats)
        })
        .await
    }

    /// Proves that the database can be written to: commits a small change.
    pub async fn probe_write(&self) -> Result<(), StoreError> {
        self.write(|connection| {
            connection
                .execute(
                    "UPDATE progress SET delivery_id = delivery_id WHERE stage = 'interpret'",
                    [],
                )
                .map_err(StoreError::database("write at all"))?;
            Ok(())
        })
        .await
    }
}

fn lanes(connection: &Connection, now: Timestamp) -> Result<LaneStats, StoreError> {
    connection
        .prepare_cached(
            "SELECT coalesce(sum(lease_until > 0), 0),
                    coalesce(sum(lease_until = 0 AND coalesce(pause_until, 0) > ?1), 0),
                    coalesce(sum(lease_until = 0 AND coalesce(pause_until, 0) <= ?1
                        AND next_at <= ?1), 0),
                    coalesce(sum(lease_until = 0 AND coalesce(pause_until, 0) <= ?1
                        AND next_at > ?1 AND next_at < ?2), 0),
                    coalesce(sum(lease_until = 0 AND coalesce(pause_until, 0) <= ?1
                        AND next_at >= ?2), 0)
             FROM lanes",
        )
        .and_then(|mut query| {
            query.query_row(
                params![now.as_millis(), Timestamp::FAR_FUTURE.as_millis()],
                |row| {
                    Ok(LaneStats {
                        leased: row.get(0)?,
                        paused: row.get(1)?,
                        due: row.get(2)?,
                        waiting: row.get(3)?,
                        idle: row.get(4)?,
                    })
                },
            )
        })
        .map_err(StoreError::database("count lanes"))
}

fn count(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<i64, StoreError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut query| query.query_row(params, |row| row.get(0)))
        .map_err(StoreError::database("count"))
}
