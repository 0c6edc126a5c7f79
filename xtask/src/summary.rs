//! Reads what the test runners say of themselves, so that the last line repeats it truly.

use std::fmt;
use std::ops::AddAssign;

/// Tests counted by a runner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// The last summary nextest printed: `Summary [ 0.2s] 5 tests run: 4 passed (1 slow), 1 failed, 0 skipped`.
pub(crate) fn of_nextest(output: &str) -> Option<Summary> {
    let plain = without_colours(output);
    let line = plain
        .lines()
        .rev()
        .find(|line| line.trim_start().starts_with("Summary ["))?;
    let (_, counts) = line.split_once("run: ")?;
    Some(count(counts.split(", ")))
}

/// The sum of the lines the standard harness printed, one for each binary:
/// `test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s`.
pub(crate) fn of_harness(output: &str) -> Option<Summary> {
    let plain = without_colours(output);
    let mut lines = plain
        .lines()
        .filter_map(|line| line.trim().strip_prefix("test result: "));
    let first = lines.next()?;
    let mut sum = Summary::default();
    for line in std::iter::once(first).chain(lines) {
        let (_, counts) = line.split_once(". ").unwrap_or_default();
        sum += count(counts.split("; "));
    }
    Some(sum)
}

/// Adds up parts like `4 passed (1 slow)`; what is not a count is passed over.
fn count<'a>(parts: impl Iterator<Item = &'a str>) -> Summary {
    let mut sum = Summary::default();
    for part in parts {
        let mut words = part.split_whitespace();
        let Some(number) = words.next().and_then(|word| word.parse::<u64>().ok()) else {
            continue;
        };
        match words.next() {
            Some("passed") => sum.passed += number,
            Some("skipped" | "ignored") => sum.skipped += number,
            // nextest names the ways to fail: `failed`, `timed out`, `exec failed`.
            Some("failed" | "timed" | "exec") => sum.failed += number,
            Some(_) | None => {}
        }
    }
    sum
}

/// The text without the terminal's colour sequences.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            let _ = rest.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(passed: u64, failed: u64, skipped: u64) -> Summary {
        Summary {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn nextest_summaries_are_read() {
        let cases = [
            (
                "     Summary [   0.034s] 12 tests run: 12 passed, 0 skipped",
                summary(12, 0, 0),
            ),
            (
                "     Summary [   1.000s] 1 test run: 1 passed, 3 skipped",
                summary(1, 0, 3),
            ),
            (
                "Summary [ 61.1s] 9 tests run: 5 passed (1 slow, 2 leaky), 2 failed, 1 timed out, 1 exec failed, 4 skipped",
                summary(5, 4, 4),
            ),
            (
                "Summary [ 0.2s] 3/5 tests run: 2 passed, 1 failed, 0 skipped",
                summary(2, 1, 0),
            ),
        ];
        for (line, expected) in cases {
            let output = format!("   Starting tests\n{line}\n        FAIL [ 0.1s] a b\n");
            assert_eq!(of_nextest(&output), Some(expected), "{line}");
        }
        let coloured = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.034s] \u{1b}[1m7\u{1b}[0m tests run: \
            \u{1b}[1m7\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m skipped";
        assert_eq!(of_nextest(coloured), Some(summary(7, 0, 0)));
    }

    #[test]
    fn a_run_that_never_began_has_no_summary() {
        assert_eq!(of_nextest("error: could not compile `x`\n"), None);
        assert_eq!(of_harness("error: could not compile `x`\n"), None);
    }

    #[test]
    fn harness_results_are_added_up() {
        let output = "test a ... ok\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s\n";
        assert_eq!(of_harness(output), Some(summary(4, 2, 1)));
    }

    #[test]
    fn the_closing_line_is_plain() {
        assert_eq!(
            summary(4, 2, 1).to_string(),
            "4 passed, 2 failed, 1 skipped"
        );
    }
}
