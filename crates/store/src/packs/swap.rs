//! Making a pack beside the writer, and putting it in the place of its rows in one short
//! transaction.

use hookline_model::clock::Timestamp;
use hookline_model::ids::DeliveryId;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params};

use super::contents::{Contents, Place};
use super::runs::{self, PackedRun};
use super::sends::{self, PackedSend};
use super::shrink::{Found, shrink};
use crate::Store;
use crate::error::StoreError;
use crate::planning::Verdict;
use crate::quoting::{self, Kept};
use crate::rows::Reader;

/// Deliveries of one pack: bounds how long the writer is held.
const DELIVERIES: usize = 64;

/// Rows of one pack, for the same reason. What one delivery leads to is never divided: one with
/// more events stays as it is.
const ROWS: usize = 384;

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
    /// Sends that ended before this are in it.
    ended_before: Timestamp,
    contents: Contents,
    found: Vec<Found>,
    rows: usize,
    bytes: Vec<u8>,
    /// How many bytes they are when they are decompressed.
    decompressed: usize,
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
        self.rows
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
    ///
    /// Sends go along that ended before `ended_before`, with their attempts: no budget may count
    /// those any more.
    pub async fn next_pack(
        &self,
        before: Timestamp,
        ended_before: Timestamp,
    ) -> Result<NextPack, StoreError> {
        self.read(move |connection| {
            // All of it as of one moment.
            let doing = || StoreError::database("look for what can be packed");
            let moment = connection.unchecked_transaction().map_err(doing())?;
            let next = next(&moment, before, ended_before)?;
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

fn next(
    connection: &Connection,
    before: Timestamp,
    ended_before: Timestamp,
) -> Result<NextPack, StoreError> {
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
    let mut all = Whole::default();
    let mut until = cursor;
    let mut deliveries = 0;
    let (mut is_full, mut is_end) = (false, true);
    while let Some(row) = rows.next().map_err(doing())? {
        let id: i64 = row.get(0).map_err(doing())?;
        let received_at: i64 = row.get(1).map_err(doing())?;
        is_full = deliveries == DELIVERIES || all.contents.raw_bytes() >= FULL_BYTES;
        if is_full || received_at >= before.as_millis() {
            is_end = false;
            break;
        }
        let body: Option<Vec<u8>> = row.get(2).map_err(doing())?;
        if let Some(body) = body
            && is_settled(connection, id)?
        {
            let whole = delivery(connection, id, &body, ended_before)?;
            let fits = whole.rows + all.rows <= ROWS;
            if !fits && all.rows > 0 {
                (is_full, is_end) = (true, false);
                break;
            }
            if fits && whole.contents.raw_bytes() <= DELIVERY_BYTES {
                all.extend(whole);
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
    let (bytes, decompressed) = all.contents.compress().map_err(super::read::broken(0))?;
    Ok(NextPack::Pack(Pack {
        cursor: (cursor, until),
        ended_before,
        contents: all.contents,
        found: all.found,
        rows: all.rows,
        bytes,
        decompressed,
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

/// What is packed, and each row as it was found.
#[derive(Default)]
struct Whole {
    contents: Contents,
    found: Vec<Found>,
    /// How many rows that changes.
    rows: usize,
}

impl Whole {
    /// A text of a row, and what was found there: the text, or what it adds to its delivery.
    fn take(&mut self, place: Place, text: &str, was: Value) {
        self.contents.push(place, text.as_bytes());
        self.found.push(Found { place, was });
        self.rows += 1;
    }

    fn take_delivery(&mut self, id: i64, body: &[u8]) {
        let place = Place::Delivery(id);
        self.contents.push(place, body);
        let was = Value::Blob(body.to_vec());
        self.found.push(Found { place, was });
        self.rows += 1;
    }

    fn take_send(&mut self, id: i64, packed: &PackedSend) -> Result<(), StoreError> {
        let place = Place::Send(id);
        let bytes = packed.to_bytes()?;
        self.contents.push(place, &bytes);
        let was = Value::Blob(bytes);
        self.found.push(Found { place, was });
        self.rows += packed.rows();
        Ok(())
    }

    fn extend(&mut self, other: Self) {
        for (place, bytes) in other.contents.iter() {
            self.contents.push(place, bytes);
        }
        self.found.extend(other.found);
        self.rows += other.rows;
    }
}

/// A delivery with its events, their runs and their sends.
fn delivery(
    connection: &Connection,
    id: i64,
    body: &[u8],
    ended_before: Timestamp,
) -> Result<Whole, StoreError> {
    let doing = || StoreError::database("read what is to be packed");
    let mut whole = Whole::default();
    whole.take_delivery(id, body);
    let mut events = connection
        .prepare_cached("SELECT id, body FROM events WHERE delivery_id = ?1 AND pack_id IS NULL")
        .map_err(doing())?;
    let mut runs_of = connection.prepare_cached(runs::OF_EVENT).map_err(doing())?;
    let mut rows = events.query([id]).map_err(doing())?;
    while let Some(row) = rows.next().map_err(doing())? {
        let event: i64 = row.get(0).map_err(doing())?;
        let (text, was) = text_of(row.get(1).map_err(doing())?, body)?;
        whole.take(Place::Event(event), &text, was);
        let mut rows = runs_of.query([event]).map_err(doing())?;
        while let Some(row) = rows.next().map_err(doing())? {
            take_run(&mut whole, event, row, body)?;
        }
        for send in sends::ended(connection, event, ended_before)? {
            match sends::read(connection, send, ended_before) {
                Ok(Some(packed)) => whole.take_send(send, &packed)?,
                Ok(None) => {}
                Err(error @ rusqlite::Error::SqliteFailure(..)) => return Err(doing()(error)),
                // It stays as it is, for a version that can read it; the others go on.
                Err(error) => tracing::error!(send, %error, "a send cannot be read to be packed"),
            }
        }
        if whole.rows > ROWS {
            break;
        }
    }
    Ok(whole)
}

/// A text that may quote the body of its delivery, and what is kept of it.
fn text_of(kept: Kept, body: &[u8]) -> Result<(String, Value), StoreError> {
    Ok(match kept {
        Kept::Whole(text) => (text.clone(), Value::Text(text)),
        Kept::Quotation(bytes) => {
            let text = quoting::resolve(&bytes, body)
                .map_err(|problem| StoreError::corrupt("events", "body", &"packed")(problem))?;
            (text, Value::Blob(bytes))
        }
    })
}

/// A run: as a whole, or its reason alone while one of its sends is open.
fn take_run(whole: &mut Whole, event: i64, row: &Row<'_>, body: &[u8]) -> Result<(), StoreError> {
    let doing = || StoreError::database("read what is to be packed");
    let automation: i64 = row.get(0).map_err(doing())?;
    let (because, was) = text_of(row.get(1).map_err(doing())?, body)?;
    if row.get(5).map_err(doing())? {
        whole.take(Place::Run { event, automation }, &because, was);
        return Ok(());
    }
    let run = PackedRun {
        version: row.get(2).map_err(doing())?,
        verdict: Reader::new("runs", &event, row).word("verdict", Verdict::from_name)?,
        once_key: row.get(4).map_err(doing())?,
        because,
    };
    whole.take(Place::WholeRun { event, automation }, &run.to_text(), was);
    Ok(())
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
    let raw_bytes = i64::try_from(pack.decompressed).unwrap_or(i64::MAX);
    connection
        .prepare_cached("INSERT INTO packs (raw_bytes, bytes) VALUES (?1, ?2)")
        .and_then(|mut insert| insert.execute(params![raw_bytes, pack.bytes]))
        .map_err(doing())?;
    let id = connection.last_insert_rowid();
    let swapped = shrink(connection, (id, pack.ended_before), &pack.found);
    if swapped.map_err(doing())? {
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
