//! Measures Hookline beside the references, in one run, and writes the page about it.

#![expect(
    clippy::print_stdout,
    reason = "this is a command-line program: what it prints is its work"
)]

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use hookline_bench::comparison::{Settings, compare, sibling};
use hookline_bench::page::{self, Machine};
use hookline_bench::peer::Peer;

/// Measures Hookline beside the references, in one run.
#[derive(Debug, Parser)]
struct Args {
    /// Measure the reference alone.
    #[arg(long)]
    only_bare: bool,
    /// Rounds; every server is measured once in each.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Connections the load generator keeps open.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Deliveries per second of the open loop.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Deliveries prepared for each measurement; it ends when they are used up.
    #[arg(long, default_value_t = 400_000, value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    deliveries: u32,
    /// Print the page instead of writing it.
    #[arg(long)]
    print: bool,
    /// The page.
    #[arg(long, default_value = "docs/PERFORMANCE.md")]
    page: PathBuf,
    /// Where databases are made: a directory on the disk that is to be measured.
    #[arg(long, default_value = "target")]
    data: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let own = std::env::current_exe().context("finding this program")?;
    let mut peers = vec![Peer::Bare {
        program: sibling(&own, "bare")?,
    }];
    if !args.only_bare {
        peers.push(Peer::Hookline {
            program: sibling(&own, "hookline")?,
        });
    }
    let data = std::path::absolute(&args.data)?;
    fs::create_dir_all(&data).context("making the data directory")?;
    let data = tempfile::tempdir_in(data)?;
    let settings = Settings {
        rounds: args.rounds,
        seconds: args.seconds,
        connections: args.connections,
        rate: args.rate,
        deliveries: args.deliveries,
        generator: sibling(&own, "loadgen")?,
        data: data.path().to_owned(),
    };
    let comparison = compare(&peers, &settings, |line| println!("{line}"))?;
    let micro = page::micro(&args.data.join("criterion"));
    let page = page::write(&comparison, &settings, &Machine::this(), &micro);
    if args.print || args.only_bare {
        println!("\n{page}");
    } else {
        fs::write(&args.page, page).context("writing the page")?;
        println!("{} written", args.page.display());
    }
    Ok(())
}
