//! `hookline serve`: receive and send until told to stop.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::clock::SystemClock;
use crate::config::Loaded;
use crate::files;
use crate::wiring;

/// Runs until SIGTERM or Ctrl-C, then stops accepting and finishes what is in flight within
/// `server.shutdown_timeout`. What was not finished by then is on disk and taken over by the next
/// start, so the exit code is 0 either way.
pub async fn run(loaded: Loaded) -> anyhow::Result<ExitCode> {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    if let Err(shortage) = files::make_room_for(loaded.config.server.max_connections) {
        tracing::warn!("{shortage}");
    }
    let mut terminate =
        signal(SignalKind::terminate()).context("cannot listen for the signal to stop")?;
    let running = wiring::start(&loaded.config, Arc::new(SystemClock)).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tracing::info!("stopping: finishing what is in flight");
    if running.shut_down().await {
        tracing::info!("stopped");
    } else {
        tracing::warn!("stopped before everything was finished; the next start takes it over");
    }
    Ok(ExitCode::SUCCESS)
}
