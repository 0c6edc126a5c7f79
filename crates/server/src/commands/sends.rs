//! `hookline sends`: what is owed, and settling by hand what evidence cannot.
#![expect(
    clippy::print_stdout,
    reason = "what a command finds out goes to the terminal"
)]

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use hookline_model::clock::Clock as _;
use hookline_model::ids::AccountId;
use hookline_model::send::SendState;
use hookline_store::PageRequest;
use hookline_store::evidence::{Decided, Decision};
use hookline_store::records::{SendFilter, SendRecord};

use super::table::Table;
use super::{NOT_FOUND, WRONG_INPUT, complain, open_existing, print_json};
use crate::clock::SystemClock;
use crate::http::api::send_id;

/// Most sends listed at once.
const LIMIT_MAX: u32 = 500;

/// What is to be done with sends.
#[derive(Debug, Args)]
pub struct SendsArgs {
    #[command(subcommand)]
    command: SendsCommand,
}

#[derive(Debug, Subcommand)]
enum SendsCommand {
    /// Lists sends, newest first.
    List {
        /// Only of this state, such as unknown or held.
        #[arg(long)]
        state: Option<String>,
        /// Only of the account with this Instagram id.
        #[arg(long)]
        account: Option<String>,
        /// So many at most.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(LIMIT_MAX)))]
        limit: u32,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Settles a send in state unknown as you say.
    Settle {
        /// The send, such as `snd_12`.
        id: String,
        /// What is true of it.
        #[arg(value_enum)]
        r#as: DecisionWord,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DecisionWord {
    /// The person has it.
    Landed,
    /// The person does not have it: it is tried again, within its deadline.
    NotLanded,
    /// Nobody wants to know any more.
    GivenUp,
}

/// Does what `args` says on the database of `store_url`. Answers 1 when there is no such send or
/// it is not unknown, and 2 when a value is wrong.
pub async fn run(args: SendsArgs, store_url: &str) -> anyhow::Result<ExitCode> {
    match args.command {
        SendsCommand::List {
            state,
            account,
            limit,
            json,
        } => {
            if let Some(state) = state.as_deref().filter(|state| !is_state(state)) {
                complain(&format!(
                    "there is no state {state}: states are {}, held",
                    SendState::ALL.map(SendState::as_str).join(", ")
                ));
                return Ok(ExitCode::from(WRONG_INPUT));
            }
            let filter = SendFilter {
                state,
                account_id: account.map(AccountId::new),
                ..SendFilter::default()
            };
            list(filter, limit, json, store_url).await
        }
        SendsCommand::Settle { id, r#as } => settle(&id, r#as, store_url).await,
    }
}

fn is_state(word: &str) -> bool {
    word == "held" || SendState::from_name(word).is_some()
}

async fn list(
    filter: SendFilter,
    limit: u32,
    json: bool,
    store_url: &str,
) -> anyhow::Result<ExitCode> {
    let store = open_existing(store_url)?;
    let page = PageRequest {
        before: None,
        limit,
    };
    let sends = store
        .list_sends(filter, page, SystemClock.now())
        .await?
        .items;
    store.close().await;
    if json {
        return print_json(&sends);
    }
    let mut table = Table::new([
        "SEND", "KIND", "STATE", "REASON", "ACCOUNT", "ANSWERS", "DUE",
    ]);
    for send in &sends {
        table.row(row(send));
    }
    print!("{table}");
    Ok(ExitCode::SUCCESS)
}

fn row(send: &SendRecord) -> [String; 7] {
    let answers = send
        .comment_id
        .as_ref()
        .map_or_else(|| send.event_id.to_string(), ToString::to_string);
    [
        send.id.to_string(),
        send.kind.as_str().to_owned(),
        send.state.clone(),
        send.reason.clone().unwrap_or_default(),
        send.account_id.to_string(),
        answers,
        send.due_at.map_or_else(String::new, |at| at.to_string()),
    ]
}

async fn settle(id: &str, word: DecisionWord, store_url: &str) -> anyhow::Result<ExitCode> {
    let Some(send) = send_id(id) else {
        complain(&format!(
            "{id} is not the id of a send: ids look like snd_12"
        ));
        return Ok(ExitCode::from(WRONG_INPUT));
    };
    let (decision, outcome) = match word {
        DecisionWord::Landed => (Decision::Landed, "is accepted"),
        DecisionWord::NotLanded => (Decision::NotLanded, "will be tried again"),
        DecisionWord::GivenUp => (Decision::GivenUp, "is given up"),
    };
    let store = open_existing(store_url)?;
    let decided = store.decide_send(send, decision, SystemClock.now()).await?;
    store.close().await;
    match decided {
        Decided::Done => {
            println!("{send} {outcome}");
            return Ok(ExitCode::SUCCESS);
        }
        Decided::NotFound => complain(&format!("there is no send {send}")),
        Decided::NotUnknown { state } => complain(&format!(
            "{send} is {state}: only a send in state unknown can be settled by hand"
        )),
    }
    Ok(ExitCode::from(NOT_FOUND))
}
