//! The load generator: posts signed comment deliveries and times the answers.

#![expect(
    clippy::print_stdout,
    reason = "this is a command-line program: what it prints is its work"
)]

use std::time::Duration;

use anyhow::bail;
use clap::Parser;
use hookline_bench::deliveries::{BODY_BYTES, Shape, shaped};
use hookline_bench::load::{self, Plan, Target};

/// Posts signed comment deliveries to a server on this machine and times the answers.
///
/// Every delivery is a comment of its own, signed beforehand with the app secret
/// 0123456789abcdef0123456789abcdef. Any answer but 200 makes the run fail.
#[derive(Debug, Parser)]
struct Args {
    /// Where to post, as in <http://127.0.0.1:8080/webhooks/instagram>.
    target: Target,
    /// Deliveries prepared; the run ends when they are used up.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    deliveries: u32,
    /// Number of the first comment; a second run against one database needs other numbers.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..1_000_000_000_000))]
    first: u64,
    /// Bytes of each body, or of each comment in it where there are several.
    #[arg(long, default_value_t = BODY_BYTES)]
    body_bytes: usize,
    /// Comments in each delivery.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    events: u32,
    /// Accounts the deliveries are for, in turn.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    accounts: u32,
    /// Connections kept open.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Threads that drive them.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    threads: u16,
    /// Deliveries per second, each timed from the moment it is due; as fast as answers come
    /// without it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=500_000))]
    rate: Option<u32>,
    /// Seconds measured, at most.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=120))]
    seconds: u64,
    /// Milliseconds at the start that are not measured.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(0..=30_000))]
    warm_up_ms: u64,
    /// Print JSON only.
    #[arg(long)]
    json: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let report = load::run(Plan {
        deliveries: shaped(
            args.first,
            usize::try_from(args.deliveries)?,
            Shape {
                events: usize::try_from(args.events)?,
                bytes: args.body_bytes,
                accounts: args.accounts,
            },
        ),
        target: args.target,
        connections: usize::from(args.connections),
        threads: usize::from(args.threads),
        rate: args.rate,
        warm_up: Duration::from_millis(args.warm_up_ms),
        duration: Duration::from_secs(args.seconds),
    })?;
    println!("{}", serde_json::to_string(&report)?);
    if !args.json {
        println!("{}", report.table());
    }
    if !report.not_ok.is_empty() {
        bail!("not every answer was 200: {:?}", report.not_ok);
    }
    Ok(())
}
