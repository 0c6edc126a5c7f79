//! Logins under way: each is finished once, in time, and in the browser that began it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hookline_engine::connect::LOGIN_MAX;
use hookline_meta::graph::LoginKind;
use hookline_model::clock::Timestamp;
use ring::digest;

/// Logins under way at once; anybody can begin one, so the oldest make room.
const STATES_MAX: usize = 4096;

/// Logins under way, by a digest of their state. They live in memory: who is logging in while the
/// server restarts begins again.
#[derive(Debug, Default)]
pub(super) struct States(Mutex<HashMap<Vec<u8>, Login>>);

#[derive(Debug)]
struct Login {
    kind: LoginKind,
    browser: Vec<u8>,
    begun_at: Timestamp,
}

/// What came of finishing a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    /// It was begun here, and is finished now.
    Good,
    /// It was never begun, was finished already, took too long, or was made room for.
    Unknown,
    /// Another browser began it.
    OtherBrowser,
}

impl States {
    /// Keeps a login that begins.
    pub(super) fn begin(&self, state: &str, kind: LoginKind, browser: &str, now: Timestamp) {
        let mut logins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logins.len() >= STATES_MAX {
            logins.retain(|_, login| is_in_time(login, now));
        }
        if logins.len() >= STATES_MAX {
            let oldest = logins.iter().min_by_key(|(_, login)| login.begun_at);
            if let Some(oldest) = oldest.map(|(state, _)| state.clone()) {
                logins.remove(&oldest);
            }
        }
        let login = Login {
            kind,
            browser: hash(browser),
            begun_at: now,
        };
        logins.insert(hash(state), login);
    }

    /// Ends a login: whatever comes of it, it cannot be finished again, unless it came from
    /// another browser, which must not be able to end it.
    pub(super) fn finish(
        &self,
        state: &str,
        kind: LoginKind,
        browser: &str,
        now: Timestamp,
    ) -> Finish {
        let mut logins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = hash(state);
        let Some(login) = logins.get(&state) else {
            return Finish::Unknown;
        };
        if !is_in_time(login, now) || login.kind != kind {
            logins.remove(&state);
            return Finish::Unknown;
        }
        // Digests: how long comparing them takes tells nothing of what they were made from.
        if login.browser != hash(browser) {
            return Finish::OtherBrowser;
        }
        logins.remove(&state);
        Finish::Good
    }
}

fn is_in_time(login: &Login, now: Timestamp) -> bool {
    now.since(login.begun_at) < LOGIN_MAX
}

fn hash(text: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, text.as_bytes())
        .as_ref()
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + seconds * 1000)
    }

    const KIND: LoginKind = LoginKind::Instagram;

    #[test]
    fn a_login_is_finished_once_and_by_its_browser() {
        let states = States::default();
        states.begin("state", KIND, "browser", at(0));
        assert_eq!(
            states.finish("other", KIND, "browser", at(1)),
            Finish::Unknown
        );
        assert_eq!(
            states.finish("state", KIND, "", at(1)),
            Finish::OtherBrowser
        );
        assert_eq!(states.finish("state", KIND, "browser", at(2)), Finish::Good);
        assert_eq!(
            states.finish("state", KIND, "browser", at(3)),
            Finish::Unknown
        );
    }

    #[test]
    fn a_login_must_be_finished_in_time_and_as_what_it_began() {
        let states = States::default();
        states.begin("late", KIND, "browser", at(0));
        assert_eq!(
            states.finish("late", KIND, "browser", at(600)),
            Finish::Unknown
        );
        states.begin("other", KIND, "browser", at(0));
        let facebook = LoginKind::Facebook;
        assert_eq!(
            states.finish("other", facebook, "browser", at(1)),
            Finish::Unknown
        );
        assert_eq!(states.finish("", KIND, "", at(1)), Finish::Unknown);
    }

    #[test]
    fn the_oldest_make_room() {
        let states = States::default();
        states.begin("first", KIND, "browser", at(0));
        for number in 0..STATES_MAX {
            states.begin(&format!("state {number}"), KIND, "browser", at(1));
        }
        assert_eq!(
            states.finish("first", KIND, "browser", at(2)),
            Finish::Unknown
        );
        assert_eq!(
            states.finish("state 7", KIND, "browser", at(2)),
            Finish::Good
        );
        assert!(states.0.lock().unwrap().len() <= STATES_MAX);
    }
}
