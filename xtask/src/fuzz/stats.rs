//! Reads what libFuzzer says of a run.

use std::fmt;
use std::path::PathBuf;

/// The figures of one run; those it did not tell are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stats {
    /// Inputs tried.
    executions: u64,
    /// Edges reached by what the run began with.
    coverage_at_start: u64,
    /// Edges reached at its end.
    coverage: u64,
    /// Inputs found that reach something new.
    found: u64,
    /// Most memory used.
    memory_mb: u64,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let new = self.coverage.saturating_sub(self.coverage_at_start);
        write!(
            f,
            "{:>11} executions, {:>6} edges ({new} new), {:>5} inputs found, {:>4} MB",
            self.executions, self.coverage, self.found, self.memory_mb
        )
    }
}

/// The figures in a log.
pub(super) fn read(log: &str) -> Stats {
    let mut stats = Stats::default();
    for line in log.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["stat::number_of_executed_units:", number, ..] => {
                stats.executions = count(number, stats.executions);
            }
            ["stat::new_units_added:", number, ..] => stats.found = count(number, stats.found),
            ["stat::peak_rss_mb:", number, ..] => stats.memory_mb = count(number, stats.memory_mb),
            [place, event, "cov:", coverage, ..] if place.starts_with('#') => {
                // A run that is cut short has no final figures; then the last of these counts.
                stats.executions = count(place.trim_start_matches('#'), stats.executions);
                stats.coverage = count(coverage, stats.coverage);
                if *event == "INITED" {
                    stats.coverage_at_start = stats.coverage;
                }
            }
            _ => {}
        }
    }
    stats
}

/// The number, or what was known before if it is none.
fn count(text: &str, before: u64) -> u64 {
    text.parse().unwrap_or(before)
}

/// The file with the input that ended the run.
pub(super) fn reproducer(log: &str) -> Option<PathBuf> {
    log.lines()
        .find_map(|line| line.split_once("Test unit written to "))
        .map(|(_, path)| PathBuf::from(path.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "INFO: Running with entropic power schedule (0xFF, 100).
#2\tINITED cov: 210 ft: 211 corp: 1/1b exec/s: 0 rss: 27Mb
#4096\tpulse  cov: 312 ft: 600 corp: 40/1Kb lim: 43 exec/s: 2048 rss: 30Mb
#5000\tDONE   cov: 330 ft: 640 corp: 41/1Kb lim: 43 exec/s: 2500 rss: 31Mb
Done 5000 runs in 2 second(s)
stat::number_of_executed_units: 5001
stat::average_exec_per_sec:     2500
stat::new_units_added:          40
stat::slowest_unit_time_sec:    0
stat::peak_rss_mb:              31
";

    #[test]
    fn figures_are_read_from_the_log() {
        let stats = Stats {
            executions: 5001,
            coverage_at_start: 210,
            coverage: 330,
            found: 40,
            memory_mb: 31,
        };
        assert_eq!(read(LOG), stats);
        assert!(stats.to_string().contains("330 edges (120 new)"));
        assert_eq!(read("no such program"), Stats::default());
    }

    #[test]
    fn the_input_of_a_crash_is_named() {
        let log = "SUMMARY: libFuzzer: deadly signal\n\
            artifact_prefix='a/'; Test unit written to a/crash-17\nstat::peak_rss_mb: 1\n";
        assert_eq!(reproducer(log), Some(PathBuf::from("a/crash-17")));
        assert_eq!(reproducer(LOG), None);
    }
}
