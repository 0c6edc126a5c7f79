//! What a run is summed up to.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Longest latency told apart, in nanoseconds; longer ones count as this.
const NANOSECONDS_MAX: u64 = 60_000_000_000;

/// Latencies to three digits.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    pub fn new() -> Result<Self, hdrhistogram::CreationError> {
        Histogram::new_with_bounds(1, NANOSECONDS_MAX, 3).map(Self)
    }

    /// Counts one.
    pub fn record(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(NANOSECONDS_MAX);
        self.0.saturating_record(nanoseconds);
    }

    /// Counts all of the other's too.
    pub fn add(&mut self, other: &Self) -> Result<(), hdrhistogram::AdditionError> {
        self.0.add(&other.0)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Their distribution.
    pub fn quantiles(&self) -> Quantiles {
        let at = |quantile| microseconds(self.0.value_at_quantile(quantile));
        Quantiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: microseconds(self.0.max()),
        }
    }
}

fn microseconds(nanoseconds: u64) -> f64 {
    Duration::from_nanos(nanoseconds).as_secs_f64() * 1e6
}

/// A distribution of latencies, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Half are at most this.
    pub p50: f64,
    /// Nine in ten are at most this.
    pub p90: f64,
    /// All but one in a hundred are at most this.
    pub p99: f64,
    /// All but one in a thousand are at most this.
    pub p99_9: f64,
    /// The longest.
    pub max: f64,
}

/// One run of the load generator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Deliveries per second that were asked for; `None` if as fast as answers came.
    pub rate: Option<u32>,
    /// Connections kept open.
    pub connections: usize,
    /// Threads that drove them.
    pub threads: usize,
    /// Deliveries answered in all, warming up included.
    pub posted: u64,
    /// Deliveries answered while measuring, with whatever status.
    pub answered: u64,
    /// Answers other than 200, warming up included, by status.
    pub not_ok: BTreeMap<u16, u64>,
    /// From the end of warming up to the last answer.
    pub seconds: f64,
    /// Answers per second.
    pub per_second: f64,
    /// From the moment a delivery was meant to be posted to its whole answer, in microseconds.
    pub latency_us: Quantiles,
    /// The share of its threads' time the generator itself worked, warming up included: near 1
    /// in a closed loop, the generator is what was measured. An open loop stays awake, so there
    /// it says nothing.
    pub busy: Option<f64>,
}

impl Report {
    /// The report as a small table for a person.
    pub fn table(&self) -> String {
        let pace = self
            .rate
            .map_or("as fast as answered".to_owned(), |rate| format!("{rate}/s"));
        let Quantiles {
            p50,
            p90,
            p99,
            p99_9,
            max,
        } = self.latency_us;
        let not_ok: u64 = self.not_ok.values().sum();
        format!(
            "pace         {pace}\n\
             connections  {} on {} threads\n\
             answered     {} in {:.2} s, {not_ok} not with 200\n\
             per second   {:.0}\n\
             generator    busy {:.0} % of the time\n\
             latency      p50 {p50:.0} us, p90 {p90:.0} us, p99 {p99:.0} us, p99.9 {p99_9:.0} us, max {max:.0} us",
            self.connections,
            self.threads,
            self.answered,
            self.seconds,
            self.per_second,
            self.busy.unwrap_or(f64::NAN) * 100.0,
        )
    }
}

/// The middle one, or of an even number the upper of the two in the middle; `None` of none.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// The smallest and the largest; `None` of none.
pub fn spread(values: &[f64]) -> Option<(f64, f64)> {
    let smallest = values.iter().copied().min_by(f64::total_cmp)?;
    let largest = values.iter().copied().max_by(f64::total_cmp)?;
    Some((smallest, largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() <= wanted * 0.002
    }

    #[test]
    fn quantiles_are_in_microseconds() {
        let mut latencies = Latencies::new().unwrap();
        for milliseconds in 1..=1000 {
            latencies.record(Duration::from_millis(milliseconds));
        }
        let quantiles = latencies.quantiles();
        assert_eq!(latencies.count(), 1000);
        assert!(is_near(quantiles.p50, 500_000.0), "{quantiles:?}");
        assert!(is_near(quantiles.p99, 990_000.0), "{quantiles:?}");
        assert!(is_near(quantiles.p99_9, 999_000.0), "{quantiles:?}");
        assert!(is_near(quantiles.max, 1_000_000.0), "{quantiles:?}");
    }

    #[test]
    fn what_is_longer_than_all_bounds_is_still_counted() {
        let mut latencies = Latencies::new().unwrap();
        latencies.record(Duration::from_mins(10));
        assert_eq!(latencies.count(), 1);
        assert!(is_near(latencies.quantiles().max, 60e6));
    }

    #[test]
    fn parts_add_up() {
        let mut all = Latencies::new().unwrap();
        let mut part = Latencies::new().unwrap();
        part.record(Duration::from_micros(5));
        all.add(&part).unwrap();
        all.add(&part).unwrap();
        assert_eq!(all.count(), 2);
    }

    #[test]
    fn medians_and_spreads_need_no_order() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some((1.0, 3.0)));
        assert_eq!(spread(&[]), None);
    }
}
