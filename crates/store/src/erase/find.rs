//! Which deliveries and events are about somebody, a stretch of ids at a time.

mod left;

use std::collections::BTreeSet;

use hookline_model::erasure::{DISTINCT_ID_BYTES, Marks, Part, Whom};
use hookline_model::event::EventBody;
use hookline_model::ids::{AccountId, CommentId, ContactId, DeliveryId, EventId, MessageId};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use self::left::{left_doomed, left_messages, left_suspects};
use super::{Doomed, OpenDeletion, Suspects};
use crate::Store;
use crate::digest;
use crate::error::StoreError;
use crate::ids::{Column, MetaId as _};
use crate::packs::{Table, Unpacker};
use crate::rows::Reader;

/// Deliveries looked through in one read.
const DELIVERIES_AT_ONCE: i64 = 1000;

/// Bytes of suspects that are handed over at once.
const BYTES_AT_ONCE: usize = 1024 * 1024;

/// Events looked through in one read.
const EVENTS_AT_ONCE: i64 = 5000;

/// Events handed over at once, which are erased in one transaction.
const DOOMED_AT_ONCE: usize = 100;

impl Store {
    /// The next stretch of deliveries that may tell of whom `deletion` is about: all that hold an
    /// id or a handle of theirs, or a sign written in a way that could hide one.
    pub async fn suspects(&self, deletion: OpenDeletion) -> Result<Suspects, StoreError> {
        self.read(move |connection| suspects(connection, &deletion))
            .await
    }

    /// These deliveries with their bodies; those that are gone are left out.
    pub async fn delivery_bodies(
        &self,
        ids: Vec<DeliveryId>,
    ) -> Result<Vec<(DeliveryId, Vec<u8>)>, StoreError> {
        self.read(move |connection| {
            let doing = || StoreError::database("read deliveries to cut");
            let mut query = connection
                .prepare_cached("SELECT id, body, pack_id FROM deliveries WHERE id = ?1")
                .map_err(doing())?;
            let mut packs = Unpacker::new(connection);
            let mut found = Vec::new();
            for id in ids {
                let mut rows = query.query([id.0]).map_err(doing())?;
                let body = match rows.next().map_err(doing())? {
                    Some(row) => {
                        let read = Reader::new("deliveries", &id, row);
                        Some(packs.delivery_body(id.0, &read)?)
                    }
                    None => packs.left_body(id.0)?,
                };
                found.extend(body.map(|body| (id, body)));
            }
            Ok(found)
        })
        .await
    }

    /// Every delivery that told of these comments and messages, whether or not it says whose they
    /// are.
    pub async fn deliveries_of_parts(
        &self,
        parts: Vec<Part>,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        self.read(move |connection| {
            let mut events = BTreeSet::new();
            for part in &parts {
                events.extend(events_of_part(connection, part)?);
            }
            deliveries_of(connection, &events)
        })
        .await
    }

    /// The next stretch of events of whom `deletion` is about, with those that are about the same
    /// comment or message and do not say whose it is, and the echoes of what was sent to them.
    pub async fn doomed_events(&self, deletion: OpenDeletion) -> Result<Doomed, StoreError> {
        self.read(move |connection| doomed(connection, &deletion))
            .await
    }
}

/// What a text that holds one of them must hold: as bytes, so that it can be looked for in both.
fn needles(whom: &Whom) -> Vec<Vec<u8>> {
    let mut needles = BTreeSet::new();
    for marks in whom.marks() {
        needles.insert(marks.id.as_bytes().to_vec());
        let is_digits = marks.id.bytes().all(|byte| byte.is_ascii_digit());
        let escape: &[u8] = if is_digits { br"\u003" } else { br"\u00" };
        needles.insert(escape.to_vec());
        for name in marks.usernames.iter().filter(|name| !name.is_empty()) {
            needles.insert(name.as_bytes().to_vec());
            needles.insert(br"\u00".to_vec());
        }
    }
    needles.into_iter().collect()
}

fn suspects(connection: &Connection, deletion: &OpenDeletion) -> Result<Suspects, StoreError> {
    let doing = || StoreError::database("look for deliveries to cut");
    let from = deletion.delivery.0;
    let until = deletion.deliveries_until.0.min(from + DELIVERIES_AT_ONCE);
    let mut values = vec![Value::Integer(from), Value::Integer(until)];
    let needles = needles(&deletion.whom);
    let mut holds = vec!["pack_id IS NOT NULL".to_owned()];
    holds.extend((0..needles.len()).map(|place| format!("instr(body, ?{}) > 0", place + 3)));
    values.extend(needles.iter().cloned().map(Value::Blob));
    let sql = format!(
        "SELECT id, body, pack_id FROM deliveries
         WHERE id > ?1 AND id <= ?2 AND ({}) ORDER BY id",
        holds.join(" OR ")
    );
    let mut query = connection.prepare(&sql).map_err(doing())?;
    let mut rows = query.query(params_from_iter(values)).map_err(doing())?;
    let mut found = Suspects {
        deliveries: Vec::new(),
        until: DeliveryId(until),
    };
    let mut packs = Unpacker::new(connection);
    let mut bytes = 0;
    while let Some(row) = rows.next().map_err(doing())? {
        let id = DeliveryId(row.get(0).map_err(doing())?);
        let body = packs.delivery_body(id.0, &Reader::new("deliveries", &id, row))?;
        // What is packed was not looked into yet.
        if !needles.iter().any(|needle| holds_bytes(&body, needle)) {
            continue;
        }
        bytes += body.len();
        found.deliveries.push((id, body));
        if bytes >= BYTES_AT_ONCE {
            found.until = id;
            break;
        }
    }
    left_suspects(&mut packs, from, &needles, &mut found)?;
    Ok(found)
}

fn holds_bytes(body: &[u8], needle: &[u8]) -> bool {
    body.windows(needle.len()).any(|bytes| bytes == needle)
}

/// An event that may be theirs.
struct Candidate<'row> {
    account: &'row AccountId,
    contact: Option<ContactId>,
    body: String,
}

impl Candidate<'_> {
    fn is_of(&self, whom: &Whom) -> bool {
        whom.accounts
            .iter()
            .any(|account| account.id == *self.account)
            || whom.marks().any(|marks| self.bears(&marks))
    }

    /// Whether it is theirs or names them.
    fn bears(&self, marks: &Marks<'_>) -> bool {
        if marks.account.is_some_and(|account| account != self.account) {
            return false;
        }
        let holds = |text: &str| self.body.contains(text);
        self.contact.as_ref().map(ContactId::as_str) == Some(marks.id)
            || holds(&format!("\"{}\"", marks.id))
            || (marks.id.len() >= DISTINCT_ID_BYTES && holds(marks.id))
            || marks
                .usernames
                .iter()
                .filter(|name| !name.is_empty())
                .any(|name| self.names(name))
    }

    fn names(&self, name: &str) -> bool {
        let handle = format!("\"username\":\"{}\"", name.to_lowercase());
        self.body.to_ascii_lowercase().contains(&handle)
            || (self.body.contains("\"is_own\":true") && self.body.contains(name))
    }
}

fn doomed(connection: &Connection, deletion: &OpenDeletion) -> Result<Doomed, StoreError> {
    let doing = || StoreError::database("look for events to erase");
    let last: i64 = connection
        .query_row(
            "SELECT max(coalesce((SELECT max(id) FROM events), 0),
                        coalesce((SELECT max(last_event) FROM pack_spans), 0))",
            [],
            |row| row.get(0),
        )
        .map_err(doing())?;
    let from = deletion.event.0;
    let until = last.min(from + EVENTS_AT_ONCE);
    let sql = "SELECT id, delivery_id, account_id, comment_id, contact_id, body, pack_id
         FROM events WHERE id > ?1 AND id <= ?2 AND delivery_id <= ?3 ORDER BY id";
    let mut found = Doomed {
        events: Vec::new(),
        deliveries: Vec::new(),
        parts: Vec::new(),
        until: EventId(until.max(from)),
        is_end: until >= last,
    };
    let mut query = connection.prepare_cached(sql).map_err(doing())?;
    let mut rows = query
        .query([from, until, deletion.deliveries_until.0])
        .map_err(doing())?;
    let mut packs = Unpacker::new(connection);
    let mut theirs = Vec::new();
    while let Some(row) = rows.next().map_err(doing())? {
        let id: i64 = row.get(0).map_err(doing())?;
        let read = Reader::new("events", &id, row);
        theirs.extend(parts_of(id, &read, &mut packs, deletion)?.map(|parts| (id, parts)));
        if theirs.len() >= DOOMED_AT_ONCE {
            (found.until, found.is_end) = (EventId(id), false);
            break;
        }
    }
    left_doomed(&mut packs, deletion, &mut found, &mut theirs)?;
    for (id, parts) in theirs {
        found.events.push(EventId(id));
        found.parts.extend(parts);
    }
    complete(connection, &mut found)?;
    Ok(found)
}

/// The comments and messages of an event that is theirs; none if it is not.
fn parts_of(
    id: i64,
    read: &Reader<'_, '_>,
    packs: &mut Unpacker<'_>,
    deletion: &OpenDeletion,
) -> Result<Option<Vec<Part>>, StoreError> {
    let account = read.account()?;
    let candidate = Candidate {
        account: &account,
        contact: read.contact()?,
        body: packs.event_text(id, read)?,
    };
    if !candidate.is_of(&deletion.whom) {
        return Ok(None);
    }
    let message = message_of(&candidate.body);
    let comment = read.optional_id("comment_id", |id| id)?;
    let parts = message.into_iter().chain(comment).map(|id| {
        let account = account.clone();
        Part { account, id }
    });
    Ok(Some(parts.collect()))
}

/// The message an event is about.
fn message_of(body: &str) -> Option<String> {
    let body: EventBody = serde_json::from_str(body).ok()?;
    body.message_id().map(ToString::to_string)
}

/// Adds what belongs to the events that were found: of the same comments and messages, of what
/// was sent for them, and every delivery that told of any of it.
fn complete(connection: &Connection, found: &mut Doomed) -> Result<(), StoreError> {
    let doing = || StoreError::database("look for what belongs to events");
    let mut packs = Unpacker::new(connection);
    for event in &found.events {
        let mut sent = connection
            .prepare_cached(
                "SELECT s.id, s.account_id, s.text, s.message_id, e.pack_id
                 FROM sends s JOIN events e ON e.id = s.event_id
                 WHERE s.event_id = ?1 AND s.message_digest IS NOT NULL",
            )
            .map_err(doing())?;
        let mut rows = sent.query([event.0]).map_err(doing())?;
        while let Some(row) = rows.next().map_err(doing())? {
            let id: i64 = row.get(0).map_err(doing())?;
            let read = Reader::new("sends", &id, row);
            let account = read.account()?;
            let message = packs.message_id(id, &read)?;
            found.parts.extend(message.map(|message| Part {
                account,
                id: message.to_string(),
            }));
        }
        found.parts.extend(left_messages(&mut packs, event.0)?);
    }
    let mut events: BTreeSet<i64> = found.events.iter().map(|event| event.0).collect();
    for part in &found.parts {
        events.extend(events_of_part(connection, part)?);
    }
    found.events = events.iter().map(|id| EventId(*id)).collect();
    found.deliveries = deliveries_of(connection, &events)?;
    Ok(())
}

/// Every delivery that told of these events, first or again.
fn deliveries_of(
    connection: &Connection,
    events: &BTreeSet<i64>,
) -> Result<Vec<DeliveryId>, StoreError> {
    let doing = || StoreError::database("look for deliveries of events");
    let mut deliveries = BTreeSet::new();
    let mut packs = Unpacker::new(connection);
    let mut query = connection
        .prepare_cached(
            "SELECT delivery_id FROM events WHERE id = ?1
             UNION SELECT delivery_id FROM sightings WHERE event_id = ?1",
        )
        .map_err(doing())?;
    for event in events {
        let rows = query
            .query_map([event], |row| row.get::<_, i64>(0))
            .map_err(doing())?;
        for delivery in rows {
            deliveries.insert(delivery.map_err(doing())?);
        }
        let left = packs.row(Table::Events, *event)?;
        deliveries.extend(left.map(|(_, row)| row.number("delivery_id")));
    }
    Ok(deliveries.into_iter().map(DeliveryId).collect())
}

/// The events about one comment or message of an account.
pub(super) fn events_of_part(connection: &Connection, part: &Part) -> Result<Vec<i64>, StoreError> {
    let account = part.account.column();
    let mut events: Vec<i64> = connection
        .prepare_cached(
            "SELECT id FROM events WHERE mid_digest = ?3 AND account_id = ?1
             UNION SELECT id FROM events WHERE comment_id = ?2 AND account_id = ?1",
        )
        .and_then(|mut query| {
            query
                .query_map(
                    params![account, Column::of(&part.id), digest::short(&part.id)],
                    |row| row.get(0),
                )?
                .collect()
        })
        .map_err(StoreError::database("look for events of a part"))?;
    let mut packs = Unpacker::new(connection);
    let of = Some(&part.account);
    let comments = packs.events_of_comment(of, &CommentId::new(part.id.as_str()))?;
    let messages = packs.events_of_message(of, &MessageId::new(part.id.as_str()))?;
    events.extend(comments.iter().chain(&messages).map(|(_, row)| row.id()));
    Ok(events)
}
