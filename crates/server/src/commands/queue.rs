//! `hookline queue`: what waits in each lane, when it goes out, and why other things did not.
#![expect(
    clippy::print_stdout,
    reason = "what a command finds out goes to the terminal"
)]

mod text;

use std::process::ExitCode;

use clap::Args;
use hookline_model::clock::{Clock as _, Timestamp};
use hookline_model::ids::AccountId;
use hookline_model::send::SendClass;
use hookline_store::Store;
use hookline_store::lanes::Budgets;
use hookline_store::queue::{QueueFilter, QueuePageRequest};

use super::{NOT_FOUND, complain, open_existing, print_json};
use crate::clock::SystemClock;
use crate::http::api::queue::Lane;

/// Lanes read at once.
const PAGE: u32 = 500;

/// Which lanes are shown.
#[derive(Debug, Args)]
pub struct QueueArgs {
    /// Only of this account: its Instagram id, or its handle.
    #[arg(long)]
    account: Option<String>,
    /// Only of this class: `private_reply`, `live_private_reply`, `text`, `media` or
    /// `public_reply`.
    #[arg(long, value_parser = class)]
    class: Option<SendClass>,
    /// Prints JSON, as the REST API answers it.
    #[arg(long)]
    json: bool,
}

fn class(name: &str) -> Result<SendClass, String> {
    SendClass::from_name(name).ok_or_else(|| {
        let known = SendClass::ALL.map(SendClass::as_str).join(", ");
        format!("must be one of {known}")
    })
}

/// Prints the queue in the database of `store_url`, forecast by the rates of `budgets`. Answers 1
/// when no account has the handle asked for.
pub async fn run(args: QueueArgs, store_url: &str, budgets: Budgets) -> anyhow::Result<ExitCode> {
    let store = open_existing(store_url)?;
    let mut filter = QueueFilter {
        account_id: None,
        class: args.class,
    };
    if let Some(name) = &args.account {
        let Some(id) = account_named(&store, name).await? else {
            complain(&format!("no connected account has the handle {name}"));
            return Ok(ExitCode::from(NOT_FOUND));
        };
        filter.account_id = Some(id);
    }
    let now = SystemClock.now();
    let lanes = read(&store, &filter, (budgets, now)).await?;
    if args.json {
        return print_json(&lanes);
    }
    print!("{}", text::of(&lanes, now));
    Ok(ExitCode::SUCCESS)
}

/// An id is taken as it is, because a lane may outlive its account.
async fn account_named(store: &Store, name: &str) -> anyhow::Result<Option<AccountId>> {
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Some(AccountId::new(name)));
    }
    let handle = name.strip_prefix('@').unwrap_or(name);
    let found = store.find_account_by_username(handle.to_owned()).await?;
    Ok(found.map(|account| account.id))
}

async fn read(
    store: &Store,
    filter: &QueueFilter,
    (budgets, now): (Budgets, Timestamp),
) -> anyhow::Result<Vec<Lane>> {
    let (mut lanes, mut after) = (Vec::new(), None);
    loop {
        let page = QueuePageRequest { after, limit: PAGE };
        let page = store.list_queue(filter.clone(), page, budgets, now).await?;
        lanes.extend(page.lanes.into_iter().map(Lane::from));
        after = page.next_after;
        if after.is_none() {
            return Ok(lanes);
        }
    }
}
