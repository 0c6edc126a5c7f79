//! Everything that must pass before a change lands.
//!
//! The gates are ordered so that what one compiles the next can use: clippy and rustdoc share the
//! metadata of the dependencies, the test runner and the doctests share their code. All of them
//! use one profile and one set of features.

mod changed;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::{Command, ExitCode};

use crate::fuzz;
use crate::generated::{self, Start};
use crate::instructions;
use crate::mutants::{self, Which};
use crate::shell::{self, Watched, cargo};
use crate::steps::{Steps, Verdict};
use crate::summary::{self, Summary};
use crate::tools::{self, DENY, MACHETE, NEXTEST};
use changed::Scope;

/// All gates, on the named packages or on everything.
pub(crate) fn test(packages: &[String], may_install: bool) -> anyhow::Result<ExitCode> {
    let scope = if packages.is_empty() {
        Scope::Workspace
    } else {
        Scope::Packages(packages.to_vec())
    };
    shell::succeed(shell::program("rustc").arg("--version"))?;
    let mut steps = Steps::default();
    steps.run("system", || {
        Ok(tools::install_system_programs(may_install)?.map_or(Verdict::Passed, Verdict::Skipped))
    });
    steps.run("rustfmt", || rustfmt(&scope));
    steps.run("clippy", || clippy(&scope));
    steps.run("rustdoc", || rustdoc(&scope));
    steps.run("deny", || deny(may_install));
    steps.run("advisories", || advisories(may_install));
    steps.run("machete", || machete(may_install));
    let mut counted = None;
    steps.run("tests", || tests(&scope, may_install, &mut counted));
    steps.run("doctests", || doctests(&scope, &mut counted));
    steps.run("generated", || generated_documents(&scope));
    steps.run("mutants", || mutants(&scope, may_install));
    steps.run("fuzz", || fuzz_targets(&scope));
    steps.run("instructions", || counted_instructions(&scope));
    Ok(close(&steps, counted))
}

/// Formatting, lints and tests of the packages that differ from `since`.
pub(crate) fn check(since: &str) -> anyhow::Result<ExitCode> {
    let Some(scope) = changed::since(since)? else {
        println!("no package differs from {since}");
        return Ok(ExitCode::SUCCESS);
    };
    println!("looking at {scope}");
    let mut steps = Steps::default();
    steps.run("rustfmt", || rustfmt(&scope));
    steps.run("clippy", || clippy(&scope));
    let mut counted = None;
    steps.run("tests", || tests(&scope, false, &mut counted));
    Ok(close(&steps, counted))
}

/// Ends with the runners' own count, alone on the last line.
fn close(steps: &Steps, counted: Option<Summary>) -> ExitCode {
    let verdict = steps.finish();
    if let Some(summary) = counted {
        println!("{summary}");
        verdict
    } else {
        println!("no test ran");
        ExitCode::FAILURE
    }
}

fn rustfmt(scope: &Scope) -> anyhow::Result<Verdict> {
    let mut command = cargo();
    command.arg("fmt");
    match scope {
        Scope::Workspace => command.arg("--all"),
        Scope::Packages(_) => command.args(scope.args()),
    };
    passes(command.arg("--check"))
}

fn clippy(scope: &Scope) -> anyhow::Result<Verdict> {
    let mut command = cargo();
    command
        .arg("clippy")
        .args(scope.args())
        .args(["--all-targets", "--locked"]);
    if matches!(scope, Scope::Packages(_)) {
        // What these packages stand on is another change's business.
        command.arg("--no-deps");
    }
    passes(command.args(["--", "-D", "warnings"]))
}

fn rustdoc(scope: &Scope) -> anyhow::Result<Verdict> {
    // A crate's map names its private modules too: these pages are read with them in.
    let private_too = ["--no-deps", "--document-private-items", "--locked"];
    passes(
        cargo()
            .env(
                "RUSTDOCFLAGS",
                "-D warnings -A rustdoc::private_intra_doc_links",
            )
            .arg("doc")
            .args(scope.args())
            .args(private_too),
    )
}

fn deny(may_install: bool) -> anyhow::Result<Verdict> {
    let Some(program) = tools::find_tool(DENY, may_install)? else {
        return Ok(Verdict::Skipped(tools::missing(DENY)));
    };
    let checks = [
        "check",
        "--hide-inclusion-graph",
        "licenses",
        "bans",
        "sources",
    ];
    passes(
        shell::program(program)
            .args(["--workspace", "--locked"])
            .args(checks),
    )
}

/// Known weaknesses of what we depend on. Their list lives in a git repository, which a closed
/// network does not reach; that is no fault of the tree.
fn advisories(may_install: bool) -> anyhow::Result<Verdict> {
    let Some(program) = tools::find_tool(DENY, may_install)? else {
        return Ok(Verdict::Skipped(tools::missing(DENY)));
    };
    let mut command = match tools::find_program("timeout") {
        Some(timeout) => {
            let mut command = shell::program(timeout);
            command.arg("120").arg(program);
            command
        }
        None => shell::program(program),
    };
    let captured =
        shell::capture(command.args(["--workspace", "--locked", "check", "advisories"]))?;
    if captured.is_success {
        return Ok(Verdict::Passed);
    }
    let is_out_of_reach = captured.text.contains("failed to fetch advisory database");
    // What `timeout` stopped has said nothing yet.
    if is_out_of_reach || captured.text.trim().is_empty() {
        let reason = "the list of advisories cannot be fetched from here";
        return Ok(Verdict::Skipped(reason.to_owned()));
    }
    println!("{}", captured.text);
    Ok(Verdict::Failed)
}

fn machete(may_install: bool) -> anyhow::Result<Verdict> {
    let Some(program) = tools::find_tool(MACHETE, may_install)? else {
        return Ok(Verdict::Skipped(tools::missing(MACHETE)));
    };
    passes(shell::program(program).arg("--skip-target-dir"))
}

/// The whole suite, by nextest where it is at hand, otherwise by the standard harness.
fn tests(
    scope: &Scope,
    may_install: bool,
    counted: &mut Option<Summary>,
) -> anyhow::Result<Verdict> {
    let captured = if let Some(program) = tools::find_tool(NEXTEST, may_install)? {
        let colour = if std::io::stderr().is_terminal() {
            "always"
        } else {
            "never"
        };
        let mut command = shell::program(program);
        command.args([
            "nextest",
            "run",
            "--locked",
            "--no-fail-fast",
            "--color",
            colour,
        ]);
        let captured = shell::watch(command.args(scope.args()), Watched::Stderr)?;
        add(counted, summary::of_nextest(&captured.text));
        captured
    } else {
        println!(
            "{}; the standard harness runs the tests",
            tools::missing(NEXTEST)
        );
        let kinds = ["--lib", "--bins", "--tests", "--locked", "--no-fail-fast"];
        let mut command = cargo();
        command.arg("test").args(scope.args()).args(kinds);
        let captured = shell::watch(&mut command, Watched::Stdout)?;
        add(counted, summary::of_harness(&captured.text));
        captured
    };
    Ok(captured.is_success.into())
}

fn doctests(scope: &Scope, counted: &mut Option<Summary>) -> anyhow::Result<Verdict> {
    let scope = scope.libraries()?;
    if scope.is_empty() {
        return Ok(Verdict::Skipped(
            "none of the packages has a library".to_owned(),
        ));
    }
    let mut command = cargo();
    command
        .args(["test", "--doc", "--locked", "--no-fail-fast"])
        .args(scope.args());
    let captured = shell::watch(&mut command, Watched::Stdout)?;
    add(counted, summary::of_harness(&captured.text));
    Ok(captured.is_success.into())
}

/// Faults that the tests above must catch; of the whole tree only, and only the quick ones.
fn mutants(scope: &Scope, may_install: bool) -> anyhow::Result<Verdict> {
    match scope {
        Scope::Workspace => {
            Ok((mutants::run(Which::Quick, may_install)? == ExitCode::SUCCESS).into())
        }
        Scope::Packages(_) => Ok(Verdict::Skipped(
            "the mutants are of the whole tree".to_owned(),
        )),
    }
}

fn generated_documents(scope: &Scope) -> anyhow::Result<Verdict> {
    match scope {
        Scope::Workspace => generated::are_current(Start::AsTested),
        Scope::Packages(names) if names.iter().any(|name| name == "hookline-server") => {
            generated::are_current(Start::Alone)
        }
        Scope::Packages(_) => Ok(Verdict::Skipped(
            "only hookline-server has generated documents".to_owned(),
        )),
    }
}

fn fuzz_targets(scope: &Scope) -> anyhow::Result<Verdict> {
    match scope {
        Scope::Workspace => fuzz::gate(),
        Scope::Packages(_) => Ok(Verdict::Skipped(
            "the targets are of the whole tree; `cargo xtask fuzz` runs them".to_owned(),
        )),
    }
}

fn counted_instructions(scope: &Scope) -> anyhow::Result<Verdict> {
    match scope {
        Scope::Workspace => instructions::gate(),
        Scope::Packages(_) => Ok(Verdict::Skipped(
            "the steps are of the whole tree; `cargo xtask instructions` counts them".to_owned(),
        )),
    }
}

fn add(counted: &mut Option<Summary>, more: Option<Summary>) {
    if let Some(more) = more {
        *counted.get_or_insert_default() += more;
    }
}

fn passes(command: &mut Command) -> anyhow::Result<Verdict> {
    println!("{}", shell::line(command));
    shell::succeed(command)?;
    Ok(Verdict::Passed)
}

/// Arguments for one package or all.
fn package_args(packages: &[String]) -> Vec<OsString> {
    packages
        .iter()
        .flat_map(|name| ["--package".into(), name.into()])
        .collect()
}
