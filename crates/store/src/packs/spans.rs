//! In which packs rows are: by their ids, by what they are known by, and by account.

use std::collections::BTreeSet;

use hookline_model::ids::AccountId;
use rusqlite::types::Value;
use rusqlite::{CachedStatement, Connection, params};

use super::keys;
use super::marks;
use super::row::{Rows, Table};
use crate::error::StoreError;
use crate::ids::MetaId as _;

/// The ids of one table in one pack are no further apart, so that the packs that may have an id
/// are found by a short look at an index. A row that would make it more stays in its table.
pub(super) const SPAN: i64 = 8192;

/// What is noted of the rows of a pack. Made beside the writer.
#[derive(Debug, Default)]
pub(super) struct Note {
    /// The first and the last delivery, event and send.
    spans: [(Option<i64>, Option<i64>); 3],
    received_until: Option<i64>,
    marks: Vec<u8>,
    digests: BTreeSet<i64>,
    accounts: Vec<Value>,
}

impl Note {
    pub(super) fn of(rows: &Rows) -> Self {
        let received = rows.of(Table::Events).iter();
        Self {
            spans: [Table::Deliveries, Table::Events, Table::Sends]
                .map(|table| rows.span(table).unzip()),
            received_until: received.map(|row| row.number("received_at")).max(),
            marks: marks::of_rows(rows),
            digests: keys::of_rows(rows),
            accounts: accounts(rows),
        }
    }
}

/// Notes where the rows of a pack are.
pub(super) fn keep(connection: &Connection, pack: i64, note: &Note) -> rusqlite::Result<()> {
    let [deliveries, events, sends] = &note.spans;
    if deliveries.0.or(events.0).is_none() {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO pack_spans (pack_id, first_delivery, last_delivery, first_event, last_event,
                                     first_send, last_send, received_until, marks)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            pack,
            deliveries.0,
            deliveries.1,
            events.0,
            events.1,
            sends.0,
            sends.1,
            note.received_until,
            note.marks,
        ])?;
    let mut insert =
        connection.prepare_cached("INSERT INTO packed_keys (digest, pack_id) VALUES (?1, ?2)")?;
    // In the order of the index, which reads each of its pages once.
    for digest in &note.digests {
        insert.execute([*digest, pack])?;
    }
    let mut insert = connection
        .prepare_cached("INSERT INTO packed_accounts (account_id, pack_id) VALUES (?1, ?2)")?;
    for account in &note.accounts {
        insert.execute(params![account, pack])?;
    }
    Ok(())
}

/// Forgets where the rows of a pack were.
pub(super) fn forget(connection: &Connection, pack: i64, rows: &Rows) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM pack_spans WHERE pack_id = ?1")?
        .execute([pack])?;
    let mut delete =
        connection.prepare_cached("DELETE FROM packed_keys WHERE digest = ?1 AND pack_id = ?2")?;
    for digest in keys::of_rows(rows) {
        delete.execute([digest, pack])?;
    }
    let mut delete = connection
        .prepare_cached("DELETE FROM packed_accounts WHERE account_id = ?1 AND pack_id = ?2")?;
    for account in accounts(rows) {
        delete.execute(params![account, pack])?;
    }
    Ok(())
}

/// The accounts of events, as columns hold them.
fn accounts(rows: &Rows) -> Vec<Value> {
    let mut accounts: Vec<Value> = Vec::new();
    for event in rows.of(Table::Events) {
        let account = event.value("account_id").map(Value::try_from);
        if let Some(Ok(account)) = account
            && !accounts.contains(&account)
        {
            accounts.push(account);
        }
    }
    accounts
}

/// The packs that may have the row of this id; `table` is one whose rows have ids.
pub(super) fn with_id(
    connection: &Connection,
    table: Table,
    id: i64,
) -> Result<Vec<i64>, StoreError> {
    let sql = match table {
        Table::Deliveries => {
            "SELECT pack_id FROM pack_spans INDEXED BY pack_spans_by_delivery
             WHERE last_delivery >= ?1 AND last_delivery < ?1 + ?2 AND first_delivery <= ?1"
        }
        Table::Events => {
            "SELECT pack_id FROM pack_spans INDEXED BY pack_spans_by_event
             WHERE last_event >= ?1 AND last_event < ?1 + ?2 AND first_event <= ?1"
        }
        Table::Sends => {
            "SELECT pack_id FROM pack_spans INDEXED BY pack_spans_by_send
             WHERE last_send >= ?1 AND last_send < ?1 + ?2 AND first_send <= ?1"
        }
        Table::Runs | Table::Attempts => return Ok(Vec::new()),
    };
    connection
        .prepare_cached(sql)
        .and_then(|mut query| query.query_map([id, SPAN], |row| row.get(0))?.collect())
        .map_err(StoreError::database("look for the pack of a row"))
}

/// The question which packs may have what is found under a digest.
pub(super) fn prepare_digests(connection: &Connection) -> Result<CachedStatement<'_>, StoreError> {
    connection
        .prepare_cached("SELECT pack_id FROM packed_keys WHERE digest = ?1")
        .map_err(StoreError::database("look for what is known in packs"))
}

/// The packs that may have what is found under one of these digests.
pub(super) fn with_digests(
    connection: &Connection,
    digests: impl IntoIterator<Item = i64>,
) -> Result<BTreeSet<i64>, StoreError> {
    let doing = || StoreError::database("look for what is known in packs");
    let mut query = prepare_digests(connection)?;
    let mut packs = BTreeSet::new();
    for digest in digests {
        let found = query
            .query_map([digest], |row| row.get(0))
            .map_err(doing())?;
        for pack in found {
            packs.insert(pack.map_err(doing())?);
        }
    }
    Ok(packs)
}

/// Every account that packs hold an event of. Goes from one to the next, however many packs.
pub(super) fn all_accounts(connection: &Connection) -> Result<Vec<AccountId>, StoreError> {
    connection
        .prepare_cached(
            "WITH RECURSIVE each (id) AS (
                 SELECT min(account_id) FROM packed_accounts
                 UNION ALL
                 SELECT (SELECT min(account_id) FROM packed_accounts WHERE account_id > each.id)
                 FROM each WHERE each.id IS NOT NULL)
             SELECT id FROM each WHERE id IS NOT NULL",
        )
        .and_then(|mut query| {
            query
                .query_map([], |row| {
                    let id: crate::ids::Text = row.get(0)?;
                    Ok(AccountId::new(id.0))
                })?
                .collect()
        })
        .map_err(StoreError::database("look for the accounts of packs"))
}

/// Whether an account has events in more packs than it is worth to sort.
fn has_many(connection: &Connection, account: &AccountId) -> rusqlite::Result<bool> {
    const MANY: i64 = 2000;
    connection
        .prepare_cached("SELECT 1 FROM packed_accounts WHERE account_id = ?1 LIMIT 1 OFFSET ?2")?
        .exists(params![account.column(), MANY])
}

/// Which packs a list goes through, those with the newest rows first.
pub(super) fn newest_first(
    connection: &Connection,
    table: Table,
    account: Option<&AccountId>,
) -> rusqlite::Result<String> {
    let (noun, is_of) = match table {
        Table::Events | Table::Runs => ("event", true),
        Table::Sends | Table::Attempts => ("send", true),
        Table::Deliveries => ("delivery", false),
    };
    let columns = format!("p.pack_id, p.last_{noun}, p.marks");
    let bounds = format!("p.last_{noun} > ?1 AND p.first_{noun} < ?2");
    let order = format!("ORDER BY p.last_{noun} DESC");
    Ok(match account.filter(|_| is_of) {
        None => format!(
            "SELECT {columns} FROM pack_spans p INDEXED BY pack_spans_by_{noun}
             WHERE {bounds} AND ?3 IS NULL {order}"
        ),
        Some(account) if has_many(connection, account)? => format!(
            "SELECT {columns} FROM pack_spans p INDEXED BY pack_spans_by_{noun}
             WHERE {bounds} AND EXISTS (SELECT 1 FROM packed_accounts a
                                        WHERE a.account_id = ?3 AND a.pack_id = p.pack_id) {order}"
        ),
        Some(_) => format!(
            "SELECT {columns} FROM packed_accounts a CROSS JOIN pack_spans p ON p.pack_id = a.pack_id
             WHERE a.account_id = ?3 AND {bounds} {order}"
        ),
    })
}

/// The packs that have rows between two ids, the first excluded and the last included, each with
/// the first of its ids, the oldest first.
pub(super) fn between(
    connection: &Connection,
    table: Table,
    (after, until): (i64, i64),
) -> Result<Vec<(i64, i64)>, StoreError> {
    let noun = match table {
        Table::Deliveries => "delivery",
        Table::Events | Table::Runs => "event",
        Table::Sends | Table::Attempts => "send",
    };
    connection
        .prepare_cached(&format!(
            "SELECT pack_id, first_{noun} FROM pack_spans INDEXED BY pack_spans_by_{noun}
             WHERE last_{noun} > ?1 AND last_{noun} < ?2 + ?3 AND first_{noun} <= ?2
             ORDER BY first_{noun}"
        ))
        .and_then(|mut query| {
            query
                .query_map([after, until, SPAN], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
        .map_err(StoreError::database("look for packs of a stretch of ids"))
}
