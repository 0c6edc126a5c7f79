//! Running targets beside each other.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;

use anyhow::Context;

use super::stats::{self, Stats};
use super::{Target, corpus, dictionary, directory};
use crate::shell;

/// Longest time one input may take. Everything fuzzed here is over within milliseconds; the rest
/// is for a machine that has other work to do.
const INPUT_SECONDS_MAX: u32 = 10;

/// Most memory a target may use. Inputs are of kilobytes.
const MEMORY_MB_MAX: u32 = 1024;

/// The server's threads have 2 MiB of stack, so the targets have no more.
const STACK_KB: &str = "2048";

/// Lines of a failed target's log that are shown, from the first that tells of the failure.
const LINES_SHOWN: usize = 12;

/// How such a line is known: a panic, libFuzzer's own verdict, the runtime's last words.
const TELLS_OF_FAILURE: [&str; 3] = ["panicked at", "ERROR: libFuzzer", "overflowed its stack"];

/// What came of one target.
#[derive(Debug)]
pub(super) struct Outcome {
    name: &'static str,
    stats: Stats,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Failure {
    /// The input that did it, if the target could write it.
    reproducer: Option<PathBuf>,
    /// The program to hand it to.
    program: PathBuf,
    log: PathBuf,
    what_happened: String,
}

impl Outcome {
    pub(super) fn is_success(&self) -> bool {
        self.failure.is_none()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<20} {}", self.name, self.stats)?;
        let Some(failure) = &self.failure else {
            return Ok(());
        };
        writeln!(f, "\n{}", failure.what_happened)?;
        match &failure.reproducer {
            Some(input) => write!(
                f,
                "{} FAILED; to see it again: {} {}",
                self.name,
                failure.program.display(),
                input.display()
            ),
            None => write!(
                f,
                "{} FAILED without an input to blame; see {}",
                self.name,
                failure.log.display()
            ),
        }
    }
}

/// Runs the targets, so many at a time, and tells what came of each when it is over; the outcomes
/// are in the order of the targets.
pub(super) fn all(
    targets: &[&Target],
    programs: &Path,
    seconds: u64,
    at_once: usize,
) -> Vec<anyhow::Result<Outcome>> {
    let waiting = Mutex::new(targets.iter().enumerate());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(targets.len()) {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().ok().and_then(|mut waiting| waiting.next());
                    let Some((place, target)) = next else {
                        return;
                    };
                    let outcome = run(target, programs, seconds);
                    if let Ok(outcome) = &outcome {
                        println!("{outcome}");
                    }
                    if let Ok(mut done) = done.lock() {
                        done.push((place, outcome));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

fn run(target: &Target, programs: &Path, seconds: u64) -> anyhow::Result<Outcome> {
    let kept = directory();
    // What is found is kept for the next run, apart from what is part of the tree.
    let found = kept.join("corpus").join(target.name);
    let artifacts = kept.join("artifacts").join(target.name);
    for directory in [&found, &artifacts] {
        fs::create_dir_all(directory)
            .with_context(|| format!("creating {}", directory.display()))?;
    }
    let log_path = kept.join(format!("{}.log", target.name));
    let log = File::create(&log_path).with_context(|| format!("writing {}", log_path.display()))?;
    let program = programs.join(target.name);
    let mut command = shell::program("sh");
    command
        .args(["-c", &format!("ulimit -s {STACK_KB}; exec \"$0\" \"$@\"")])
        .arg(&program)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={}", target.bytes_max))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MB_MAX}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg("-print_final_stats=1");
    if seconds <= super::SECONDS {
        // A gate says the same of the same tree; long runs look further each time.
        command.arg("-seed=1");
    }
    let dictionary = dictionary(target);
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    command
        .arg(&found)
        .arg(corpus(target))
        .args(target.seeds)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    let status = command
        .status()
        .with_context(|| format!("starting {}", program.display()))?;
    let said = fs::read(&log_path).with_context(|| format!("reading {}", log_path.display()))?;
    let said = String::from_utf8_lossy(&said);
    let failure = (!status.success()).then(|| Failure {
        reproducer: stats::reproducer(&said),
        program,
        log: log_path,
        what_happened: what_happened(&said),
    });
    Ok(Outcome {
        name: target.name,
        stats: stats::read(&said),
        failure,
    })
}

fn what_happened(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    let is_telling = |line: &&str| TELLS_OF_FAILURE.iter().any(|tells| line.contains(tells));
    let from = lines
        .iter()
        .position(is_telling)
        .unwrap_or(lines.len().saturating_sub(LINES_SHOWN));
    let shown: Vec<&str> = lines.into_iter().skip(from).take(LINES_SHOWN).collect();
    shown.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_begins_where_the_failure_is_told() {
        let said = "#1 NEW\nthread 'x' panicked at a.rs:1:\nwhy\n==1== ERROR: libFuzzer: signal\n";
        assert!(what_happened(said).starts_with("thread 'x' panicked at a.rs:1:\nwhy\n"));
        let lines: Vec<String> = (0..50).map(|line| line.to_string()).collect();
        let shown = what_happened(&lines.join("\n"));
        assert!(
            shown.starts_with("38\n") && shown.ends_with("\n49"),
            "{shown}"
        );
    }
}
