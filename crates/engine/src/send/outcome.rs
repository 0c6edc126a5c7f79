//! What an answer of Meta's means for the send, its lane and its account (contract section 10).

use std::time::Duration;

use hookline_meta::graph::{Answer, CallFailure, ErrorClass, Sent, Usage};
use hookline_model::alert::AlertCode;
use hookline_model::attempt::AttemptOutcome;
use hookline_model::backoff::Backoff;
use hookline_model::clock::Timestamp;
use hookline_model::send::SendKind;
use hookline_store::lanes::{LaneEffect, LanePause, LeasedSend};

/// How long a restricted account is left alone.
pub(super) const BLOCK_PAUSE: Duration = Duration::from_hours(24);

/// How long the echo of a DM is awaited before the conversation is read.
const ECHO_WAIT: Duration = Duration::from_secs(10);

/// From this share of a limit on, calls are refused.
const USED_UP_PERCENT: u32 = 100;

/// From this share of a limit on, a lane slows down, evenly to the least at [`USED_UP_PERCENT`].
const NEARLY_USED_UP_PERCENT: u32 = 75;

/// Tries before an error that Meta does not explain is believed: incidents of the whole platform
/// look like it, and pass (contract 12, 26).
const UNEXPLAINED_TRIES: u32 = 3;

/// How long an unexplained error is given to pass.
const UNEXPLAINED_WAIT: Duration = Duration::from_mins(2);

/// The outcome with everything that follows from it.
pub(super) struct Meaning {
    pub(super) outcome: AttemptOutcome,
    pub(super) retry_at: Timestamp,
    pub(super) effect: LaneEffect,
}

/// What an attempt was.
pub(super) struct Tried<'a> {
    pub(super) send: &'a LeasedSend,
    /// Which try it was, from 1.
    pub(super) number: u32,
    /// Which token of the account it was made with.
    pub(super) token_number: i64,
    /// Whether many accounts get the same error at once.
    pub(super) is_incident: bool,
}

/// What came of an attempt.
pub(super) fn of(
    tried: &Tried<'_>,
    called: &Result<Answer<Sent>, CallFailure>,
    now: Timestamp,
) -> Meaning {
    let (send, number) = (tried.send, tried.number);
    let failure = match called {
        Ok(answer) => {
            let outcome = AttemptOutcome::Accepted {
                message_id: Some(answer.value.message_id.clone()),
                recipient_id: answer.value.recipient_id.clone(),
            };
            return Meaning {
                outcome,
                retry_at: now,
                effect: used_up(answer.usage, now),
            };
        }
        Err(failure) => failure,
    };
    let reason = failure.reason().to_owned();
    let retry = now.plus(Backoff::TRIES.after(number));
    let plain = |outcome| Meaning {
        outcome,
        retry_at: retry,
        effect: LaneEffect::None,
    };
    match failure {
        CallFailure::NotWritten(_) => plain(AttemptOutcome::Refused { reason }),
        CallFailure::NotSent { .. } => plain(AttemptOutcome::NotSent { reason }),
        CallFailure::Unknown { .. } => unknown(send, number, reason, now),
        CallFailure::Answered { error, usage } => {
            let is_unexplained = error.class == ErrorClass::Content && error.subcode.is_none();
            let is_doubted = is_unexplained && number < UNEXPLAINED_TRIES;
            let is_refusal = matches!(error.class, ErrorClass::Content | ErrorClass::Permission);
            if is_doubted || (tried.is_incident && is_refusal) {
                return Meaning {
                    outcome: AttemptOutcome::NotSent { reason },
                    retry_at: now.plus(UNEXPLAINED_WAIT),
                    effect: LaneEffect::None,
                };
            }
            of_class(tried, error.class, reason, (*usage, now))
        }
    }
}

fn of_class(
    tried: &Tried<'_>,
    class: ErrorClass,
    reason: String,
    (usage, now): (Usage, Timestamp),
) -> Meaning {
    let (send, number) = (tried.send, tried.number);
    let retry_at = now.plus(Backoff::TRIES.after(number));
    let (outcome, effect) = match class {
        ErrorClass::Ambiguous => return unknown(send, number, reason, now),
        ErrorClass::Done if send.had_unknown && send.kind == SendKind::PrivateReply => {
            // Meta allows one reply per comment: that it has one proves that the earlier try,
            // whose answer was lost, landed (contract 5.8). An error that may also mean a comment
            // that is gone proves nothing: such a send is looked for before it ends.
            let outcome = AttemptOutcome::Accepted {
                message_id: None,
                recipient_id: None,
            };
            (outcome, LaneEffect::None)
        }
        ErrorClass::Done
        | ErrorClass::DoneOrPermanent
        | ErrorClass::Window
        | ErrorClass::User
        | ErrorClass::Content
        | ErrorClass::ContentOrPermission
        | ErrorClass::Route => (AttemptOutcome::Refused { reason }, LaneEffect::None),
        ErrorClass::Token(_) => {
            let effect = LaneEffect::HoldAccount {
                reason: reason.clone(),
                until: None,
                token_number: Some(tried.token_number),
                alert: Some(AlertCode::TokenDead),
            };
            (AttemptOutcome::NotSent { reason }, effect)
        }
        ErrorClass::Blocked => {
            let until = Some(now.plus(BLOCK_PAUSE));
            let effect = LaneEffect::HoldAccount {
                reason: reason.clone(),
                until,
                token_number: None,
                alert: Some(AlertCode::AccountBlocked),
            };
            (AttemptOutcome::NotSent { reason }, effect)
        }
        ErrorClass::Permission => {
            let effect = LaneEffect::PauseLane(LanePause {
                reason: reason.clone(),
                until: None,
                is_throttle: false,
                alert: Some(permission_alert(&reason)),
            });
            (AttemptOutcome::NotSent { reason }, effect)
        }
        ErrorClass::Throttle => {
            let until = regain_at(usage, now);
            let effect = LaneEffect::PauseLane(LanePause {
                reason: reason.clone(),
                until,
                is_throttle: true,
                alert: None,
            });
            (
                AttemptOutcome::Throttled {
                    retry_at: until,
                    reason,
                },
                effect,
            )
        }
        ErrorClass::Retry => (AttemptOutcome::NotSent { reason }, LaneEffect::None),
    };
    Meaning {
        outcome,
        retry_at,
        effect,
    }
}

/// What people are told when Meta misses a permission: one switch of the account's owner has its
/// own remedy.
pub(super) fn permission_alert(reason: &str) -> AlertCode {
    match reason {
        "message_access_off" => AlertCode::MessageAccessOff,
        _ => AlertCode::PermissionMissing,
    }
}

/// Nobody knows: a private reply may be tried again soon (Meta itself refuses a second one), a DM
/// waits for its echo, a public reply is read back.
fn unknown(send: &LeasedSend, number: u32, reason: String, now: Timestamp) -> Meaning {
    let wait = match send.kind {
        SendKind::PrivateReply | SendKind::PublicReply => Backoff::TRIES.after(number),
        SendKind::Dm => ECHO_WAIT,
    };
    Meaning {
        outcome: AttemptOutcome::Unknown { reason },
        retry_at: now.plus(wait),
        effect: LaneEffect::None,
    }
}

/// A limit that is used up parks the lane although this call went through; one that nearly is
/// slows it down.
fn used_up(usage: Usage, now: Timestamp) -> LaneEffect {
    match usage.percent {
        Some(percent) if percent >= USED_UP_PERCENT => LaneEffect::PauseLane(LanePause {
            reason: "usage_at_limit".to_owned(),
            until: regain_at(usage, now),
            is_throttle: true,
            alert: None,
        }),
        Some(percent) if percent >= NEARLY_USED_UP_PERCENT => {
            let left = USED_UP_PERCENT - percent;
            let permille = 1000 * left / (USED_UP_PERCENT - NEARLY_USED_UP_PERCENT);
            LaneEffect::SlowDown { permille }
        }
        Some(_) | None => LaneEffect::None,
    }
}

/// When Meta says that calls are allowed again; none when it does not say.
pub(super) fn regain_at(usage: Usage, now: Timestamp) -> Option<Timestamp> {
    let minutes = usage.regain_minutes.filter(|minutes| *minutes > 0)?;
    Some(now.plus(Duration::from_secs(u64::from(minutes) * 60)))
}
