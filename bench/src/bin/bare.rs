//! The reference servers: read each request whole and answer 200.

#![expect(
    clippy::print_stdout,
    reason = "whoever starts it learns the address from its output"
)]

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Parser;
use hookline_bench::bare::{self, Duty};
use hookline_bench::journal::Journal;
use tokio::net::TcpListener;

/// Answers 200 to every request, on this machine only.
#[derive(Debug, Parser)]
struct Args {
    /// Loopback address to listen at.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Threads that serve; one means no hand-over between threads at all.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: u16,
    /// Verify what is posted and keep it in a new file in this directory, and answer when it is
    /// synced.
    #[arg(long, value_name = "DIRECTORY")]
    keep_in: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if !args.listen.ip().is_loopback() {
        bail!("only a loopback address: this server answers whatever it is asked");
    }
    let mut builder = if args.threads == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let runtime = builder
        .worker_threads(usize::from(args.threads))
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(args.listen).await?;
        println!("listening at {}", listener.local_addr()?);
        let Some(directory) = &args.keep_in else {
            match bare::serve(listener, Duty::Read).await? {}
        };
        let (journal, durable) = Journal::open(directory)
            .with_context(|| format!("making a file in {}", directory.display()))?;
        tokio::select! {
            served = bare::serve(listener, Duty::keep(journal)) => match served? {},
            () = durable.tell() => bail!("the file in {} cannot be written", directory.display()),
        }
    })
}
