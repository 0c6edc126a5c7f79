//! Forecasts beside what a lane really does.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_hours(1);

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000).plus(Duration::from_millis(millis))
}

/// A lane that does what the engine does: it looks at what is due, takes the earliest deadline,
/// and asks the budget. It knows nothing of slots.
struct Lane {
    budget: Budget,
    arrival: Timestamp,
    attempts: Vec<Timestamp>,
    now: Timestamp,
}

impl Lane {
    fn new(budget: Budget, now: Timestamp) -> Self {
        Self {
            budget,
            arrival: Timestamp::EPOCH,
            attempts: Vec::new(),
            now,
        }
    }

    fn next_at(&self) -> Timestamp {
        let limit = usize::try_from(self.budget.limit()).unwrap();
        let back = self.attempts.len().checked_sub(limit);
        self.budget.next_at(Pace {
            arrival: self.arrival,
            limit_back: back.map(|place| self.attempts[place]),
        })
    }

    fn attempt(&mut self) {
        assert!(self.next_at() <= self.now);
        self.arrival = self.budget.spend(self.arrival, self.now);
        self.attempts.push(self.now);
    }

    /// Sends everything of `waiting` (due, deadline) from now on.
    fn work(&mut self, mut waiting: Vec<(Timestamp, Timestamp)>) -> Forecast {
        let begun = self.attempts.len();
        let mut will_miss = 0;
        while !waiting.is_empty() {
            let before = waiting.len();
            waiting.retain(|(_, deadline)| *deadline > self.now);
            will_miss += u32::try_from(before - waiting.len()).unwrap();
            let due = waiting.iter().filter(|(due, _)| *due <= self.now);
            let Some(next) = due.copied().min_by_key(|(_, deadline)| *deadline) else {
                let earliest = waiting.iter().map(|(due, _)| *due).min();
                self.now = earliest.unwrap_or(self.now);
                continue;
            };
            if self.next_at() > self.now {
                self.now = self.next_at();
                continue;
            }
            let place = waiting.iter().position(|send| *send == next).unwrap();
            waiting.swap_remove(place);
            self.attempt();
        }
        let sent = &self.attempts[begun..];
        Forecast {
            next_at: sent.first().copied(),
            last_at: sent.last().copied(),
            will_miss,
        }
    }

    fn slots(&self, from: Timestamp) -> Slots {
        let in_window = |at: &&Timestamp| at.plus(self.budget.window()) > from;
        let latest = self.attempts.iter().filter(in_window).copied().collect();
        Slots::new(self.budget, self.arrival, latest, from)
    }
}

/// A lane with a past: attempts at some of the moments at which it might have made them.
fn lane_with_past(budget: Budget, past: &[u64]) -> Lane {
    let mut lane = Lane::new(budget, at(0));
    for wait in past {
        lane.now = lane
            .now
            .plus(Duration::from_millis(*wait))
            .max(lane.next_at());
        lane.attempt();
    }
    lane
}

fn forecast(slots: Slots, deadlines: &[Timestamp]) -> Forecast {
    let mut forecaster = Forecaster::new(slots, 0);
    for deadline in deadlines {
        forecaster.take(*deadline);
    }
    forecaster.finish(Timestamp::EPOCH)
}

/// The same, told as the store tells it: at once what cannot miss, then one by one.
fn forecast_in_bulk(slots: Slots, deadlines: &[Timestamp]) -> Forecast {
    let mut forecaster = Forecaster::new(slots, 0);
    let (Some(first), Some(last)) = (deadlines.first(), deadlines.last()) else {
        return forecaster.finish(Timestamp::EPOCH);
    };
    let count = u32::try_from(deadlines.len()).unwrap();
    let sure = forecaster.take_while_before(*first, count);
    let rest = &deadlines[usize::try_from(sure).unwrap()..];
    for (place, deadline) in rest.iter().enumerate() {
        if forecaster.is_too_late_for(*last) {
            forecaster.miss(u32::try_from(rest.len() - place).unwrap());
            break;
        }
        forecaster.take(*deadline);
    }
    forecaster.finish(Timestamp::EPOCH)
}

#[test]
fn sixty_thousand_comments_take_eighty_hours_and_none_is_too_late() {
    let budget = Budget::new(750, HOUR, 25);
    let slots = Slots::new(budget, Timestamp::EPOCH, Vec::new(), at(0));
    let week = at(0).plus(HOUR * 24 * 7);
    let mut forecaster = Forecaster::new(slots.clone(), 0);
    assert_eq!(forecaster.take_while_before(week, 60_000), 60_000);
    let told = forecaster.finish(at(0));
    assert_eq!(told.next_at, Some(at(0)));
    assert_eq!(
        told.last_at.unwrap().since(at(0)),
        HOUR * 79 + Duration::from_mins(58)
    );
    assert_eq!(told.will_miss, 0);

    // A week has 168 hours of 750, and the burst of the hour after it comes too late.
    let mut forecaster = Forecaster::new(slots, 0);
    assert_eq!(forecaster.take_while_before(week, 150_000), 168 * 750);
}

#[test]
fn who_is_on_its_way_goes_first() {
    let budget = Budget::new(60, HOUR, 1);
    let slots = Slots::new(budget, Timestamp::EPOCH, Vec::new(), at(0));
    let mut forecaster = Forecaster::new(slots, 2);
    forecaster.take(at(10_000_000));
    assert_eq!(forecaster.finish(at(0)).next_at, Some(at(120_000)));
}

#[test]
fn a_deadline_is_missed_from_its_very_millisecond_on() {
    let budget = Budget::new(1, HOUR, 1);
    let slots = || Slots::new(budget, Timestamp::EPOCH, Vec::new(), at(5));
    assert_eq!(forecast(slots(), &[at(5)]).will_miss, 1);
    assert_eq!(forecast(slots(), &[at(6)]).will_miss, 0);
    assert_eq!(forecast(slots(), &[at(5)]).next_at, None);
}

prop_compose! {
    fn budgets()(limit in 1_u32..40, burst in 0_u32..50, window in 1_u64..3_000) -> Budget {
        Budget::new(limit, Duration::from_millis(window * 10), burst)
    }
}

proptest! {
    #[test]
    fn a_forecast_is_what_the_lane_does(
        budget in budgets(),
        past in prop::collection::vec(0_u64..4_000, 0..90),
        pause in 0_u64..40_000,
        mut deadlines in prop::collection::vec(1_u64..150_000, 0..120),
    ) {
        let mut lane = lane_with_past(budget, &past);
        let from = lane.now.plus(Duration::from_millis(pause));
        deadlines.sort_unstable();
        let deadlines: Vec<Timestamp> = deadlines
            .into_iter()
            .map(|millis| lane.now.plus(Duration::from_millis(millis)))
            .collect();
        let told = forecast(lane.slots(from), &deadlines);
        prop_assert_eq!(told, forecast_in_bulk(lane.slots(from), &deadlines));
        lane.now = from;
        let done = lane.work(deadlines.iter().map(|deadline| (from, *deadline)).collect());
        prop_assert_eq!(told, done);
    }

    #[test]
    fn due_times_make_it_too_early_by_no_more_than_they_lie_apart(
        budget in budgets(),
        past in prop::collection::vec(0_u64..4_000, 0..90),
        dues in prop::collection::vec(0_u64..20_000, 1..120),
    ) {
        let mut lane = lane_with_past(budget, &past);
        let dues: Vec<Timestamp> = dues
            .into_iter()
            .map(|millis| lane.now.plus(Duration::from_millis(millis)))
            .collect();
        let (first, last) = (*dues.iter().min().unwrap(), *dues.iter().max().unwrap());
        let mut forecaster = Forecaster::new(lane.slots(first), 0);
        for _ in &dues {
            forecaster.take(Timestamp::FAR_FUTURE);
        }
        let told = forecaster.finish(last);
        let done = lane.work(dues.iter().map(|due| (*due, Timestamp::FAR_FUTURE)).collect());
        prop_assert_eq!(told.next_at, done.next_at);
        prop_assert!(told.last_at <= done.last_at, "{told:?} {done:?}");
        let too_early = done.last_at.unwrap().since(told.last_at.unwrap());
        prop_assert!(too_early <= last.since(first), "{told:?} {done:?}");
    }
}
