//! `hookline sim`: Meta, simulated, for any tool that speaks to Instagram.

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use clap::Args;
use hookline_model::clock::Clock as _;
use hookline_sim::{World, WorldConfig, http};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::SystemClock;

/// Options of `hookline sim`.
#[derive(Debug, Args)]
pub struct SimArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: String,
    /// Where to deliver webhooks, such as `http://127.0.0.1:8080/webhooks/instagram`.
    #[arg(long)]
    callback: Option<String>,
    /// The app secret deliveries are signed with.
    #[arg(long)]
    app_secret: Option<String>,
    /// The verify token of the handshake.
    #[arg(long)]
    verify_token: Option<String>,
    /// Fixes every id and every random choice.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Plays Meta until Ctrl-C.
pub async fn run(args: SimArgs) -> anyhow::Result<ExitCode> {
    let mut config = WorldConfig {
        seed: args.seed,
        ..WorldConfig::default()
    };
    if let Some(secret) = args.app_secret {
        config.app_secrets = vec![secret];
    }
    if let Some(token) = args.verify_token {
        config.verify_token = token;
    }
    let listener = TcpListener::bind(&args.listen)
        .await
        .with_context(|| format!("cannot listen on {}: choose another --listen", args.listen))?;
    let address = listener
        .local_addr()
        .context("cannot tell the address listened on")?;
    println!("Meta, simulated, at http://{address}");
    println!("  graph_url            http://{address}/fb");
    println!("  instagram_graph_url  http://{address}/ig");
    println!("  app secret           {}", config.app_secrets.join(", "));
    println!("  verify token         {}", config.verify_token);
    match &args.callback {
        Some(url) => println!("  delivers to          {url}"),
        None => println!("  delivers to          nowhere yet: give --callback URL"),
    }
    println!("Act as a person through http://{address}/_sim. Ctrl-C ends it.");
    let stop = CancellationToken::new();
    let world = Arc::new(Mutex::new(World::new(config)));
    let clock: http::Clock = Arc::new(|| SystemClock.now().as_millis());
    let serving = http::serve(listener, world, clock, args.callback, stop.clone());
    tokio::select! {
        served = serving => served.context("the simulator ended")?,
        _ = tokio::signal::ctrl_c() => stop.cancel(),
    }
    Ok(ExitCode::SUCCESS)
}
