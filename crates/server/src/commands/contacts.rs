//! `hookline contacts`: the people on the other side.
#![expect(
    clippy::print_stdout,
    reason = "what a command finds out goes to the terminal"
)]

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use hookline_model::ids::{AccountId, ContactId};
use hookline_store::erase::AskedFor;

use super::{erasing, open_existing};

/// What is to be done with contacts.
#[derive(Debug, Args)]
pub struct ContactsArgs {
    #[command(subcommand)]
    command: ContactsCommand,
}

#[derive(Debug, Subcommand)]
enum ContactsCommand {
    /// Erases a person with everything that was received from them and sent to them, also in
    /// what Meta delivered. This cannot be undone.
    Erase {
        /// The account's Instagram id or handle.
        #[arg(long)]
        account: String,
        /// The person's id (as events and sends name them) or handle.
        #[arg(long)]
        contact: String,
    },
}

/// Does what `args` says on the database of `store_url`.
pub async fn run(args: ContactsArgs, store_url: &str) -> anyhow::Result<ExitCode> {
    let ContactsCommand::Erase { account, contact } = args.command;
    let store = Arc::new(open_existing(store_url)?);
    let account = match store.find_account_by_username(account.clone()).await? {
        Some(found) => found.id,
        None => AccountId::new(account),
    };
    let contact = store
        .find_contact(account.clone(), contact.clone())
        .await?
        .unwrap_or_else(|| ContactId::new(contact));
    let asked_for = AskedFor::Contact { account, contact };
    if let Some(deletion) = erasing::erase(&store, asked_for).await? {
        println!("{}", erasing::in_words(&deletion));
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}
