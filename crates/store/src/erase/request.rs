//! Asking for an erasure, whom it means, and how it stands.

use hookline_model::clock::Timestamp;
use hookline_model::erasure::{ErasedAccount, ErasedPerson, Whom};
use hookline_model::ids::{AccountId, AppScopedId, ContactId, DeliveryId, EventId};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::{AskedFor, Deletion, DeletionState, Erased, OpenDeletion};
use crate::Store;
use crate::accounts;
use crate::error::StoreError;
use crate::ids::{self, Column, MetaId as _};
use crate::rows::{Reader, to_json};

impl Store {
    /// Keeps a request to erase under `code`, and answers it; while an equal one is being carried
    /// out, that one is answered. Accounts it means are forgotten at once: their tokens are gone
    /// and their sends cancelled. None when it names an account that is not connected.
    pub async fn request_deletion(
        &self,
        asked_for: AskedFor,
        code: String,
        now: Timestamp,
    ) -> Result<Option<Deletion>, StoreError> {
        self.write(move |connection| request(connection, &asked_for, &code, now))
            .await
    }

    /// The deletion of this code.
    pub async fn find_deletion(&self, code: String) -> Result<Option<Deletion>, StoreError> {
        self.read(move |connection| by_code(connection, &code))
            .await
    }

    /// The oldest deletion that is being carried out.
    pub async fn open_deletion(&self) -> Result<Option<OpenDeletion>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT * FROM deletions WHERE state = 'erasing' ORDER BY id LIMIT 1",
                )
                .and_then(|mut query| query.query_row([], |row| Ok(open(row))).optional())
                .map_err(StoreError::database("look for deletions"))?
                .transpose()
        })
        .await
    }

    /// The accounts Meta means by this user are held, and their planned sends dropped: Meta took
    /// the app's leave away. Says how many accounts that is.
    pub async fn deauthorize(
        &self,
        user: AppScopedId,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.write(move |connection| {
            let accounts = accounts_of_user(connection, user.as_str())?;
            for account in &accounts {
                accounts::deauthorize(connection, &account.id, now)?;
            }
            Ok(accounts.len())
        })
        .await
    }

    /// The contact of this id or, failing that, of this handle, as far as it is known.
    pub async fn find_contact(
        &self,
        account: AccountId,
        name: String,
    ) -> Result<Option<ContactId>, StoreError> {
        self.read(move |connection| {
            let found: Option<ids::Text> = connection
                .prepare_cached(
                    "SELECT contact_id FROM contacts WHERE account_id = ?1
                         AND (contact_id = ?2 OR username = ?3 COLLATE NOCASE)
                     ORDER BY contact_id = ?2 DESC LIMIT 1",
                )
                .and_then(|mut query| {
                    query
                        .query_row(params![account.column(), Column::of(&name), name], |row| {
                            row.get(0)
                        })
                        .optional()
                })
                .map_err(StoreError::database("find the contact"))?;
            Ok(found.map(|id| ContactId::new(id.0)))
        })
        .await
    }
}

fn request(
    connection: &Connection,
    asked_for: &AskedFor,
    code: &str,
    now: Timestamp,
) -> Result<Option<Deletion>, StoreError> {
    let doing = || StoreError::database("keep a deletion");
    if let AskedFor::Account(id) = asked_for
        && accounts::find(connection, id)?.is_none()
    {
        return Ok(None);
    }
    let text = asked_for.as_text();
    let open: Option<String> = connection
        .query_row(
            "SELECT code FROM deletions WHERE state = 'erasing' AND asked_for = ?1",
            [&text],
            |row| row.get(0),
        )
        .optional()
        .map_err(doing())?;
    if let Some(code) = open {
        return by_code(connection, &code);
    }
    let whom = whom(connection, asked_for)?;
    if whom == Whom::default() {
        return Ok(None);
    }
    for account in &whom.accounts {
        accounts::forget(connection, &account.id, now)?;
    }
    connection
        .execute(
            "INSERT INTO deletions (code, state, asked_for, whom, requested_at, deliveries_until,
                                    accounts)
             VALUES (?1, 'erasing', ?2, ?3, ?4,
                     -- What is packed was interpreted.
                     max(coalesce((SELECT max(id) FROM deliveries), 0),
                         (SELECT delivery_id FROM progress WHERE stage = 'interpret')), ?5)",
            params![
                code,
                text,
                to_json(&whom)?,
                now.as_millis(),
                u32::try_from(whom.accounts.len()).unwrap_or(u32::MAX),
            ],
        )
        .map_err(doing())?;
    by_code(connection, code)
}

fn whom(connection: &Connection, asked_for: &AskedFor) -> Result<Whom, StoreError> {
    Ok(match asked_for {
        AskedFor::User(id) => Whom {
            accounts: accounts_of_user(connection, id.as_str())?,
            people: vec![person(connection, None, ContactId::new(id.as_str()))?],
        },
        AskedFor::Account(id) => Whom {
            accounts: accounts_where(connection, "id = ?1", id.column())?,
            people: Vec::new(),
        },
        AskedFor::Contact { account, contact } => Whom {
            accounts: Vec::new(),
            people: vec![person(connection, Some(account.clone()), contact.clone())?],
        },
    })
}

/// The accounts that belong to whom Meta calls by this id in its callbacks. Every column that
/// holds an id of the owner, as our app sees them, belongs in here.
fn accounts_of_user(connection: &Connection, user: &str) -> Result<Vec<ErasedAccount>, StoreError> {
    let condition = "app_scoped_id = ?1 OR owner_id = ?1 OR exchange_id = ?1";
    accounts_where(connection, condition, user)
}

fn accounts_where(
    connection: &Connection,
    condition: &'static str,
    value: impl ToSql,
) -> Result<Vec<ErasedAccount>, StoreError> {
    let doing = || StoreError::database("find the accounts to erase");
    let mut query = connection
        .prepare_cached(&format!(
            "SELECT id, username, app_scoped_id, page_id, owner_id, exchange_id
             FROM accounts WHERE {condition}"
        ))
        .map_err(doing())?;
    let found = query.query_map([value], |row| {
        let others: [Option<String>; 4] = [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
        Ok(ErasedAccount {
            id: AccountId::new(row.get::<_, ids::Text>(0)?.0),
            other_ids: others.into_iter().flatten().collect(),
            username: row.get(1)?,
        })
    });
    found.and_then(Iterator::collect).map_err(doing())
}

fn person(
    connection: &Connection,
    account: Option<AccountId>,
    id: ContactId,
) -> Result<ErasedPerson, StoreError> {
    let doing = || StoreError::database("find the handles to erase");
    let mut query = connection
        .prepare_cached(
            "SELECT DISTINCT username FROM contacts
             WHERE account_id IN (SELECT DISTINCT account_id FROM lanes
                                  UNION SELECT id FROM accounts UNION SELECT ?1)
               AND (?1 IS NULL OR account_id = ?1) AND contact_id = ?2
               AND username IS NOT NULL",
        )
        .map_err(doing())?;
    let account_id = account.as_ref().map(AccountId::column);
    let usernames = query
        .query_map(params![account_id, id.column()], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(doing())?;
    Ok(ErasedPerson {
        account,
        id,
        usernames,
    })
}

fn by_code(connection: &Connection, code: &str) -> Result<Option<Deletion>, StoreError> {
    connection
        .prepare_cached("SELECT * FROM deletions WHERE code = ?1")
        .and_then(|mut query| query.query_row([code], |row| Ok(shown(row))).optional())
        .map_err(StoreError::database("find a deletion"))?
        .transpose()
}

fn id_of(row: &Row<'_>) -> Result<i64, StoreError> {
    row.get("id")
        .map_err(StoreError::database("read a deletion"))
}

fn shown(row: &Row<'_>) -> Result<Deletion, StoreError> {
    let id = id_of(row)?;
    let read = Reader::new("deletions", &id, row);
    Ok(Deletion {
        code: read.get("code")?,
        state: read.word("state", DeletionState::from_name)?,
        requested_at: read.time("requested_at")?,
        done_at: read.optional_time("done_at")?,
        erased: Erased {
            accounts: read.count("accounts")?,
            contacts: read.count("contacts")?,
            events: read.count("events")?,
            sends: read.count("sends")?,
            deliveries: read.count("deliveries")?,
        },
    })
}

fn open(row: &Row<'_>) -> Result<OpenDeletion, StoreError> {
    let id = id_of(row)?;
    let read = Reader::new("deletions", &id, row);
    Ok(OpenDeletion {
        id,
        whom: read.json("whom")?,
        deliveries_until: DeliveryId(read.get("deliveries_until")?),
        delivery: DeliveryId(read.get("delivery_id")?),
        event: EventId(read.get("event_id")?),
    })
}
