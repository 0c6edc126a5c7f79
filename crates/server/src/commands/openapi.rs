//! `hookline openapi`: the document of the REST API.
#![expect(clippy::print_stdout, reason = "the command's whole purpose")]

use std::process::ExitCode;

/// Prints the OpenAPI document as JSON; needs no database and no configuration.
pub fn run() -> anyhow::Result<ExitCode> {
    print!("{}", crate::http::api::openapi());
    Ok(ExitCode::SUCCESS)
}
