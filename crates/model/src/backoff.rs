//! When to try again.

use std::time::Duration;

/// Growing waits: the first, then doubled each time, up to a largest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    largest: Duration,
}

impl Backoff {
    /// For tries after an unknown private reply and for reads that failed: 5 s, 10 s, 20 s, …
    pub const TRIES: Self = Self {
        first: Duration::from_secs(5),
        largest: Duration::from_mins(5),
    };

    /// For throttled lanes when Meta gives no time: 1 min, 2 min, 4 min, … (design section 6,
    /// "Budgets").
    pub const THROTTLE: Self = Self {
        first: Duration::from_mins(1),
        largest: Duration::from_hours(1),
    };

    /// For people who could not be told of an alert: 5 s, 10 s, 20 s, … up to half an hour.
    pub const NOTICES: Self = Self {
        first: Duration::from_secs(5),
        largest: Duration::from_mins(30),
    };

    /// For upkeep that failed: 1 min, 2 min, 4 min, … 6 h.
    pub const UPKEEP: Self = Self {
        first: Duration::from_mins(1),
        largest: Duration::from_hours(6),
    };

    /// The wait after `failures` failures in a row; the first failure is 1.
    pub fn after(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        self.first.saturating_mul(1 << doublings).min(self.largest)
    }

    /// The same with up to a fifth added, so that what failed together does not come back
    /// together. `chance` is a random number; only its value modulo 1000 matters.
    pub fn after_with_jitter(self, failures: u32, chance: u64) -> Duration {
        let wait = self.after(failures);
        let permille = u32::try_from(chance % 1000).unwrap_or(0);
        wait + wait / 5 * permille / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_largest() {
        let seconds: Vec<u64> = (1..=9)
            .map(|failures| Backoff::TRIES.after(failures).as_secs())
            .collect();
        assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(Backoff::TRIES.after(u32::MAX).as_secs(), 300);
    }

    #[test]
    fn jitter_only_adds_and_at_most_a_fifth() {
        for chance in [0, 1, 999, u64::MAX] {
            let wait = Backoff::TRIES.after_with_jitter(1, chance);
            assert!(wait >= Duration::from_secs(5) && wait <= Duration::from_secs(6));
        }
    }
}
