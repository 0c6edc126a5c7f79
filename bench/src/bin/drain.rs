//! Works planned sends off and says how fast.

#![expect(
    clippy::print_stdout,
    reason = "this is a command-line program: what it prints is its work"
)]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use hookline_bench::comparison::sibling;
use hookline_bench::drain::{self, Drain};
use hookline_bench::scenario::{self, Place};
use hookline_bench::stock::{self, Stock};
use hookline_bench::{epoch_ms, now};
use hookline_model::send::SendKind;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Each comment is read before its reply.
    PrivateReply,
    /// Nothing is read.
    Dm,
}

/// Works planned sends off and says how fast.
#[derive(Debug, Parser)]
struct Args {
    /// Connected accounts.
    #[arg(long, default_value_t = 1000)]
    accounts: u32,
    /// Of those, with sends.
    #[arg(long, default_value_t = 1000)]
    busy: u32,
    /// Planned sends.
    #[arg(long, default_value_t = 100_000)]
    sends: u64,
    /// What they are.
    #[arg(long, value_enum, default_value_t = Kind::PrivateReply)]
    kind: Kind,
    /// Sends due in a second; all at once when nothing is said.
    #[arg(long)]
    rate: Option<u32>,
    /// Calls under way at once.
    #[arg(long)]
    workers: Option<u32>,
    /// The server's log level.
    #[arg(long, default_value = "warn")]
    log: String,
    /// The server to measure, if not the one beside this program.
    #[arg(long)]
    hookline: Option<PathBuf>,
    /// A directory with a stock that was made before, or is to be kept.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// Run this part of the report instead, and print what it found.
    #[arg(long, value_enum)]
    scenario: Option<Scenario>,
    /// Runs of each measurement of a part.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Planned sends for the part about claims.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    backlogs: Vec<u64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scenario {
    /// How fast planned sends go out.
    Sends,
    /// How late.
    Lateness,
    /// What a batch costs, however many wait.
    Claims,
    /// What very many accounts cost.
    Accounts,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let own = std::env::current_exe().context("finding this program")?;
    let hookline = match &args.hookline {
        Some(path) => path.clone(),
        None => sibling(&own, "hookline")?,
    };
    let place = Place {
        hookline,
        graph: sibling(&own, "graph")?,
        data: std::path::absolute("target")?,
        cores: Some((0, 1)),
        runs: args.runs,
    };
    std::fs::create_dir_all(&place.data)?;
    let section = match args.scenario {
        Some(Scenario::Sends) => scenario::sends::run(&place)?,
        Some(Scenario::Lateness) => scenario::lateness::run(&place)?,
        Some(Scenario::Claims) => scenario::claims::run(&place, &args.backlogs)?,
        Some(Scenario::Accounts) => scenario::accounts::run(&place)?,
        None => return drain(&args, &place),
    };
    println!("{}", serde_json::to_string_pretty(&section)?);
    Ok(())
}

fn drain(args: &Args, place: &Place) -> anyhow::Result<()> {
    let beside = tempfile::tempdir_in(&place.data)?;
    let directory = args.directory.clone();
    let directory = directory.unwrap_or_else(|| beside.path().to_owned());
    let began = now();
    let stock = Stock {
        accounts: args.accounts,
        busy: args.busy,
        sends: args.sends,
        kind: match args.kind {
            Kind::PrivateReply => SendKind::PrivateReply,
            Kind::Dm => SendKind::Dm,
        },
        first_due_ms: epoch_ms() + args.rate.map_or(0, |_| 8_000),
        per_second: args.rate,
    };
    if !directory.join(stock::DATABASE).exists() {
        stock::make(&directory, &stock)?;
        println!("filled in {:.1} s", began.elapsed().as_secs_f64());
    }
    let mut settings = vec![("HOOKLINE_LOG__LEVEL", args.log.clone())];
    if let Some(workers) = args.workers {
        settings.push(("HOOKLINE_SENDING__WORKERS", workers.to_string()));
    }
    let drain = Drain {
        hookline: place.hookline.clone(),
        graph: place.graph.clone(),
        cores: place.cores,
        settings,
    };
    let running = drain.start(&directory)?;
    let mut counts = running.wait_for(args.sends, Duration::from_secs(150))?;
    let rate = drain::rate(&counts).unwrap_or_default();
    let processor = running.server.processor_time().unwrap_or_default();
    println!(
        "{rate:.0} sends/s; {} connections; {} reads; server {:.1} us processor per send; peak {} MB",
        counts.connections,
        counts.reads,
        processor.as_secs_f64() * 1e6 / drain::float(counts.sends),
        running.server.memory_peak_bytes().unwrap_or_default() / 1_000_000,
    );
    counts.lateness_ms.sort_unstable();
    let last = counts.lateness_ms.len().saturating_sub(1);
    for permille in [500, 990, 999, 1000] {
        let late = counts.lateness_ms.get(last * permille / 1000);
        println!("lateness {permille}: {late:?} ms");
    }
    println!("early: {}", counts.early);
    Ok(())
}
