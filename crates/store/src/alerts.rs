//! Alerts: what a person has to know of, raised once and resolved once in effect, because one
//! alert of a code and account is open at most, and what people are told of it is committed
//! together with it.

mod notices;
mod review;

use std::collections::BTreeMap;

use hookline_model::alert::{
    Alert, AlertAccount, AlertCode, DETAIL_CHARACTERS_MAX, NoticeEvent, RaiseAlert,
};
use hookline_model::clock::Timestamp;
use hookline_model::ids::{AccountId, AlertId, LaneId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use crate::error::StoreError;
use crate::ids::{Column, MetaId as _};
use crate::records::Conditions;
use crate::rows::Reader;
use crate::{Page, PageRequest, Store};

pub use notices::{Letter, LetterOutcome};
pub(crate) use review::ended_by_a_send;

/// What came of raising an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raised {
    /// It is new: people are told.
    New,
    /// It came a step further: people are told again.
    Renewed,
    /// It was open already: its detail is what was seen last.
    Known,
    /// The account is not connected, so that nobody could ever resolve it: nothing was raised.
    NotConnected,
}

/// Which alerts.
#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    /// Only those that last.
    pub is_open: bool,
    /// Only of this account.
    pub account_id: Option<AccountId>,
    /// Only of this code.
    pub code: Option<AlertCode>,
}

/// An alert as shown, with what became of telling people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertRecord {
    /// The alert.
    #[serde(flatten)]
    pub alert: Alert,
    /// What people were told of it.
    pub notices: NoticeCounts,
}

/// Notices by where they stand, each counted once for each destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NoticeCounts {
    /// Arrived.
    pub delivered: u32,
    /// Are tried again.
    pub waiting: u32,
    /// Could not be delivered within a day.
    pub given_up: u32,
}

impl Store {
    /// Raises an alert, or renews what is known of the one that is open.
    pub async fn raise_alert(
        &self,
        alert: RaiseAlert,
        now: Timestamp,
    ) -> Result<Raised, StoreError> {
        self.write(move |connection| raise(connection, &alert, None, now))
            .await
    }

    /// Resolves the open alert of this code and account (none: of the whole installation);
    /// `false` when there is none.
    pub async fn resolve_alert(
        &self,
        code: AlertCode,
        account: Option<AccountId>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let is_open = {
            let account = account.clone();
            self.read(
                move |connection| Ok(find_open(connection, code, account.as_ref())?.is_some()),
            )
        };
        // Asked again and again by those who watch: looking costs no commit.
        if !is_open.await? {
            return Ok(false);
        }
        self.write(
            move |connection| match find_open(connection, code, account.as_ref())? {
                Some(open) => resolve(connection, open, now).map(|()| true),
                None => Ok(false),
            },
        )
        .await
    }

    /// Alerts, newest first.
    pub async fn list_alerts(
        &self,
        filter: AlertFilter,
        page: PageRequest,
    ) -> Result<Page<AlertRecord>, StoreError> {
        self.read(move |connection| {
            let mut query = Conditions::new("a.id", page);
            if filter.is_open {
                query.holds("a.resolved_at IS NULL");
            }
            query.is_id("a.account_id", filter.account_id.as_ref());
            query.equals("a.code", filter.code.map(|code| code.as_str().to_owned()));
            query.run(connection, RECORDS, "a.id", record, |record| {
                record.alert.id.0
            })
        })
        .await
    }
}

const ALERTS: &str = "SELECT a.*, c.username FROM alerts a
    LEFT JOIN accounts c ON c.id = a.account_id";

const RECORDS: &str = "SELECT a.*, c.username,
        (SELECT count(*) FROM alert_notices n JOIN alert_letters l ON l.notice_id = n.id
         WHERE n.alert_id = a.id AND l.state = 'delivered') AS delivered,
        (SELECT count(*) FROM alert_notices n JOIN alert_letters l ON l.notice_id = n.id
         WHERE n.alert_id = a.id AND l.state = 'due') AS waiting,
        (SELECT count(*) FROM alert_notices n JOIN alert_letters l ON l.notice_id = n.id
         WHERE n.alert_id = a.id AND l.state = 'given_up') AS given_up
    FROM alerts a LEFT JOIN accounts c ON c.id = a.account_id";

/// An alert that lasts.
pub(crate) struct Open {
    alert: Alert,
    step: Option<u32>,
}

/// Raises an alert inside a transaction; `lane` is where its cause was seen, if that matters for
/// when it is over.
pub(crate) fn raise(
    connection: &Connection,
    raised: &RaiseAlert,
    lane: Option<LaneId>,
    now: Timestamp,
) -> Result<Raised, StoreError> {
    let account = match &raised.account {
        None => None,
        Some(id) => match named(connection, id)? {
            Some(account) => Some(account),
            None => return Ok(Raised::NotConnected),
        },
    };
    let detail: String = raised.detail.chars().take(DETAIL_CHARACTERS_MAX).collect();
    let Some(mut open) = find_open(connection, raised.code, raised.account.as_ref())? else {
        let id = insert(connection, raised, (&detail, lane), now)?;
        let alert = Alert::of((id, raised.code), account, (now, None), detail);
        notices::queue(connection, &alert, NoticeEvent::Raised, now)?;
        return Ok(Raised::New);
    };
    connection
        .prepare_cached(
            "UPDATE alerts SET detail = ?2, step = coalesce(?3, step), lane_id = ?4,
                               last_seen_at = max(last_seen_at, ?5)
             WHERE id = ?1",
        )
        .and_then(|mut update| {
            update.execute(params![
                open.alert.id.0,
                detail,
                raised.step,
                lane.map(|lane| lane.0),
                now.as_millis()
            ])
        })
        .map_err(StoreError::database("renew an alert"))?;
    if raised.step.is_none() || raised.step == open.step {
        return Ok(Raised::Known);
    }
    open.alert.detail = detail;
    notices::queue(connection, &open.alert, NoticeEvent::Renewed, now)?;
    Ok(Raised::Renewed)
}

fn insert(
    connection: &Connection,
    raised: &RaiseAlert,
    (detail, lane): (&str, Option<LaneId>),
    now: Timestamp,
) -> Result<AlertId, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO alerts (code, account_id, since, detail, step, last_seen_at, lane_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?3, ?6) RETURNING id",
        )
        .and_then(|mut insert| {
            insert.query_row(
                params![
                    raised.code.as_str(),
                    raised.account.as_ref().map(AccountId::column),
                    now.as_millis(),
                    detail,
                    raised.step,
                    lane.map(|lane| lane.0),
                ],
                |row| row.get(0).map(AlertId),
            )
        })
        .map_err(StoreError::database("raise an alert"))
}

/// Resolves an alert inside a transaction.
pub(crate) fn resolve(
    connection: &Connection,
    open: Open,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut alert = open.alert;
    let resolved = connection
        .prepare_cached("UPDATE alerts SET resolved_at = ?2 WHERE id = ?1 AND resolved_at IS NULL")
        .and_then(|mut update| update.execute(params![alert.id.0, now.as_millis()]))
        .map_err(StoreError::database("resolve an alert"))?;
    if resolved == 0 {
        return Ok(());
    }
    alert.resolved_at = Some(now);
    notices::queue(connection, &alert, NoticeEvent::Resolved, now)
}

/// Resolves the account's open alerts of these codes.
pub(crate) fn resolve_of_account(
    connection: &Connection,
    account: &AccountId,
    codes: &[AlertCode],
    now: Timestamp,
) -> Result<(), StoreError> {
    for code in codes {
        if let Some(open) = find_open(connection, *code, Some(account))? {
            resolve(connection, open, now)?;
        }
    }
    Ok(())
}

fn find_open(
    connection: &Connection,
    code: AlertCode,
    account: Option<&AccountId>,
) -> Result<Option<Open>, StoreError> {
    let sql = format!(
        "{ALERTS} WHERE a.code = ?1 AND coalesce(a.account_id, '') = ?2
             AND a.resolved_at IS NULL"
    );
    let account = account.map_or(Column::Text(""), AccountId::column);
    connection
        .prepare_cached(&sql)
        .and_then(|mut query| {
            query
                .query_row(params![code.as_str(), account], |row| Ok(open(row)))
                .optional()
        })
        .map_err(StoreError::database("look for an open alert"))?
        .transpose()
}

fn named(connection: &Connection, id: &AccountId) -> Result<Option<AlertAccount>, StoreError> {
    connection
        .prepare_cached("SELECT username FROM accounts WHERE id = ?1")
        .and_then(|mut query| query.query_row([id.column()], |row| row.get(0)).optional())
        .map(|username| {
            username.map(|username| AlertAccount {
                id: id.clone(),
                username,
            })
        })
        .map_err(StoreError::database("read an account's handle"))
}

/// How many alerts of each code are open.
pub(crate) fn count_open(connection: &Connection) -> Result<BTreeMap<AlertCode, i64>, StoreError> {
    let doing = || StoreError::database("count alerts");
    let mut query = connection
        .prepare_cached(
            "SELECT code, count(*) AS open FROM alerts WHERE resolved_at IS NULL GROUP BY code",
        )
        .map_err(doing())?;
    let mut rows = query.query([]).map_err(doing())?;
    let mut counts = BTreeMap::new();
    while let Some(row) = rows.next().map_err(doing())? {
        let read = Reader::new("alerts", &"of a code", row);
        counts.insert(read.word("code", AlertCode::from_name)?, read.get("open")?);
    }
    Ok(counts)
}

fn open(row: &Row<'_>) -> Result<Open, StoreError> {
    let alert = alert(row)?;
    let step = Reader::new("alerts", &alert.id, row).get("step")?;
    Ok(Open { alert, step })
}

fn alert(row: &Row<'_>) -> Result<Alert, StoreError> {
    let id: i64 = row
        .get("id")
        .map_err(StoreError::database("read an alert"))?;
    let read = Reader::new("alerts", &id, row);
    let username: Option<String> = read.get("username")?;
    let account = read
        .optional_id("account_id", AccountId::new)?
        .map(|id| AlertAccount { id, username });
    Ok(Alert::of(
        (AlertId(id), read.word("code", AlertCode::from_name)?),
        account,
        (read.time("since")?, read.optional_time("resolved_at")?),
        read.get("detail")?,
    ))
}

fn record(row: &Row<'_>) -> Result<AlertRecord, StoreError> {
    let alert = alert(row)?;
    let read = Reader::new("alerts", &alert.id, row);
    let notices = NoticeCounts {
        delivered: read.count("delivered")?,
        waiting: read.count("waiting")?,
        given_up: read.count("given_up")?,
    };
    Ok(AlertRecord { alert, notices })
}
