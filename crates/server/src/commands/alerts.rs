//! `hookline alerts`: what is wrong, since when, and what to do about it.
#![expect(
    clippy::print_stdout,
    reason = "what a command finds out goes to the terminal"
)]

mod reference;

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use hookline_model::alert::{AlertCode, Severity};
use hookline_model::clock::{Clock as _, Timestamp};
use hookline_model::ids::AccountId;
use hookline_store::PageRequest;
use hookline_store::alerts::{AlertFilter, AlertRecord};

use super::table::Table;
use super::{open_existing, print_json};
use crate::clock::SystemClock;
use crate::http::api::code_named;

/// Most alerts listed at once.
const LIMIT_MAX: u32 = 500;

/// The exit code of `--check` when something critical is open.
const CRITICAL: u8 = 1;

/// Which alerts are shown.
#[derive(Debug, Args)]
pub struct AlertsArgs {
    /// Shows those that are over too.
    #[arg(long)]
    all: bool,
    /// Only of the account with this Instagram id.
    #[arg(long)]
    account: Option<String>,
    /// Only of this code, such as `token_dead`.
    #[arg(long, value_parser = code)]
    code: Option<AlertCode>,
    /// So many at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(LIMIT_MAX)))]
    limit: u32,
    /// Prints JSON, as the REST API answers it.
    #[arg(long)]
    json: bool,
    /// Answers exit code 1 when one of those shown is critical and not over.
    #[arg(long)]
    check: bool,
}

fn code(name: &str) -> Result<AlertCode, String> {
    code_named(name).map_err(|known| format!("must be one of {known}"))
}

/// Prints the alerts in the database of `store_url`, newest first; some point to `connect_page`.
pub async fn run(
    args: AlertsArgs,
    store_url: &str,
    connect_page: Option<&str>,
) -> anyhow::Result<ExitCode> {
    let store = open_existing(store_url)?;
    let filter = AlertFilter {
        is_open: !args.all,
        account_id: args.account.map(AccountId::new),
        code: args.code,
    };
    let page = PageRequest {
        before: None,
        limit: args.limit,
    };
    let mut alerts = store.list_alerts(filter, page).await?.items;
    if let Some(page) = connect_page {
        for record in &mut alerts {
            record.alert.point_to(page);
        }
    }
    store.close().await;
    if args.json {
        print_json(&alerts)?;
    } else {
        print!("{}", text_of(&alerts, SystemClock.now()));
    }
    let is_critical = |record: &AlertRecord| {
        record.alert.resolved_at.is_none() && record.alert.severity == Severity::Critical
    };
    if args.check && alerts.iter().any(is_critical) {
        return Ok(ExitCode::from(CRITICAL));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints `docs/ALERTS.md`.
pub fn print_reference() -> ExitCode {
    print!("{}", reference::page());
    ExitCode::SUCCESS
}

/// A table, and under it what to do about each that lasts.
fn text_of(alerts: &[AlertRecord], now: Timestamp) -> String {
    if alerts.is_empty() {
        return "no alerts\n".to_owned();
    }
    let mut table = Table::new([
        "ALERT", "CODE", "SEVERITY", "ACCOUNT", "SINCE", "RESOLVED", "DETAIL",
    ]);
    for AlertRecord { alert, .. } in alerts {
        let account = alert.account.as_ref();
        table.row([
            alert.id.to_string(),
            alert.code.as_str().to_owned(),
            alert.severity.as_str().to_owned(),
            account.map_or_else(|| "all".to_owned(), ToString::to_string),
            alert.since.beside(now),
            alert
                .resolved_at
                .map_or_else(String::new, |at| at.beside(now)),
            alert.detail.clone(),
        ]);
    }
    let mut text = table.to_string();
    let open = alerts.iter().filter(|it| it.alert.resolved_at.is_none());
    for AlertRecord { alert, .. } in open {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n{}: {}.\n{}\n",
            alert.id, alert.title, alert.what_to_do
        );
    }
    text
}
