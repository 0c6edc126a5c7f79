//! The commands a Hookline developer runs: `cargo xtask help` lists them.
//!
//! - [`gates`]: everything that must pass before a change lands (`test`), and the quick part (`check`)
//! - [`steps`]: runs one thing after another, timed, and says what failed
//! - [`summary`]: reads what the test runners say of themselves
//! - [`tools`]: finds or installs the programs the gates use
//! - [`mutants`]: one-line faults, and the tests that catch them
//! - [`fuzz`]: bytes nobody would write, for everything that reads foreign bytes
//! - [`instructions`]: what single steps cost, held against a baseline
//! - [`generated`]: documents that are written by the program they describe
//! - [`shell`]: starting other programs

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a command-line program: what it prints is its work"
)]

mod fuzz;
mod gates;
mod generated;
mod instructions;
mod mutants;
mod shell;
mod steps;
mod summary;
mod tools;

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Parser, Subcommand};

use crate::mutants::Which;
use crate::shell::cargo;

/// The commands a Hookline developer runs.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything that must pass before a change lands; continuous integration runs this.
    Test(TestArgs),
    /// The quick part of `test`, on the packages that changed.
    Check {
        /// The commit to compare the tree with.
        #[arg(long, default_value = "HEAD")]
        since: String,
    },
    /// Builds Hookline and starts it against the simulated Meta, with something to look at.
    Demo {
        /// Passed on to `hookline demo`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Measures, and writes docs/PERFORMANCE.md.
    Bench {
        /// Leave the micro benchmarks out.
        #[arg(long)]
        skip_micro: bool,
        /// Draw flame graphs in docs/flames instead.
        #[arg(long, conflicts_with = "skip_micro")]
        flames: bool,
        /// Passed on to the report (`-- --help` lists what it takes).
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Plays seeds of the simulation: the engine and Meta under faults, deaths and a virtual clock.
    Simulate {
        /// Passed on to the simulation (`-- --help` lists what it takes).
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Kills the binary under load, again and again, and counts what reached people.
    Crash {
        /// Passed on to the trial (`-- --help` lists what it takes).
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Cuts the power at many moments of recorded runs, and looks for what is missing.
    Power {
        /// Passed on to the trial (`-- --help` lists what it takes).
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Puts one-line faults into a copy of the tree and runs the tests that must catch them.
    Mutants {
        /// Only those whose name contains this.
        only: Option<String>,
        /// Only those that need no server built for each, as continuous integration does.
        #[arg(long, conflicts_with = "only")]
        quick: bool,
    },
    /// Floods one account with comments while others get one each, and says what came of it.
    Flood {
        /// Passed on to the flood (`-- --help` lists what it takes).
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Runs the fuzz targets, two or more at a time.
    Fuzz {
        /// How long each target runs.
        #[arg(long, default_value_t = fuzz::SECONDS)]
        seconds: u64,
        /// Only these targets; all of them without it.
        targets: Vec<String>,
    },
    /// Counts the instructions of single steps; fails when one grew by more than 5 per cent.
    Instructions {
        /// Only those whose name contains this.
        only: Option<String>,
        /// Take what is counted for the baseline from now on.
        #[arg(long)]
        accept: bool,
    },
    /// Writes the documents that the program itself knows best.
    Generate {
        /// Change nothing; fail if a document is out of date.
        #[arg(long)]
        check: bool,
    },
}

/// What `test` looks at and what it may install.
#[derive(Debug, Args)]
struct TestArgs {
    /// Only these packages, where a gate can be narrowed; all of them without it.
    #[arg(long, short)]
    package: Vec<String>,
    /// Install missing tools into target/tools, as is done by itself when CI=true.
    #[arg(long)]
    install: bool,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    std::env::set_current_dir(shell::root()?)?;
    match command {
        Command::Test(args) => gates::test(&args.package, args.install || tools::is_ci()),
        Command::Check { since } => gates::check(&since),
        // The dev profile: its dependencies are optimised enough for a demonstration, and it is
        // what a developer has built already.
        Command::Demo { args } => shell::status_of(
            cargo()
                .args([
                    "run",
                    "--package",
                    "hookline-server",
                    "--bin",
                    "hookline",
                    "--",
                    "demo",
                ])
                .args(args),
        ),
        Command::Bench {
            flames: true, args, ..
        } => flames(&args),
        Command::Bench {
            skip_micro, args, ..
        } => bench(skip_micro, &args),
        Command::Simulate { args } => simulate(&args),
        Command::Crash { args } => endure("crash", &args),
        Command::Power { args } => endure("power", &args),
        Command::Mutants { only, quick } => {
            let which = match only.as_deref() {
                Some(part) => Which::Named(part),
                None if quick => Which::Quick,
                None => Which::All,
            };
            mutants::run(which, tools::is_ci())
        }
        Command::Flood { args } => measure(RELEASE, "flood", &args),
        Command::Fuzz { seconds, targets } => fuzz::fuzz(seconds, &targets),
        Command::Instructions { only, accept } => instructions::run(&instructions::Options {
            only,
            is_accepted: accept,
        }),
        Command::Generate { check } => generated::generate(check),
    }
}

/// In the release profile, which plays ten times as many.
fn simulate(args: &[String]) -> anyhow::Result<ExitCode> {
    let example = ["--package", "hookline-engine", "--example", "simulate"];
    shell::status_of(
        cargo()
            .args(["run", "--release"])
            .args(example)
            .arg("--")
            .args(args),
    )
}

/// A long trial of the binary, in the release profile.
fn endure(trial: &str, args: &[String]) -> anyhow::Result<ExitCode> {
    let bench = ["--package", "hookline-server", "--bench", "endure"];
    shell::status_of(
        cargo()
            .arg("bench")
            .args(bench)
            .args(["--", trial])
            .args(args),
    )
}

fn bench(skip_micro: bool, args: &[String]) -> anyhow::Result<ExitCode> {
    let is_partial = args.iter().any(|arg| {
        let known = ["--only", "--page-only", "--help"];
        known.iter().any(|flag| arg.starts_with(flag))
    });
    let has_steps = args.iter().any(|arg| arg.ends_with("steps"));
    if !skip_micro && (!is_partial || has_steps) {
        let criterion = ["--warm-up-time", "1", "--measurement-time", "3", "--noplot"];
        shell::succeed(
            cargo()
                .args(["bench", "--package", "hookline-bench", "--benches", "--"])
                .args(criterion),
        )?;
    }
    report(RELEASE, &[], args)
}

/// What flame graphs are drawn with, and where it comes from.
const DRAWN_WITH: [(&str, &str); 3] = [
    ("perf", "install the package linux-perf"),
    (
        "inferno-collapse-perf",
        "run `cargo install inferno --locked`",
    ),
    ("inferno-flamegraph", "run `cargo install inferno --locked`"),
];

/// What most of the figures are about, with the names of functions in the programs.
fn flames(args: &[String]) -> anyhow::Result<ExitCode> {
    // Before minutes are spent on building.
    for (program, remedy) in DRAWN_WITH {
        if tools::find_program(program).is_none() {
            bail!("{program} is not installed, and flame graphs are drawn with it: {remedy}");
        }
    }
    let drawn = ["ingest", "ingest-behind", "sends", "plan"];
    let mut all = vec!["--flames", "docs/flames", "--rounds", "1"];
    if !args.iter().any(|arg| arg.starts_with("--only")) {
        all.extend(drawn.iter().flat_map(|key| ["--only", key]));
    }
    report("profiling", &all, args)
}

fn report(profile: &str, own: &[&str], args: &[String]) -> anyhow::Result<ExitCode> {
    let target = shell::target_directory().display().to_string();
    let mut all = vec!["--target".to_owned(), target];
    all.extend(own.iter().map(|arg| (*arg).to_owned()));
    all.extend_from_slice(args);
    measure(profile, "report", &all)
}

/// The profile of what is shipped.
const RELEASE: &str = "release";

/// Builds the product and what measures it, and runs one of the latter.
fn measure(profile: &str, program: &str, args: &[String]) -> anyhow::Result<ExitCode> {
    let binaries = [
        "--package",
        "hookline-server",
        "--package",
        "hookline-bench",
        "--bins",
    ];
    shell::succeed(cargo().args(["build", "--profile", profile]).args(binaries))?;
    // Run as it was built: on its own, cargo would build it again with fewer features.
    let built = shell::target_directory().join(profile).join(program);
    shell::status_of(shell::program(std::path::absolute(built)?).args(args))
}
