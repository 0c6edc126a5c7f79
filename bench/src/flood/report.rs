//! What a flood is summed up to.

use std::fmt;

use crate::latency::Quantiles;

/// How fast the flooded account sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Attempts begun.
    pub sent: u32,
    /// Attempts its budget allowed from the first one on.
    pub allowed: u32,
    /// Attempts in the fullest second.
    pub most_in_a_second: u32,
    /// Attempts in the fullest hour.
    pub most_in_an_hour: u32,
    /// Comments read from Meta for them.
    pub reads: u32,
}

/// What Hookline says about the flooded lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// How many wait.
    pub waiting: u32,
    /// Hours from the first attempt to the forecast last one.
    pub hours: f64,
    /// The same, worked out by hand.
    pub hours_expected: f64,
    /// How many will miss their deadline.
    pub will_miss: u32,
    /// The same, worked out by hand.
    pub will_miss_expected: u32,
    /// How long the answer took, at most, in milliseconds.
    pub answer_ms_max: f64,
    /// What `hookline queue` prints about it.
    pub words: String,
}

/// Everything a flood showed.
#[derive(Debug, Clone, PartialEq)]
pub struct FloodReport {
    /// Comments written, those on quiet accounts included.
    pub comments: u32,
    /// Comments on the flooded account in a second.
    pub per_second: f64,
    /// Deliveries Meta made, echoes included.
    pub deliveries: u32,
    /// From the moment Meta begins a delivery to its answer, to a millisecond.
    pub ack_us: Quantiles,
    /// Comments Hookline has recorded, each counted once.
    pub recorded: u32,
    /// Quiet accounts that were served.
    pub quiet_served: u32,
    /// From the moment a quiet account's reply is due to its arrival at Meta.
    pub lateness_us: Quantiles,
    /// How fast the flooded account sent.
    pub pace: Pace,
    /// What is forecast for it.
    pub told: Told,
    /// The most memory Hookline had resident; none where the system does not tell.
    pub memory_peak_bytes: Option<u64>,
    /// Processor time Hookline spent in all, in seconds; none where the system does not tell.
    pub processor_seconds: Option<f64>,
    /// Every promise that was not kept, whatever the machine.
    pub problems: Vec<String>,
}

impl FloodReport {
    /// Peak memory in units of a million bytes.
    pub fn memory_megabytes(&self) -> Option<f64> {
        let kilobytes = u32::try_from(self.memory_peak_bytes? / 1000).ok()?;
        Some(f64::from(kilobytes) / 1000.0)
    }
}

impl fmt::Display for FloodReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pace, told) = (&self.pace, &self.told);
        let ms = |us: f64| us / 1000.0;
        writeln!(
            f,
            "comments     {} written, {:.0}/s on one account; {} recorded",
            self.comments, self.per_second, self.recorded
        )?;
        writeln!(
            f,
            "deliveries   {}, answered in p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms",
            self.deliveries,
            ms(self.ack_us.p50),
            ms(self.ack_us.p99),
            ms(self.ack_us.max)
        )?;
        writeln!(
            f,
            "quiet        {} served, late by p50 {:.0} ms, p90 {:.0} ms, p99 {:.0} ms, max {:.0} ms",
            self.quiet_served,
            ms(self.lateness_us.p50),
            ms(self.lateness_us.p90),
            ms(self.lateness_us.p99),
            ms(self.lateness_us.max)
        )?;
        writeln!(
            f,
            "flooded      {} sent of {} the budget allowed; at most {} in a second and {} in an \
             hour; {} comments read",
            pace.sent, pace.allowed, pace.most_in_a_second, pace.most_in_an_hour, pace.reads
        )?;
        writeln!(
            f,
            "forecast     {} wait; the last goes {:.2} h after the first (by hand {:.2}); {} will \
             miss (by hand {}); answered in at most {:.0} ms",
            told.waiting,
            told.hours,
            told.hours_expected,
            told.will_miss,
            told.will_miss_expected,
            told.answer_ms_max
        )?;
        writeln!(f, "             {}", told.words)?;
        if let (Some(memory), Some(seconds)) = (self.memory_megabytes(), self.processor_seconds) {
            writeln!(
                f,
                "hookline     {memory:.0} MB at most, {seconds:.1} s of processor time"
            )?;
        }
        for problem in &self.problems {
            writeln!(f, "NOT KEPT     {problem}")?;
        }
        Ok(())
    }
}
