//! Measures everything the report is made of, and writes docs/PERFORMANCE.md.

#![expect(
    clippy::print_stdout,
    reason = "this is a command-line program: what it prints is its work"
)]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use hookline_bench::machine::Machine;
use hookline_bench::peer;
use hookline_bench::report::{self, Kept};
use hookline_bench::scenario::{ALL, Settings};

/// Measures Hookline beside its peers and writes the page about it.
///
/// What each scenario found is kept below `bench` in the target directory; the page is made of all
/// that is kept. Ends with 1 when a scenario failed; a bar that is not met is no failure.
#[derive(Debug, Parser)]
struct Args {
    /// Measure only this one again; may be given more than once.
    #[arg(long)]
    only: Vec<String>,
    /// Measure nothing: make the page of what is kept.
    #[arg(long, conflicts_with = "only")]
    page_only: bool,
    /// Rounds; everything is measured once in each.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Connections the load generator keeps open.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Events in the database that `start` starts with; more than a million are sends for `claims` too.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    events: u32,
    /// Where everything built and found lies.
    #[arg(long, default_value = "target")]
    target: PathBuf,
    /// The sources of the peers.
    #[arg(long, default_value = "bench/peers")]
    peers: PathBuf,
    /// The page.
    #[arg(long, default_value = "docs/PERFORMANCE.md")]
    page: PathBuf,
    /// Draw flame graphs of Hookline in this directory instead, with perf and inferno: no figure is
    /// kept, and no page written.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "page_only")]
    flames: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let chosen = report::choose(ALL, &args.only)?;
    let target = std::path::absolute(&args.target)?;
    fs::create_dir_all(&target).context("making the target directory")?;
    let data = tempfile::tempdir_in(&target).context("making a data directory")?;
    let settings = Settings {
        own: std::env::current_exe().context("finding this program")?,
        peers: std::path::absolute(&args.peers)?,
        data: data.path().to_owned(),
        rounds: args.rounds,
        seconds: args.seconds,
        connections: args.connections,
        events: args.events,
        cores: peer::cores(),
        flames: args.flames,
        target,
    };
    let kept = Kept::in_directory(match &settings.flames {
        Some(_) => settings.data.join("bench"),
        None => settings.target.join("bench"),
    })?;
    let machine = machine(&settings)?;
    let chosen = if args.page_only { Vec::new() } else { chosen };
    let failed = report::measure(&chosen, &settings, &kept, |line| println!("{line}"))?;
    if let Some(directory) = &settings.flames {
        println!("flame graphs are in {}", directory.display());
    } else {
        let page = report::page(&machine, &kept, ALL)?;
        fs::write(&args.page, page).context("writing the page")?;
        println!("{} written", args.page.display());
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        println!("{failed} of {} scenarios failed", chosen.len());
        ExitCode::FAILURE
    })
}

fn machine(settings: &Settings) -> anyhow::Result<Machine> {
    let mut machine = Machine::this(&settings.data)?;
    let (rounds, seconds) = (settings.rounds, settings.seconds);
    machine.push(
        "Last run",
        format!(
            "{rounds} rounds, {seconds} s for each measurement, {} connections, unless a part says otherwise",
            settings.connections
        ),
    );
    Ok(machine)
}
