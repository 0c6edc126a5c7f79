//! One lane of the queue.

use std::time::Duration;

use hookline_model::account::Hold;
use hookline_model::budget::Budget;
use hookline_model::clock::Timestamp;
use hookline_model::forecast::{Forecast, Forecaster, Slots};
use hookline_model::ids::{AccountId, LaneId};
use hookline_model::send::{SendClass, SendState};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{FailedSends, QueueFilter, QueuedLane};
use crate::error::StoreError;
use crate::ids::MetaId as _;
use crate::lanes::{Budgets, share_of};
use crate::rows::Reader;

/// How long a refusal or an expired send is shown.
const FAILED_SHOWN: Duration = Duration::from_hours(24);

pub(super) const LANE: &str = "SELECT l.id, l.account_id, l.class, l.arrival, l.seq,
        l.pause_reason, l.pause_since, l.pause_until,
        a.username, a.hold_reason, a.hold_since, a.hold_until
    FROM lanes l LEFT JOIN accounts a ON a.id = l.account_id WHERE l.id = ?1";

pub(super) const WAITING: &str = "SELECT count(*), coalesce(sum(due_at <= ?2), 0),
        min(due_at), max(due_at)
    FROM sends WHERE lane_id = ?1 AND state = 'planned' AND due_at IS NOT NULL";

pub(super) const FIRST_DEADLINE: &str = "SELECT deadline_at FROM sends
    WHERE lane_id = ?1 AND state = 'planned' AND due_at IS NOT NULL
    ORDER BY deadline_at LIMIT 1";

pub(super) const LAST_DEADLINE: &str = "SELECT deadline_at FROM sends
    WHERE lane_id = ?1 AND state = 'planned' AND due_at IS NOT NULL
    ORDER BY deadline_at DESC LIMIT 1";

pub(super) const DEADLINES: &str = "SELECT deadline_at FROM sends
    WHERE lane_id = ?1 AND state = 'planned' AND due_at IS NOT NULL
    ORDER BY deadline_at LIMIT -1 OFFSET ?2";

pub(super) const IN_FLIGHT: &str = "SELECT count(*),
        count(*) FILTER (WHERE NOT EXISTS (SELECT 1 FROM attempts a
                         WHERE a.send_id = s.id AND a.finished_at IS NULL))
    FROM sends s INDEXED BY sends_leased WHERE s.state = 'leased' AND s.account_id = ?1 AND s.lane_id = ?2";

pub(super) const LATEST_ATTEMPTS: &str = "SELECT started_at FROM attempts
    WHERE lane_id = ?1 AND seq > ?2 ORDER BY seq DESC";

pub(super) const FAILED_LATELY: &str = "SELECT state, reason, count(*) AS count FROM sends
    WHERE lane_id = ?1 AND (state = 'refused' OR state = 'expired' OR state = 'unknown')
        AND finished_at > ?2
    GROUP BY state, reason";

pub(super) const HAS_FAILED_LATELY: &str = "SELECT
    EXISTS (SELECT 1 FROM sends WHERE lane_id = ?1
            AND (state = 'refused' OR state = 'expired' OR state = 'unknown')
            AND finished_at > ?2)
    OR EXISTS (SELECT 1 FROM sends WHERE lane_id = ?1
            AND (state = 'refused' OR state = 'expired' OR state = 'unknown')
            AND finished_at IS NULL)";

pub(super) const UNKNOWN_NOW: &str = "SELECT state, reason, count(*) AS count FROM sends
    WHERE lane_id = ?1 AND (state = 'refused' OR state = 'expired' OR state = 'unknown')
        AND finished_at IS NULL
    GROUP BY state, reason";

/// A lane's own row.
struct Standing {
    lane: QueuedLane,
    arrival: Timestamp,
    seq: i64,
    /// When pause and hold let it go on; none if nobody knows.
    opens_at: Option<Timestamp>,
}

/// What waits in a lane.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    count: u32,
    due: u32,
    first_due: Option<i64>,
    last_due: Option<i64>,
}

/// The lane as of one commit, unless the filter is for others.
pub(super) fn read(
    connection: &Connection,
    lane: LaneId,
    filter: &QueueFilter,
    (budgets, now): (&Budgets, Timestamp),
) -> Result<Option<QueuedLane>, StoreError> {
    let Some(standing) = standing(connection, lane, now)? else {
        return Ok(None);
    };
    if filter
        .class
        .is_some_and(|class| class != standing.lane.class)
    {
        return Ok(None);
    }
    // What a throttle took comes back with time, so this is the latest it can be.
    let share = share_of(connection, lane)?.at(now);
    let budget = budgets.of(standing.lane.class).lowered(share);
    let waiting = waiting(connection, lane, now)?;
    let account = &standing.lane.account_id;
    let (in_flight, not_begun) = in_flight(connection, account, lane)?;
    let forecast = match standing.opens_at {
        Some(_) if waiting.count == 0 => Some(Forecast::default()),
        Some(opens_at) => {
            let from = opens_at.max(now).max(due(waiting.first_due, now));
            let latest = latest_attempts(connection, &standing, budget, from)?;
            let slots = Slots::new(budget, standing.arrival, latest, from);
            let forecaster = Forecaster::new(slots, not_begun);
            Some(foresee(connection, lane, waiting, forecaster)?.finish(due(waiting.last_due, now)))
        }
        None => None,
    };
    Ok(Some(QueuedLane {
        waiting: waiting.count,
        due: waiting.due,
        in_flight,
        first_deadline_at: deadline(connection, FIRST_DEADLINE, lane)?,
        forecast,
        failed: failed(connection, lane, now.minus(FAILED_SHOWN))?,
        ..standing.lane
    }))
}

/// Whether anything of the lane would be shown as failed.
pub(super) fn has_failed_lately(
    connection: &Connection,
    lane: LaneId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let since = now.minus(FAILED_SHOWN);
    connection
        .prepare_cached(HAS_FAILED_LATELY)
        .and_then(|mut query| query.query_row(params![lane.0, since.as_millis()], |row| row.get(0)))
        .map_err(StoreError::database("look for what failed"))
}

fn due(at: Option<i64>, now: Timestamp) -> Timestamp {
    at.map_or(now, Timestamp::from_millis)
}

fn standing(
    connection: &Connection,
    lane: LaneId,
    now: Timestamp,
) -> Result<Option<Standing>, StoreError> {
    connection
        .prepare_cached(LANE)
        .and_then(|mut query| {
            query
                .query_row([lane.0], |row| Ok(read_standing(lane, row, now)))
                .optional()
        })
        .map_err(StoreError::database("look at a lane"))?
        .transpose()
}

fn read_standing(lane: LaneId, row: &Row<'_>, now: Timestamp) -> Result<Standing, StoreError> {
    let read = Reader::new("lanes", &lane, row);
    let hold = |reason, since, until| -> Result<Option<Hold>, StoreError> {
        let Some(reason) = read.get::<Option<String>>(reason)? else {
            return Ok(None);
        };
        let until = read.optional_time(until)?;
        let since = read.optional_time(since)?.unwrap_or(Timestamp::EPOCH);
        Ok(until.is_none_or(|until| until > now).then_some(Hold {
            reason,
            since,
            until,
        }))
    };
    let of_account = hold("hold_reason", "hold_since", "hold_until")?;
    let of_lane = hold("pause_reason", "pause_since", "pause_until")?;
    let mut opens_at = Some(now);
    for hold in [&of_account, &of_lane].into_iter().flatten() {
        opens_at = opens_at.zip(hold.until).map(|(one, other)| one.max(other));
    }
    Ok(Standing {
        lane: QueuedLane {
            lane,
            account_id: read.account()?,
            username: read.get("username")?,
            class: read.word("class", SendClass::from_name)?,
            waiting: 0,
            due: 0,
            in_flight: 0,
            hold: of_account.or(of_lane),
            first_deadline_at: None,
            forecast: None,
            failed: Vec::new(),
        },
        arrival: read.time("arrival")?,
        seq: read.get("seq")?,
        opens_at,
    })
}

fn waiting(connection: &Connection, lane: LaneId, now: Timestamp) -> Result<Waiting, StoreError> {
    connection
        .prepare_cached(WAITING)
        .and_then(|mut query| {
            query.query_row(params![lane.0, now.as_millis()], |row| {
                Ok(Waiting {
                    count: row.get(0)?,
                    due: row.get(1)?,
                    first_due: row.get(2)?,
                    last_due: row.get(3)?,
                })
            })
        })
        .map_err(StoreError::database("count what waits"))
}

/// Sends in hand, and those of them that have not used the budget yet.
fn in_flight(
    connection: &Connection,
    account: &AccountId,
    lane: LaneId,
) -> Result<(u32, u32), StoreError> {
    connection
        .prepare_cached(IN_FLIGHT)
        .and_then(|mut query| {
            query.query_row(params![account.column(), lane.0], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
        })
        .map_err(StoreError::database("count what is on its way"))
}

fn deadline(
    connection: &Connection,
    sql: &str,
    lane: LaneId,
) -> Result<Option<Timestamp>, StoreError> {
    let found: Option<i64> = connection
        .prepare_cached(sql)
        .and_then(|mut query| query.query_row([lane.0], |row| row.get(0)).optional())
        .map_err(StoreError::database("look for a deadline"))?;
    Ok(found.map(Timestamp::from_millis))
}

/// The attempts that still count in the budget's window at `from`, oldest first.
fn latest_attempts(
    connection: &Connection,
    standing: &Standing,
    budget: Budget,
    from: Timestamp,
) -> Result<Vec<Timestamp>, StoreError> {
    let doing = || StoreError::database("read a lane's attempts");
    let mut query = connection
        .prepare_cached(LATEST_ATTEMPTS)
        .map_err(doing())?;
    let before = standing.seq - i64::from(budget.limit());
    let mut rows = query
        .query(params![standing.lane.lane.0, before])
        .map_err(doing())?;
    let mut latest = Vec::new();
    while let Some(row) = rows.next().map_err(doing())? {
        let at = Timestamp::from_millis(row.get(0).map_err(doing())?);
        if at.plus(budget.window()) <= from {
            break;
        }
        latest.push(at);
    }
    latest.reverse();
    Ok(latest)
}

/// Tells the forecaster what waits. What goes out before the earliest deadline of all needs no
/// look at its own, so that a lane that keeps up is told without reading its sends one by one.
fn foresee(
    connection: &Connection,
    lane: LaneId,
    waiting: Waiting,
    mut forecaster: Forecaster,
) -> Result<Forecaster, StoreError> {
    let doing = || StoreError::database("read the deadlines of what waits");
    let first = deadline(connection, FIRST_DEADLINE, lane)?;
    let last = deadline(connection, LAST_DEADLINE, lane)?;
    let (Some(first), Some(last)) = (first, last) else {
        return Ok(forecaster);
    };
    let mut told = forecaster.take_while_before(first, waiting.count);
    if told == waiting.count {
        return Ok(forecaster);
    }
    let mut query = connection.prepare_cached(DEADLINES).map_err(doing())?;
    let skipped = i64::from(told);
    let mut rows = query.query(params![lane.0, skipped]).map_err(doing())?;
    while told < waiting.count {
        if forecaster.is_too_late_for(last) {
            forecaster.miss(waiting.count - told);
            break;
        }
        let Some(row) = rows.next().map_err(doing())? else {
            break;
        };
        forecaster.take(Timestamp::from_millis(row.get(0).map_err(doing())?));
        told += 1;
    }
    Ok(forecaster)
}

fn failed(
    connection: &Connection,
    lane: LaneId,
    since: Timestamp,
) -> Result<Vec<FailedSends>, StoreError> {
    let doing = || StoreError::database("count what failed");
    let mut failed = Vec::new();
    for (sql, since) in [(FAILED_LATELY, Some(since)), (UNKNOWN_NOW, None)] {
        let mut query = connection.prepare_cached(sql).map_err(doing())?;
        let mut rows = match since {
            Some(since) => query.query(params![lane.0, since.as_millis()]),
            None => query.query([lane.0]),
        }
        .map_err(doing())?;
        while let Some(row) = rows.next().map_err(doing())? {
            let read = Reader::new("sends", &"of a lane", row);
            failed.push(FailedSends {
                state: read.word("state", SendState::from_name)?,
                reason: read.get("reason")?,
                count: read.get("count")?,
            });
        }
    }
    Ok(failed)
}
