//! Looking for the echo of a DM, in the table of events and in packs.

use hookline_model::clock::Timestamp;
use hookline_model::event::{EventBody, Message};
use hookline_model::ids::{AccountId, ContactId, MessageId};
use rusqlite::{Connection, params};

use super::attributed;
use crate::error::StoreError;
use crate::ids::MetaId as _;
use crate::packs::{Unpacker, if_readable};
use crate::rows::Reader;

/// The earliest echo of this text that no other send is known by.
pub(super) fn echo(
    connection: &Connection,
    account: &AccountId,
    contact: &ContactId,
    text: &str,
    since: Timestamp,
) -> Result<Option<MessageId>, StoreError> {
    let doing = || StoreError::database("look for an echo");
    let mut query = connection
        .prepare_cached(
            "SELECT id, body, delivery_id, received_at, occurred_at, pack_id FROM events
             WHERE account_id = ?1 AND contact_id = ?2 AND kind = 'message_echoed'
               AND received_at >= ?3 AND coalesce(occurred_at, received_at) >= ?3
             ORDER BY coalesce(occurred_at, received_at), id LIMIT 100",
        )
        .map_err(doing())?;
    let mut rows = query
        .query(params![
            account.column(),
            contact.column(),
            since.as_millis()
        ])
        .map_err(doing())?;
    let mut packs = Unpacker::new(connection);
    let mut echoes = Vec::new();
    while let Some(row) = rows.next().map_err(doing())? {
        let id: i64 = row.get("id").map_err(doing())?;
        echoes.push(said(id, &Reader::new("events", &id, row), &mut packs));
    }
    let left = if_readable(packs.echoes(account, contact, since), Vec::new())?;
    for row in &left {
        let id = row.id();
        let read = Reader::of_packed(&id, row);
        echoes.push(said(id, &read, &mut packs).filter(|(at, ..)| *at >= since));
    }
    // What cannot be read is no evidence, and must not end the search for the others.
    let mut echoes: Vec<_> = echoes.into_iter().flatten().collect();
    echoes.sort_by_key(|(at, id, _)| (*at, *id));
    for (_, _, message) in echoes.into_iter().take(ECHOES) {
        if message.text.as_deref() == Some(text) && !attributed(connection, &message.mid)? {
            return Ok(Some(message.mid));
        }
    }
    Ok(None)
}

/// Echoes to one person that are looked at.
const ECHOES: usize = 100;

/// When an echo was written, its number, and what it says; none if it cannot be read.
fn said(
    id: i64,
    read: &Reader<'_, '_>,
    packs: &mut Unpacker<'_>,
) -> Option<(Timestamp, i64, Box<Message>)> {
    let found = || -> Result<_, StoreError> {
        let at = read.optional_time("occurred_at")?;
        let at = at.map_or_else(|| read.time("received_at"), Ok)?;
        Ok((at, packs.event_body(id, read)?))
    };
    match { found }() {
        Ok((at, EventBody::MessageEchoed(message))) => Some((at, id, message)),
        Ok(_) => None,
        Err(error) => {
            tracing::error!(event = id, %error, "an echo cannot be read from the database");
            None
        }
    }
}
