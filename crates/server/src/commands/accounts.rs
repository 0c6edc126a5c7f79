//! `hookline accounts`: connected accounts.
#![expect(
    clippy::print_stdout,
    reason = "what a command finds out goes to the terminal"
)]

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use hookline_engine::keyring::KeyRing;
use hookline_meta::graph::LoginKind;
use hookline_model::clock::{Clock as _, Timestamp};
use hookline_model::ids::AccountId;
use hookline_model::secret::Secret;
use hookline_store::erase::AskedFor;
use hookline_store::{ConnectAccount, Grant, SealedToken, Store};

use super::table::Table;
use super::{NOT_FOUND, complain, erasing, open_existing, open_or_create, print_json, wrong_input};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::http::api::accounts::{Account, check_draft};
use crate::{keys, wiring};

/// Longest token that is read from a file or the standard input, in bytes.
const TOKEN_READ_MAX: u64 = 64 * 1024;

/// Accounts read at once.
const PAGE: u32 = 500;

/// What is to be done with accounts.
#[derive(Debug, Args)]
pub struct AccountsArgs {
    #[command(subcommand)]
    command: AccountsCommand,
}

#[derive(Debug, Subcommand)]
enum AccountsCommand {
    /// Lists the connected accounts.
    List {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Connects an account, or gives it a new token. Without --token and --token-file the token
    /// is read from the standard input, where no other process can see it.
    Connect(ConnectArgs),
    /// Shows one account.
    Show {
        /// The account's Instagram id.
        id: String,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Erases an account with everything that was received and sent for it. This cannot be undone.
    Remove {
        /// The account's Instagram id or handle.
        id: String,
    },
}

#[derive(Debug, Args)]
struct ConnectArgs {
    /// The account's Instagram id, as webhooks name it. Without it Meta is asked whose the token
    /// is, and to deliver the account's events; with it nobody is asked.
    #[arg(long, requires = "username")]
    id: Option<String>,
    /// The account's handle; beside --id.
    #[arg(long, requires = "id")]
    username: Option<String>,
    /// The access token. Other users of this machine can see it while the command runs: prefer
    /// --token-file or the standard input.
    #[arg(long, conflicts_with = "token_file", value_parser = secret)]
    token: Option<Secret>,
    /// A file with the access token.
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// How the account was connected.
    #[arg(long, value_enum, default_value_t = LoginWord::Instagram)]
    login: LoginWord,
    /// The Facebook Page; required with --id and --login facebook.
    #[arg(long)]
    page_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LoginWord {
    /// Instagram Login.
    Instagram,
    /// Facebook Login, through a Page.
    Facebook,
}

impl LoginWord {
    fn as_str(self) -> &'static str {
        match self {
            Self::Instagram => "instagram",
            Self::Facebook => "facebook",
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the form value_parser asks for")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// Does what `args` says on the database of `store_url`; tokens are sealed with `keys`. Answers
/// 1 when the account is not connected and 2 when a value is wrong.
pub async fn run(
    args: AccountsArgs,
    config: &Config,
    store_url: &str,
    keys: KeyRing,
) -> anyhow::Result<ExitCode> {
    match args.command {
        AccountsCommand::List { json } => list(&open_existing(store_url)?, json).await,
        AccountsCommand::Connect(args) => connect(args, config, store_url, keys).await,
        AccountsCommand::Show { id, json } => show(&open_existing(store_url)?, id, json).await,
        AccountsCommand::Remove { id } => remove(open_existing(store_url)?, id, config, keys).await,
    }
}

async fn list(store: &Store, json: bool) -> anyhow::Result<ExitCode> {
    let (mut accounts, mut after) = (Vec::new(), None);
    loop {
        let page = store.list_accounts(after, PAGE).await?;
        let Some(end) = page.last() else { break };
        after = Some(end.id.clone());
        accounts.extend(page.into_iter().map(Account::from));
    }
    if json {
        return print_json(&accounts);
    }
    if accounts.is_empty() {
        println!("no account is connected; connect one with: hookline accounts connect");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(["ID", "USERNAME", "LOGIN", "CONNECTED", "STATUS"]);
    for account in &accounts {
        table.row([
            account.id.to_string(),
            account.username.clone(),
            account.login.to_owned(),
            account.connected_at.to_string(),
            status(account),
        ]);
    }
    print!("{table}");
    Ok(ExitCode::SUCCESS)
}

fn status(account: &Account) -> String {
    match &account.hold {
        None => "ok".to_owned(),
        Some(hold) => {
            let until = hold
                .until
                .map_or_else(String::new, |until| format!(" until {until}"));
            format!("held: {}{until}", hold.reason)
        }
    }
}

async fn connect(
    args: ConnectArgs,
    config: &Config,
    store_url: &str,
    keys: KeyRing,
) -> anyhow::Result<ExitCode> {
    let token = match (args.token, &args.token_file) {
        (Some(token), _) => token,
        (None, Some(path)) => token_of_file(path)?,
        (None, None) => token_of(std::io::stdin().lock()).context("cannot read the token")?,
    };
    let (Some(id), Some(username)) = (args.id, args.username) else {
        let store = Arc::new(open_or_create(store_url)?);
        return connect_by_token(args.login, token, config, &store, keys).await;
    };
    let login = args.login.as_str();
    let draft = match check_draft(&id, &username, &token, login, args.page_id.as_deref()) {
        Ok(draft) => draft,
        Err(problems) => return Ok(wrong_input("the account", &problems)),
    };
    let sealed = keys.seal(&draft.id, &draft.access_token, keys::nonce()?)?;
    let (id, username) = (draft.id.clone(), draft.username.clone());
    let account = ConnectAccount {
        id: draft.id,
        username: draft.username,
        login: draft.login,
        app_scoped_id: draft.app_scoped_id,
        token: SealedToken {
            key: sealed.key_id.0.to_vec(),
            bytes: sealed.bytes,
        },
        grant: Grant::default(),
    };
    let store = open_or_create(store_url)?;
    let is_new = store.connect_account(account, now()).await?;
    store.close().await;
    let done = if is_new {
        "connected"
    } else {
        "replaced the token of"
    };
    println!("{done} {username} ({id})");
    Ok(ExitCode::SUCCESS)
}

/// Asks Meta whose the token is, and to deliver the account's events.
async fn connect_by_token(
    login: LoginWord,
    token: Secret,
    config: &Config,
    store: &Arc<Store>,
    keys: KeyRing,
) -> anyhow::Result<ExitCode> {
    let login = match login {
        LoginWord::Instagram => LoginKind::Instagram,
        LoginWord::Facebook => LoginKind::Facebook,
    };
    let connector = wiring::meta::connector_for_command(config, store, keys)?;
    let connected = match connector.by_token(login, token).await {
        Ok(connected) => connected,
        Err(problem) => {
            complain(&format!(
                "not connected: {problem}. {}",
                problem.what_to_do()
            ));
            return Ok(ExitCode::FAILURE);
        }
    };
    for account in connected.accounts {
        let done = if account.is_new {
            "connected"
        } else {
            "replaced the token of"
        };
        println!("{done} {} ({})", account.username, account.id);
        for warning in account.warnings {
            println!("  {warning}");
        }
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

fn token_of_file(path: &Path) -> anyhow::Result<Secret> {
    let doing = || format!("cannot read the token from {}", path.display());
    let file = std::fs::File::open(path).with_context(doing)?;
    token_of(file).with_context(doing)
}

/// The token without the newline that ends most files.
fn token_of(source: impl std::io::Read) -> std::io::Result<Secret> {
    let mut text = String::new();
    source.take(TOKEN_READ_MAX).read_to_string(&mut text)?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

async fn show(store: &Store, id: String, json: bool) -> anyhow::Result<ExitCode> {
    let Some(stored) = store.find_account(AccountId::new(id.as_str())).await? else {
        return Ok(not_connected(&id));
    };
    let account = Account::from(stored.account);
    if json {
        return print_json(&account);
    }
    let fields = [
        ("id", Some(account.id.to_string())),
        ("username", Some(account.username.clone())),
        ("login", Some(account.login.to_owned())),
        ("page", account.page_id.clone()),
        ("app-scoped id", account.app_scoped_id.clone()),
        ("connected", Some(account.connected_at.to_string())),
        ("status", Some(status(&account))),
    ];
    for (label, value) in fields {
        if let Some(value) = value {
            println!("{label:<14} {value}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn remove(
    store: Store,
    id: String,
    config: &Config,
    keys: KeyRing,
) -> anyhow::Result<ExitCode> {
    let store = Arc::new(store);
    let account = match store.find_account_by_username(id.clone()).await? {
        Some(found) => found.id,
        None => AccountId::new(id.as_str()),
    };
    if store.find_account(account.clone()).await?.is_none() {
        return Ok(not_connected(&id));
    }
    // While there is still a token to do it with.
    let connector = wiring::meta::connector_for_command(config, &store, keys)?;
    if let Some(problem) = connector.leave(&account).await {
        complain(&format!(
            "Meta could not be told to stop delivering ({problem}); what still comes is for nobody"
        ));
    }
    let asked_for = AskedFor::Account(account.clone());
    let Some(deletion) = erasing::erase(&store, asked_for).await? else {
        return Ok(not_connected(&id));
    };
    println!("forgot account {account}: {}", erasing::in_words(&deletion));
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

fn not_connected(id: &str) -> ExitCode {
    complain(&format!("account {id} is not connected"));
    ExitCode::from(NOT_FOUND)
}

fn now() -> Timestamp {
    SystemClock.now()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: AccountsArgs,
    }

    fn parse(line: &str) -> Result<AccountsArgs, clap::Error> {
        Line::try_parse_from(line.split(' ')).map(|line| line.args)
    }

    #[test]
    fn connect_takes_the_token_from_one_place() {
        let base = "hookline connect --id 1784 --username ada.bakes";
        let parsed = parse(&format!("{base} --token EAAB")).expect("it is right");
        let AccountsCommand::Connect(connect) = parsed.command else {
            panic!("another command: {:?}", parsed.command);
        };
        assert_eq!(connect.token, Some(Secret::new("EAAB")));
        assert_eq!(connect.login, LoginWord::Instagram);
        assert!(
            parse(base).is_ok(),
            "the token may come from the standard input"
        );
        assert!(parse(&format!("{base} --token EAAB --token-file t")).is_err());
        assert!(parse(&format!("{base} --login twitter")).is_err());
    }

    #[test]
    fn the_token_is_not_in_debug_output() {
        let line = "hookline connect --id 1 --username a --token EAAB-secret";
        let parsed = parse(line).expect("it is right");
        assert!(!format!("{parsed:?}").contains("EAAB-secret"));
    }

    #[test]
    fn a_token_loses_only_its_last_newline() {
        let read = |text: &str| token_of(text.as_bytes()).expect("it is text");
        assert_eq!(read("EAAB\n"), Secret::new("EAAB"));
        assert_eq!(read("EAAB\r\n"), Secret::new("EAAB"));
        assert_eq!(read("EA AB"), Secret::new("EA AB"));
    }
}
