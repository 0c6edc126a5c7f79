//! The one place where a row becomes bytes, packed or not.

use hookline_model::clock::Timestamp;
use hookline_model::event::EventBody;
use hookline_model::ids::{CommentId, MessageId, SendId};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};
use serde::de::DeserializeOwned;

use super::contents::{Contents, Place};
use super::row::Table;
use super::runs::PackedRun;
use super::sends::PackedSend;
use crate::error::StoreError;
use crate::quoting::{self, Kept};
use crate::records::AttemptRecord;
use crate::rows::Reader;

/// What is shown of a send and may be in a pack.
pub(crate) struct ShownSend {
    pub(crate) comment_id: Option<CommentId>,
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) deadline_at: Timestamp,
    pub(crate) message_id: Option<MessageId>,
    pub(crate) attempts: Vec<AttemptRecord>,
}

/// Reads what rows hold. Keeps the pack it read last: neighbours are in the same one.
pub(crate) struct Unpacker<'connection> {
    pub(super) connection: &'connection Connection,
    last: Option<(i64, Contents)>,
    /// The delivery whose bytes were needed last: its events stand together.
    quoted: Option<(i64, Vec<u8>)>,
}

impl<'connection> Unpacker<'connection> {
    pub(crate) fn new(connection: &'connection Connection) -> Self {
        Self {
            connection,
            last: None,
            quoted: None,
        }
    }

    /// The body of a row of `deliveries`, with the columns `body` and `pack_id`.
    pub(crate) fn delivery_body(
        &mut self,
        id: i64,
        read: &Reader<'_, '_>,
    ) -> Result<Vec<u8>, StoreError> {
        match read.get("pack_id")? {
            Some(pack) => Ok(self.bytes(pack, Place::Delivery(id))?.to_vec()),
            None => read.get("body"),
        }
    }

    /// The body of a row with the columns `body`, `delivery_id` and `pack_id` of an event.
    pub(crate) fn event_body(
        &mut self,
        id: i64,
        read: &Reader<'_, '_>,
    ) -> Result<EventBody, StoreError> {
        match read.get("pack_id")? {
            Some(pack) => self.json("events", pack, Place::Event(id)),
            None => parsed(
                ("events", "body"),
                id,
                &self.whole(("events", "body"), id, read)?,
            ),
        }
    }

    /// The same as the text it is.
    pub(crate) fn event_text(
        &mut self,
        id: i64,
        read: &Reader<'_, '_>,
    ) -> Result<String, StoreError> {
        match read.get("pack_id")? {
            Some(pack) => {
                let bytes = self.bytes(pack, Place::Event(id))?.to_vec();
                String::from_utf8(bytes).map_err(StoreError::corrupt("events", "body", &id))
            }
            None => self.whole(("events", "body"), id, read),
        }
    }

    /// The reason of a run, with the columns `because`, and `delivery_id` and `pack_id` of its
    /// event.
    pub(crate) fn because<T: DeserializeOwned>(
        &mut self,
        (event, automation): (i64, i64),
        read: &Reader<'_, '_>,
    ) -> Result<T, StoreError> {
        let column = ("runs", "because");
        let because = self.whole(column, event, read)?;
        match read.get("pack_id")? {
            // A run that came after its event was packed has its reason beside it.
            Some(pack) if because.is_empty() => {
                self.json("runs", pack, Place::Run { event, automation })
            }
            _ => parsed(column, event, &because),
        }
    }

    /// The message a row of `sends` is known by, with the columns `text` and `message_id`, and
    /// `pack_id` of its event.
    pub(crate) fn message_id(
        &mut self,
        id: i64,
        read: &Reader<'_, '_>,
    ) -> Result<Option<MessageId>, StoreError> {
        match self.packed_send(id, read)? {
            Some(packed) => Ok(packed.message_id),
            None => read.message("message_id"),
        }
    }

    /// What is shown of a row of `sends`, with its columns and `pack_id` of its event; the attempts
    /// are those of the pack, or of `in_rows`.
    pub(crate) fn send(
        &mut self,
        id: i64,
        read: &Reader<'_, '_>,
        in_rows: impl FnOnce(SendId) -> Result<Vec<AttemptRecord>, StoreError>,
    ) -> Result<ShownSend, StoreError> {
        Ok(match self.packed_send(id, read)? {
            Some(packed) => ShownSend {
                attempts: packed.attempts()?,
                due_at: packed.due_at(),
                deadline_at: packed.deadline_at(),
                comment_id: packed.comment_id,
                message_id: packed.message_id,
            },
            None => ShownSend {
                attempts: in_rows(SendId(id))?,
                due_at: read.optional_time("due_at")?,
                deadline_at: read.time("deadline_at")?,
                comment_id: read.comment()?,
                message_id: read.message("message_id")?,
            },
        })
    }

    /// What a pack holds of a row of `sends`; none when it is all in the row.
    fn packed_send(
        &mut self,
        id: i64,
        read: &Reader<'_, '_>,
    ) -> Result<Option<PackedSend>, StoreError> {
        if let Value::Text(_) = read.get("text")? {
            return Ok(None);
        }
        let pack = read.get("pack_id")?;
        let bytes = self.bytes(pack, Place::Send(id))?;
        PackedSend::of_bytes(bytes).map(Some).map_err(broken(pack))
    }

    /// The runs of an event that are in its pack as a whole, each with its automation.
    pub(crate) fn packed_runs(
        &mut self,
        event: i64,
        pack: i64,
    ) -> Result<Vec<(i64, PackedRun)>, StoreError> {
        let mut runs = Vec::new();
        for (place, bytes) in self.contents(pack)?.iter() {
            if let Place::WholeRun {
                event: of,
                automation,
            } = place
                && of == event
            {
                let run = std::str::from_utf8(bytes)
                    .ok()
                    .and_then(PackedRun::of_text)
                    .ok_or_else(|| broken(pack)("a run in it cannot be read"))?;
                runs.push((automation, run));
            }
        }
        Ok(runs)
    }

    /// The text of a column that quotes the delivery of the row.
    fn whole(
        &mut self,
        (table, column): (&'static str, &'static str),
        id: i64,
        read: &Reader<'_, '_>,
    ) -> Result<String, StoreError> {
        match read.get(column)? {
            Kept::Whole(text) => Ok(text),
            Kept::Quotation(bytes) => quoting::resolve(&bytes, self.quoted(read)?)
                .map_err(|problem| StoreError::corrupt(table, column, &id)(problem)),
        }
    }

    fn quoted(&mut self, read: &Reader<'_, '_>) -> Result<&[u8], StoreError> {
        let id: i64 = read.get("delivery_id")?;
        let (found, body) = match self.quoted.take() {
            Some((found, body)) if found == id => (found, body),
            _ => (id, self.stored_body(id)?),
        };
        Ok(&self.quoted.insert((found, body)).1)
    }

    fn stored_body(&mut self, id: i64) -> Result<Vec<u8>, StoreError> {
        let connection = self.connection;
        let doing = || StoreError::database("read what an event quotes");
        let mut query = connection
            .prepare_cached("SELECT body, pack_id FROM deliveries WHERE id = ?1")
            .map_err(doing())?;
        let mut rows = query.query([id]).map_err(doing())?;
        match rows.next().map_err(doing())? {
            Some(row) => self.delivery_body(id, &Reader::new("deliveries", &id, row)),
            None => self.left_body(id)?.ok_or_else(|| {
                StoreError::corrupt("deliveries", "body", &id)("an event quotes it, and it is gone")
            }),
        }
    }

    /// The body of a delivery that left its table.
    pub(crate) fn left_body(&mut self, id: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.row(Table::Deliveries, id)?;
        found
            .map(|(_, row)| Reader::of_packed(&id, &row).get("body"))
            .transpose()
    }

    fn json<T: DeserializeOwned>(
        &mut self,
        table: &'static str,
        pack: i64,
        place: Place,
    ) -> Result<T, StoreError> {
        let bytes = self.bytes(pack, place)?;
        serde_json::from_slice(bytes).map_err(StoreError::corrupt(table, "pack_id", &pack))
    }

    fn bytes(&mut self, pack: i64, place: Place) -> Result<&[u8], StoreError> {
        self.contents(pack)?
            .find(place)
            .ok_or_else(|| broken(pack)("a row that names it is not in it"))
    }

    pub(super) fn contents(&mut self, pack: i64) -> Result<&Contents, StoreError> {
        let last = match self.last.take() {
            Some((id, contents)) if id == pack => (id, contents),
            _ => (pack, contents_of(self.connection, pack)?),
        };
        Ok(&self.last.insert(last).1)
    }
}

fn parsed<T: DeserializeOwned>(
    (table, column): (&'static str, &'static str),
    id: i64,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(table, column, &id)(error))
}

fn contents_of(connection: &Connection, pack: i64) -> Result<Contents, StoreError> {
    let row: Option<(usize, Vec<u8>)> = connection
        .prepare_cached("SELECT raw_bytes, bytes FROM packs WHERE id = ?1")
        .and_then(|mut query| {
            query
                .query_row([pack], |row| {
                    let raw_bytes = usize::try_from(row.get::<_, i64>(0)?).unwrap_or(usize::MAX);
                    Ok((raw_bytes, row.get(1)?))
                })
                .optional()
        })
        .map_err(StoreError::database("read a pack"))?;
    let (raw_bytes, bytes) = row.ok_or_else(|| broken(pack)("it is not there"))?;
    Contents::decompress(&bytes, raw_bytes).map_err(broken(pack))
}

/// What was found, or `otherwise` when that cannot be read: for those who must not be stopped by it.
pub(crate) fn if_readable<T>(found: Result<T, StoreError>, otherwise: T) -> Result<T, StoreError> {
    match found {
        Err(error @ StoreError::Corrupt { .. }) => {
            tracing::error!(%error, "what is packed cannot be read");
            Ok(otherwise)
        }
        found => found,
    }
}

pub(super) fn broken<E>(pack: i64) -> impl FnOnce(E) -> StoreError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    move |error| StoreError::corrupt("packs", "bytes", &pack)(error)
}
