//! What waits in each lane, when it goes out, and what will not.
//!
//! Read only. A page costs what waits in the lanes it shows: lanes without anything to show are
//! stepped over by index, whatever their number and their history.

mod lane;

use hookline_model::account::Hold;
use hookline_model::clock::Timestamp;
use hookline_model::forecast::Forecast;
use hookline_model::ids::{AccountId, LaneId};
use hookline_model::send::{SendClass, SendState};
use rusqlite::{Connection, OptionalExtension, params};

use crate::Store;
use crate::error::StoreError;
use crate::ids::MetaId as _;
use crate::lanes::Budgets;

/// Lanes looked at for one page. A page of an installation in which many lanes failed long ago
/// and wait for nothing may be shorter than asked for, and tell where to go on.
const LANES_EXAMINED: u32 = 10_000;

/// Which lanes.
#[derive(Debug, Clone, Default)]
pub struct QueueFilter {
    /// Only of this account; then also those with nothing to show.
    pub account_id: Option<AccountId>,
    /// Only of this class.
    pub class: Option<SendClass>,
}

/// Which page; lanes come in the order in which they were first used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePageRequest {
    /// Only lanes after this one.
    pub after: Option<LaneId>,
    /// Lanes at most.
    pub limit: u32,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuePage {
    /// The lanes.
    pub lanes: Vec<QueuedLane>,
    /// The lane to go on after; none on the last page.
    pub next_after: Option<LaneId>,
}

/// What waits in a lane and what will become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedLane {
    /// The lane.
    pub lane: LaneId,
    /// Its account.
    pub account_id: AccountId,
    /// The account's handle; none if it is not connected any more.
    pub username: Option<String>,
    /// What is sent.
    pub class: SendClass,
    /// Planned sends that go by the clock; a later step is counted once the one before it was
    /// accepted.
    pub waiting: u32,
    /// Those of them whose time has come.
    pub due: u32,
    /// Sends a worker has in hand.
    pub in_flight: u32,
    /// Why nothing goes out now.
    pub hold: Option<Hold>,
    /// The earliest deadline of what waits.
    pub first_deadline_at: Option<Timestamp>,
    /// What becomes of what waits; none while nobody knows when the hold ends.
    pub forecast: Option<Forecast>,
    /// What did not go out in the last 24 hours, by reason, and what nobody knows the outcome of.
    pub failed: Vec<FailedSends>,
}

/// So many sends that did not go out, or may not have, for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedSends {
    /// `refused`, `expired` or `unknown`.
    pub state: SendState,
    /// The stable word.
    pub reason: Option<String>,
    /// How many.
    pub count: u32,
}

impl Store {
    /// The lanes in which something waits, or something failed in the last 24 hours, with what
    /// becomes of them by the rates of `budgets`.
    pub async fn list_queue(
        &self,
        filter: QueueFilter,
        page: QueuePageRequest,
        budgets: Budgets,
        now: Timestamp,
    ) -> Result<QueuePage, StoreError> {
        self.read(move |connection| list(connection, &filter, page, &budgets, now))
            .await
    }
}

fn list(
    connection: &Connection,
    filter: &QueueFilter,
    page: QueuePageRequest,
    budgets: &Budgets,
    now: Timestamp,
) -> Result<QueuePage, StoreError> {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut lanes = Vec::new();
    let mut after = page.after.unwrap_or(LaneId(0));
    for _ in 0..LANES_EXAMINED {
        let next = match &filter.account_id {
            Some(account) => next_of_account(connection, account, after)?,
            None => next_with_something(connection, after, now)?,
        };
        let Some((lane, is_shown)) = next else {
            return Ok(QueuePage {
                lanes,
                next_after: None,
            });
        };
        if lanes.len() >= limit {
            break;
        }
        after = lane;
        if is_shown {
            lanes.extend(lane::read(connection, lane, filter, (budgets, now))?);
        }
    }
    Ok(QueuePage {
        lanes,
        next_after: Some(after),
    })
}

fn next_of_account(
    connection: &Connection,
    account: &AccountId,
    after: LaneId,
) -> Result<Option<(LaneId, bool)>, StoreError> {
    let lane: Option<i64> = connection
        .prepare_cached(NEXT_OF_ACCOUNT)
        .and_then(|mut query| query.query_row(params![account.column(), after.0], |row| row.get(0)))
        .map_err(StoreError::database("look for an account's lanes"))?;
    Ok(lane.map(|id| (LaneId(id), true)))
}

/// The next lane in which something waits or has ever failed, and whether it is shown: not when
/// all that failed in it did so long ago. A few looks into an index each.
fn next_with_something(
    connection: &Connection,
    after: LaneId,
    now: Timestamp,
) -> Result<Option<(LaneId, bool)>, StoreError> {
    let doing = || StoreError::database("look for lanes");
    let next = |sql| -> rusqlite::Result<Option<i64>> {
        let mut query = connection.prepare_cached(sql)?;
        query.query_row([after.0], |row| row.get(0)).optional()
    };
    let waiting = next(NEXT_WAITING).map_err(doing())?;
    let failed = next(NEXT_FAILED).map_err(doing())?;
    let Some(lane) = waiting.into_iter().chain(failed).min() else {
        return Ok(None);
    };
    let is_shown = Some(lane) == waiting || lane::has_failed_lately(connection, LaneId(lane), now)?;
    Ok(Some((LaneId(lane), is_shown)))
}

const NEXT_OF_ACCOUNT: &str = "SELECT min(id) FROM lanes WHERE account_id = ?1 AND id > ?2";

const NEXT_WAITING: &str = "SELECT lane_id FROM sends
    WHERE state = 'planned' AND due_at IS NOT NULL AND lane_id > ?1 ORDER BY lane_id LIMIT 1";

const NEXT_FAILED: &str = "SELECT lane_id FROM sends
    WHERE (state = 'refused' OR state = 'expired' OR state = 'unknown') AND lane_id > ?1
    ORDER BY lane_id LIMIT 1";

#[cfg(test)]
mod tests;
