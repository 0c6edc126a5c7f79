//! The breaker of the whole app: when many accounts get the same error at once, the trouble is
//! Meta's or the app's and not theirs, and nobody's sends should be used up on it (contract 12,
//! 26: incidents of the whole platform look like permanent errors).

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hookline_meta::graph::{CallFailure, ErrorClass};
use hookline_model::clock::Timestamp;
use hookline_model::ids::AccountId;

/// How long a call counts.
const MEMORY: Duration = Duration::from_mins(1);

/// Accounts that must tell of the same error within [`MEMORY`].
const ACCOUNTS: usize = 5;

/// Calls remembered at most; the oldest go first.
const CALLS_MAX: usize = 4096;

/// How long the breaker stays open at first; doubled each time a trial fails.
const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(15);

/// What makes two errors the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Sign {
    code: Option<i64>,
    subcode: Option<i64>,
    http_status: Option<u16>,
}

struct Heard {
    at: Timestamp,
    account: AccountId,
    /// None for a call that went well.
    sign: Option<Sign>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Everybody sends.
    Closed,
    /// Nobody sends before `until`.
    Open { until: Timestamp, openings: u32 },
    /// One lane tries; the others wait for what comes of it, at most until `until`.
    Trial { until: Timestamp, openings: u32 },
}

/// Shared by all workers of one process. It is not kept: a restart learns anew.
pub(crate) struct Breaker {
    inner: Mutex<Inner>,
}

struct Inner {
    state: State,
    heard: VecDeque<Heard>,
}

/// How many lanes may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// As many as there are.
    All,
    /// One, to see whether Meta is well again.
    One,
    /// None before this moment.
    NotBefore(Timestamp),
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                state: State::Closed,
                heard: VecDeque::new(),
            }),
        }
    }

    /// What may be claimed at `now`; does not use the trial up.
    pub(crate) fn leave(&self, now: Timestamp) -> Leave {
        match self.lock().state {
            State::Closed => Leave::All,
            State::Open { until, .. } | State::Trial { until, .. } if now < until => {
                Leave::NotBefore(until)
            }
            State::Open { .. } | State::Trial { .. } => Leave::One,
        }
    }

    /// Whether the breaker is open or on trial.
    pub(crate) fn is_open(&self) -> bool {
        self.lock().state != State::Closed
    }

    /// A lane was claimed while only one may be: until it is heard of, the others wait.
    pub(crate) fn begin_trial(&self, now: Timestamp) {
        let mut inner = self.lock();
        if let State::Open { openings, .. } | State::Trial { openings, .. } = inner.state {
            let until = now.plus(MEMORY);
            inner.state = State::Trial { until, openings };
        }
    }

    /// A call of this account went well.
    pub(crate) fn went_well(&self, account: &AccountId, now: Timestamp) {
        let mut inner = self.lock();
        inner.remember(account, None, now);
        if inner.state != State::Closed {
            tracing::info!("calls go through again: every account sends");
            inner.state = State::Closed;
            inner.heard.clear();
        }
    }

    /// A call of this account failed. Answers whether it is trouble of the whole app.
    pub(crate) fn failed(
        &self,
        account: &AccountId,
        failure: &CallFailure,
        now: Timestamp,
    ) -> bool {
        let Some(sign) = sign_of(failure) else {
            return false;
        };
        let mut inner = self.lock();
        inner.remember(account, Some(sign), now);
        match inner.state {
            State::Closed if inner.is_everywhere(sign) => inner.open(sign, 0, now),
            State::Closed => return false,
            State::Trial { openings, .. } => inner.open(sign, openings, now),
            State::Open { .. } => {}
        }
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn remember(&mut self, account: &AccountId, sign: Option<Sign>, now: Timestamp) {
        while self
            .heard
            .front()
            .is_some_and(|heard| now.since(heard.at) > MEMORY || self.heard.len() >= CALLS_MAX)
        {
            self.heard.pop_front();
        }
        let account = account.clone();
        self.heard.push_back(Heard {
            at: now,
            account,
            sign,
        });
    }

    /// Whether so many accounts tell of it, and more of them than have had a call go well.
    fn is_everywhere(&self, sign: Sign) -> bool {
        let mut last: HashMap<&AccountId, Option<Sign>> = HashMap::new();
        for heard in &self.heard {
            last.insert(&heard.account, heard.sign);
        }
        let telling: HashSet<&AccountId> = last
            .iter()
            .filter(|(_, last)| **last == Some(sign))
            .map(|(account, _)| *account)
            .collect();
        let well = last.values().filter(|last| last.is_none()).count();
        telling.len() >= ACCOUNTS && telling.len() > well
    }

    fn open(&mut self, sign: Sign, openings: u32, now: Timestamp) {
        let pause = FIRST_PAUSE
            .saturating_mul(1 << openings.min(10))
            .min(LONGEST_PAUSE);
        tracing::error!(
            code = sign.code,
            subcode = sign.subcode,
            http_status = sign.http_status,
            pause_s = pause.as_secs(),
            "many accounts get the same error from Meta at once: nothing is sent for a while; \
             look at Meta's status page and at the app's dashboard"
        );
        let until = now.plus(pause);
        let openings = openings + 1;
        self.state = State::Open { until, openings };
    }
}

/// What an error may tell of the whole app; none for what is about one person, account or text.
fn sign_of(failure: &CallFailure) -> Option<Sign> {
    match failure {
        CallFailure::NotWritten(_) => None,
        CallFailure::NotSent { .. } => Some(Sign {
            code: None,
            subcode: None,
            http_status: None,
        }),
        CallFailure::Unknown { http_status, .. } => Some(Sign {
            code: None,
            subcode: None,
            http_status: *http_status,
        }),
        CallFailure::Answered { error, .. } => {
            let is_suspect = match error.class {
                ErrorClass::Content | ErrorClass::Permission => error.subcode.is_none(),
                // 4 is the limit of the app, the others are of one account (contract 9).
                ErrorClass::Throttle => error.code == Some(4),
                ErrorClass::Ambiguous | ErrorClass::Retry => true,
                ErrorClass::Token(_)
                | ErrorClass::Window
                | ErrorClass::User
                | ErrorClass::Done
                | ErrorClass::DoneOrPermanent
                | ErrorClass::ContentOrPermission
                | ErrorClass::Blocked
                | ErrorClass::Route => false,
            };
            is_suspect.then_some(Sign {
                code: error.code,
                subcode: error.subcode,
                http_status: Some(error.http_status),
            })
        }
    }
}

#[cfg(test)]
mod tests;
