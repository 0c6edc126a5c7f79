//! Lanes: claiming, trying and finishing sends.
//!
//! A worker claims a *lane*, not a send: `next_at` of the lane is the one thing a claim looks at,
//! so a lane that is paced, paused or leased costs nothing and blocks nobody, whatever its
//! backlog. Each claim gets a new fence; what a worker whose claim ran out still does is refused.

mod answer;
mod attempt;
mod claim;
mod finish;
mod pause;

use std::time::Duration;

use hookline_model::alert::AlertCode;
use hookline_model::attempt::{AttemptOutcome, MetaAnswer};
use hookline_model::budget::{Budget, Pace, Share};
use hookline_model::clock::Timestamp;
use hookline_model::event::Event;
use hookline_model::ids::{AccountId, AutomationId, CommentId, ContactId, EventId, LaneId, SendId};
use hookline_model::send::{SendClass, SendKind};
use rusqlite::{Connection, OptionalExtension, params};

use crate::accounts::StoredAccount;
use crate::error::StoreError;
use crate::ids::MetaId as _;

pub use pause::NewHold;

pub(crate) use answer::Answer;
pub(crate) use finish::{End, accept, end, give_up};
pub(crate) use pause::{hold_now, release_lanes};

/// How fast each class of send may go; the same for every account.
#[derive(Debug, Clone, Copy)]
pub struct Budgets {
    /// Private replies to comments.
    pub private_reply: Budget,
    /// Private replies to live comments.
    pub live_private_reply: Budget,
    /// DMs of text.
    pub text: Budget,
    /// DMs with media.
    pub media: Budget,
    /// Public replies.
    pub public_reply: Budget,
}

impl Budgets {
    /// The budget of a class.
    pub fn of(&self, class: SendClass) -> Budget {
        match class {
            SendClass::PrivateReply => self.private_reply,
            SendClass::LivePrivateReply => self.live_private_reply,
            SendClass::Text => self.text,
            SendClass::Media => self.media,
            SendClass::PublicReply => self.public_reply,
        }
    }

    /// How long an attempt counts at most, whatever its class.
    pub fn longest_window(&self) -> Duration {
        let windows = SendClass::ALL.map(|class| self.of(class).window());
        windows.into_iter().max().unwrap_or_default()
    }
}

/// Proof that a worker owns a lane for now. The fence makes a claim that ran out worthless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneClaim {
    /// The lane.
    pub lane: LaneId,
    /// Which claim of it this is.
    pub fence: i64,
    /// Its account.
    pub account_id: AccountId,
    /// Its class.
    pub class: SendClass,
    /// When another may claim it.
    pub lease_until: Timestamp,
}

/// A send a worker may try now.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedSend {
    /// The send.
    pub id: SendId,
    /// The event it answers.
    pub event_id: EventId,
    /// That event.
    pub event: Event,
    /// The automation that asked for it.
    pub automation_id: AutomationId,
    /// The name of that automation.
    pub automation: String,
    /// What it is.
    pub kind: SendKind,
    /// Whom it reaches.
    pub contact_id: Option<ContactId>,
    /// The comment it answers.
    pub comment_id: Option<CommentId>,
    /// The source of its text, or the text itself once it was tried.
    pub text: String,
    /// Whether `text` is the text itself.
    pub is_rendered: bool,
    /// The keyword that was found.
    pub keyword: Option<String>,
    /// The person's handle, if a comment of theirs told it.
    pub contact_username: Option<String>,
    /// What was read from Meta for it.
    pub context: Option<serde_json::Value>,
    /// When it was due.
    pub due_at: Timestamp,
    /// When it is too late.
    pub deadline_at: Timestamp,
    /// Tries so far.
    pub attempts: u32,
    /// Reads that failed so far.
    pub reads: u32,
    /// Whether an earlier try may have landed.
    pub had_unknown: bool,
}

/// A lane with some of its sends, earliest deadline first, one for each conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedLane {
    /// Proof of ownership.
    pub claim: LaneClaim,
    /// Its account as of the claim; none when it is not connected any more.
    pub account: Option<StoredAccount>,
    /// What may be tried.
    pub sends: Vec<LeasedSend>,
}

/// How a worker asks for work.
#[derive(Debug, Clone, Copy)]
pub struct ClaimRequest {
    /// How long it owns what it gets.
    pub lease: Duration,
    /// Lanes at most.
    pub lanes: u32,
    /// Sends of each lane at most.
    pub sends_per_lane: u32,
    /// The rates.
    pub budgets: Budgets,
}

/// A wish to call Meta for a leased send.
#[derive(Debug, Clone, PartialEq)]
pub struct StartAttempt {
    /// The send.
    pub send: SendId,
    /// The text that will be sent.
    pub text: String,
    /// The lane's rate.
    pub budget: Budget,
    /// What was read from Meta for it just now; none when nothing had to be.
    pub learnt: Option<Learnt>,
}

/// What was read from Meta for a send, and for every other of its event.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    /// The facts.
    pub context: serde_json::Value,
    /// The deadline that follows from them.
    pub deadline_at: Option<Timestamp>,
}

/// Leave to call Meta: the attempt is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedAttempt {
    /// The send.
    pub send: SendId,
    /// The lane it counts against.
    pub lane: LaneId,
    /// Its place in the lane's ledger.
    pub seq: i64,
    /// Which try of this send it is, from 1.
    pub number: u32,
}

/// What came of asking for leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartResult {
    /// Call now.
    Started(StartedAttempt),
    /// Do not call: the rule of that name forbids it, and the send is finished.
    Finished {
        /// The stable word.
        reason: &'static str,
    },
    /// Do not call: the budget is used up; the send waits in its lane.
    Paced,
    /// Do not call: the claim ran out and someone else may have the send.
    Lost,
}

/// What is committed when a try has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishAttempt {
    /// The try.
    pub attempt: StartedAttempt,
    /// What came of it.
    pub outcome: AttemptOutcome,
    /// What Meta said.
    pub answer: MetaAnswer,
    /// When to look at it again, for outcomes that are not the end.
    pub retry_at: Timestamp,
    /// What it means for the lane or the account.
    pub effect: LaneEffect,
}

/// The end of a try, of a worker's time with a lane, or of both at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The try, with what came of it.
    pub finish: Option<FinishAttempt>,
    /// The lane that is given back after that.
    pub release: Option<LaneClaim>,
}

/// What an answer means beyond its own send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaneEffect {
    /// Nothing.
    None,
    /// The lane goes on with at most so many thousandths of its budget.
    SlowDown {
        /// The thousandths.
        permille: u32,
    },
    /// Only this lane waits.
    PauseLane(LanePause),
    /// Every lane of the account waits.
    HoldAccount {
        /// The stable word.
        reason: String,
        /// Until when; none means until a new token is given.
        until: Option<Timestamp>,
        /// The token this is about; none when it would be the same with any token.
        token_number: Option<i64>,
        /// What people are told of it.
        alert: Option<AlertCode>,
    },
}

/// Why and until when one lane waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanePause {
    /// The stable word.
    pub reason: String,
    /// Until when; none means a minute, doubled for each pause in a row.
    pub until: Option<Timestamp>,
    /// Whether calls came too fast: then the lane goes on with half of its budget.
    pub is_throttle: bool,
    /// What people are told of it.
    pub alert: Option<AlertCode>,
}

/// The lane of an account and class, made if there is none.
pub(crate) fn lane_of(
    connection: &Connection,
    account: &AccountId,
    class: SendClass,
) -> Result<LaneId, StoreError> {
    let doing = || StoreError::database("find a lane");
    let found: Option<i64> = connection
        .prepare_cached("SELECT id FROM lanes WHERE account_id = ?1 AND class = ?2")
        .and_then(|mut query| {
            query
                .query_row(params![account.column(), class.as_str()], |row| row.get(0))
                .optional()
        })
        .map_err(doing())?;
    if let Some(id) = found {
        return Ok(LaneId(id));
    }
    connection
        .execute(
            "INSERT INTO lanes (account_id, class, next_at) VALUES (?1, ?2, ?3)",
            params![
                account.column(),
                class.as_str(),
                Timestamp::FAR_FUTURE.as_millis()
            ],
        )
        .map_err(doing())?;
    Ok(LaneId(connection.last_insert_rowid()))
}

/// Lets a lane know that something is due at `due_at`. A leased lane finds out when it is given
/// back; a paused one keeps its pause.
pub(crate) fn wake_lane(
    connection: &Connection,
    lane: LaneId,
    due_at: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE lanes SET next_at = min(next_at,
                 max(?2, pace_at, coalesce(pause_until, 0),
                     coalesce((SELECT CASE WHEN hold_reason IS NULL THEN 0
                                           ELSE coalesce(hold_until, ?3) END
                               FROM accounts WHERE accounts.id = lanes.account_id), 0)))
             WHERE id = ?1 AND lease_until = 0",
        )
        .and_then(|mut update| {
            update.execute(params![
                lane.0,
                due_at.as_millis(),
                Timestamp::FAR_FUTURE.as_millis()
            ])
        })
        .map_err(StoreError::database("wake a lane"))?;
    Ok(())
}

/// Works `next_at` out anew from pacing, pause, hold and the earliest due send, and ends any
/// lease. A lane that could go on at once waits behind those whose time came before now, however
/// long its sends have been due: a backlog takes turns with everybody else.
pub(crate) fn settle_lane(
    connection: &Connection,
    lane: LaneId,
    budget: Budget,
    now: Timestamp,
) -> Result<(), StoreError> {
    let budget = budget.lowered(share_of(connection, lane)?.at(now));
    let pace_at = budget.next_at(pace_of(connection, lane, budget)?);
    connection
        .prepare_cached(
            "UPDATE lanes SET lease_until = 0, pace_at = ?2, next_at = coalesce(
                 (SELECT max(due_at, ?2, ?4, coalesce(lanes.pause_until, 0),
                     coalesce((SELECT CASE WHEN hold_reason IS NULL THEN 0
                                           ELSE coalesce(hold_until, ?3) END
                               FROM accounts WHERE accounts.id = lanes.account_id), 0))
                  FROM sends WHERE lane_id = lanes.id AND state = 'planned'
                                   AND due_at IS NOT NULL
                  ORDER BY due_at LIMIT 1), ?3)
             WHERE id = ?1",
        )
        .and_then(|mut update| {
            update.execute(params![
                lane.0,
                pace_at.as_millis(),
                Timestamp::FAR_FUTURE.as_millis(),
                now.as_millis()
            ])
        })
        .map_err(StoreError::database("settle a lane"))?;
    Ok(())
}

/// How much of its budget the lane may use.
pub(crate) fn share_of(connection: &Connection, lane: LaneId) -> Result<Share, StoreError> {
    connection
        .prepare_cached("SELECT share, share_at FROM lanes WHERE id = ?1")
        .and_then(|mut query| {
            query.query_row([lane.0], |row| {
                Ok(Share::new(row.get(0)?, Timestamp::from_millis(row.get(1)?)))
            })
        })
        .map_err(StoreError::database("read a lane's share"))
}

/// What the lane's ledger says about its pacing.
pub(crate) fn pace_of(
    connection: &Connection,
    lane: LaneId,
    budget: Budget,
) -> Result<Pace, StoreError> {
    let doing = || StoreError::database("read a lane's pace");
    let (arrival, seq): (i64, i64) = connection
        .prepare_cached("SELECT arrival, seq FROM lanes WHERE id = ?1")
        .and_then(|mut query| query.query_row([lane.0], |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(doing())?;
    Ok(Pace {
        arrival: Timestamp::from_millis(arrival),
        limit_back: limit_back(connection, lane, seq, budget)?,
    })
}

/// When the attempt `limit` places before the next one was started; none while fewer were made.
fn limit_back(
    connection: &Connection,
    lane: LaneId,
    seq: i64,
    budget: Budget,
) -> Result<Option<Timestamp>, StoreError> {
    let back = seq + 1 - i64::from(budget.limit());
    if back < 1 {
        return Ok(None);
    }
    let started_at: Option<i64> = connection
        .prepare_cached("SELECT started_at FROM attempts WHERE lane_id = ?1 AND seq = ?2")
        .and_then(|mut query| query.query_row([lane.0, back], |row| row.get(0)).optional())
        .map_err(StoreError::database("read a lane's pace"))?;
    Ok(started_at.map(Timestamp::from_millis))
}

/// How many attempts of the lane its budget lets start now, as far as `most`.
pub(crate) fn room_of(
    connection: &Connection,
    lane: LaneId,
    budget: Budget,
    most: u32,
    now: Timestamp,
) -> Result<u32, StoreError> {
    let doing = || StoreError::database("read what a lane's budget allows");
    let (arrival, seq): (i64, i64) = connection
        .prepare_cached("SELECT arrival, seq FROM lanes WHERE id = ?1")
        .and_then(|mut query| query.query_row([lane.0], |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(doing())?;
    let first_back = seq + 1 - i64::from(budget.limit());
    let most = most.min(budget.limit());
    let mut backs = vec![None; usize::try_from(most).unwrap_or(usize::MAX)];
    if first_back + i64::from(most) <= 1 {
        // So few were made that none of them can stand in the way.
        return Ok(budget.room(Timestamp::from_millis(arrival), &backs, now));
    }
    let mut query = connection
        .prepare_cached(
            "SELECT seq, started_at FROM attempts WHERE lane_id = ?1 AND seq >= ?2
             ORDER BY seq LIMIT ?3",
        )
        .map_err(doing())?;
    let mut rows = query
        .query(params![lane.0, first_back, most])
        .map_err(doing())?;
    while let Some(row) = rows.next().map_err(doing())? {
        let seq: i64 = row.get(0).map_err(doing())?;
        let place = usize::try_from(seq - first_back).unwrap_or(usize::MAX);
        if let Some(back) = backs.get_mut(place) {
            *back = Some(Timestamp::from_millis(row.get(1).map_err(doing())?));
        }
    }
    Ok(budget.room(Timestamp::from_millis(arrival), &backs, now))
}
