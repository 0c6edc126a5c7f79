//! `hookline`: one binary that receives Meta's webhooks and sends what they lead to.

use std::process::ExitCode;

fn main() -> ExitCode {
    hookline_server::cli::run()
}
