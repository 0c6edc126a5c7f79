//! Making a pack beside the writer, and putting it in the place of its rows in one short
//! transaction.

use hookline_model::clock::Timestamp;
use hookline_model::ids::DeliveryId;
use rusqlite::{Connection, params};

use super::contents::{Contents, Place};
use super::leave;
use super::making::{Making, Whole};
use super::row::{Rows, Table};
use super::shrink::{Found, shrink};
use super::spans::{self, Note, SPAN};
use crate::Store;
use crate::error::StoreError;

/// Deliveries of one pack: bounds how long the writer is held.
const DELIVERIES: usize = 48;

/// Rows of one pack, for the same reason. What one delivery leads to is never divided: one with
/// more events stays as it is.
pub(super) const ROWS: usize = 384;

/// Bytes after which a pack is full: more shares hardly more.
const FULL_BYTES: usize = 192 * 1024;

/// Bytes of one delivery with all it led to; a larger one stays as it is, because pages that are
/// let go are overwritten, and the writer does that.
const DELIVERY_BYTES: usize = 512 * 1024;

/// Rows looked at in one read; most were packed before.
const LOOKED_AT: i64 = 5000;

const _: () = assert!(
    LOOKED_AT < SPAN,
    "the deliveries of a pack are near to one another"
);

/// What is to be packed next.
#[derive(Debug)]
pub enum NextPack {
    /// Too little is old enough.
    Nothing,
    /// These.
    Pack(Box<Pack>),
}

/// A pack that is in nobody's place yet.
#[derive(Debug)]
pub struct Pack {
    /// What was looked through before, and with this.
    cursor: (i64, i64),
    /// Sends that ended before this are in it.
    ended_before: Timestamp,
    contents: Contents,
    /// Texts it has of rows that stay.
    found: Vec<Found>,
    /// Rows it has as a whole, as their tables have them.
    leaving: Rows,
    /// Where those will be found.
    note: Note,
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
        let staying = places.filter(|(place, _)| matches!(place, Place::Delivery(_)));
        staying.count() + self.leaving.of(Table::Deliveries).len()
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
        self.read(move |connection| next(connection, before, ended_before))
            .await
    }

    /// Puts a pack in the place of its rows. A crash before leaves them as they were.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one of its rows has changed meanwhile: nothing is kept.
    pub async fn commit_pack(&self, pack: Box<Pack>) -> Result<(), StoreError> {
        // Freeing it is not the writer's work.
        let kept = self.write(move |connection| commit(connection, &pack).map(|()| pack));
        kept.await.map(drop)
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
    let mut making = Making::new(connection, ended_before);
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
            let whole = making.delivery(id, &body)?;
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
    Ok(NextPack::Pack(Box::new(Pack {
        cursor: (cursor, until),
        ended_before,
        note: Note::of(all.contents.rows()),
        contents: all.contents,
        found: all.found,
        leaving: all.leaving,
        rows: all.rows,
        bytes,
        decompressed,
    })))
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
    for delivery in pack.leaving.of(Table::Deliveries) {
        if !is_settled(connection, delivery.id())? {
            return Err(StoreError::Conflict("a delivery that was to be packed"));
        }
    }
    let is_done = shrink(connection, (id, pack.ended_before), &pack.found)
        .and_then(|is_done| {
            Ok(is_done && leave::take_out(connection, &pack.leaving, pack.ended_before)?)
        })
        .map_err(doing())?;
    if !is_done {
        return Err(StoreError::Conflict("a row that was to be packed"));
    }
    spans::keep(connection, id, &pack.note).map_err(doing())
}

impl Store {
    /// Undoes the packs these deliveries are in, each in a transaction of its own, so that what
    /// changes them next need not.
    pub async fn unpack(&self, deliveries: Vec<DeliveryId>) -> Result<(), StoreError> {
        for id in deliveries {
            let packs = self.read(move |connection| super::packs_of_delivery(connection, id.0));
            if !packs.await?.is_empty() {
                self.write(move |connection| super::undo_delivery(connection, id.0).map(drop))
                    .await?;
            }
        }
        Ok(())
    }
}
