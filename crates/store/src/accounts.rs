//! Connected accounts and their sealed tokens.

use hookline_model::account::{Account, Hold, Login};
use hookline_model::alert::AlertCode;
use hookline_model::clock::Timestamp;
use hookline_model::ids::{AccountId, AppScopedId, PageId};
use hookline_model::upkeep::Task;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::StoreError;
use crate::ids::{self, MetaId as _};
use crate::lanes::{NewHold, hold_now, release_lanes};
use crate::rows::{Reader, to_json};
use crate::{Store, alerts, upkeep};

/// Why sends of an account are dropped and new ones held after its owner removed the app.
const DEAUTHORIZED: &str = "deauthorized";

/// An encrypted token, as the key ring sealed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedToken {
    /// The fingerprint of the key it was sealed with.
    pub key: Vec<u8>,
    /// The sealed bytes.
    pub bytes: Vec<u8>,
}

/// What is stored when an account is connected.
#[derive(Debug, Clone)]
pub struct ConnectAccount {
    /// The id webhooks carry.
    pub id: AccountId,
    /// The handle, without `@`.
    pub username: String,
    /// How it was connected.
    pub login: Login,
    /// The account as one app sees it.
    pub app_scoped_id: Option<AppScopedId>,
    /// Its token.
    pub token: SealedToken,
    /// What came with the token.
    pub grant: Grant,
}

/// What is known of a token and of the login it came from; nothing of it need be known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grant {
    /// What the token may do.
    pub scopes: Option<Vec<String>>,
    /// When Meta made it.
    pub issued_at: Option<Timestamp>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// The person who logged in, as the app sees them (contract 8.3).
    pub owner_id: Option<AppScopedId>,
    /// The id of the code exchange, which may be neither of the account's (contract section 0).
    pub exchange_id: Option<AppScopedId>,
    /// Whether Meta is asked to deliver this account's events.
    pub wants_subscription: bool,
}

/// A token that takes the place of another of the same login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Its account.
    pub account_id: AccountId,
    /// Which token it replaces.
    pub token_number: i64,
    /// The token.
    pub token: SealedToken,
    /// When Meta made it.
    pub issued_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// A connected account with its sealed token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAccount {
    /// The account.
    pub account: Account,
    /// Its token.
    pub token: SealedToken,
    /// Which of the account's tokens this is: each new one gets the next number.
    pub token_number: i64,
    /// What came with the token.
    pub grant: Grant,
}

impl Store {
    /// Connects an account, or replaces what is stored of it; a new token releases what an old
    /// one held, and ends the alerts an old one caused. Answers whether the account is new.
    pub async fn connect_account(
        &self,
        account: ConnectAccount,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let is_new = find(connection, &account.id)?.is_none();
            connection
                .execute(
                    "INSERT INTO accounts (id, username, login, page_id, app_scoped_id, token_key,
                                           token, connected_at, scopes, token_issued_at,
                                           token_expires_at, owner_id, exchange_id,
                                           wants_subscription)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
                     ON CONFLICT (id) DO UPDATE SET
                         username = excluded.username, login = excluded.login,
                         page_id = excluded.page_id,
                         app_scoped_id = coalesce(excluded.app_scoped_id, app_scoped_id),
                         token_key = excluded.token_key, token = excluded.token,
                         token_number = token_number + 1, scopes = excluded.scopes,
                         token_issued_at = excluded.token_issued_at,
                         token_expires_at = excluded.token_expires_at,
                         owner_id = coalesce(excluded.owner_id, owner_id),
                         exchange_id = coalesce(excluded.exchange_id, exchange_id),
                         wants_subscription = max(excluded.wants_subscription, wants_subscription),
                         hold_reason = NULL, hold_since = NULL, hold_until = NULL",
                    params![
                        account.id.column(),
                        account.username,
                        account.login.as_str(),
                        account.login.page_id().map(PageId::as_str),
                        account.app_scoped_id.as_ref().map(AppScopedId::as_str),
                        account.token.key,
                        account.token.bytes,
                        now.as_millis(),
                        account.grant.scopes.as_ref().map(to_json).transpose()?,
                        account.grant.issued_at.map(Timestamp::as_millis),
                        account.grant.expires_at.map(Timestamp::as_millis),
                        account.grant.owner_id.as_ref().map(AppScopedId::as_str),
                        account.grant.exchange_id.as_ref().map(AppScopedId::as_str),
                        account.grant.wants_subscription,
                    ],
                )
                .map_err(StoreError::database("connect the account"))?;
            release_lanes(connection, &account.id, now)?;
            upkeep::begin(connection, &account.id, now)?;
            let ended = &AlertCode::ENDED_BY_A_TOKEN;
            alerts::resolve_of_account(connection, &account.id, ended, now)?;
            bump(connection, "accounts")?;
            Ok(is_new)
        })
        .await
    }

    /// Puts a refreshed token in the place of the one it was made from, in one step. `false` if
    /// that is not the account's token any more, or the account is gone.
    ///
    /// Meta may end the old token with the refresh: a call that was made with it meanwhile holds
    /// the account, and that it is held for its token is over now.
    pub async fn replace_token(&self, new: NewToken, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let replaced = connection
                .execute(
                    "UPDATE accounts SET token_key = ?3, token = ?4, token_issued_at = ?5,
                                         token_expires_at = ?6, token_number = token_number + 1
                     WHERE id = ?1 AND token_number = ?2",
                    params![
                        new.account_id.column(),
                        new.token_number,
                        new.token.key,
                        new.token.bytes,
                        new.issued_at.as_millis(),
                        new.expires_at.map(Timestamp::as_millis),
                    ],
                )
                .map_err(StoreError::database("replace a token"))?;
            if replaced == 1 {
                end_token_hold(connection, &new.account_id, now)?;
            }
            Ok(replaced == 1)
        })
        .await
    }

    /// Keeps that Meta is asked to deliver an account's events, or is not. `false` if the account
    /// is not connected.
    pub async fn want_subscription(
        &self,
        id: AccountId,
        is_wanted: bool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let changed = connection
                .execute(
                    "UPDATE accounts SET wants_subscription = ?2 WHERE id = ?1",
                    params![id.column(), is_wanted],
                )
                .map_err(StoreError::database("keep that events are wanted"))?;
            upkeep::hasten(connection, Task::Subscription, Some(&id), now)?;
            Ok(changed == 1)
        })
        .await
    }

    /// The account, if it is connected.
    pub async fn find_account(&self, id: AccountId) -> Result<Option<StoredAccount>, StoreError> {
        self.read(move |connection| find(connection, &id)).await
    }

    /// The account with this handle, whatever its case; the one with the smallest id if several
    /// say so.
    pub async fn find_account_by_username(
        &self,
        username: String,
    ) -> Result<Option<Account>, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT * FROM accounts WHERE username = ?1 COLLATE NOCASE
                     ORDER BY id LIMIT 1",
                )
                .and_then(|mut query| {
                    query
                        .query_row([username], |row| Ok(stored(row)))
                        .optional()
                })
                .map_err(StoreError::database("find an account by its handle"))?
                .transpose()
                .map(|found| found.map(|stored| stored.account))
        })
        .await
    }

    /// Whether any account is connected with Facebook Login.
    pub async fn has_facebook_accounts(&self) -> Result<bool, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT 1 FROM accounts WHERE login = 'facebook'")
                .and_then(|mut query| query.exists([]))
                .map_err(StoreError::database("look for facebook logins"))
        })
        .await
    }

    /// Up to `limit` accounts after `after`, by id: numbers first, the smallest first, then other
    /// texts.
    pub async fn list_accounts(
        &self,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<Account>, StoreError> {
        self.read(move |connection| {
            let doing = StoreError::database;
            // An id may be a number or a text, and no id is before all others.
            let sql = match after {
                None => "SELECT * FROM accounts ORDER BY id LIMIT ?2",
                Some(_) => "SELECT * FROM accounts WHERE id > ?1 ORDER BY id LIMIT ?2",
            };
            let mut query = connection
                .prepare_cached(sql)
                .map_err(doing("list accounts"))?;
            let after = after.as_ref().map(AccountId::column);
            let mut rows = query
                .query(params![after, limit])
                .map_err(doing("list accounts"))?;
            let mut accounts = Vec::new();
            while let Some(row) = rows.next().map_err(doing("list accounts"))? {
                accounts.push(stored(row)?.account);
            }
            Ok(accounts)
        })
        .await
    }
}

/// An account that is held until it gets a new token has one.
fn end_token_hold(
    connection: &Connection,
    id: &AccountId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let released = connection
        .execute(
            "UPDATE accounts SET hold_reason = NULL, hold_since = NULL
             WHERE id = ?1 AND hold_reason IS NOT NULL AND hold_until IS NULL",
            [id.column()],
        )
        .map_err(StoreError::database("release an account"))?;
    if released == 1 {
        release_lanes(connection, id, now)?;
    }
    let ended = [AlertCode::TokenDead, AlertCode::TokenExpiring];
    alerts::resolve_of_account(connection, id, &ended, now)
}

/// Forgets an account: its token is gone, its planned sends are cancelled, and limits that
/// nothing was accepted for are free again. `false` if it was not connected.
pub(crate) fn forget(
    connection: &Connection,
    id: &AccountId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    // While its handle can still be told.
    alerts::resolve_of_account(connection, id, &AlertCode::ALL, now)?;
    let removed = connection
        .execute("DELETE FROM accounts WHERE id = ?1", [id.column()])
        .map_err(StoreError::database("remove the account"))?;
    if removed == 0 {
        return Ok(false);
    }
    drop_sends(connection, id, "account_removed", now)?;
    upkeep::end(connection, id)?;
    bump(connection, "accounts")?;
    Ok(true)
}

/// Holds an account whose owner took the app's leave away, and drops what it still owed, so that
/// connecting it again does not send old things.
pub(crate) fn deauthorize(
    connection: &Connection,
    id: &AccountId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let reason = DEAUTHORIZED;
    drop_sends(connection, id, reason, now)?;
    let hold = NewHold {
        reason: reason.to_owned(),
        until: None,
        token_number: None,
        alert: Some(AlertCode::TokenDead),
    };
    hold_now(connection, id, &hold, now)?;
    bump(connection, "accounts")
}

/// Cancels the account's planned sends. Runs of which nothing was sent, and nothing will be, do
/// not use up a limit.
fn drop_sends(
    connection: &Connection,
    id: &AccountId,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .execute(
            "UPDATE sends SET state = 'cancelled', reason = ?3, finished_at = ?2, due_at = NULL
             WHERE account_id = ?1 AND state = 'planned'",
            params![id.column(), now.as_millis(), reason],
        )
        .map_err(StoreError::database("cancel the account's sends"))?;
    connection
        .execute(
            "DELETE FROM once_keys WHERE (automation_id, once_key, event_id) IN (
                 SELECT r.automation_id, r.once_key, r.event_id
                 FROM sends ended JOIN runs r ON r.event_id = ended.event_id
                      AND r.automation_id = ended.automation_id
                 WHERE ended.account_id = ?1 AND ended.state = 'cancelled' AND ended.reason = ?2
                   AND NOT EXISTS (
                     SELECT 1 FROM sends other WHERE other.event_id = ended.event_id
                        AND other.automation_id = ended.automation_id
                        AND (other.had_unknown = 1 OR other.state IN
                            ('planned', 'leased', 'accepted', 'unknown'))))",
            params![id.column(), reason],
        )
        .map_err(StoreError::database("free the account's limits"))?;
    Ok(())
}

pub(crate) fn find(
    connection: &Connection,
    id: &AccountId,
) -> Result<Option<StoredAccount>, StoreError> {
    connection
        // Asked for every lane that is claimed: in the order in which they are read, columns are
        // found without a search.
        .prepare_cached(
            "SELECT id, page_id, login, hold_reason, hold_since, hold_until, username,
                    app_scoped_id, connected_at, token_key, token, token_number, scopes,
                    token_issued_at, token_expires_at, owner_id, exchange_id, wants_subscription
             FROM accounts WHERE id = ?1",
        )
        .and_then(|mut query| {
            query
                .query_row([id.column()], |row| Ok(stored(row)))
                .optional()
        })
        .map_err(StoreError::database("find the account"))?
        .transpose()
}

fn stored(row: &Row<'_>) -> Result<StoredAccount, StoreError> {
    let ids::Text(id) = row
        .get("id")
        .map_err(StoreError::database("read an account"))?;
    let read = Reader::new("accounts", &id, row);
    let page_id: Option<String> = read.get("page_id")?;
    let login = read.word("login", |word| match (word, page_id) {
        ("instagram", _) => Some(Login::Instagram),
        ("facebook", Some(page_id)) => Some(Login::Facebook {
            page_id: PageId::new(page_id),
        }),
        _ => None,
    })?;
    let reason: Option<String> = read.get("hold_reason")?;
    let hold = match (reason, read.optional_time("hold_since")?) {
        (Some(reason), Some(since)) => Some(Hold {
            reason,
            since,
            until: read.optional_time("hold_until")?,
        }),
        _ => None,
    };
    let account = Account {
        id: AccountId::new(id.clone()),
        username: read.get("username")?,
        login,
        app_scoped_id: read
            .get::<Option<String>>("app_scoped_id")?
            .map(AppScopedId::new),
        connected_at: read.time("connected_at")?,
        hold,
    };
    let token = SealedToken {
        key: read.get("token_key")?,
        bytes: read.get("token")?,
    };
    Ok(StoredAccount {
        account,
        token,
        token_number: read.get("token_number")?,
        grant: grant(&read)?,
    })
}

fn grant(read: &Reader<'_, '_>) -> Result<Grant, StoreError> {
    let id = |column| Ok(read.get::<Option<String>>(column)?.map(AppScopedId::new));
    Ok(Grant {
        scopes: read.optional_json("scopes")?,
        issued_at: read.optional_time("token_issued_at")?,
        expires_at: read.optional_time("token_expires_at")?,
        owner_id: id("owner_id")?,
        exchange_id: id("exchange_id")?,
        wants_subscription: read.get("wants_subscription")?,
    })
}

/// Tells those who cache a noun that it changed.
pub(crate) fn bump(connection: &Connection, noun: &'static str) -> Result<(), StoreError> {
    connection
        .execute(
            "UPDATE generations SET number = number + 1 WHERE noun = ?1",
            [noun],
        )
        .map_err(StoreError::database("count a change"))?;
    Ok(())
}
