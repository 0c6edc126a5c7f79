//! Making a pack beside the writer, and putting it in the place of its rows in one short
//! transaction.

use hookline_model::clock::Timestamp;
use hookline_model::ids::DeliveryId;
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::contents::{Contents, Place};
use super::shrink::{Found, shrink};
use crate::Store;
use crate::error::StoreError;
use crate::quoting::{self, Kept};

/// Deliveries of one pack: bounds how long the writer is held.
const DELIVERIES: usize = 64;

/// Rows of one pack, for the same reason. What one delivery leads to is never divided: one with
/// more events stays as it is.
const ROWS: usize = 256;

/// Bytes after which a pack is full: more shares hardly more.
const FULL_BYTES: usize = 192 * 1024;

/// Bytes of one delivery with all it led to; a larger one stays as it is, because pages that are
/// let go are overwritten, and the writer does that.
const DELIVERY_BYTES: usize = 512 * 1024;

/// Rows looked at in one read; most were packed before.
const LOOKED_AT: i64 = 5000;

/// What is to be packed next.
#[derive(Debug)]
pub enum NextPack {
    /// Too little is old enough.
    Nothing,
    /// These.
    Pack(Pack),
}

/// A pack that is in nobody's place yet.
#[derive(Debug)]
pub struct Pack {
    /// What was looked through before, and with this.
    cursor: (i64, i64),
    contents: Contents,
    found: Vec<Found>,
    bytes: Vec<u8>,
}

impl Pack {
    /// Rows that one transaction of the writer swaps.
    pub const ROWS_MAX: usize = ROWS;

    /// Their bytes.
    pub const RAW_BYTES_MAX: usize = FULL_BYTES + DELIVERY_BYTES;

    /// How many deliveries it holds.
    pub fn deliveries(&self) -> usize {
        let places = self.contents.iter();
        places
            .filter(|(place, _)| matches!(place, Place::Delivery(_)))
            .count()
    }

    /// How many rows it takes the bytes of; at most [`ROWS_MAX`](Self::ROWS_MAX).
    pub fn rows(&self) -> usize {
        self.contents.len()
    }

    /// The bytes of its rows; at most [`RAW_BYTES_MAX`](Self::RAW_BYTES_MAX).
    pub fn raw_bytes(&self) -> usize {
        self.contents.raw_bytes()
    }

    /// The bytes it takes.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

impl Store {
    /// Packs the next deliveries received before `before`, on the thread of a reader: nothing
    /// changes yet. What is still to be routed, replayed or forgotten is left out, and nothing is
    /// packed while somebody is being erased.
    pub async fn next_pack(&self, before: Timestamp) -> Result<NextPack, StoreError> {
        self.read(move |connection| {
            // All of it as of one moment.
            let doing = || StoreError::database("look for what can be packed");
            let moment = connection.unchecked_transaction().map_err(doing())?;
            let next = next(&moment, before)?;
            moment.finish().map_err(doing())?;
            Ok(next)
        })
        .await
    }

    /// Puts a pack in the place of its rows. A crash before leaves them as they were.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one of its rows has changed meanwhile: nothing is kept.
    pub async fn commit_pack(&self, pack: Pack) -> Result<(), StoreError> {
        self.write(move |connection| commit(connection, &pack))
            .await
    }
}

fn next(connection: &Connection, before: Timestamp) -> Result<NextPack, StoreError> {
    let doing = || StoreError::database("look for what can be packed");
    let (cursor, interpreted, is_erasing): (i64, i64, bool) = connection
        .prepare_cached(
            "SELECT (SELECT delivery_id FROM progress WHERE stage = 'pack'),
                    (SELECT delivery_id FROM progress WHERE stage = 'interpret'),
                    EXISTS (SELECT 1 FROM deletions WHERE state <> 'done' AND state = 'erasing')",
        )
        .and_then(|mut query| {
            query.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        })
        .map_err(doing())?;
    if is_erasing {
        return Ok(NextPack::Nothing);
    }
    let end = interpreted.min(cursor + LOOKED_AT);
    let mut query = connection
        .prepare_cached(
            "SELECT id, received_at, iif(pack_id IS NULL, body, NULL) AS body FROM deliveries
             WHERE id > ?1 AND id <= ?2 ORDER BY id",
        )
        .map_err(doing())?;
    let mut rows = query.query([cursor, end]).map_err(doing())?;
    let mut contents = Contents::default();
    let mut found = Vec::new();
    let mut until = cursor;
    let mut deliveries = 0;
    let (mut is_full, mut is_end) = (false, true);
    while let Some(row) = rows.next().map_err(doing())? {
        let id: i64 = row.get(0).map_err(doing())?;
        let received_at: i64 = row.get(1).map_err(doing())?;
        is_full = deliveries == DELIVERIES || contents.raw_bytes() >= FULL_BYTES;
        if is_full || received_at >= before.as_millis() {
            is_end = false;
            break;
        }
        let body: Option<Vec<u8>> = row.get(2).map_err(doing())?;
        if let Some(body) = body
            && is_settled(connection, id)?
        {
            let (whole, as_found) = delivery(connection, id, body)?;
            let fits = whole.len() + contents.len() <= ROWS;
            if !fits && contents.len() > 0 {
                (is_full, is_end) = (true, false);
                break;
            }
            if fits && whole.raw_bytes() <= DELIVERY_BYTES {
                for (place, bytes) in whole.iter() {
                    contents.push(place, bytes);
                }
                found.extend(as_found);
                deliveries += 1;
            }
        }
        until = id;
    }
    // What was looked through to its end is packed even when it is little: it will not grow.
    if is_end && end == cursor + LOOKED_AT {
        until = end;
    } else if !is_full {
        return Ok(NextPack::Nothing);
    }
    let bytes = contents.compress().map_err(super::read::broken(0))?;
    Ok(NextPack::Pack(Pack {
        cursor: (cursor, until),
        contents,
        found,
        bytes,
    }))
}

/// Whether nothing is still to be done with it: what changes soon is not worth packing.
fn is_settled(connection: &Connection, delivery: i64) -> Result<bool, StoreError> {
    connection
        .prepare_cached(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM replays WHERE delivery_id = ?1)
                 OR EXISTS (SELECT 1 FROM events e WHERE e.delivery_id = ?1
                     AND (e.ignored = 'account_unknown'
                         OR EXISTS (SELECT 1 FROM waiting_events w WHERE w.event_id = e.id)))",
        )
        .and_then(|mut query| query.exists([delivery]))
        .map(|is_open| !is_open)
        .map_err(StoreError::database("look whether a delivery is settled"))
}

/// A delivery with its events and their runs: whole, and each row as it was found.
fn delivery(
    connection: &Connection,
    id: i64,
    body: Vec<u8>,
) -> Result<(Contents, Vec<Found>), StoreError> {
    let doing = || StoreError::database("read what is to be packed");
    let mut contents = Contents::default();
    let mut found = Vec::new();
    contents.push(Place::Delivery(id), &body);
    let mut take = |place, was: Kept| -> Result<usize, StoreError> {
        let was = match was {
            Kept::Whole(text) => {
                contents.push(place, text.as_bytes());
                Value::Text(text)
            }
            Kept::Quotation(bytes) => {
                let text = quoting::resolve(&bytes, &body)
                    .map_err(|problem| StoreError::corrupt("events", "body", &id)(problem))?;
                contents.push(place, text.as_bytes());
                Value::Blob(bytes)
            }
        };
        found.push(Found { place, was });
        Ok(contents.len())
    };
    let mut events = connection
        .prepare_cached("SELECT id, body FROM events WHERE delivery_id = ?1 AND pack_id IS NULL")
        .map_err(doing())?;
    let mut runs = connection
        .prepare_cached("SELECT automation_id, because FROM runs WHERE event_id = ?1")
        .map_err(doing())?;
    let mut rows = events.query([id]).map_err(doing())?;
    while let Some(row) = rows.next().map_err(doing())? {
        let event: i64 = row.get(0).map_err(doing())?;
        let mut count = take(Place::Event(event), row.get(1).map_err(doing())?)?;
        let mut rows = runs.query([event]).map_err(doing())?;
        while let Some(row) = rows.next().map_err(doing())? {
            let automation: i64 = row.get(0).map_err(doing())?;
            let place = Place::Run { event, automation };
            count = take(place, row.get(1).map_err(doing())?)?;
        }
        if count > ROWS {
            break;
        }
    }
    found.push(Found {
        place: Place::Delivery(id),
        was: Value::Blob(body),
    });
    Ok((contents, found))
}

fn commit(connection: &Connection, pack: &Pack) -> Result<(), StoreError> {
    let doing = || StoreError::database("pack deliveries");
    let (before, until) = pack.cursor;
    let moved = connection
        .prepare_cached(
            "UPDATE progress SET delivery_id = ?2 WHERE stage = 'pack' AND delivery_id = ?1",
        )
        .and_then(|mut update| update.execute([before, until]))
        .map_err(doing())?;
    if moved != 1 {
        return Err(StoreError::Conflict("how far deliveries are packed"));
    }
    if pack.contents.len() == 0 {
        return Ok(());
    }
    let raw_bytes = i64::try_from(pack.contents.raw_bytes()).unwrap_or(i64::MAX);
    connection
        .prepare_cached("INSERT INTO packs (raw_bytes, bytes) VALUES (?1, ?2)")
        .and_then(|mut insert| insert.execute(params![raw_bytes, pack.bytes]))
        .map_err(doing())?;
    let id = connection.last_insert_rowid();
    if shrink(connection, id, &pack.found).map_err(doing())? {
        Ok(())
    } else {
        Err(StoreError::Conflict("a row that was to be packed"))
    }
}

impl Store {
    /// Undoes the packs these deliveries are in, each in a transaction of its own, so that what
    /// changes them next need not.
    pub async fn unpack(&self, deliveries: Vec<DeliveryId>) -> Result<(), StoreError> {
        for id in deliveries {
            let is_packed = self.read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT 1 WHERE EXISTS (SELECT 1 FROM deliveries
                                                WHERE id = ?1 AND pack_id IS NOT NULL)
                             OR EXISTS (SELECT 1 FROM events
                                        WHERE delivery_id = ?1 AND pack_id IS NOT NULL)",
                    )
                    .and_then(|mut query| query.exists([id.0]))
                    .map_err(StoreError::database("look for a pack"))
            });
            if is_packed.await? {
                self.write(move |connection| super::undo_delivery(connection, id.0).map(drop))
                    .await?;
            }
        }
        Ok(())
    }
}
