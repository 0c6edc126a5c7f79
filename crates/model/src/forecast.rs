//! Forecasts: when what waits in a lane goes out, and how much of it would miss its deadline.
//!
//! A forecast plays the lane's own rule ([`Budget`]) ahead: sends go in the order of their
//! deadlines, each as soon as the budget lets it; what has its deadline behind it by then ends
//! without using the budget. It takes for granted that nothing is added and that every call is
//! accepted at the first try. For sends that are all due it is exact. Where some are not due yet
//! it is too early by no more than their due times lie apart.

use std::collections::VecDeque;

use crate::budget::{Budget, Pace};
use crate::clock::Timestamp;

/// The moments at which a lane's next attempts may start if each starts as soon as it may. Never
/// ends. Keeps as many moments as the budget has attempts in a window, and no more.
#[derive(Debug, Clone)]
pub struct Slots {
    budget: Budget,
    arrival: Timestamp,
    /// The latest attempts, oldest first, at most the budget's limit.
    latest: VecDeque<Timestamp>,
    from: Timestamp,
}

impl Slots {
    /// The slots of a lane that may send from `from` on. `latest` are the starts of its latest
    /// attempts, oldest first; those that have left the window by `from` may be left out.
    pub fn new(
        budget: Budget,
        arrival: Timestamp,
        latest: Vec<Timestamp>,
        from: Timestamp,
    ) -> Self {
        let limit = usize::try_from(budget.limit()).unwrap_or(usize::MAX);
        let mut latest = VecDeque::from(latest);
        latest.drain(..latest.len().saturating_sub(limit));
        Self {
            budget,
            arrival,
            latest,
            from,
        }
    }
}

impl Iterator for Slots {
    type Item = Timestamp;

    fn next(&mut self) -> Option<Timestamp> {
        let limit = usize::try_from(self.budget.limit()).unwrap_or(usize::MAX);
        let limit_back = if self.latest.len() >= limit {
            self.latest.pop_front()
        } else {
            None
        };
        let pace = Pace {
            arrival: self.arrival,
            limit_back,
        };
        self.from = self.from.max(self.budget.next_at(pace));
        self.arrival = self.budget.spend(self.arrival, self.from);
        self.latest.push_back(self.from);
        Some(self.from)
    }
}

/// What becomes of the sends of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forecast {
    /// When the next one goes out; none if none does.
    pub next_at: Option<Timestamp>,
    /// When the last one goes out; none if none does.
    pub last_at: Option<Timestamp>,
    /// How many will have their deadline behind them when their turn comes.
    pub will_miss: u32,
}

/// Works out a [`Forecast`] from sends told in the order of their deadlines, one by one or many at
/// once; its memory does not grow with their number.
#[derive(Debug)]
pub struct Forecaster {
    slots: Slots,
    /// The slot of the next send that does not miss.
    slot: Timestamp,
    forecast: Forecast,
}

impl Forecaster {
    /// Sends get their turn at `slots`, after the `ahead` sends that are on their way already.
    pub fn new(mut slots: Slots, ahead: u32) -> Self {
        for _ in 0..ahead {
            slots.next();
        }
        let slot = slots.next().unwrap_or(Timestamp::FAR_FUTURE);
        Self {
            slots,
            slot,
            forecast: Forecast::default(),
        }
    }

    /// The next send, which must not start at `deadline` or later.
    pub fn take(&mut self, deadline: Timestamp) {
        if self.slot < deadline {
            self.go();
        } else {
            self.forecast.will_miss += 1;
        }
    }

    /// The next sends, at most `count`, as far as they go out before `deadline`, which none of
    /// theirs is earlier than. Says how many those are; the next of them is still to be told.
    pub fn take_while_before(&mut self, deadline: Timestamp, count: u32) -> u32 {
        let mut taken = 0;
        while taken < count && self.slot < deadline {
            self.go();
            taken += 1;
        }
        taken
    }

    /// Whether a send with this deadline would miss it now, and so would all with an earlier one.
    pub fn is_too_late_for(&self, deadline: Timestamp) -> bool {
        self.slot >= deadline
    }

    /// The next `count` sends, which all miss their deadline.
    pub fn miss(&mut self, count: u32) {
        self.forecast.will_miss += count;
    }

    /// The forecast for what was told, of which the last comes due at `last_due`.
    pub fn finish(self, last_due: Timestamp) -> Forecast {
        Forecast {
            last_at: self.forecast.last_at.map(|at| at.max(last_due)),
            ..self.forecast
        }
    }

    fn go(&mut self) {
        self.forecast.next_at = self.forecast.next_at.or(Some(self.slot));
        self.forecast.last_at = Some(self.slot);
        self.slot = self.slots.next().unwrap_or(Timestamp::FAR_FUTURE);
    }
}

#[cfg(test)]
mod tests;
