//! Rate arithmetic: how soon a lane may send again.
//!
//! Two rules at once. *Evenly spaced after a burst*: a token bucket kept as one number, the
//! theoretical arrival time. *Never more than the budget in any rolling window*: the attempt that
//! is `limit` places back must have left the window. Together they let an account use its whole
//! budget in every hour, and never more than it in any hour (design section 6, "Budgets").

use std::time::Duration;

use crate::clock::Timestamp;

/// So many in any window of this length, so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    limit: u32,
    window: Duration,
    burst: u32,
}

/// What a lane remembers of its pacing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// When the bucket would be empty of debts: the theoretical arrival time.
    pub arrival: Timestamp,
    /// When the attempt `limit` places back was started; none while fewer were made.
    pub limit_back: Option<Timestamp>,
}

impl Budget {
    /// A budget of `limit` in any rolling `window`, at most `burst` at once. Zeroes are read as
    /// one: a lane that may never send is paused, not budgeted.
    pub fn new(limit: u32, window: Duration, burst: u32) -> Self {
        let limit = limit.max(1);
        Self {
            limit,
            window,
            burst: burst.clamp(1, limit),
        }
    }

    /// The budget's limit: how many attempts back [`Pace::limit_back`] looks.
    pub fn limit(self) -> u32 {
        self.limit
    }

    /// The rolling window of the limit.
    pub fn window(self) -> Duration {
        self.window
    }

    /// The even distance between sends once the burst is used up.
    pub fn spacing(self) -> Duration {
        self.window / self.limit
    }

    /// The first moment at which one more attempt may start.
    pub fn next_at(self, pace: Pace) -> Timestamp {
        let bucket = pace.arrival.minus(self.spacing() * (self.burst - 1));
        let window = pace
            .limit_back
            .map_or(Timestamp::EPOCH, |at| at.plus(self.window));
        bucket.max(window)
    }

    /// The arrival time after an attempt started at `now`.
    pub fn spend(self, arrival: Timestamp, now: Timestamp) -> Timestamp {
        // Rounded up to a millisecond, so that rounding can never let one too many through.
        let spacing = self.spacing();
        let spacing = if spacing.subsec_nanos().is_multiple_of(1_000_000) {
            spacing
        } else {
            Duration::from_millis(u64::try_from(spacing.as_millis()).unwrap_or(u64::MAX) + 1)
        };
        arrival.max(now).plus(spacing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_hours(1);

    /// Sends as fast as the budget allows from `start` for `span` and returns the times.
    fn flood(budget: Budget, start: Timestamp, span: Duration) -> Vec<Timestamp> {
        let mut sent: Vec<Timestamp> = Vec::new();
        let mut arrival = Timestamp::EPOCH;
        let mut now = start;
        while now.since(start) < span {
            let back = sent
                .len()
                .checked_sub(usize::try_from(budget.limit()).unwrap());
            let pace = Pace {
                arrival,
                limit_back: back.map(|index| sent[index]),
            };
            let next = budget.next_at(pace);
            if next > now {
                now = next;
                continue;
            }
            arrival = budget.spend(arrival, now);
            sent.push(now);
        }
        sent
    }

    fn most_in_any_window(sent: &[Timestamp], window: Duration) -> usize {
        (0..sent.len())
            .map(|first| {
                sent[first..]
                    .iter()
                    .take_while(|at| at.since(sent[first]) < window)
                    .count()
            })
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn a_flood_gets_a_burst_then_even_spacing_and_the_whole_budget() {
        let budget = Budget::new(750, HOUR, 25);
        let start = Timestamp::from_millis(1_790_000_000_000);
        let sent = flood(budget, start, HOUR * 3);
        assert_eq!(sent.iter().filter(|at| **at == start).count(), 25);
        assert_eq!(sent[25].since(start), Duration::from_millis(4800));
        assert_eq!(most_in_any_window(&sent, HOUR), 750);
        for hour in 0..3 {
            let from = start.plus(HOUR * hour);
            let used = sent
                .iter()
                .filter(|at| **at >= from && **at < from.plus(HOUR))
                .count();
            assert_eq!(used, 750, "hour {hour} did not use its whole budget");
        }
    }

    proptest! {
        #[test]
        fn no_rolling_window_ever_holds_more_than_the_budget(
            limit in 1_u32..60, burst in 0_u32..80, window in 1_u64..5_000,
        ) {
            let window = Duration::from_millis(window * 10);
            let budget = Budget::new(limit, window, burst);
            let sent = flood(budget, Timestamp::from_millis(1_790_000_000_000), window * 4);
            prop_assert!(most_in_any_window(&sent, window) <= usize::try_from(limit).unwrap());
        }
    }
}
