//! `hookline`: one binary that receives Meta's webhooks and sends what they lead to.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    hookline_server::cli::run().await
}
