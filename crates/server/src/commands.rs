//! What the command line can do, one file per command.
//!
//! Commands beside a running server open its database themselves: their transactions are short,
//! and the server notices what they changed. Exit codes: 0 done, 1 failed or not found, 2 wrong
//! input.
#![expect(
    clippy::print_stdout,
    reason = "what a command finds out goes to the terminal"
)]

pub mod accounts;
pub mod alerts;
pub mod automations;
pub mod contacts;
pub mod demo;
pub mod doctor;
mod erasing;
pub mod explain;
pub mod openapi;
pub mod queue;
pub mod replay;
pub mod sends;
pub mod serve;
pub mod sim;
pub mod subscribe;
mod table;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use hookline_model::automation::Problem;
use hookline_store::{Ownership, Store, path_of};
use serde::Serialize;

/// The exit code when there is nothing of the name that was asked for.
const NOT_FOUND: u8 = 1;

/// The exit code of input that cannot be right.
const WRONG_INPUT: u8 = 2;

/// Opens a database that must be there: looking into a mistyped path must not create one.
fn open_existing(store_url: &str) -> anyhow::Result<Store> {
    let path = path_of(store_url)?;
    if !path.exists() {
        bail!(
            "there is no database at {}: check store.url (or --store), or start `hookline serve` \
             once",
            path.display()
        );
    }
    open_or_create(store_url)
}

/// Opens a database that may be new: an installation may be set up before its first start.
fn open_or_create(store_url: &str) -> anyhow::Result<Store> {
    Store::open(store_url, Ownership::Shared).context("cannot open the database")
}

fn print_json(value: &impl Serialize) -> anyhow::Result<ExitCode> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(ExitCode::SUCCESS)
}

/// Tells everything that is wrong with `what`.
fn wrong_input(what: &str, problems: &[Problem]) -> ExitCode {
    for Problem { path, message } in problems {
        if path.is_empty() {
            complain(&format!("{what}: {message}"));
        } else {
            complain(&format!("{what}: {path}: {message}"));
        }
    }
    ExitCode::from(WRONG_INPUT)
}

#[expect(
    clippy::print_stderr,
    reason = "the person who called has to see what is wrong"
)]
fn complain(message: &str) {
    eprintln!("hookline: {message}");
}
