//! The reference server: reads each request whole and answers 200.

#![expect(
    clippy::print_stdout,
    reason = "whoever starts it learns the address from its output"
)]

use std::net::SocketAddr;

use anyhow::bail;
use clap::Parser;
use hookline_bench::bare;
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
        match bare::serve(listener).await? {}
    })
}
