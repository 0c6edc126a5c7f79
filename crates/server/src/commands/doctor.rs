//! `hookline doctor`: everything that can keep events from coming, looked at once, each with the
//! next step to take.
//!
//! It works beside a running server and without one, and changes nothing. Every call has a time
//! limit, and all of them together take about a minute at most; only `--all` may take longer.
#![expect(
    clippy::print_stdout,
    reason = "what a command finds out goes to the terminal"
)]

mod machine;
mod meta;
mod patients;
mod public;
mod text;
mod visit;

use std::process::ExitCode;

use clap::Args;
use hookline_engine::doctor::{Finding, Judgement, Subject};
use serde::Serialize;

use self::meta::Doctors;
use self::text::Counts;
use self::visit::Visitor;
use super::print_json;
use crate::config::{self, Config, Purpose, Sources};

/// The exit code when something does not work.
const FAILED: u8 = 1;

/// What is looked at, and how it is told.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Looks at this account only, beside the machine and the app: its Instagram id, or its handle.
    #[arg(long)]
    account: Option<String>,
    /// Looks at every account; without it, of more than 50 only at those that are held or have an
    /// open alert.
    #[arg(long, conflicts_with = "account")]
    all: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// What is printed as JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    counts: Counts,
    findings: &'a [Finding],
}

/// Looks at everything and prints what was found; answers 1 when something failed. `sources` are
/// those of the process for a purpose.
pub async fn run(
    args: DoctorArgs,
    sources: impl Fn(Purpose) -> Sources,
) -> anyhow::Result<ExitCode> {
    let (mut findings, config) = read_configuration(sources);
    if let Some(config) = config {
        findings.extend(examine(&args, &config).await?);
    } else {
        let skipped = "Nothing else can be looked at before the configuration can be read.";
        findings.push(Judgement::skipped(skipped).on("rest", &Subject::Machine));
    }
    findings.sort_by_key(|finding| finding.subject.rank());
    let counts = Counts::of(&findings);
    if args.json {
        print_json(&Report {
            counts,
            findings: &findings,
        })?;
    } else {
        print!("{}", text::of(&findings));
    }
    if counts.fail > 0 {
        return Ok(ExitCode::from(FAILED));
    }
    Ok(ExitCode::SUCCESS)
}

/// The configuration as `serve` would read it; what only `serve` needs keeps nobody from looking
/// at the rest.
fn read_configuration(sources: impl Fn(Purpose) -> Sources) -> (Vec<Finding>, Option<Config>) {
    let problems = match config::load(&sources(Purpose::Serve)) {
        Ok(loaded) => {
            let findings = machine::configuration(&[], &loaded.warnings);
            return (findings, Some(loaded.config));
        }
        Err(problems) => problems,
    };
    let as_command = config::load(&sources(Purpose::Command));
    let warnings = as_command.as_ref().map(|loaded| loaded.warnings.as_slice());
    let findings = machine::configuration(problems.findings(), warnings.unwrap_or_default());
    let config = as_command.map(|loaded| loaded.config);
    (findings, config.ok())
}

async fn examine(args: &DoctorArgs, config: &Config) -> anyhow::Result<Vec<Finding>> {
    let visitor = Visitor::new()?;
    let (mut findings, store) = machine::database(config);
    let (of_keys, keys) = machine::key_ring(config);
    findings.extend(of_keys);
    let local = machine::local_address(&config.server.listen);
    let (server, public, hosts) = tokio::join!(
        machine::server(&visitor, local.as_deref()),
        public::examine(&visitor, config, local.as_deref()),
        meta::reach(&visitor, config),
    );
    findings.push(server);
    findings.extend(public?);
    let doctors = Doctors::new(config, store, keys, hosts)?;
    findings.extend(doctors.examine(args).await);
    Ok(findings)
}
