//! Measures how large a database becomes, and prints the section of the report as JSON.

use std::io::Write as _;

use clap::Parser;
use hookline_bench::scenario::size;

/// What to measure.
#[derive(Debug, Parser)]
struct Options {
    /// Deliveries of each kind.
    #[arg(long, default_value_t = 30_000)]
    deliveries: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let section = size::measure(Options::parse().deliveries).await?;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &section)?;
    writeln!(out)?;
    Ok(())
}
