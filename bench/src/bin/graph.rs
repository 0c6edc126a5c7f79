//! The Graph API that answers at once.

#![expect(
    clippy::print_stdout,
    reason = "whoever starts it learns the address from its output"
)]

use std::net::SocketAddr;

use anyhow::bail;
use clap::Parser;
use hookline_bench::graph;
use tokio::net::TcpListener;

/// Takes every send and answers at once, on this machine only.
#[derive(Debug, Parser)]
struct Args {
    /// Loopback address to listen at.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if !args.listen.ip().is_loopback() {
        bail!("only a loopback address: this server answers whatever it is asked");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(args.listen).await?;
        println!("listening at {}", listener.local_addr()?);
        match graph::serve(listener).await? {}
    })
}
