//! Documents that are written by the program they describe, so that they cannot drift from it.

use std::fs;
use std::path::Path;
use std::process::{ExitCode, Stdio};

use anyhow::{Context, bail};

use crate::shell::{self, cargo, line};
use crate::steps::Verdict;

/// One document and the command of `hookline` that prints it.
struct Document {
    path: &'static str,
    command: &'static str,
}

const DOCUMENTS: &[Document] = &[
    Document {
        path: "docs/CONFIGURATION.md",
        command: "config-reference",
    },
    Document {
        path: "docs/ALERTS.md",
        command: "alert-reference",
    },
    Document {
        path: "docs/openapi.json",
        command: "openapi",
    },
];

/// Writes every document, or with `is_check` only says which are out of date.
pub(crate) fn generate(is_check: bool) -> anyhow::Result<ExitCode> {
    let mut verdict = ExitCode::SUCCESS;
    for document in DOCUMENTS {
        let wanted = print(document, Start::Alone)?;
        if fs::read(document.path).is_ok_and(|found| found == wanted) {
            println!("{} is current", document.path);
        } else if is_check {
            println!(
                "{} is out of date: run `cargo xtask generate`",
                document.path
            );
            verdict = ExitCode::FAILURE;
        } else {
            fs::write(document.path, wanted)
                .with_context(|| format!("writing {}", document.path))?;
            println!("{} written", document.path);
        }
    }
    Ok(verdict)
}

/// How to start `hookline`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// By itself, with no more built than it needs.
    Alone,
    /// As the test runner has built it already: together with everything, tests included, because
    /// cargo would compile much of it again for another selection.
    AsTested,
}

/// Whether the documents that are part of the tree are what the program prints today. One that was
/// never generated is no drift; links to it are checked elsewhere.
pub(crate) fn are_current(start: Start) -> anyhow::Result<Verdict> {
    let present: Vec<_> = DOCUMENTS
        .iter()
        .filter(|it| Path::new(it.path).exists())
        .collect();
    if present.is_empty() {
        return Ok(Verdict::Skipped(
            "no generated document is part of the tree".to_owned(),
        ));
    }
    let mut is_success = true;
    for document in present {
        if fs::read(document.path)? != print(document, start)? {
            println!(
                "{} is out of date: run `cargo xtask generate`",
                document.path
            );
            is_success = false;
        }
    }
    Ok(is_success.into())
}

fn print(document: &Document, start: Start) -> anyhow::Result<Vec<u8>> {
    let mut command = match start {
        Start::Alone => {
            let mut command = cargo();
            let package = ["--package", "hookline-server", "--bin", "hookline"];
            command.args(["run", "--quiet"]).args(package).arg("--");
            command
        }
        Start::AsTested => {
            let everything = ["--workspace", "--lib", "--bins", "--tests", "--locked"];
            shell::succeed(cargo().args(["build", "--quiet"]).args(everything))?;
            shell::program(shell::target_directory().join("debug").join("hookline"))
        }
    };
    command.arg(document.command).stderr(Stdio::inherit());
    let output = command
        .output()
        .with_context(|| format!("starting {}", line(&command)))?;
    if !output.status.success() {
        bail!("{} ended with {}", line(&command), output.status);
    }
    if output.stdout.is_empty() {
        bail!("{} printed nothing", line(&command));
    }
    Ok(output.stdout)
}
