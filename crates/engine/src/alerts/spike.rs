//! Tells a spike from single mishaps: so many within a short time, and over after a quiet while.

use std::collections::VecDeque;
use std::time::Duration;

use hookline_model::clock::Timestamp;

/// Readings remembered at most; one is taken every second, and none is needed after
/// [`Spike::within`].
const READINGS_MAX: usize = 1024;

/// A counter that only grows, watched for spikes.
#[derive(Debug)]
pub(super) struct Spike {
    /// How many make a spike.
    threshold: u64,
    /// In which time.
    within: Duration,
    /// How long it has to be quiet.
    quiet: Duration,
    readings: VecDeque<(Timestamp, u64)>,
    /// When it was a spike last. A process that begins does not know: it waits as if there had
    /// been one, so that an alert of its earlier life is not resolved too soon.
    last_at: Option<Timestamp>,
}

/// What a reading says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// A spike: so many within the time.
    Spike(u64),
    /// Not now, but not quiet for long enough either.
    Unsettled,
    /// Quiet.
    Quiet,
}

impl Spike {
    pub(super) fn new(threshold: u64, within: Duration, quiet: Duration) -> Self {
        Self {
            threshold,
            within,
            quiet,
            readings: VecDeque::new(),
            last_at: None,
        }
    }

    /// The counter stands at `count` now.
    pub(super) fn read(&mut self, count: u64, now: Timestamp) -> Reading {
        self.readings.push_back((now, count));
        // The newest reading that is old enough stays: what came since is counted from there.
        while self
            .readings
            .get(1)
            .is_some_and(|(at, _)| now.since(*at) >= self.within)
            || self.readings.len() > READINGS_MAX
        {
            self.readings.pop_front();
        }
        let before = self.readings.front().map_or(count, |(_, count)| *count);
        let came = count.saturating_sub(before);
        if came >= self.threshold {
            self.last_at = Some(now);
            return Reading::Spike(came);
        }
        let last_at = *self.last_at.get_or_insert(now);
        if now.since(last_at) >= self.quiet {
            Reading::Quiet
        } else {
            Reading::Unsettled
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + seconds * 1000)
    }

    fn spike() -> Spike {
        Spike::new(10, Duration::from_mins(5), Duration::from_mins(15))
    }

    #[test]
    fn so_many_within_the_time_are_a_spike_and_one_now_and_then_is_none() {
        let mut spike = spike();
        for minute in 0..60 {
            let count = u64::try_from(minute).unwrap();
            let reading = spike.read(count, at(minute * 60));
            assert!(!matches!(reading, Reading::Spike(_)), "minute {minute}");
        }
        assert_eq!(spike.read(80, at(3600)), Reading::Spike(25));
    }

    #[test]
    fn it_is_over_after_a_quiet_while_and_can_come_again() {
        let mut spike = spike();
        spike.read(0, at(0));
        assert_eq!(spike.read(10, at(1)), Reading::Spike(10));
        for second in 2..=300 {
            spike.read(10, at(second));
        }
        assert_eq!(spike.read(10, at(302)), Reading::Unsettled);
        assert_eq!(spike.read(10, at(299 + 900)), Reading::Unsettled);
        assert_eq!(spike.read(10, at(301 + 900)), Reading::Quiet);
        assert_eq!(spike.read(30, at(302 + 900)), Reading::Spike(20));
    }

    #[test]
    fn a_process_that_begins_waits_before_it_says_quiet() {
        let mut spike = spike();
        assert_eq!(spike.read(0, at(0)), Reading::Unsettled);
        assert_eq!(spike.read(0, at(899)), Reading::Unsettled);
        assert_eq!(spike.read(0, at(900)), Reading::Quiet);
    }
}
