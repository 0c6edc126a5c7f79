//! Starting an attempt: the last look at every rule, and the row that is committed before the
//! call.

use hookline_model::budget::Budget;
use hookline_model::clock::Timestamp;
use hookline_model::conversation::is_window_open;
use hookline_model::ids::{ContactId, SendId};
use hookline_model::limits::GRAPH_CALL_MAX;
use hookline_model::send::{SendKind, SendState};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::finish::{self, End};
use super::{LaneClaim, StartResult, StartedAttempt, pace_of, share_of};
use crate::error::StoreError;
use crate::planning::contact_facts;
use crate::rows::{Reader, to_json};
use crate::{Store, accounts};

impl Store {
    /// Asks for leave to call Meta for a leased send, with the text that will be sent. When this
    /// answers [`StartResult::Started`] the attempt is committed: whatever happens from here on,
    /// nobody will take the send for untried.
    ///
    /// Deadline, window, opt-out, hold and budget are checked here, at the moment of sending.
    pub async fn start_attempt(
        &self,
        claim: LaneClaim,
        send: SendId,
        text: String,
        budget: Budget,
        now: Timestamp,
    ) -> Result<StartResult, StoreError> {
        self.write(move |connection| start(connection, &claim, send, &text, budget, now))
            .await
    }

    /// Keeps what was read from Meta for a send, for every send of the same event, together with
    /// the deadline that follows from it. Nothing of a send that is no longer this worker's.
    pub async fn keep_context(
        &self,
        claim: LaneClaim,
        send: SendId,
        context: Value,
        deadline_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            if !owns(connection, &claim, Timestamp::EPOCH)? {
                return Ok(());
            }
            connection
                .execute(
                    "UPDATE sends SET context = ?2, deadline_at = min(deadline_at, ?3)
                     WHERE event_id = (SELECT event_id FROM sends WHERE id = ?1)
                       AND state IN ('planned', 'leased')",
                    params![
                        send.0,
                        to_json(&context)?,
                        deadline_at.unwrap_or(Timestamp::FAR_FUTURE).as_millis()
                    ],
                )
                .map_err(StoreError::database("keep what was read"))?;
            Ok(())
        })
        .await
    }

    /// Puts a leased send off without an attempt, because something could not be read.
    pub async fn put_off(
        &self,
        claim: LaneClaim,
        send: SendId,
        reason: String,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            if !owns(connection, &claim, Timestamp::EPOCH)? {
                return Ok(());
            }
            connection
                .execute(
                    "UPDATE sends SET state = 'planned', lease_until = NULL, reason = ?2,
                                      due_at = ?3, reads = reads + 1
                     WHERE id = ?1 AND state = 'leased'",
                    params![send.0, reason, until.as_millis()],
                )
                .map_err(StoreError::database("put a send off"))?;
            Ok(())
        })
        .await
    }

    /// Ends a leased send without an attempt: a rule of ours or a read says that it cannot be.
    pub async fn end_untried(
        &self,
        claim: LaneClaim,
        send: SendId,
        state: SendState,
        reason: String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            if !owns(connection, &claim, Timestamp::EPOCH)? {
                return Ok(());
            }
            finish::end(
                connection,
                send,
                &End {
                    state,
                    reason: Some(&reason),
                },
                now,
            )
        })
        .await
    }
}

/// Whether the claim is still the latest of its lane and has not run out at `now`.
fn owns(connection: &Connection, claim: &LaneClaim, now: Timestamp) -> Result<bool, StoreError> {
    connection
        .prepare_cached("SELECT 1 FROM lanes WHERE id = ?1 AND fence = ?2 AND lease_until > ?3")
        .and_then(|mut query| query.exists(params![claim.lane.0, claim.fence, now.as_millis()]))
        .map_err(StoreError::database("check a claim"))
}

struct Candidate {
    kind: SendKind,
    contact: Option<ContactId>,
    deadline_at: Timestamp,
    attempts: u32,
}

fn start(
    connection: &Connection,
    claim: &LaneClaim,
    send: SendId,
    text: &str,
    budget: Budget,
    now: Timestamp,
) -> Result<StartResult, StoreError> {
    // The lease has to outlast the call: whoever takes the lane over would look for evidence of a
    // call that is still under way.
    if !owns(connection, claim, now.plus(GRAPH_CALL_MAX))? {
        return Ok(StartResult::Lost);
    }
    let Some(candidate) = leased(connection, claim, send)? else {
        return Ok(StartResult::Lost);
    };
    if let Some((state, reason)) = forbidden(connection, claim, &candidate, now)? {
        finish::end(
            connection,
            send,
            &End {
                state,
                reason: Some(reason),
            },
            now,
        )?;
        return Ok(StartResult::Finished { reason });
    }
    let budget = budget.lowered(share_of(connection, claim.lane)?.at(now));
    let pace = pace_of(connection, claim.lane, budget)?;
    let is_held = accounts::find(connection, &claim.account_id)?.is_some_and(|stored| {
        stored
            .account
            .hold
            .is_some_and(|hold| hold_lasts(hold.until, now))
    });
    let is_waiting = is_held || is_paused(connection, claim, now)?;
    if is_waiting || budget.next_at(pace) > now {
        back_to_lane(connection, send)?;
        return Ok(StartResult::Paced);
    }
    let arrival = budget.spend(pace.arrival, now);
    commit_attempt(
        connection,
        claim,
        send,
        candidate.attempts + 1,
        text,
        (arrival, now),
    )
}

/// Whether the lane was paused since it was claimed.
fn is_paused(
    connection: &Connection,
    claim: &LaneClaim,
    now: Timestamp,
) -> Result<bool, StoreError> {
    connection
        .prepare_cached("SELECT 1 FROM lanes WHERE id = ?1 AND pause_until > ?2")
        .and_then(|mut query| query.exists(params![claim.lane.0, now.as_millis()]))
        .map_err(StoreError::database("look for a pause"))
}

fn hold_lasts(until: Option<Timestamp>, now: Timestamp) -> bool {
    until.is_none_or(|until| until > now)
}

fn leased(
    connection: &Connection,
    claim: &LaneClaim,
    send: SendId,
) -> Result<Option<Candidate>, StoreError> {
    connection
        .prepare_cached(
            "SELECT kind, contact_id, deadline_at, attempts FROM sends
             WHERE id = ?1 AND lane_id = ?2 AND state = 'leased'",
        )
        .and_then(|mut query| {
            query
                .query_row([send.0, claim.lane.0], |row| {
                    let read = Reader::new("sends", &send, row);
                    Ok(candidate(&read))
                })
                .optional()
        })
        .map_err(StoreError::database("read the send"))?
        .transpose()
}

fn candidate(read: &Reader<'_, '_>) -> Result<Candidate, StoreError> {
    Ok(Candidate {
        kind: read.word("kind", SendKind::from_name)?,
        contact: read.contact()?,
        deadline_at: read.time("deadline_at")?,
        attempts: read.count("attempts")?,
    })
}

/// The rule that forbids the call, if one does (promise 6).
fn forbidden(
    connection: &Connection,
    claim: &LaneClaim,
    candidate: &Candidate,
    now: Timestamp,
) -> Result<Option<(SendState, &'static str)>, StoreError> {
    if now >= candidate.deadline_at {
        return Ok(Some((SendState::Expired, "deadline_passed")));
    }
    let facts = match &candidate.contact {
        Some(contact) => contact_facts(connection, &claim.account_id, contact)?,
        None => None,
    }
    .unwrap_or_default();
    if facts.opted_out_at.is_some() {
        return Ok(Some((SendState::Refused, "opted_out")));
    }
    Ok(match candidate.kind {
        SendKind::Dm if !is_window_open(facts.last_inbound_at, now) => {
            Some((SendState::Expired, "window_closed"))
        }
        SendKind::PrivateReply | SendKind::Dm | SendKind::PublicReply => None,
    })
}

fn back_to_lane(connection: &Connection, send: SendId) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE sends SET state = 'planned', lease_until = NULL WHERE id = ?1")
        .and_then(|mut update| update.execute([send.0]))
        .map_err(StoreError::database("put a send back"))?;
    Ok(())
}

fn commit_attempt(
    connection: &Connection,
    claim: &LaneClaim,
    send: SendId,
    number: u32,
    text: &str,
    (arrival, now): (Timestamp, Timestamp),
) -> Result<StartResult, StoreError> {
    let doing = || StoreError::database("start an attempt");
    let seq: i64 = connection
        .prepare_cached("UPDATE lanes SET seq = seq + 1, arrival = ?2 WHERE id = ?1 RETURNING seq")
        .and_then(|mut update| {
            update.query_row(params![claim.lane.0, arrival.as_millis()], |row| row.get(0))
        })
        .map_err(doing())?;
    connection
        .prepare_cached(
            "INSERT INTO attempts (lane_id, seq, send_id, number, started_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut insert| {
            insert.execute(params![claim.lane.0, seq, send.0, number, now.as_millis()])
        })
        .map_err(doing())?;
    connection
        .prepare_cached(
            "UPDATE sends SET attempts = ?2, text = ?3, is_rendered = 1, reads = 0 WHERE id = ?1",
        )
        .and_then(|mut update| update.execute(params![send.0, number, text]))
        .map_err(doing())?;
    Ok(StartResult::Started(StartedAttempt {
        send,
        lane: claim.lane,
        seq,
        number,
    }))
}
