//! Counts beside their baseline.

use std::collections::BTreeSet;
use std::fmt;

use super::baseline::{Baseline, FILE};

/// How far a count may be from its baseline, in per cent. What two processors or two builds differ
/// in is far below this; what people notice is above it.
pub(super) const TOLERANCE_PERCENT: i64 = 5;

/// What was counted, beside what was expected.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) expected: Baseline,
    pub(super) counted: Baseline,
    /// Whether all steps there are were counted.
    pub(super) is_whole: bool,
}

/// What there is to say of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// As expected, within the tolerance.
    Within,
    /// More than that; the gate fails.
    Grown,
    /// Less; until it is accepted the gain can be lost again unnoticed.
    Fallen,
    /// The baseline does not know it.
    Unknown,
    /// The baseline knows it, but it was not counted.
    Gone,
}

impl Change {
    fn of(expected: Option<i64>, counted: Option<i64>) -> Self {
        let (expected, counted) = match (expected, counted) {
            (Some(expected), Some(counted)) => (i128::from(expected), i128::from(counted)),
            (Some(_), None) => return Self::Gone,
            (None, _) => return Self::Unknown,
        };
        let tolerance = expected * i128::from(TOLERANCE_PERCENT);
        let difference = (counted - expected) * 100;
        if difference > tolerance {
            Self::Grown
        } else if difference < -tolerance {
            Self::Fallen
        } else {
            Self::Within
        }
    }

    fn is_failure(self) -> bool {
        match self {
            Self::Within | Self::Fallen => false,
            Self::Grown | Self::Unknown | Self::Gone => true,
        }
    }

    fn remark(self) -> &'static str {
        match self {
            Self::Within => "",
            Self::Grown => "GREW",
            Self::Fallen => "fell: accept it, so that the gain is kept",
            Self::Unknown => "NOT IN THE BASELINE",
            Self::Gone => "NOT COUNTED, but in the baseline",
        }
    }
}

impl Comparison {
    /// Whether nothing has grown, and the baseline is of the steps there are.
    pub(super) fn holds(&self) -> bool {
        !self.changes().any(|(_, change)| change.is_failure())
    }

    /// The baseline that expects what was counted. Counts of other steps stay, unless there are
    /// none any more.
    pub(super) fn accept(&self) -> Baseline {
        let mut accepted = self.counted.clone();
        if !self.is_whole {
            for (step, count) in &self.expected.counts {
                accepted.counts.entry(step.clone()).or_insert(*count);
            }
        }
        accepted
    }

    /// What is another version here than it was for the baseline.
    pub(super) fn other_tools(&self) -> Vec<String> {
        let here = &self.counted.tools;
        here.iter()
            .filter_map(|(tool, version)| {
                let before = self.expected.tools.get(tool)?;
                (before != version).then(|| format!("{version} here, {before} in the baseline"))
            })
            .collect()
    }

    fn changes(&self) -> impl Iterator<Item = (&String, Change)> {
        let (expected, counted) = (&self.expected.counts, &self.counted.counts);
        let steps: BTreeSet<&String> = if self.is_whole {
            expected.keys().chain(counted.keys()).collect()
        } else {
            counted.keys().collect()
        };
        steps.into_iter().map(|step| {
            let change = Change::of(expected.get(step).copied(), counted.get(step).copied());
            (step, change)
        })
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<20} {:>14} {:>14} {:>10}",
            "instructions", "expected", "counted", "difference"
        )?;
        for (step, change) in self.changes() {
            let expected = self.expected.counts.get(step).copied();
            let counted = self.counted.counts.get(step).copied();
            let difference = expected
                .zip(counted)
                .map(|(expected, counted)| percent(expected, counted));
            let line = format!(
                "{step:<20} {:>14} {:>14} {:>10}  {}",
                grouped(expected),
                grouped(counted),
                difference.unwrap_or_default(),
                change.remark()
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        for other in self.other_tools() {
            writeln!(f, "other tools than the baseline's: {other}")?;
        }
        if !self.holds() {
            writeln!(
                f,
                "a step may grow by {TOLERANCE_PERCENT} %. Where more is right, run \
                 `cargo xtask instructions --accept`, commit {FILE} with the change that made it, \
                 and say why"
            )?;
        }
        Ok(())
    }
}

/// The difference with its sign, in per cent with one digit behind the point.
fn percent(expected: i64, counted: i64) -> String {
    if expected == 0 {
        return String::new();
    }
    let (expected, counted) = (i128::from(expected), i128::from(counted));
    let tenths = (counted - expected) * 1000 / expected;
    let sign = if tenths < 0 { '-' } else { '+' };
    let tenths = tenths.abs();
    format!("{sign}{}.{} %", tenths / 10, tenths % 10)
}

/// The number with a comma after each thousand.
fn grouped(number: Option<i64>) -> String {
    let Some(number) = number else {
        return "-".to_owned();
    };
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests;
