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

/// How much of its budget a lane may use: all of it, unless Meta asked for less. What was taken
/// away comes back evenly with time, half of the budget in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    permille: u32,
    since: Timestamp,
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self {
        permille: 1000,
        since: Timestamp::EPOCH,
    };

    /// What trouble never takes: a lane that is never tried never finds out that it may go again.
    const LEAST: u32 = 50;

    /// How long a lane takes to get back one thousandth.
    const REGROWTH: Duration = Duration::from_millis(7_200);

    /// `permille` thousandths as of `since`, as kept by the lane.
    pub fn new(permille: u32, since: Timestamp) -> Self {
        let permille = permille.clamp(Self::LEAST, 1000);
        Self { permille, since }
    }

    /// The share at `now`, in thousandths.
    pub fn at(self, now: Timestamp) -> u32 {
        let regrown = now.since(self.since).as_millis() / Self::REGROWTH.as_millis();
        let regrown = u32::try_from(regrown).unwrap_or(1000);
        self.permille.saturating_add(regrown).min(1000)
    }

    /// Half of what it is at `now`: what a throttle asks for.
    #[must_use]
    pub fn halved(self, now: Timestamp) -> Self {
        Self::new(self.at(now) / 2, now)
    }

    /// At most `permille` at `now`: what a limit that is nearly used up asks for.
    #[must_use]
    pub fn at_most(self, permille: u32, now: Timestamp) -> Self {
        if self.at(now) <= permille {
            self
        } else {
            Self::new(permille, now)
        }
    }

    /// The thousandths and the moment they are of, for keeping.
    pub fn parts(self) -> (u32, Timestamp) {
        (self.permille, self.since)
    }
}

impl Budget {
    /// The part of this budget that is left at a share of so many thousandths, never nothing.
    #[must_use]
    pub fn lowered(self, permille: u32) -> Self {
        let part = |number: u32| {
            let part = u64::from(number) * u64::from(permille.min(1000)) / 1000;
            u32::try_from(part).unwrap_or(number)
        };
        Self::new(part(self.limit), self.window, part(self.burst))
    }

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

    /// The even distance between sends once the burst is used up, in whole milliseconds. Rounding
    /// down lets nothing through that the rolling window does not allow.
    pub fn spacing(self) -> Duration {
        let millis = (self.window / self.limit).as_millis();
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// The first moment at which one more attempt may start.
    pub fn next_at(self, pace: Pace) -> Timestamp {
        let bucket = pace.arrival.minus(self.spacing() * (self.burst - 1));
        let window = pace
            .limit_back
            .map_or(Timestamp::EPOCH, |at| at.plus(self.window));
        bucket.max(window)
    }

    /// How many attempts may start at `now`, one after the other. `backs` are, in order, the
    /// attempts `limit` places before each of them, where there are such; at most as many may
    /// start as it has entries, and never more than the limit.
    pub fn room(self, mut arrival: Timestamp, backs: &[Option<Timestamp>], now: Timestamp) -> u32 {
        let mut room = 0;
        for limit_back in backs.iter().copied() {
            let pace = Pace {
                arrival,
                limit_back,
            };
            if room >= self.limit || self.next_at(pace) > now {
                break;
            }
            arrival = self.spend(arrival, now);
            room += 1;
        }
        room
    }

    /// The arrival time after an attempt started at `now`.
    pub fn spend(self, arrival: Timestamp, now: Timestamp) -> Timestamp {
        arrival.max(now).plus(self.spacing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn start() -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000)
    }

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
        let start = start();
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

    #[test]
    fn a_share_halves_at_once_and_grows_back_slowly() {
        let now = Timestamp::from_millis(1_790_000_000_000);
        assert_eq!(Share::WHOLE.at(now), 1000);
        let halved = Share::WHOLE.halved(now);
        assert_eq!(halved.at(now), 500);
        assert_eq!(halved.at(now.plus(HOUR / 2)), 750);
        assert_eq!(halved.at(now.plus(HOUR)), 1000);
        assert_eq!(halved.halved(now).halved(now).at(now), 125);
        let least = (0..20).fold(Share::WHOLE, |share, _| share.halved(now));
        assert_eq!(least.at(now), Share::LEAST);
        assert_eq!(halved.at_most(800, now), halved, "less is never made more");
        assert_eq!(halved.at_most(200, now).at(now), 200);
    }

    #[test]
    fn a_lowered_budget_is_a_part_and_never_nothing() {
        let budget = Budget::new(750, HOUR, 25);
        assert_eq!(budget.lowered(1000), budget);
        assert_eq!(budget.lowered(500), Budget::new(375, HOUR, 12));
        assert_eq!(budget.lowered(1), Budget::new(1, HOUR, 1));
        assert_eq!(budget.lowered(5000), budget);
    }

    /// Attempts as a lane makes them: each waits for its moment and then a little longer. From
    /// the place `changed_at` on, the budget is another.
    fn attempts(budgets: [Budget; 2], changed_at: usize, waits: &[u64]) -> Vec<Timestamp> {
        let mut sent: Vec<Timestamp> = Vec::new();
        let mut arrival = Timestamp::EPOCH;
        let mut now = start();
        for (place, wait) in waits.iter().enumerate() {
            let budget = budgets[usize::from(place >= changed_at)];
            let back = place.checked_sub(usize::try_from(budget.limit()).unwrap());
            let pace = Pace {
                arrival,
                limit_back: back.map(|index| sent[index]),
            };
            now = now
                .max(budget.next_at(pace))
                .plus(Duration::from_millis(*wait));
            arrival = budget.spend(arrival, now);
            sent.push(now);
        }
        sent
    }

    /// Mostly at once, at times after a pause.
    fn waits() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec(
            prop_oneof![4 => Just(0), 1 => 0_u64..50, 1 => 0_u64..60_000],
            1..200,
        )
    }

    fn any_budget() -> impl Strategy<Value = Budget> {
        (1_u32..60, 0_u32..80, 1_u64..5_000).prop_map(|(limit, burst, window)| {
            Budget::new(limit, Duration::from_millis(window * 10), burst)
        })
    }

    #[test]
    fn room_is_what_may_start_now_one_after_the_other() {
        let budget = Budget::new(10, HOUR, 3);
        let now = Timestamp::from_millis(1_790_000_000_000);
        let first = budget.room(Timestamp::EPOCH, &[None; 8], now);
        assert_eq!(first, 3, "the burst");
        let spent = (0..3).fold(Timestamp::EPOCH, |arrival, _| budget.spend(arrival, now));
        assert_eq!(budget.room(spent, &[None; 8], now), 0);
        let later = now.plus(budget.spacing());
        assert_eq!(budget.room(spent, &[None; 8], later), 1);
        assert_eq!(budget.room(spent, &[Some(now); 8], later), 0, "the window");
        let small = Budget::new(2, HOUR, 2);
        assert_eq!(
            small.room(Timestamp::EPOCH, &[None; 8], now),
            2,
            "the limit"
        );
    }

    proptest! {
        #[test]
        fn no_rolling_window_ever_holds_more_than_the_budget(
            budget in any_budget(), waits in waits(),
        ) {
            let limit = usize::try_from(budget.limit()).unwrap();
            let flooded = flood(budget, start(), budget.window() * 4);
            prop_assert!(most_in_any_window(&flooded, budget.window()) <= limit);
            let sent = attempts([budget, budget], 0, &waits);
            prop_assert!(most_in_any_window(&sent, budget.window()) <= limit);
        }

        #[test]
        fn no_more_than_the_burst_goes_out_beyond_even_spacing(
            budget in any_budget(), waits in waits(), span in 1_u64..20_000,
        ) {
            // Spacing is in whole milliseconds; below one, only the window counts.
            prop_assume!(!budget.spacing().is_zero());
            let span = Duration::from_millis(span);
            let even = span.as_nanos().div_ceil(budget.spacing().as_nanos());
            let most = u128::from(budget.burst) + even;
            let flooded = flood(budget, start(), budget.window() * 4);
            for sent in [flooded, attempts([budget, budget], 0, &waits)] {
                let found = most_in_any_window(&sent, span);
                prop_assert!(u128::try_from(found).unwrap() <= most, "{} of {}", found, most);
            }
        }

        #[test]
        fn a_flood_uses_the_whole_budget_of_every_window(budget in any_budget()) {
            let window = budget.window();
            let sent = flood(budget, start(), window * 4);
            let usable = usize::try_from(budget.limit()).unwrap();
            for number in 0..3 {
                let from = start().plus(window * number);
                let until = from.plus(window);
                let used = sent.iter().filter(|at| **at >= from && **at < until).count();
                prop_assert!(used >= usable, "{} of {}", used, usable);
            }
        }

        #[test]
        fn a_changed_budget_holds_from_its_change_on(
            before in any_budget(), after in any_budget(), changed_at in 0_usize..100, waits in waits(),
        ) {
            let sent = attempts([before, after], changed_at, &waits);
            // What went out before counts too: a lowered budget may be spent already.
            for (place, at) in sent.iter().enumerate().skip(changed_at) {
                let limit = usize::try_from(after.limit()).unwrap();
                if let Some(back) = place.checked_sub(limit) {
                    prop_assert!(at.since(sent[back]) >= after.window());
                }
            }
        }

        #[test]
        fn nobody_waits_longer_than_a_window(
            before in any_budget(), after in any_budget(), changed_at in 0_usize..100, waits in waits(),
        ) {
            let sent = attempts([before, after], changed_at, &[&waits[..], &[0]].concat());
            let longest = before.window().max(after.window()) + Duration::from_millis(2);
            for (pair, wait) in sent.windows(2).zip(waits[1..].iter().chain(&[0])) {
                let waited = pair[1].since(pair[0]).saturating_sub(Duration::from_millis(*wait));
                prop_assert!(waited <= longest, "{:?}", waited);
            }
        }
    }
}
