//! `hookline subscribe`: has Meta deliver, on both levels, and says what was missing.
#![expect(
    clippy::print_stdout,
    reason = "what a command finds out goes to the terminal"
)]

use std::process::ExitCode;

use hookline_engine::caller::Caller;
use hookline_engine::keyring::KeyRing;
use hookline_engine::subscribe::{Standing, Subscriber};
use hookline_meta::graph::CallFailure;
use hookline_model::account::Account;
use hookline_model::clock::Clock as _;
use hookline_store::Store;

use super::{WRONG_INPUT, complain, open_existing};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::wiring;

/// Accounts read at once.
const PAGE: u32 = 500;

/// Subscribes the app, then every account, and keeps that each is wanted, so that a running server
/// keeps it so. Answers 1 when Meta refused anything, and 2 when configuration is missing.
pub async fn run(config: &Config, store_url: &str, keys: &KeyRing) -> anyhow::Result<ExitCode> {
    let missing = missing_keys(config);
    if !missing.is_empty() {
        complain(&format!(
            "subscribing needs {}: set {} and run it again",
            missing.join(", "),
            if missing.len() == 1 { "it" } else { "them" }
        ));
        return Ok(ExitCode::from(WRONG_INPUT));
    }
    let store = open_existing(store_url)?;
    let subscriber = wiring::meta::subscriber(config, &wiring::meta::graph(config)?);
    let mut is_good = app(&subscriber, &store).await?;
    let mut after = None;
    loop {
        let page = store.list_accounts(after, PAGE).await?;
        let Some(end) = page.last() else { break };
        after = Some(end.id.clone());
        for account in page {
            is_good &= subscribe(&subscriber, &store, keys, &account).await?;
        }
    }
    store.close().await;
    Ok(if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn missing_keys(config: &Config) -> Vec<&'static str> {
    let needed = [
        ("meta.app_id", config.meta.app_id.is_none()),
        ("meta.app_secrets", config.meta.app_secrets.is_empty()),
        ("meta.verify_token", config.meta.verify_token.is_none()),
        ("server.public_url", config.server.public_url.is_none()),
    ];
    let missing = needed.into_iter().filter(|(_, is_missing)| *is_missing);
    missing.map(|(key, _)| key).collect()
}

/// Meta makes its handshake before it answers, so the server has to run meanwhile.
async fn app(subscriber: &Subscriber, store: &Store) -> anyhow::Result<bool> {
    let has_facebook = store.has_facebook_accounts().await?;
    match subscriber.app(has_facebook, &[], true).await {
        Ok(standing) => {
            tell("the app", &standing.unwrap_or_default());
            Ok(true)
        }
        Err(failure) => {
            complain(&format!(
                "the app: Meta refuses: {failure}. Meta asks the server for the handshake first: \
                 start `hookline serve`, and make sure that it is reached under \
                 server.public_url"
            ));
            Ok(false)
        }
    }
}

async fn subscribe(
    subscriber: &Subscriber,
    store: &Store,
    keys: &KeyRing,
    account: &Account,
) -> anyhow::Result<bool> {
    let name = format!("@{} ({})", account.username, account.id);
    let now = SystemClock.now();
    store
        .want_subscription(account.id.clone(), true, now)
        .await?;
    let caller = match Caller::find(store, keys, &account.id).await {
        Ok(caller) => caller,
        Err(problem) => {
            complain(&format!("{name}: {problem}: connect it again"));
            return Ok(false);
        }
    };
    match subscriber.account(&caller.sender(), &[], true).await {
        Ok(standing) => {
            tell(&name, &standing);
            Ok(true)
        }
        Err(failure) => {
            complain(&format!("{name}: {}", advice(&failure)));
            Ok(false)
        }
    }
}

fn advice(failure: &CallFailure) -> String {
    use hookline_meta::graph::ErrorClass;
    let what = match failure.class() {
        Some(ErrorClass::Token(_)) => "its access has ended: connect it again",
        Some(ErrorClass::Permission) => {
            "a permission is missing: connect it again and leave every permission ticked"
        }
        _ => "try again in a few minutes",
    };
    format!("Meta refuses ({failure}): {what}")
}

fn tell(whom: &str, standing: &Standing) {
    let difference = &standing.difference;
    if standing.is_repaired {
        println!("{whom}: subscribed; before: {difference}");
    } else {
        println!("{whom}: {difference}");
    }
    if !standing.refused.is_empty() {
        println!(
            "{whom}: Meta does not know these fields, so they are left out: {}",
            standing.refused.join(", ")
        );
    }
    if !standing.other_apps.is_empty() {
        println!(
            "{whom}: other apps get its events too: {}; if one of them answers comments as well, \
             people get two messages",
            standing.other_apps.join(", ")
        );
    }
}
