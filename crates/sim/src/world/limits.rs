//! Meta's rates, as rolling windows per account (contract section 9).

use std::collections::{BTreeMap, VecDeque};

use super::config::Limits;

/// What kind of call is being counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CallClass {
    PrivateReply,
    LiveReply,
    Text,
    Media,
    Conversation,
    Other,
}

impl CallClass {
    fn span_ms(self) -> i64 {
        match self {
            Self::PrivateReply => 3_600_000,
            Self::LiveReply | Self::Text | Self::Media | Self::Conversation => 1_000,
            Self::Other => 24 * 3_600_000,
        }
    }

    /// Calls this close together share one entry, which bounds the memory of long windows.
    fn grain_ms(self) -> i64 {
        match self {
            Self::PrivateReply
            | Self::LiveReply
            | Self::Text
            | Self::Media
            | Self::Conversation => 1,
            Self::Other => 60_000,
        }
    }

    fn calls_max(self, limits: &Limits) -> usize {
        match self {
            Self::PrivateReply => limits.private_replies_per_hour,
            Self::LiveReply => limits.live_replies_per_second,
            Self::Text => limits.texts_per_second,
            Self::Media => limits.media_per_second,
            Self::Conversation => limits.conversation_reads_per_second,
            Self::Other => limits.calls_per_day,
        }
    }
}

#[derive(Debug, Default)]
struct Window {
    entries: VecDeque<(i64, usize)>,
    calls: usize,
}

impl Window {
    fn forget(&mut self, now_ms: i64, span_ms: i64) {
        while let Some((at_ms, calls)) = self.entries.front().copied() {
            if at_ms > now_ms.saturating_sub(span_ms) {
                break;
            }
            self.calls = self.calls.saturating_sub(calls);
            self.entries.pop_front();
        }
    }

    fn count(&mut self, now_ms: i64, grain_ms: i64) {
        let at_ms = now_ms.div_euclid(grain_ms).saturating_mul(grain_ms);
        match self.entries.back_mut() {
            Some((last_ms, calls)) if *last_ms == at_ms => *calls += 1,
            Some(_) | None => self.entries.push_back((at_ms, 1)),
        }
        self.calls += 1;
    }
}

/// How much of a limit is used, and when there is room again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fill {
    pub(crate) percent: i64,
    pub(crate) wait_ms: i64,
}

/// All windows of all accounts.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    windows: BTreeMap<(String, CallClass), Window>,
}

impl Usage {
    /// Counts a call, or says how full the window is when there is no room.
    pub(crate) fn take(
        &mut self,
        now_ms: i64,
        account: &str,
        class: CallClass,
        limits: &Limits,
    ) -> Result<(), Fill> {
        let calls_max = class.calls_max(limits);
        let window = self.windows.entry((account.to_owned(), class)).or_default();
        window.forget(now_ms, class.span_ms());
        let has_room = window.calls < calls_max;
        if has_room || limits.refused_calls_count {
            window.count(now_ms, class.grain_ms());
        }
        // Refused calls that count must not let the window grow for ever.
        if window.calls > calls_max.saturating_mul(2).max(16)
            && let Some((_, calls)) = window.entries.pop_front()
        {
            window.calls = window.calls.saturating_sub(calls);
        }
        if has_room {
            Ok(())
        } else {
            Err(self.fill(now_ms, account, class, limits))
        }
    }

    /// How full a window is.
    pub(crate) fn fill(
        &self,
        now_ms: i64,
        account: &str,
        class: CallClass,
        limits: &Limits,
    ) -> Fill {
        let key = (account.to_owned(), class);
        let calls_max = class.calls_max(limits).max(1);
        let Some(window) = self.windows.get(&key) else {
            return Fill {
                percent: 0,
                wait_ms: 0,
            };
        };
        let since_ms = now_ms.saturating_sub(class.span_ms());
        // Entries are in order of time, so only the outdated front has to be looked at.
        let is_outdated = |at_ms: i64| at_ms <= since_ms;
        let outdated = window
            .entries
            .iter()
            .take_while(|(at_ms, _)| is_outdated(*at_ms));
        let calls = outdated.fold(window.calls, |calls, (_, gone)| calls.saturating_sub(*gone));
        let percent = i64::try_from(calls.saturating_mul(100) / calls_max).unwrap_or(100);
        let oldest = window
            .entries
            .iter()
            .find(|(at_ms, _)| !is_outdated(*at_ms));
        let oldest = oldest.map_or(now_ms, |(at_ms, _)| *at_ms);
        let wait_ms = if percent >= 100 {
            oldest
                .saturating_add(class.span_ms())
                .saturating_sub(now_ms)
        } else {
            0
        };
        Fill {
            percent: percent.min(100),
            wait_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_never_holds_more_than_its_limit_in_any_hour() {
        let limits = Limits {
            private_replies_per_hour: 3,
            ..Limits::default()
        };
        let mut usage = Usage::default();
        let mut take = |at_ms| {
            usage
                .take(at_ms, "a", CallClass::PrivateReply, &limits)
                .is_ok()
        };
        assert!(take(0));
        assert!(take(1_000));
        assert!(take(2_000));
        assert!(!take(3_599_999));
        assert!(take(3_600_000));
        assert!(!take(3_600_001));
        assert!(take(3_601_000));
    }

    #[test]
    fn the_wait_ends_when_the_oldest_call_leaves_the_window() {
        let limits = Limits {
            private_replies_per_hour: 1,
            ..Limits::default()
        };
        let mut usage = Usage::default();
        assert!(
            usage
                .take(1_000, "a", CallClass::PrivateReply, &limits)
                .is_ok()
        );
        let fill = usage
            .take(61_000, "a", CallClass::PrivateReply, &limits)
            .unwrap_err();
        assert_eq!(
            fill,
            Fill {
                percent: 100,
                wait_ms: 3_540_000
            }
        );
        assert!(
            usage
                .take(61_000, "b", CallClass::PrivateReply, &limits)
                .is_ok()
        );
    }
}
