//! Finishing attempts and sends, and what follows for the steps after them.

use hookline_model::attempt::AttemptOutcome;
use hookline_model::backoff::Backoff;
use hookline_model::clock::Timestamp;
use hookline_model::ids::{AccountId, ContactId, LaneId, MessageId, SendId};
use hookline_model::send::{SendKind, SendState};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::claim::release;
use super::{
    Answer, Budgets, Ending, FinishAttempt, LaneEffect, NewHold, StartedAttempt, pause, wake_lane,
};
use crate::digest;
use crate::error::StoreError;
use crate::ids::MetaId as _;
use crate::packs::{Unpacker, if_readable};
use crate::rows::Reader;
use crate::{Store, alerts, ids, mids};

impl Store {
    /// Commits what came of attempts, and what follows from it for the sends, the steps after them,
    /// the lanes and the accounts; then gives back the lanes named. All in their order and in one
    /// transaction, with one answer for each: `false` when there was no attempt to finish, or it was
    /// finished already, or a later one was started. A slow worker cannot overwrite a newer result.
    ///
    /// An error is of its own ending only, unless the commit failed: then it is the answer to all,
    /// and nothing is kept.
    pub async fn end_attempts(
        &self,
        endings: Vec<Ending>,
        budgets: Budgets,
        now: Timestamp,
    ) -> Vec<Result<bool, StoreError>> {
        self.write_each(endings, move |connection, ending| {
            let is_kept = match &ending.finish {
                Some(finish) => commit(connection, finish, now)?,
                None => false,
            };
            match &ending.release {
                Some(claim) => release(connection, claim, &budgets, now).map(|()| is_kept),
                None => Ok(is_kept),
            }
        })
        .await
    }
}

/// How a send ends.
pub(crate) struct End<'a> {
    pub(crate) state: SendState,
    pub(crate) reason: Option<&'a str>,
}

fn commit(
    connection: &Connection,
    finish: &FinishAttempt,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let attempt = &finish.attempt;
    let Some(found) = find_unfinished(connection, finish)? else {
        return Ok(false);
    };
    close_attempt(connection, finish, now)?;
    let is_planned = matches!(
        finish.outcome,
        AttemptOutcome::Throttled { .. } | AttemptOutcome::NotSent { .. }
    );
    match &finish.outcome {
        AttemptOutcome::Accepted {
            message_id,
            recipient_id,
        } => {
            let message = message_id.as_ref();
            let echoed_at = if found.had_unknown {
                packed_echo(connection, attempt.send, message)?
            } else {
                None
            };
            let said = Said {
                message,
                recipient: recipient_id.as_ref(),
                echoed_at,
            };
            mark_accepted(connection, attempt.send, &said, now)?;
            if found.has_strikes {
                calm_down(connection, attempt)?;
            }
            if found.has_open_alerts {
                alerts::ended_by_a_send(connection, attempt, now)?;
            }
        }
        AttemptOutcome::Refused { reason } => {
            let end = End {
                state: SendState::Refused,
                reason: Some(reason),
            };
            end_send(connection, attempt.send, &end, now)?;
        }
        AttemptOutcome::Throttled { reason, .. } | AttemptOutcome::NotSent { reason } => {
            set_state(connection, attempt.send, "planned", reason, finish.retry_at)?;
        }
        AttemptOutcome::Unknown { reason } => {
            set_state(connection, attempt.send, "unknown", reason, finish.retry_at)?;
        }
    }
    affect(connection, attempt, &finish.effect, now)?;
    if is_planned {
        // The lane may have been given back before, and would sleep on.
        wake_lane(connection, attempt.lane, finish.retry_at)?;
    }
    Ok(true)
}

/// What the answer means beyond its own send.
fn affect(
    connection: &Connection,
    attempt: &StartedAttempt,
    effect: &LaneEffect,
    now: Timestamp,
) -> Result<(), StoreError> {
    match effect {
        LaneEffect::None => Ok(()),
        LaneEffect::SlowDown { permille } => {
            pause::slow_down(connection, attempt.lane, *permille, now)
        }
        LaneEffect::PauseLane(reason) => {
            let begun_at = begun_at(connection, attempt)?;
            pause::pause_lane(connection, attempt.lane, reason, (begun_at, now))
        }
        LaneEffect::HoldAccount {
            reason,
            until,
            token_number,
            alert,
        } => {
            let hold = NewHold {
                reason: reason.clone(),
                until: *until,
                token_number: *token_number,
                alert: *alert,
            };
            pause::hold_account(connection, attempt.lane, &hold, now)
        }
    }
}

fn begun_at(connection: &Connection, attempt: &StartedAttempt) -> Result<Timestamp, StoreError> {
    connection
        .prepare_cached("SELECT started_at FROM attempts WHERE lane_id = ?1 AND seq = ?2")
        .and_then(|mut query| {
            query.query_row([attempt.lane.0, attempt.seq], |row| {
                row.get(0).map(Timestamp::from_millis)
            })
        })
        .map_err(StoreError::database("read when an attempt was begun"))
}

/// What of an attempt that may be finished decides what has to be done: nearly always there is
/// nothing of it, and one question is cheaper than three.
struct Unfinished {
    /// Whether an earlier attempt of the send may have landed.
    had_unknown: bool,
    /// Whether the lane was throttled and does not trust fully yet.
    has_strikes: bool,
    /// Whether people were told something of the account that is not over.
    has_open_alerts: bool,
}

/// Only the latest attempt may be finished. A result that comes after the lease ran out still
/// counts: it is better evidence than none. That Meta took it counts even when the send was put
/// back to be tried again, as long as no later attempt has begun.
fn find_unfinished(
    connection: &Connection,
    finish: &FinishAttempt,
) -> Result<Option<Unfinished>, StoreError> {
    let is_accepted = matches!(finish.outcome, AttemptOutcome::Accepted { .. });
    let unfinished = |row: &Row<'_>| {
        Ok(Unfinished {
            had_unknown: row.get(0)?,
            has_strikes: row.get(1)?,
            has_open_alerts: row.get(2)?,
        })
    };
    connection
        .prepare_cached(
            "SELECT s.had_unknown, coalesce(l.strikes > 0, 0), EXISTS (
                 SELECT 1 FROM alerts WHERE account_id = l.account_id AND resolved_at IS NULL)
             FROM sends s LEFT JOIN lanes l ON l.id = ?4
             WHERE s.id = ?1 AND s.attempts = ?2
                 AND (s.state = 'unknown' OR (s.state = 'planned' AND ?3)
                      OR (s.state = 'leased' AND (?3 OR EXISTS (
                          SELECT 1 FROM attempts WHERE lane_id = ?4 AND seq = ?5
                             AND finished_at IS NULL))))",
        )
        .and_then(|mut query| {
            let values = params![
                finish.attempt.send.0,
                finish.attempt.number,
                is_accepted,
                finish.attempt.lane.0,
                finish.attempt.seq
            ];
            query.query_row(values, unfinished).optional()
        })
        .map_err(StoreError::database("look for the attempt"))
}

fn close_attempt(
    connection: &Connection,
    finish: &FinishAttempt,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE attempts SET finished_at = ?3, outcome = ?4, reason = ?5, answer = ?6
             WHERE lane_id = ?1 AND seq = ?2",
        )
        .map_err(StoreError::database("finish an attempt"))?
        .execute(params![
            finish.attempt.lane.0,
            finish.attempt.seq,
            now.as_millis(),
            finish.outcome.as_str(),
            finish.outcome.reason(),
            Answer(finish.answer.clone()),
        ])
        .map_err(StoreError::database("finish an attempt"))?;
    Ok(())
}

fn set_state(
    connection: &Connection,
    send: SendId,
    state: &str,
    reason: &str,
    due_at: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE sends SET state = ?2, reason = ?3, due_at = ?4, lease_until = NULL,
                              had_unknown = had_unknown OR ?2 = 'unknown'
             WHERE id = ?1",
        )
        .and_then(|mut update| update.execute(params![send.0, state, reason, due_at.as_millis()]))
        .map_err(StoreError::database("put a send back"))?;
    Ok(())
}

/// A throttled lane trusts again one success at a time.
fn calm_down(connection: &Connection, attempt: &StartedAttempt) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE lanes SET strikes = strikes - 1 WHERE id = ?1 AND strikes > 0")
        .and_then(|mut update| update.execute([attempt.lane.0]))
        .map_err(StoreError::database("calm a lane down"))?;
    Ok(())
}

/// Meta has it, as was found out later: the step after it is due.
pub(crate) fn accept(
    connection: &Connection,
    send: SendId,
    message: Option<&MessageId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let said = Said {
        message,
        recipient: None,
        echoed_at: packed_echo(connection, send, message)?,
    };
    mark_accepted(connection, send, &said, now)
}

/// What is known of a send that Meta took.
struct Said<'a> {
    message: Option<&'a MessageId>,
    recipient: Option<&'a ContactId>,
    /// When its echo came, if that is packed.
    echoed_at: Option<i64>,
}

fn mark_accepted(
    connection: &Connection,
    send: SendId,
    said: &Said<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE sends SET state = 'accepted', reason = NULL, finished_at = ?2,
                 lease_until = NULL, message_id = coalesce(?3, message_id),
                 message_digest = coalesce(?5, message_digest),
                 recipient_id = coalesce(nullif(?4, contact_id), recipient_id),
                 echoed_at = coalesce(echoed_at, ?6, (SELECT min(received_at) FROM events
                                 WHERE mid_digest = ?5 AND kind = 'message_echoed'))
             WHERE id = ?1",
        )
        .map_err(StoreError::database("accept a send"))?
        .execute(params![
            send.0,
            now.as_millis(),
            said.message.map(mids::Column::of),
            said.recipient.map(ContactId::column),
            said.message.map(|id| digest::short(id.as_str())),
            said.echoed_at,
        ])
        .map_err(StoreError::database("accept a send"))?;
    next_step(connection, send, now)
}

/// When the echo of a message came, if that was so long ago that it is packed: older than those in
/// the table. Only of a send that was unknown meanwhile: what was just sent has no old echo.
fn packed_echo(
    connection: &Connection,
    send: SendId,
    message: Option<&MessageId>,
) -> Result<Option<i64>, StoreError> {
    let Some(message) = message else {
        return Ok(None);
    };
    let account: Option<ids::Text> = connection
        .prepare_cached("SELECT account_id FROM sends WHERE id = ?1 AND had_unknown = 1")
        .and_then(|mut query| query.query_row([send.0], |row| row.get(0)).optional())
        .map_err(StoreError::database("accept a send"))?;
    let Some(account) = account.map(|id| AccountId::new(id.0)) else {
        return Ok(None);
    };
    let mut packs = Unpacker::new(connection);
    if_readable(packs.echoed_at(&account, message), None)
}

/// Ends a send, whether or not it was tried.
pub(crate) fn end(
    connection: &Connection,
    send: SendId,
    end: &End<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    end_send(connection, send, end, now)
}

fn end_send(
    connection: &Connection,
    send: SendId,
    end: &End<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if look_first(connection, send, end, now)? {
        return Ok(());
    }
    let kind: Option<SendKind> = connection
        .prepare_cached(
            "UPDATE sends SET state = ?2, reason = ?3, finished_at = ?4, lease_until = NULL
             WHERE id = ?1 AND state IN ('planned', 'leased', 'unknown') RETURNING kind",
        )
        .and_then(|mut update| {
            update
                .query_row(
                    params![send.0, end.state.as_str(), end.reason, now.as_millis()],
                    |row| Ok(Reader::new("sends", &send, row).word("kind", SendKind::from_name)),
                )
                .optional()
        })
        .map_err(StoreError::database("end a send"))?
        .transpose()?;
    match kind {
        Some(kind) if kind.is_optional() => next_step(connection, send, now)?,
        Some(_) => cancel_rest(connection, send, now)?,
        None => return Ok(()),
    }
    free_limit(connection, send)
}

/// Nobody wants to know any more whether it landed. It may have: its limit stays used up.
pub(crate) fn give_up(
    connection: &Connection,
    send: SendId,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .execute(
            "UPDATE sends SET state = 'cancelled', reason = 'given_up', finished_at = ?2,
                              lease_until = NULL WHERE id = ?1 AND state = 'unknown'",
            params![send.0, now.as_millis()],
        )
        .map_err(StoreError::database("give a send up"))?;
    cancel_rest(connection, send, now)
}

/// A send of which an earlier attempt may have landed does not end before somebody has looked:
/// it would be said to have failed while the person has it.
fn look_first(
    connection: &Connection,
    send: SendId,
    end: &End<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let put_back = connection
        .prepare_cached(
            "UPDATE sends SET state = 'unknown', reason = ?2, due_at = ?3, lease_until = NULL
             WHERE id = ?1 AND state IN ('planned', 'leased', 'unknown') AND had_unknown = 1",
        )
        .and_then(|mut update| update.execute(params![send.0, end.reason, now.as_millis()]))
        .map_err(StoreError::database("put a send back to be looked for"))?;
    Ok(put_back > 0)
}

/// Most sends have no step after them, so that is found out first: a statement that changes rows
/// it has to look for costs SQLite a table of its own.
fn next_step(connection: &Connection, send: SendId, now: Timestamp) -> Result<(), StoreError> {
    let doing = || StoreError::database("make the next step due");
    let next: (Option<i64>, Option<i64>) = connection
        .prepare_cached(
            "SELECT later.id, later.lane_id, min(later.step) FROM sends done
             JOIN sends later ON later.event_id = done.event_id
                  AND later.automation_id = done.automation_id AND later.step > done.step
             WHERE done.id = ?1",
        )
        .and_then(|mut query| query.query_row([send.0], |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(doing())?;
    let (Some(next), Some(lane)) = next else {
        return Ok(());
    };
    let made_due = connection
        .prepare_cached(
            "UPDATE sends SET due_at = ?2 WHERE id = ?1 AND state = 'planned' AND due_at IS NULL",
        )
        .and_then(|mut update| update.execute([next, now.as_millis()]))
        .map_err(doing())?;
    if made_due == 1 {
        wake_lane(connection, LaneId(lane), now)?;
    }
    Ok(())
}

fn cancel_rest(connection: &Connection, send: SendId, now: Timestamp) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE sends SET state = 'cancelled', reason = 'step_before_ended',
                              finished_at = ?2
             WHERE state = 'planned' AND due_at IS NULL AND id IN (
                 SELECT later.id FROM sends later
                 JOIN sends ended ON ended.event_id = later.event_id
                      AND ended.automation_id = later.automation_id
                 WHERE ended.id = ?1 AND later.step > ended.step)",
        )
        .and_then(|mut update| update.execute(params![send.0, now.as_millis()]))
        .map_err(StoreError::database("cancel the steps after it"))?;
    Ok(())
}

/// A run of which nothing was accepted, and nothing can be any more, does not use up its limit.
fn free_limit(connection: &Connection, send: SendId) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM once_keys WHERE (automation_id, once_key, event_id) IN (
                 SELECT r.automation_id, r.once_key, r.event_id
                 FROM sends ended JOIN runs r ON r.event_id = ended.event_id
                      AND r.automation_id = ended.automation_id
                 WHERE ended.id = ?1 AND NOT EXISTS (
                     SELECT 1 FROM sends other WHERE other.event_id = ended.event_id
                        AND other.automation_id = ended.automation_id
                        AND (other.had_unknown = 1 OR other.state IN
                            ('planned', 'leased', 'accepted', 'unknown'))))",
        )
        .and_then(|mut delete| delete.execute([send.0]))
        .map_err(StoreError::database("free a limit"))?;
    Ok(())
}

/// How long a lane waits after one more throttle without a time from Meta.
pub(crate) fn strike_pause(strikes: u32, now: Timestamp) -> Timestamp {
    now.plus(Backoff::THROTTLE.after(strikes))
}
