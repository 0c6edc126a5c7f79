//! Runs one thing after another, timed, and says at the end what failed and what was left out.

use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How one step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed,
    /// Left out, and why.
    Skipped(String),
}

impl From<bool> for Verdict {
    fn from(is_success: bool) -> Self {
        if is_success {
            Self::Passed
        } else {
            Self::Failed
        }
    }
}

struct Done {
    name: &'static str,
    verdict: Verdict,
    took: Duration,
}

/// The steps run so far. A failed step does not stop the others, so one run shows everything.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Done>,
}

impl Steps {
    /// Runs one step between its banner and its verdict.
    pub(crate) fn run(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> anyhow::Result<Verdict>,
    ) {
        println!("\n==> {name}");
        let started = now();
        let verdict = step().unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            Verdict::Failed
        });
        let took = now().saturating_duration_since(started);
        println!(
            "<== {name}: {} in {:.1} s",
            describe(&verdict),
            took.as_secs_f64()
        );
        self.done.push(Done {
            name,
            verdict,
            took,
        });
    }

    /// Prints every step with its verdict and time; failure if any failed.
    pub(crate) fn finish(&self) -> ExitCode {
        println!("\n==> all steps");
        for done in &self.done {
            let seconds = done.took.as_secs_f64();
            println!(
                "{:<14} {seconds:>8.1} s  {}",
                done.name,
                describe(&done.verdict)
            );
        }
        let total: Duration = self.done.iter().map(|done| done.took).sum();
        println!("{:<14} {:>8.1} s", "together", total.as_secs_f64());
        let has_failed = self.done.iter().any(|done| done.verdict == Verdict::Failed);
        if has_failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

fn describe(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed => "passed".to_owned(),
        Verdict::Failed => "FAILED".to_owned(),
        Verdict::Skipped(reason) => format!("SKIPPED: {reason}"),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this measures how long real programs take"
)]
fn now() -> Instant {
    Instant::now()
}
