//! The findings as a person reads them.

use std::fmt::Write as _;

use hookline_engine::doctor::{Finding, Subject, Verdict};
use serde::Serialize;

/// How many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(super) struct Counts {
    pub(super) ok: usize,
    pub(super) warn: usize,
    pub(super) fail: usize,
    pub(super) skipped: usize,
}

impl Counts {
    pub(super) fn of(findings: &[Finding]) -> Self {
        let count = |verdict| findings.iter().filter(|it| it.verdict == verdict).count();
        Self {
            ok: count(Verdict::Ok),
            warn: count(Verdict::Warn),
            fail: count(Verdict::Fail),
            skipped: count(Verdict::Skipped),
        }
    }
}

/// One line a finding under a heading for each subject, what to do under it, and the counts.
pub(super) fn of(findings: &[Finding]) -> String {
    let mut text = String::new();
    let mut heading: Option<&Subject> = None;
    // Writing to a String cannot fail.
    for finding in findings {
        if heading != Some(&finding.subject) {
            let gap = if heading.is_some() { "\n" } else { "" };
            let _ = writeln!(text, "{gap}{}", finding.subject);
            heading = Some(&finding.subject);
        }
        let word = match finding.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
            Verdict::Skipped => "skip",
        };
        let _ = writeln!(text, "  {word:<4}  {}", one_line(&finding.what));
        if let Some(next_step) = &finding.next_step {
            let _ = writeln!(text, "        {}", one_line(next_step));
        }
    }
    let counts = Counts::of(findings);
    let _ = writeln!(
        text,
        "\n{} ok, {} to look at, {} failed, {} skipped",
        counts.ok, counts.warn, counts.fail, counts.skipped
    );
    text
}

/// Names and addresses come from others: what would move the cursor or end the line is left out.
fn one_line(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use hookline_engine::doctor::Judgement;

    use super::*;

    #[test]
    fn findings_stand_under_their_subject_and_what_to_do_under_them() {
        let findings = [
            Judgement::ok("Well\u{1b}.\n").on("a", &Subject::Machine),
            Judgement::fail("Broken.", "Mend it.").on("b", &Subject::Machine),
            Judgement::skipped("Not known.").on("c", &Subject::App),
        ];
        let wanted = "This machine\n  ok    Well.\n  FAIL  Broken.\n        Mend it.\n\
                      \nThe Meta app\n  skip  Not known.\n\
                      \n1 ok, 0 to look at, 1 failed, 1 skipped\n";
        assert_eq!(of(&findings), wanted);
    }
}
