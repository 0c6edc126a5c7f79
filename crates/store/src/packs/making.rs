//! What of a delivery goes into a pack: whole rows where it can, the texts of rows elsewhere.

use hookline_model::clock::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, Row};

use super::contents::{Contents, Place};
use super::leave::{self, Stretch};
use super::row::{PackedRow, Rows, Table};
use super::runs::{self, PackedRun};
use super::sends::{self, PackedSend};
use super::shrink::Found;
use super::swap::ROWS;
use crate::error::StoreError;
use crate::planning::Verdict;
use crate::quoting::{self, Kept};
use crate::rows::Reader;

/// What is packed, and each row as it was found.
#[derive(Default)]
pub(super) struct Whole {
    pub(super) contents: Contents,
    /// Texts of rows that stay.
    pub(super) found: Vec<Found>,
    /// Rows that leave.
    pub(super) leaving: Rows,
    /// How many rows that changes.
    pub(super) rows: usize,
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

    /// Whole rows; `body` is that of their delivery.
    fn leave(&mut self, rows: Rows, body: &[u8]) -> Result<(), StoreError> {
        self.contents.push_rows(written_out(&rows, body)?);
        self.rows += rows.len();
        self.leaving.extend(rows);
        Ok(())
    }

    pub(super) fn extend(&mut self, other: Self) {
        for (place, bytes) in other.contents.iter() {
            self.contents.push(place, bytes);
        }
        self.contents.push_rows(other.contents.into_rows());
        self.found.extend(other.found);
        self.leaving.extend(other.leaving);
        self.rows += other.rows;
    }
}

/// One pack being made.
pub(super) struct Making<'connection> {
    connection: &'connection Connection,
    ended_before: Timestamp,
    events: Stretch,
    sends: Stretch,
}

impl<'connection> Making<'connection> {
    pub(super) fn new(connection: &'connection Connection, ended_before: Timestamp) -> Self {
        Self {
            connection,
            ended_before,
            events: Stretch::default(),
            sends: Stretch::default(),
        }
    }

    /// A delivery with its events, their runs and their sends.
    pub(super) fn delivery(&mut self, id: i64, body: &[u8]) -> Result<Whole, StoreError> {
        let doing = || StoreError::database("read what is to be packed");
        let connection = self.connection;
        let mut whole = Whole::default();
        if leave::is_plain(connection, id).map_err(doing())? {
            let rows = leave::delivery(connection, id).map_err(doing())?;
            whole.leave(rows, body)?;
        } else {
            whole.take_delivery(id, body);
        }
        let mut events = connection
            .prepare_cached(
                "SELECT id, body FROM events WHERE delivery_id = ?1 AND pack_id IS NULL",
            )
            .map_err(doing())?;
        let mut rows = events.query([id]).map_err(doing())?;
        while let Some(row) = rows.next().map_err(doing())? {
            let event: i64 = row.get(0).map_err(doing())?;
            let leaving = leave::event(connection, event, self.ended_before).map_err(doing())?;
            if let Some(rows) = leaving.filter(|rows| self.takes(rows)) {
                whole.leave(rows, body)?;
            } else {
                let kept = row.get(1).map_err(doing())?;
                self.staying_event(&mut whole, (event, kept), body)?;
            }
            if whole.rows > ROWS {
                break;
            }
        }
        Ok(whole)
    }

    /// Whether the ids of rows are near enough to those of the others.
    fn takes(&mut self, rows: &Rows) -> bool {
        let ids = |table| rows.of(table).iter().map(PackedRow::id);
        self.events.takes(ids(Table::Events)) && self.sends.takes(ids(Table::Sends))
    }

    /// The texts of an event that keeps its row.
    fn staying_event(
        &self,
        whole: &mut Whole,
        (event, kept): (i64, Kept),
        body: &[u8],
    ) -> Result<(), StoreError> {
        let doing = || StoreError::database("read what is to be packed");
        let (connection, ended_before) = (self.connection, self.ended_before);
        let (text, was) = text_of(kept, body)?;
        whole.take(Place::Event(event), &text, was);
        let mut runs_of = connection.prepare_cached(runs::OF_EVENT).map_err(doing())?;
        let mut rows = runs_of.query([event]).map_err(doing())?;
        while let Some(row) = rows.next().map_err(doing())? {
            take_run(whole, event, row, body)?;
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
        Ok(())
    }
}

/// Rows with their texts whole, where those quote the body of their delivery.
fn written_out(rows: &Rows, body: &[u8]) -> Result<Rows, StoreError> {
    let mut written = Rows::default();
    for row in rows.all() {
        let mut row = row.clone();
        if let Some(Value::Blob(quotation)) = row.quoting() {
            let (text, _) = text_of(Kept::Quotation(std::mem::take(quotation)), body)?;
            if let Some(value) = row.quoting() {
                *value = Value::Text(text);
            }
        }
        written.push(row);
    }
    Ok(written)
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
