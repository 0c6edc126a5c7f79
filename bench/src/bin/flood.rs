//! Floods one account of a Hookline with comments and says what came of it.

#![expect(
    clippy::print_stdout,
    reason = "this is a command-line program: what it prints is its work"
)]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use hookline_bench::comparison::sibling;
use hookline_bench::flood::{self, FloodPlan};

/// How late the quiet accounts may be served, all but one in a hundred.
const LATENESS_P99_MAX_MS: f64 = 250.0;

/// How much memory a flood may take.
const MEMORY_MAX_MEGABYTES: f64 = 200.0;

/// Floods one account of a Hookline with comments while others get one comment each.
#[derive(Debug, Parser)]
struct Args {
    /// Comments on the flooded account.
    #[arg(long, default_value_t = 60_000, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    comments: u32,
    /// Seconds they take to come.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=1800))]
    seconds: u64,
    /// Accounts that get one comment each over the same time.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2000))]
    quiet: u32,
    /// Where the database is made: a directory on the disk that is to be measured.
    #[arg(long, default_value = "target")]
    data: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let own = std::env::current_exe().context("finding this program")?;
    let data = std::path::absolute(&args.data)?;
    fs::create_dir_all(&data).context("making the data directory")?;
    let plan = FloodPlan {
        hookline: sibling(&own, "hookline")?,
        data,
        comments: args.comments,
        within: Duration::from_secs(args.seconds),
        quiet: args.quiet,
        first_reply_delay: Duration::from_secs(10),
        patience: Duration::from_mins(1),
    };
    let report = flood::run(plan, |line| println!("{line}")).await?;
    print!("{report}");
    let is_late = report.lateness_us.p99 > LATENESS_P99_MAX_MS * 1000.0;
    let is_large = report
        .memory_megabytes()
        .is_some_and(|memory| memory > MEMORY_MAX_MEGABYTES);
    if is_late {
        println!("MISSED       p99 lateness of at most {LATENESS_P99_MAX_MS} ms");
    }
    if is_large {
        println!("MISSED       memory of at most {MEMORY_MAX_MEGABYTES} MB");
    }
    Ok(if is_late || is_large || !report.problems.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
