//! Fuzzing: bytes nobody would write, thrown at everything that reads foreign bytes.
//!
//! The targets are those of a cargo-fuzz directory (`fuzz/`), but are built by plain cargo: the
//! pinned toolchain is stable, the compiler's coverage counters are, and our crates forbid the
//! unsafe code an address sanitizer would watch. So no further tool is needed but a C++ compiler,
//! for libFuzzer itself.

mod run;
mod stats;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::shell::{self, cargo};
use crate::steps::Verdict;
use crate::tools;

/// How long each target runs when nobody says otherwise.
pub(crate) const SECONDS: u64 = 30;

/// Counts every edge. Comparisons are not traced: that costs two thirds of the speed, and what
/// they would tell, the dictionaries do.
const RUSTFLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table";

/// One fuzz target.
#[derive(Debug)]
struct Target {
    /// The program, its corpus and its dictionary.
    name: &'static str,
    /// Longest input tried: beyond the bounds of what is read, where those can be reached.
    bytes_max: u32,
    /// More to begin with, beside the target's corpus.
    seeds: Option<&'static str>,
}

const TARGETS: [Target; 7] = [
    Target {
        name: "interpret",
        bytes_max: 16_384,
        seeds: Some("crates/meta/tests/fixtures"),
    },
    Target {
        name: "automation_document",
        bytes_max: 8_192,
        seeds: None,
    },
    Target {
        name: "template",
        bytes_max: 12_288,
        seeds: None,
    },
    Target {
        name: "conditions",
        bytes_max: 4_096,
        seeds: None,
    },
    Target {
        name: "graph_answer",
        bytes_max: 8_192,
        seeds: None,
    },
    Target {
        name: "signed_request",
        bytes_max: 1_024,
        seeds: None,
    },
    Target {
        name: "signature_header",
        bytes_max: 512,
        seeds: None,
    },
];

/// Runs the named targets, or all.
pub(crate) fn fuzz(seconds: u64, names: &[String]) -> anyhow::Result<ExitCode> {
    let targets = select(names)?;
    if let Some(reason) = missing_compiler() {
        bail!("{reason}");
    }
    Ok(if all_hold(&targets, seconds)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs every target for a short time.
pub(crate) fn gate() -> anyhow::Result<Verdict> {
    if let Some(reason) = missing_compiler() {
        return Ok(Verdict::Skipped(reason));
    }
    shell::succeed(cargo().args(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))?;
    let targets: Vec<_> = TARGETS.iter().collect();
    Ok(all_hold(&targets, SECONDS)?.into())
}

fn missing_compiler() -> Option<String> {
    let is_missing = tools::find_program("c++").is_none();
    is_missing.then(|| "libFuzzer needs a C++ compiler, and there is no c++".to_owned())
}

fn select(names: &[String]) -> anyhow::Result<Vec<&'static Target>> {
    if names.is_empty() {
        return Ok(TARGETS.iter().collect());
    }
    let known = TARGETS.map(|target| target.name);
    let find = |name: &String| {
        TARGETS
            .iter()
            .find(|target| target.name == name)
            .with_context(|| format!("there is no target {name}: {}", known.join(", ")))
    };
    names.iter().map(find).collect()
}

/// Builds once, runs as many targets at a time as there are processors, and tells what came of
/// each.
fn all_hold(targets: &[&Target], seconds: u64) -> anyhow::Result<bool> {
    let programs = build(targets)?;
    let at_once = std::thread::available_parallelism().map_or(1, NonZero::get);
    println!(
        "{} targets, {at_once} at a time, {seconds} s each",
        targets.len()
    );
    let mut is_success = true;
    for outcome in run::all(targets, &programs, seconds, at_once) {
        is_success &= outcome?.is_success();
    }
    Ok(is_success)
}

/// Builds the targets; answers the directory they lie in.
fn build(targets: &[&Target]) -> anyhow::Result<PathBuf> {
    let host = host()?;
    let directory = directory();
    let mut command = cargo();
    command
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", RUSTFLAGS)
        .args(["build", "--release", "--locked"])
        .args(["--manifest-path", "fuzz/Cargo.toml"])
        // Named, so that build scripts and macros are built without the flags.
        .args(["--target", &host])
        .arg("--target-dir")
        .arg(&directory);
    for target in targets {
        command.args(["--bin", target.name]);
    }
    println!("{}", shell::line(&command));
    shell::succeed(&mut command)?;
    Ok(directory.join(host).join("release"))
}

/// Where everything of fuzzing is built and kept: beside the normal builds, which have other flags.
fn directory() -> PathBuf {
    shell::target_directory().join("fuzz")
}

fn host() -> anyhow::Result<String> {
    let said = shell::capture(shell::program("rustc").arg("-vV"))?;
    let host = said
        .text
        .lines()
        .find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not name its host")?.to_owned())
}

fn corpus(target: &Target) -> PathBuf {
    Path::new("fuzz/corpus").join(target.name)
}

fn dictionary(target: &Target) -> PathBuf {
    Path::new("fuzz/dictionaries").join(format!("{}.dict", target.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_a_program_with_a_corpus() {
        let root = shell::root().unwrap();
        let manifest = std::fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
        for target in &TARGETS {
            let name = target.name;
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            let files = std::fs::read_dir(root.join(corpus(target))).unwrap();
            assert!((1..=100).contains(&files.count()), "{name}");
            let seeds = target.seeds.map(|seeds| root.join(seeds));
            assert!(seeds.is_none_or(|seeds| seeds.is_dir()), "{name}");
        }
    }

    #[test]
    fn targets_are_chosen_by_name() {
        assert_eq!(select(&[]).unwrap().len(), TARGETS.len());
        let chosen = select(&["template".to_owned()]).unwrap();
        assert_eq!(chosen.len(), 1);
        let refused = select(&["templates".to_owned()]).unwrap_err();
        assert!(refused.to_string().contains("interpret"), "{refused}");
    }
}
