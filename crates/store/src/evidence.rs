//! What reconciling reads and settles: leases that ran out, outcomes nobody knows, deadlines that
//! passed.

mod decide;
mod echo;

use hookline_model::clock::Timestamp;
use hookline_model::ids::{AccountId, CommentId, ContactId, LaneId, MessageId, SendId};
use hookline_model::send::{SendClass, SendKind, SendState};
use rusqlite::{Connection, OptionalExtension, params};

use crate::Store;
use crate::error::StoreError;
use crate::lanes::{self, Budgets};
use crate::lanes::{End, wake_lane};
use crate::packs::sends_known_by;
use crate::rows::Reader;

pub use decide::{Decided, Decision};

/// A send whose last attempt may have landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSend {
    /// The send.
    pub id: SendId,
    /// What it is.
    pub kind: SendKind,
    /// Its account.
    pub account_id: AccountId,
    /// Whom it reaches.
    pub contact_id: Option<ContactId>,
    /// The comment it answers.
    pub comment_id: Option<CommentId>,
    /// The text that was sent.
    pub text: String,
    /// Tries so far.
    pub attempts: u32,
    /// How often evidence was looked for.
    pub looks: u32,
    /// Why it is unknown, or could not be ended otherwise.
    pub reason: Option<String>,
    /// Why Meta refused the last attempt, if it did; an earlier one may have landed all the same.
    pub refused: Option<String>,
    /// When the first attempt was started that may have landed.
    pub started_at: Timestamp,
    /// When the last attempt was started.
    pub last_started_at: Timestamp,
    /// When it is too late to send.
    pub deadline_at: Timestamp,
}

/// What the evidence says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// It landed, as this message or comment.
    Landed(MessageId),
    /// It provably did not land: it may be tried again as if it never had been.
    Absent,
    /// Nothing is known, but trying again is harmless, because Meta refuses to do it twice.
    TryAgain,
    /// It provably did not land, and may not be tried again.
    Over {
        /// How it ends.
        state: SendState,
        /// The stable word.
        reason: String,
    },
    /// Nothing can be said yet.
    LookAgain(Timestamp),
    /// It is too early to say, or others had their turn: this was no look.
    WaitForTurn(Timestamp),
    /// Nothing will ever be said; a person decides.
    LeaveUnknown,
}

/// What one pass over expired leases did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Sends that had not been tried: they wait in their lanes again.
    pub untried: usize,
    /// Sends whose attempt had begun: unknown now.
    pub unknown: usize,
}

impl Store {
    /// Takes back what workers held whose lease ended before `now`. A send whose attempt had begun
    /// becomes `unknown`; one that had not waits again, and so does one whose attempts are all
    /// proven not to have landed. At start-up pass [`Timestamp::FAR_FUTURE`]
    /// as `ended_before`: no worker of an earlier life is left.
    pub async fn recover_leases(
        &self,
        ended_before: Timestamp,
        budgets: Budgets,
        now: Timestamp,
    ) -> Result<Recovered, StoreError> {
        if !self
            .read(move |connection| has_ended_leases(connection, ended_before))
            .await?
        {
            return Ok(Recovered::default());
        }
        self.write(move |connection| recover(connection, ended_before, &budgets, now))
            .await
    }

    /// Unknown sends that are to be looked at now, those first that waited longest.
    pub async fn unknown_sends(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<UnknownSend>, StoreError> {
        self.read(move |connection| unknown(connection, now, limit))
            .await
    }

    /// The echo of a DM: the account's own message to this contact with this text, written since
    /// `since`, that no other send is known by; the earliest one. An echo may come late, so it is
    /// the time of the message that counts.
    pub async fn find_echo(
        &self,
        account: AccountId,
        contact: ContactId,
        text: String,
        since: Timestamp,
    ) -> Result<Option<MessageId>, StoreError> {
        self.read(move |connection| echo::echo(connection, &account, &contact, &text, since))
            .await
    }

    /// Whether a send is known by this message or comment already.
    pub async fn is_attributed(&self, message: MessageId) -> Result<bool, StoreError> {
        self.read(move |connection| attributed(connection, &message))
            .await
    }

    /// How many other sends of this kind went to the same person with the same text, and are not
    /// known by a message: each of them may be the one that is found.
    pub async fn count_rivals(&self, send: SendId) -> Result<u32, StoreError> {
        self.read(move |connection| rivals(connection, send)).await
    }

    /// Settles an unknown send by evidence, unless someone else has settled it meanwhile.
    pub async fn settle_unknown(
        &self,
        send: UnknownSend,
        evidence: Evidence,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| settle(connection, &send, &evidence, now))
            .await
    }

    /// Expires up to `limit` planned sends whose deadline has passed, with the reason that kept
    /// them waiting. Says how many.
    pub async fn expire_overdue(&self, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        if !self
            .read(move |connection| has_overdue(connection, now))
            .await?
        {
            return Ok(0);
        }
        self.write(move |connection| expire(connection, now, limit))
            .await
    }
}

fn has_ended_leases(connection: &Connection, ended_before: Timestamp) -> Result<bool, StoreError> {
    connection
        .prepare_cached(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM sends
                                    WHERE state = 'leased' AND lease_until <= ?1)
                 OR EXISTS (SELECT 1 FROM lanes WHERE lease_until > 0 AND lease_until <= ?1)",
        )
        .and_then(|mut query| query.exists([ended_before.as_millis()]))
        .map_err(StoreError::database("look for expired leases"))
}

fn has_overdue(connection: &Connection, now: Timestamp) -> Result<bool, StoreError> {
    connection
        .prepare_cached("SELECT 1 FROM sends WHERE state = 'planned' AND deadline_at <= ?1")
        .and_then(|mut query| query.exists([now.as_millis()]))
        .map_err(StoreError::database("look for overdue sends"))
}

fn recover(
    connection: &Connection,
    ended_before: Timestamp,
    budgets: &Budgets,
    now: Timestamp,
) -> Result<Recovered, StoreError> {
    let doing = || StoreError::database("take back expired leases");
    let before = ended_before.as_millis();
    // Only an attempt that was begun under this lease can have landed unheard.
    let unknown = connection
        .execute(
            "UPDATE sends SET state = 'unknown', reason = 'lease_ended', had_unknown = 1,
                              due_at = ?2 + CASE kind WHEN 'dm' THEN 10000 ELSE 5000 END, lease_until = NULL
             WHERE state = 'leased' AND lease_until <= ?1
               AND EXISTS (SELECT 1 FROM attempts a
                           WHERE a.send_id = sends.id AND a.finished_at IS NULL)",
            params![before, now.as_millis()],
        )
        .map_err(doing())?;
    connection
        .execute(
            "UPDATE attempts SET finished_at = ?1, outcome = 'unknown', reason = 'lease_ended'
             WHERE finished_at IS NULL AND send_id IN
                 (SELECT id FROM sends WHERE state = 'unknown' AND reason = 'lease_ended')",
            [now.as_millis()],
        )
        .map_err(doing())?;
    let untried = connection
        .execute(
            "UPDATE sends SET state = 'planned', lease_until = NULL
             WHERE state = 'leased' AND lease_until <= ?1",
            [before],
        )
        .map_err(doing())?;
    for (lane, class) in ended_lanes(connection, before)? {
        lanes::settle_lane(connection, lane, budgets.of(class), now)?;
    }
    Ok(Recovered { untried, unknown })
}

fn ended_lanes(
    connection: &Connection,
    before: i64,
) -> Result<Vec<(LaneId, SendClass)>, StoreError> {
    let doing = || StoreError::database("find lanes whose lease ended");
    let mut query = connection
        .prepare_cached("SELECT id, class FROM lanes WHERE lease_until > 0 AND lease_until <= ?1")
        .map_err(doing())?;
    let mut rows = query.query([before]).map_err(doing())?;
    let mut lanes = Vec::new();
    while let Some(row) = rows.next().map_err(doing())? {
        let id: i64 = row.get("id").map_err(doing())?;
        let class = Reader::new("lanes", &id, row).word("class", SendClass::from_name)?;
        lanes.push((LaneId(id), class));
    }
    Ok(lanes)
}

fn unknown(
    connection: &Connection,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<UnknownSend>, StoreError> {
    let doing = || StoreError::database("read unknown sends");
    let mut query = connection
        .prepare_cached(
            "SELECT s.*,
                 (SELECT min(started_at) FROM attempts a WHERE a.send_id = s.id
                      AND a.number > s.proven) AS started_at,
                 (SELECT max(started_at) FROM attempts a WHERE a.send_id = s.id)
                     AS last_started_at,
                 (SELECT CASE outcome WHEN 'refused' THEN reason END FROM attempts a
                      WHERE a.send_id = s.id ORDER BY number DESC LIMIT 1) AS refused
             FROM sends s WHERE s.state = 'unknown' AND s.due_at <= ?1
             ORDER BY s.due_at LIMIT ?2",
        )
        .map_err(doing())?;
    let mut rows = query
        .query(params![now.as_millis(), limit])
        .map_err(doing())?;
    let mut sends = Vec::new();
    while let Some(row) = rows.next().map_err(doing())? {
        let id: i64 = row.get("id").map_err(doing())?;
        match unknown_send(id, &Reader::new("sends", &id, row)) {
            Ok(send) => sends.push(send),
            // It stays unknown, for a version that can read it; the others go on.
            Err(error) => {
                let send = SendId(id);
                tracing::error!(%send, %error, "an unknown send cannot be read from the database");
            }
        }
    }
    Ok(sends)
}

fn unknown_send(id: i64, read: &Reader<'_, '_>) -> Result<UnknownSend, StoreError> {
    Ok(UnknownSend {
        id: SendId(id),
        kind: read.word("kind", SendKind::from_name)?,
        account_id: read.account()?,
        contact_id: read.contact()?,
        comment_id: read.comment()?,
        text: read.get("text")?,
        attempts: read.count("attempts")?,
        looks: read.count("reads")?,
        reason: read.get("reason")?,
        refused: read.get("refused")?,
        started_at: read.time("started_at")?,
        last_started_at: read.time("last_started_at")?,
        deadline_at: read.time("deadline_at")?,
    })
}

fn attributed(connection: &Connection, message: &MessageId) -> Result<bool, StoreError> {
    Ok(!sends_known_by(connection, message)?.is_empty())
}

fn rivals(connection: &Connection, send: SendId) -> Result<u32, StoreError> {
    connection
        .prepare_cached(
            "SELECT count(*) FROM sends rival JOIN sends s ON s.id = ?1
             WHERE rival.account_id = s.account_id AND rival.contact_id = s.contact_id
               AND rival.id <> s.id AND rival.kind = s.kind AND rival.text = s.text
               AND rival.message_digest IS NULL AND rival.attempts > 0
               AND rival.state IN ('planned', 'leased', 'unknown', 'accepted')",
        )
        .and_then(|mut query| query.query_row([send.0], |row| row.get(0)))
        .map_err(StoreError::database("count what else it may be"))
}

fn settle(
    connection: &Connection,
    send: &UnknownSend,
    evidence: &Evidence,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let doing = || StoreError::database("settle an unknown send");
    let lane: Option<i64> = connection
        .prepare_cached(
            "SELECT lane_id FROM sends WHERE id = ?1 AND state = 'unknown' AND attempts = ?2",
        )
        .and_then(|mut query| {
            query
                .query_row(params![send.id.0, send.attempts], |row| row.get(0))
                .optional()
        })
        .map_err(doing())?;
    let Some(lane) = lane else { return Ok(false) };
    let put_off = |state: &str, reason: &str, due_at: Timestamp| {
        connection
            .execute(
                "UPDATE sends SET state = ?2, reason = ?3, due_at = ?4, reads = reads + 1
                 WHERE id = ?1",
                params![send.id.0, state, reason, due_at.as_millis()],
            )
            .map_err(doing())
    };
    match evidence {
        // Someone else's evidence by now: it says nothing of this one.
        Evidence::Landed(message) if attributed(connection, message)? => return Ok(false),
        Evidence::Landed(message) => {
            lanes::accept(connection, send.id, Some(message), now)?;
        }
        Evidence::Absent => {
            put_off("planned", "trying_again", now)?;
            connection
                .execute(
                    "UPDATE sends SET had_unknown = 0, proven = attempts WHERE id = ?1",
                    [send.id.0],
                )
                .map_err(doing())?;
            wake_lane(connection, LaneId(lane), now)?;
        }
        Evidence::TryAgain => {
            put_off("planned", "trying_again", now)?;
            wake_lane(connection, LaneId(lane), now)?;
        }
        Evidence::Over { state, reason } => {
            connection
                .execute(
                    "UPDATE sends SET had_unknown = 0 WHERE id = ?1",
                    [send.id.0],
                )
                .map_err(doing())?;
            let over = End {
                state: *state,
                reason: Some(reason),
            };
            lanes::end(connection, send.id, &over, now)?;
        }
        Evidence::WaitForTurn(at) => {
            connection
                .execute(
                    "UPDATE sends SET due_at = ?2 WHERE id = ?1",
                    params![send.id.0, at.as_millis()],
                )
                .map_err(doing())?;
        }
        Evidence::LookAgain(at) => {
            put_off("unknown", "looking_for_evidence", *at)?;
        }
        Evidence::LeaveUnknown => {
            put_off("unknown", "needs_a_person", Timestamp::FAR_FUTURE)?;
        }
    }
    Ok(true)
}

fn expire(connection: &Connection, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
    let doing = || StoreError::database("expire overdue sends");
    let mut query = connection
        .prepare_cached(
            "SELECT s.id, coalesce(
                 (SELECT hold_reason FROM accounts a WHERE a.id = s.account_id
                      AND (a.hold_until IS NULL OR a.hold_until > ?1)),
                 (SELECT pause_reason FROM lanes l WHERE l.id = s.lane_id AND l.pause_until > ?1),
                 nullif(s.reason, 'trying_again'), 'deadline_passed') AS why
             FROM sends s WHERE s.state = 'planned' AND s.deadline_at <= ?1
             ORDER BY s.deadline_at LIMIT ?2",
        )
        .map_err(doing())?;
    let overdue: Vec<(i64, String)> = query
        .query_map(params![now.as_millis(), limit], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .and_then(Iterator::collect)
        .map_err(doing())?;
    for (id, why) in &overdue {
        let end = End {
            state: SendState::Expired,
            reason: Some(why),
        };
        lanes::end(connection, SendId(*id), &end, now)?;
    }
    Ok(overdue.len())
}
