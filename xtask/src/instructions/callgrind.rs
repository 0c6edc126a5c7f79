//! Counting: each step in a process of its own under valgrind.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, bail};

use crate::shell;

/// How often a step is taken before it counts: what is made when it is first asked for is there.
const BEFORE: i64 = 5;

/// How often it is counted; the result is the mean.
const TIMES: i64 = 20;

/// The function everything is counted in, as callgrind finds it in the program's symbols.
const COUNTED: &str = "*count*counted*";

/// Where callgrind leaves what it saw of each step.
pub(super) fn directory() -> PathBuf {
    shell::target_directory().join("callgrind")
}

/// The instructions each step takes; as many at a time as there are processors.
pub(super) fn count(program: &Path, steps: &[&str]) -> anyhow::Result<BTreeMap<String, i64>> {
    fs::create_dir_all(directory())?;
    let at_once = std::thread::available_parallelism().map_or(1, NonZero::get);
    let waiting = Mutex::new(steps.iter());
    let counted = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(steps.len()) {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().ok().and_then(|mut waiting| waiting.next());
                    let Some(step) = next else {
                        return;
                    };
                    let count = count_one(program, step);
                    if let Ok(mut counted) = counted.lock() {
                        counted.push((*step, count));
                    }
                }
            });
        }
    });
    let counted = counted.into_inner().unwrap_or_default();
    counted
        .into_iter()
        .map(|(step, count)| Ok((step.to_owned(), count?)))
        .collect()
}

fn count_one(program: &Path, step: &str) -> anyhow::Result<i64> {
    let kept = std::path::absolute(directory().join(format!("{step}.out")))?;
    let said = shell::capture(&mut command(program, step, &kept))?;
    if !said.is_success {
        bail!("{step} could not be counted:\n{}", said.text);
    }
    let all = collected(&said.text).with_context(|| {
        format!(
            "callgrind does not say what it counted of {step}:\n{}",
            said.text
        )
    })?;
    if all < TIMES {
        bail!("callgrind counted nothing of {step}: it did not find {COUNTED} in the program");
    }
    Ok(all / TIMES)
}

/// The environment lies on the stack of the program and moves what is above it, and some of it
/// changes what the C library does: so there is none.
fn command(program: &Path, step: &str, kept: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .args(["--command-line-only=yes", "--tool=callgrind"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", kept.display()))
        .arg(program)
        .args([step, &BEFORE.to_string(), &TIMES.to_string()]);
    command
}

/// What callgrind says at its end: `==7042== Collected : 2975300`.
fn collected(output: &str) -> Option<i64> {
    let line = output
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, counts) = line?;
    counts.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callgrind_says_is_read() {
        let output = "==70== Callgrind, a call-graph generating cache profiler\n\
            ==70== Events    : Ir\n==70== Collected : 2975300\n==70== \n\
            ==70== I   refs:      2,975,300\n";
        assert_eq!(collected(output), Some(2_975_300));
        assert_eq!(collected("valgrind: no such program\n"), None);
        assert_eq!(collected("==70== Collected : \n"), None);
    }
}
