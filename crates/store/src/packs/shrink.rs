//! Emptying rows so that the room they took is free for others.
//!
//! SQLite looks for pages to merge when a row is deleted, never when one shrinks: a row that is
//! only made shorter would keep its page to itself. So rows are taken out and put in again.

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::contents::Place;

/// Of so many events one is put in again, with its entries in six indexes: enough for their pages
/// to be merged, because none holds fewer before it is packed.
const EVENTS_MOVED: usize = 4;

const EVENT: &str = "id, key, delivery_id, account_id, kind, comment_id, mid_digest, contact_id, \
     received_at, sent_at, occurred_at, container, ignored, body, pack_id";

/// A row whose bytes are packed, and what was found in it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) was: Value,
}

/// Takes their bytes out of all rows of a pack; `false`, and some were emptied, when one of them
/// is no longer what was packed.
pub(super) fn shrink(
    connection: &Connection,
    pack: i64,
    found: &[Found],
) -> rusqlite::Result<bool> {
    // Each table for itself, and out before in: pages are left whole that way.
    Ok(deliveries(connection, pack, found)?
        && events(connection, pack, found)?
        && runs(connection, found)?)
}

fn deliveries(connection: &Connection, pack: i64, found: &[Found]) -> rusqlite::Result<bool> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM deliveries WHERE id = ?1 AND pack_id IS NULL AND body = ?2
         RETURNING id, received_at, secret_index, api_version, source, length(body)",
    )?;
    let mut out = Vec::new();
    for Found { place, was } in found {
        if let Place::Delivery(id) = place {
            let Some(row) = taken(&mut delete, params![id, was], 6)? else {
                return Ok(false);
            };
            out.push(row);
        }
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO deliveries (id, received_at, secret_index, api_version, source, body_bytes,
                                 pack_id, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, x'')",
    )?;
    for mut row in out {
        row.push(Value::Integer(pack));
        insert.execute(params_from_iter(row))?;
    }
    Ok(true)
}

fn events(connection: &Connection, pack: i64, found: &[Found]) -> rusqlite::Result<bool> {
    let mut update = connection.prepare_cached(
        "UPDATE events SET body = '', pack_id = ?2
         WHERE id = ?1 AND pack_id IS NULL AND body IS ?3",
    )?;
    let mut ids = Vec::new();
    for Found { place, was } in found {
        if let Place::Event(id) = place {
            if update.execute(params![id, pack, was])? != 1 {
                return Ok(false);
            }
            ids.push(id);
        }
    }
    let sql = format!("DELETE FROM events WHERE id = ?1 RETURNING {EVENT}");
    let mut delete = connection.prepare_cached(&sql)?;
    let sql = format!(
        "INSERT INTO events ({EVENT})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
    );
    let mut insert = connection.prepare_cached(&sql)?;
    for id in ids.iter().step_by(EVENTS_MOVED) {
        let Some(row) = taken(&mut delete, params![id], 15)? else {
            return Ok(false);
        };
        insert.execute(params_from_iter(row))?;
    }
    Ok(true)
}

fn runs(connection: &Connection, found: &[Found]) -> rusqlite::Result<bool> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM runs WHERE event_id = ?1 AND automation_id = ?2 AND because IS ?3
         RETURNING event_id, automation_id, version, verdict, once_key",
    )?;
    let mut out = Vec::new();
    for Found { place, was } in found {
        if let Place::Run { event, automation } = place {
            let Some(row) = taken(&mut delete, params![event, automation, was], 5)? else {
                return Ok(false);
            };
            out.push(row);
        }
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO runs (event_id, automation_id, version, verdict, once_key, because)
         VALUES (?1, ?2, ?3, ?4, ?5, '')",
    )?;
    for row in out {
        insert.execute(params_from_iter(row))?;
    }
    Ok(true)
}

/// The row that a statement deletes and returns.
fn taken(
    delete: &mut rusqlite::CachedStatement<'_>,
    which: impl rusqlite::Params,
    columns: usize,
) -> rusqlite::Result<Option<Vec<Value>>> {
    let mut rows = delete.query(which)?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let values = (0..columns)
        .map(|place| row.get(place))
        .collect::<rusqlite::Result<_>>()?;
    // A statement that returns rows is done when there are no more.
    while rows.next()?.is_some() {}
    Ok(Some(values))
}
