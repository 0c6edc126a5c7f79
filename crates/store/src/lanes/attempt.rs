//! Starting an attempt: the last look at every rule, and the row that is committed before the
//! call.

use hookline_model::budget::{Pace, Share};
use hookline_model::clock::Timestamp;
use hookline_model::conversation::is_window_open;
use hookline_model::ids::SendId;
use hookline_model::limits::GRAPH_CALL_MAX;
use hookline_model::send::{SendKind, SendState};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::claim::put_back;
use super::finish::{self, End};
use super::{LaneClaim, Learnt, StartAttempt, StartResult, StartedAttempt, limit_back};
use crate::Store;
use crate::error::StoreError;
use crate::rows::{Reader, to_json};

impl Store {
    /// Asks for leave to call Meta for leased sends of whichever lanes, each with the text that
    /// will be sent, in one transaction; one answer for each, in their order. Where it is
    /// [`StartResult::Started`] the attempt is committed: whatever happens from here on, nobody will
    /// take the send for untried.
    ///
    /// What was learnt for one is kept with every send of its event, whatever the answer, unless
    /// that is [`StartResult::Lost`]. Deadline, window, opt-out, hold and budget are checked here, at
    /// the moment of sending. An error is of its own send only, unless the commit failed: then it is
    /// the answer to all, and no attempt was started.
    pub async fn start_attempts(
        &self,
        attempts: Vec<(LaneClaim, StartAttempt)>,
        now: Timestamp,
    ) -> Vec<Result<StartResult, StoreError>> {
        self.write_each(attempts, move |connection, (claim, attempt)| {
            start(connection, claim, attempt, now)
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

/// Keeps what was learnt for every send of the same event that may still go out.
fn keep(connection: &Connection, send: SendId, learnt: &Learnt) -> Result<(), StoreError> {
    let doing = || StoreError::database("keep what was read");
    let deadline_at = learnt.deadline_at.unwrap_or(Timestamp::FAR_FUTURE);
    let context = to_json(&learnt.context)?;
    let event: Option<i64> = connection
        .prepare_cached("SELECT event_id FROM sends WHERE id = ?1")
        .and_then(|mut query| query.query_row([send.0], |row| row.get(0)).optional())
        .map_err(doing())?;
    connection
        .prepare_cached(
            "UPDATE sends SET context = ?2, deadline_at = min(deadline_at, ?3)
             WHERE event_id = ?1 AND state IN ('planned', 'leased')",
        )
        .and_then(|mut update| update.execute(params![event, context, deadline_at.as_millis()]))
        .map_err(doing())?;
    Ok(())
}

/// The lane of a claim that holds, as of the moment of sending.
struct Lane {
    arrival: Timestamp,
    seq: i64,
    share: Share,
    /// Whether it was paused, or its account held, since it was claimed.
    is_waiting: bool,
}

/// A leased send with what is known of the person it is for.
struct Candidate {
    kind: SendKind,
    deadline_at: Timestamp,
    attempts: u32,
    last_inbound_at: Option<Timestamp>,
    is_opted_out: bool,
}

fn start(
    connection: &Connection,
    claim: &LaneClaim,
    attempt: &StartAttempt,
    now: Timestamp,
) -> Result<StartResult, StoreError> {
    // The lease has to outlast the call: whoever takes the lane over would look for evidence of a
    // call that is still under way.
    let Some(lane) = find_lane(connection, claim, now)? else {
        return Ok(StartResult::Lost);
    };
    if let Some(learnt) = &attempt.learnt {
        keep(connection, attempt.send, learnt)?;
    }
    let Some(candidate) = find_candidate(connection, claim, attempt.send)? else {
        return Ok(StartResult::Lost);
    };
    if let Some((state, reason)) = forbidden(&candidate, now) {
        let end = End {
            state,
            reason: Some(reason),
        };
        finish::end(connection, attempt.send, &end, now)?;
        return Ok(StartResult::Finished { reason });
    }
    let budget = attempt.budget.lowered(lane.share.at(now));
    let pace = Pace {
        arrival: lane.arrival,
        limit_back: limit_back(connection, claim.lane, lane.seq, budget)?,
    };
    if lane.is_waiting || budget.next_at(pace) > now {
        put_back(connection, attempt.send)?;
        return Ok(StartResult::Paced);
    }
    let started = StartedAttempt {
        send: attempt.send,
        lane: claim.lane,
        seq: lane.seq + 1,
        number: candidate.attempts + 1,
    };
    let arrival = budget.spend(pace.arrival, now);
    commit_attempt(connection, &started, &attempt.text, (arrival, now))?;
    Ok(StartResult::Started(started))
}

/// The lane, if the claim of it lasts as long as a call can.
fn find_lane(
    connection: &Connection,
    claim: &LaneClaim,
    now: Timestamp,
) -> Result<Option<Lane>, StoreError> {
    let lane = |row: &Row<'_>| {
        Ok(Lane {
            arrival: Timestamp::from_millis(row.get(0)?),
            seq: row.get(1)?,
            share: Share::new(row.get(2)?, Timestamp::from_millis(row.get(3)?)),
            is_waiting: row.get(4)?,
        })
    };
    connection
        .prepare_cached(
            "SELECT arrival, seq, share, share_at,
                    coalesce(pause_until, 0) > ?4 OR EXISTS (
                        SELECT 1 FROM accounts a
                        WHERE a.id = lanes.account_id AND a.hold_reason IS NOT NULL
                            AND (a.hold_until IS NULL OR a.hold_until > ?4))
             FROM lanes WHERE id = ?1 AND fence = ?2 AND lease_until > ?3",
        )
        .and_then(|mut query| {
            let values = params![
                claim.lane.0,
                claim.fence,
                now.plus(GRAPH_CALL_MAX).as_millis(),
                now.as_millis()
            ];
            query.query_row(values, lane).optional()
        })
        .map_err(StoreError::database("check a claim"))
}

fn find_candidate(
    connection: &Connection,
    claim: &LaneClaim,
    send: SendId,
) -> Result<Option<Candidate>, StoreError> {
    connection
        .prepare_cached(
            "SELECT s.kind, s.deadline_at, s.attempts, c.last_inbound_at,
                    c.opted_out_at IS NOT NULL AS is_opted_out
             FROM sends s LEFT JOIN contacts c
                  ON c.account_id = s.account_id AND c.contact_id = s.contact_id
             WHERE s.id = ?1 AND s.lane_id = ?2 AND s.state = 'leased'",
        )
        .and_then(|mut query| {
            query
                .query_row([send.0, claim.lane.0], |row| {
                    Ok(candidate(&Reader::new("sends", &send, row)))
                })
                .optional()
        })
        .map_err(StoreError::database("read the send"))?
        .transpose()
}

fn candidate(read: &Reader<'_, '_>) -> Result<Candidate, StoreError> {
    Ok(Candidate {
        kind: read.word("kind", SendKind::from_name)?,
        deadline_at: read.time("deadline_at")?,
        attempts: read.count("attempts")?,
        last_inbound_at: read.optional_time("last_inbound_at")?,
        is_opted_out: read.get("is_opted_out")?,
    })
}

/// The rule that forbids the call, if one does (promise 6).
fn forbidden(candidate: &Candidate, now: Timestamp) -> Option<(SendState, &'static str)> {
    if now >= candidate.deadline_at {
        return Some((SendState::Expired, "deadline_passed"));
    }
    if candidate.is_opted_out {
        return Some((SendState::Refused, "opted_out"));
    }
    match candidate.kind {
        SendKind::Dm if !is_window_open(candidate.last_inbound_at, now) => {
            Some((SendState::Expired, "window_closed"))
        }
        SendKind::PrivateReply | SendKind::Dm | SendKind::PublicReply => None,
    }
}

fn commit_attempt(
    connection: &Connection,
    started: &StartedAttempt,
    text: &str,
    (arrival, now): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let doing = || StoreError::database("start an attempt");
    let StartedAttempt {
        send,
        lane,
        seq,
        number,
    } = started;
    connection
        .prepare_cached("UPDATE lanes SET seq = ?2, arrival = ?3 WHERE id = ?1")
        .and_then(|mut update| update.execute([lane.0, *seq, arrival.as_millis()]))
        .map_err(doing())?;
    connection
        .prepare_cached(
            "INSERT INTO attempts (lane_id, seq, send_id, number, started_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut insert| {
            insert.execute([lane.0, *seq, send.0, i64::from(*number), now.as_millis()])
        })
        .map_err(doing())?;
    connection
        .prepare_cached(
            "UPDATE sends SET attempts = ?2, text = ?3, is_rendered = 1, reads = 0 WHERE id = ?1",
        )
        .and_then(|mut update| update.execute(params![send.0, number, text]))
        .map_err(doing())?;
    Ok(())
}
