//! What single steps cost in instructions, held against a baseline.
//!
//! Times on a machine that has other work to do say little about a change of a few per cent.
//! Instructions do: callgrind counts the same number again and again, up to a few in a million.
//! The steps are those of `bench/micro`; the baseline is `bench/instructions.toml`.

mod baseline;
mod callgrind;
mod compare;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::shell::{self, cargo};
use crate::steps::Verdict;
use crate::tools;

use baseline::Baseline;
use compare::{Comparison, TOLERANCE_PERCENT};

/// The profile the steps are built in.
const PROFILE: &str = "instructions";

/// What `cargo xtask instructions` was told.
#[derive(Debug)]
pub(crate) struct Options {
    /// Only the steps whose name contains this.
    pub(crate) only: Option<String>,
    /// Whether what is counted becomes the baseline.
    pub(crate) is_accepted: bool,
}

/// One step and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    name: String,
    what: String,
}

/// Counts, compares, and accepts if told to.
pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    if let Some(reason) = missing() {
        bail!("{reason}");
    }
    let comparison = count(options.only.as_deref())?;
    if options.is_accepted {
        comparison.accept().write()?;
        println!("{} holds these counts now", baseline::FILE);
        return Ok(ExitCode::SUCCESS);
    }
    Ok(if comparison.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Counts every step and compares.
///
/// Other versions of the compiler, the C library or valgrind count a little otherwise. In
/// continuous integration the baseline is for what is installed there; on another machine a growth
/// beside another compiler proves nothing.
pub(crate) fn gate() -> anyhow::Result<Verdict> {
    if let Some(reason) = missing() {
        return Ok(Verdict::Skipped(reason));
    }
    let comparison = count(None)?;
    if comparison.holds() {
        return Ok(Verdict::Passed);
    }
    let others = comparison.other_tools();
    if others.is_empty() || tools::is_ci() {
        return Ok(Verdict::Failed);
    }
    let others = others.join(", ");
    let reason = format!("what was counted cannot be compared: {others}");
    Ok(Verdict::Skipped(reason))
}

/// Why nothing can be counted here.
fn missing() -> Option<String> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Some("the baseline is for Linux on x86_64".to_owned());
    }
    // Without them other code runs, in the C library and in ours. All else that processors differ
    // in, valgrind hides.
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    if !processor.split_whitespace().any(|flag| flag == "avx2") {
        return Some("the baseline is for processors with AVX2".to_owned());
    }
    let is_missing = tools::find_program("valgrind").is_none();
    is_missing.then(|| "there is no valgrind (Debian: valgrind)".to_owned())
}

/// Builds and counts the steps, keeps and prints what came of it.
fn count(only: Option<&str>) -> anyhow::Result<Comparison> {
    let program = build()?;
    let mut steps = list(&program)?;
    if let Some(part) = only {
        let known: Vec<String> = steps.iter().map(|step| step.name.clone()).collect();
        steps.retain(|step| step.name.contains(part));
        if steps.is_empty() {
            bail!("no step is called {part}: {}", known.join(", "));
        }
    }
    let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
    let counts = callgrind::count(&program, &names)?;
    let comparison = Comparison {
        expected: Baseline::read()?,
        counted: Baseline {
            tools: baseline::tools(),
            counts,
        },
        is_whole: only.is_none(),
    };
    keep(&comparison, &steps)?;
    println!("{comparison}");
    println!(
        "where they go: callgrind_annotate --inclusive=yes {}/STEP.out",
        callgrind::directory().display()
    );
    Ok(comparison)
}

/// Builds the program that takes the steps. Flags of somebody's own would change the counts.
fn build() -> anyhow::Result<PathBuf> {
    let mut command = cargo();
    command
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .env_remove("CFLAGS")
        .args(["build", "--locked", "--profile", PROFILE])
        .args(["--package", "hookline-micro", "--bin", "count"]);
    println!("{}", shell::line(&command));
    shell::succeed(&mut command)?;
    let built = shell::target_directory().join(PROFILE).join("count");
    Ok(std::path::absolute(built)?)
}

/// The steps the program knows.
fn list(program: &PathBuf) -> anyhow::Result<Vec<Step>> {
    let said = shell::capture(&mut shell::program(program))?;
    let step = |line: &str| {
        let (name, what) = line.split_once('\t')?;
        Some(Step {
            name: name.to_owned(),
            what: what.to_owned(),
        })
    };
    let steps: Option<Vec<Step>> = said.text.lines().map(step).collect();
    let steps = steps.filter(|steps| said.is_success && !steps.is_empty());
    steps.with_context(|| format!("the program does not name its steps: {}", said.text))
}

/// Leaves the figures where the report finds them: `target/instructions.toml`.
fn keep(comparison: &Comparison, steps: &[Step]) -> anyhow::Result<()> {
    let rows: Vec<BTreeMap<&str, toml::Value>> = steps
        .iter()
        .filter_map(|step| {
            let counted = comparison.counted.counts.get(&step.name)?;
            let mut row = BTreeMap::from([
                ("name", toml::Value::from(step.name.as_str())),
                ("what", toml::Value::from(step.what.as_str())),
                ("counted", toml::Value::Integer(*counted)),
            ]);
            if let Some(expected) = comparison.expected.counts.get(&step.name) {
                row.insert("expected", toml::Value::Integer(*expected));
            }
            Some(row)
        })
        .collect();
    let kept = BTreeMap::from([
        ("tolerance_percent", toml::Value::Integer(TOLERANCE_PERCENT)),
        ("step", toml::Value::try_from(rows)?),
        ("tools", toml::Value::try_from(&comparison.counted.tools)?),
    ]);
    let path = shell::target_directory().join("instructions.toml");
    fs::write(&path, toml::to_string(&kept)?)
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(())
}
