//! `hookline explain`: what happened with one comment, message, event or send, and why.
#![expect(
    clippy::print_stdout,
    reason = "what a command finds out goes to the terminal"
)]

use std::process::ExitCode;

use clap::Args;
use hookline_model::clock::Clock as _;

use super::{NOT_FOUND, complain, open_existing, print_json};
use crate::clock::SystemClock;

/// What is to be explained.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A comment id, a message's mid, or an event id such as `evt_17`.
    id: String,
    /// Prints JSON, as the REST API answers it.
    #[arg(long)]
    json: bool,
}

/// Prints the explanation from the database of `store_url`; answers 1 when nothing of that name
/// is known.
pub async fn run(args: ExplainArgs, store_url: &str) -> anyhow::Result<ExitCode> {
    let store = open_existing(store_url)?;
    let found = hookline_engine::explain::explain(&store, &args.id, SystemClock.now()).await?;
    let Some(explanation) = found else {
        complain(&format!(
            "nothing is known of {}: it is no comment, message or event that was received, and \
             nothing that was sent",
            args.id
        ));
        return Ok(ExitCode::from(NOT_FOUND));
    };
    if args.json {
        return print_json(&explanation);
    }
    print!("{}", explanation.to_text());
    Ok(ExitCode::SUCCESS)
}
