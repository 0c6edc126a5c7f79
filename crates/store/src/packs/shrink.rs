//! Emptying rows so that the room they took is free for others.
//!
//! SQLite looks for pages to merge when a row is deleted, never when one shrinks: a row that is
//! only made shorter would keep its page to itself. So rows are taken out and put in again.

use hookline_model::clock::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::contents::Place;
use super::sends;

/// What stays of an event in its row.
const EVENT: &str = "id, key, delivery_id, account_id, kind, comment_id, mid_digest, contact_id, \
     received_at, sent_at, occurred_at, container, ignored";

/// What stays of a send in its row.
const SEND: &str = "id, event_id, automation_id, version, step, kind, lane_id, account_id, \
     contact_id, state, reason, finished_at, \
     is_rendered, attempts, reads, had_unknown, message_digest, recipient_id, echoed_at, \
     lease_until, proven";

/// How many columns that are.
const SEND_COLUMNS: usize = 21;

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
    (pack, ended_before): (i64, Timestamp),
    found: &[Found],
) -> rusqlite::Result<bool> {
    // Each table for itself, and out before in: pages are left whole that way.
    Ok(deliveries(connection, pack, found)?
        && events(connection, pack, found)?
        && runs(connection, found)?
        && sends(connection, ended_before, found)?)
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
    let sql = format!(
        "DELETE FROM events WHERE id = ?1 AND pack_id IS NULL AND body IS ?2 RETURNING {EVENT}"
    );
    let mut delete = connection.prepare_cached(&sql)?;
    let mut out = Vec::new();
    for Found { place, was } in found {
        if let Place::Event(id) = place {
            let Some(row) = taken(&mut delete, params![id, was], 13)? else {
                return Ok(false);
            };
            out.push(row);
        }
    }
    let sql = format!(
        "INSERT INTO events ({EVENT}, pack_id, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, '')"
    );
    let mut insert = connection.prepare_cached(&sql)?;
    for mut row in out {
        row.push(Value::Integer(pack));
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
        if let Place::Run { event, automation } | Place::WholeRun { event, automation } = place {
            let Some(row) = taken(&mut delete, params![event, automation, was], 5)? else {
                return Ok(false);
            };
            if matches!(place, Place::Run { .. }) {
                out.push(row);
            }
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

fn sends(
    connection: &Connection,
    ended_before: Timestamp,
    found: &[Found],
) -> rusqlite::Result<bool> {
    let sql = format!("DELETE FROM sends WHERE id = ?1 RETURNING {SEND}");
    let mut delete = connection.prepare_cached(&sql)?;
    let mut attempts = connection.prepare_cached("DELETE FROM attempts WHERE send_id = ?1")?;
    let mut out = Vec::new();
    for Found { place, was } in found {
        if let Place::Send(id) = place {
            let Some(packed) = sends::read(connection, *id, ended_before)? else {
                return Ok(false);
            };
            if !matches!(was, Value::Blob(bytes) if packed.to_bytes().ok().as_ref() == Some(bytes))
            {
                return Ok(false);
            }
            attempts.execute([id])?;
            let Some(row) = taken(&mut delete, params![id], SEND_COLUMNS)? else {
                return Ok(false);
            };
            out.push(row);
        }
    }
    let places = (1..=SEND_COLUMNS).map(|place| format!("?{place}"));
    let places = places.collect::<Vec<_>>().join(", ");
    let sql = format!(
        "INSERT INTO sends ({SEND}, planned_at, deadline_at, text)
         VALUES ({places}, 0, 0, x'')"
    );
    let mut insert = connection.prepare_cached(&sql)?;
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
