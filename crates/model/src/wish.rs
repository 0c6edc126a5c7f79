//! A contact's wish to be left alone, or to be served again (promise 6).

use crate::clock::Timestamp;
use crate::limits::CLOCKS_APART_MAX;

/// What a contact asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptChange {
    /// No more automation for this contact on this account.
    Out,
    /// Automation again.
    In,
}

/// A wish, and when the contact made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// What they ask for.
    pub change: OptChange,
    /// When they said so, by Meta's clock.
    pub at: Timestamp,
}

impl Wish {
    /// The wish of an event that happened at `occurred_at` and was received at `received_at`.
    ///
    /// The event's own time counts, because Meta delivers late and out of order (contract 2.7). A
    /// time from further in the future than clocks differ would silence every later wish, so then
    /// the receipt counts.
    pub fn of(change: OptChange, occurred_at: Option<Timestamp>, received_at: Timestamp) -> Self {
        let latest = received_at.plus(CLOCKS_APART_MAX);
        let at = occurred_at.filter(|at| *at <= latest);
        Self {
            change,
            at: at.unwrap_or(received_at),
        }
    }

    /// Whether it holds against a wish made at `last`: the newer one does, and of two at the same
    /// moment the one to stop, in whatever order they are heard.
    pub fn holds_against(self, last: Option<Timestamp>) -> bool {
        last.is_none_or(|last| match self.change {
            OptChange::Out => self.at >= last,
            OptChange::In => self.at > last,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + seconds * 1000)
    }

    #[test]
    fn the_own_time_of_an_event_counts_unless_it_cannot_be() {
        let hour = CLOCKS_APART_MAX;
        for (occurred_at, expected) in [
            (None, at(0)),
            (Some(at(-86_400)), at(-86_400)),
            (Some(at(5)), at(5)),
            (Some(at(0).plus(hour)), at(0).plus(hour)),
            (Some(at(0).plus(hour).plus(Duration::from_millis(1))), at(0)),
        ] {
            let wish = Wish::of(OptChange::Out, occurred_at, at(0));
            assert_eq!(wish.at, expected, "{occurred_at:?}");
        }
    }

    #[test]
    fn the_newer_wish_holds_and_among_equals_the_one_to_stop() {
        let wish = |change| Wish { change, at: at(10) };
        for (change, last, expected) in [
            (OptChange::Out, None, true),
            (OptChange::In, None, true),
            (OptChange::Out, Some(at(9)), true),
            (OptChange::In, Some(at(9)), true),
            (OptChange::Out, Some(at(10)), true),
            (OptChange::In, Some(at(10)), false),
            (OptChange::Out, Some(at(11)), false),
            (OptChange::In, Some(at(11)), false),
        ] {
            assert_eq!(
                wish(change).holds_against(last),
                expected,
                "{change:?} {last:?}"
            );
        }
    }
}
