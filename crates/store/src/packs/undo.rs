//! Putting rows back as they were, because one of them changes or goes.

use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::contents::Place;
use super::leave;
use super::read::Unpacker;
use super::row::Table;
use super::runs::PackedRun;
use super::sends::PackedSend;
use super::spans;
use crate::error::StoreError;

/// Undoes the packs that hold a delivery and its events; how many there were.
pub(crate) fn undo_delivery(connection: &Connection, delivery: i64) -> Result<usize, StoreError> {
    let packs = packs_of_delivery(connection, delivery)?;
    for pack in &packs {
        undo(connection, *pack)?;
    }
    Ok(packs.len())
}

/// Undoes the pack that holds an event.
pub(crate) fn undo_event(connection: &Connection, event: i64) -> Result<(), StoreError> {
    for pack in packs_of_event(connection, event)? {
        undo(connection, pack)?;
    }
    Ok(())
}

/// Undoes the pack that holds a send that left its table before its echo came.
pub(crate) fn undo_unconfirmed(connection: &Connection, send: i64) -> Result<(), StoreError> {
    let left = Unpacker::new(connection).row(Table::Sends, send)?;
    match left {
        Some((pack, row)) if row.holds("echoed_at", &Value::Null) => undo(connection, pack),
        Some(_) | None => Ok(()),
    }
}

/// The packs that hold a delivery or an event of it, of rows that stay or of such that left.
pub(super) fn packs_of_delivery(
    connection: &Connection,
    delivery: i64,
) -> Result<BTreeSet<i64>, StoreError> {
    let mut packs = named(
        connection,
        "SELECT pack_id FROM deliveries WHERE id = ?1 AND pack_id IS NOT NULL
         UNION SELECT pack_id FROM events WHERE delivery_id = ?1 AND pack_id IS NOT NULL",
        delivery,
    )?;
    let mut unpacker = Unpacker::new(connection);
    // Events are in the pack of their delivery, if not in their table.
    for pack in spans::with_id(connection, Table::Deliveries, delivery)? {
        let rows = unpacker.contents(pack)?.rows();
        let is_in = rows
            .of(Table::Deliveries)
            .iter()
            .any(|row| row.id() == delivery)
            || rows
                .of(Table::Events)
                .iter()
                .any(|row| row.number("delivery_id") == delivery);
        if is_in {
            packs.insert(pack);
        }
    }
    Ok(packs)
}

fn packs_of_event(connection: &Connection, event: i64) -> Result<BTreeSet<i64>, StoreError> {
    let sql = "SELECT pack_id FROM events WHERE id = ?1 AND pack_id IS NOT NULL";
    let mut packs = named(connection, sql, event)?;
    let left = Unpacker::new(connection).row(Table::Events, event)?;
    packs.extend(left.map(|(pack, _)| pack));
    Ok(packs)
}

/// The packs that rows name.
fn named(connection: &Connection, sql: &'static str, id: i64) -> Result<BTreeSet<i64>, StoreError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut query| query.query_map([id], |row| row.get(0))?.collect())
        .map_err(StoreError::database("look for a pack"))
}

fn undo(connection: &Connection, pack: i64) -> Result<(), StoreError> {
    let doing = || StoreError::database("undo a pack");
    let mut unpacker = Unpacker::new(connection);
    let mut first = None;
    for (place, bytes) in unpacker.contents(pack)?.iter() {
        if let Place::Delivery(id) = place {
            first.get_or_insert(id);
        }
        if fill(connection, pack, place, bytes)? != 1 {
            return Err(super::read::broken(pack)(
                "a row that is in it does not name it",
            ));
        }
    }
    let rows = unpacker.contents(pack)?.rows();
    for delivery in rows.of(Table::Deliveries) {
        first = Some(first.map_or(delivery.id(), |first: i64| first.min(delivery.id())));
    }
    leave::put_back(connection, rows).map_err(doing())?;
    spans::forget(connection, pack, rows).map_err(doing())?;
    // What was put back is packed again, by and by.
    connection
        .prepare_cached(
            "UPDATE progress SET delivery_id = min(delivery_id, ?1 - 1) WHERE stage = 'pack'",
        )
        .and_then(|mut update| update.execute([first.unwrap_or(i64::MAX)]))
        .map_err(doing())?;
    connection
        .prepare_cached("DELETE FROM packs WHERE id = ?1")
        .and_then(|mut delete| delete.execute([pack]))
        .map_err(doing())?;
    Ok(())
}

/// Puts back what was taken from a place; how many rows named the pack there.
fn fill(
    connection: &Connection,
    pack: i64,
    place: Place,
    bytes: &[u8],
) -> Result<usize, StoreError> {
    let filled = match place {
        Place::Delivery(id) => connection
            .prepare_cached(
                "UPDATE deliveries SET body = ?3, pack_id = NULL, body_bytes = NULL
                 WHERE id = ?1 AND pack_id = ?2",
            )
            .and_then(|mut update| update.execute(params![id, pack, bytes])),
        Place::Event(id) => connection
            .prepare_cached(
                "UPDATE events SET body = CAST(?3 AS TEXT), pack_id = NULL
                 WHERE id = ?1 AND pack_id = ?2",
            )
            .and_then(|mut update| update.execute(params![id, pack, bytes])),
        Place::Run { event, automation } => connection
            .prepare_cached(
                "UPDATE runs SET because = CAST(?3 AS TEXT)
                 WHERE event_id = ?1 AND automation_id = ?2 AND because = ''",
            )
            .and_then(|mut update| update.execute(params![event, automation, bytes])),
        Place::WholeRun { event, automation } => std::str::from_utf8(bytes)
            .ok()
            .and_then(PackedRun::of_text)
            .ok_or_else(|| super::read::broken(pack)("a run in it cannot be read"))?
            .put_back(connection, (event, automation)),
        Place::Send(id) => PackedSend::of_bytes(bytes)
            .map_err(super::read::broken(pack))?
            .put_back(connection, id),
    };
    filled.map_err(StoreError::database("undo a pack"))
}
