//! The same among the rows that left their tables: every pack is read, whatever its marks say.

use hookline_model::erasure::Part;
use hookline_model::ids::{DeliveryId, EventId};

use super::{BYTES_AT_ONCE, DOOMED_AT_ONCE, holds_bytes, parts_of};
use crate::erase::{Doomed, OpenDeletion, Suspects};
use crate::error::StoreError;
use crate::packs::{Table, Unpacker};
use crate::rows::Reader;

/// Those among the deliveries that left their table, as far as the stretch goes; it may become
/// shorter.
pub(super) fn left_suspects(
    packs: &mut Unpacker<'_>,
    from: i64,
    needles: &[Vec<u8>],
    found: &mut Suspects,
) -> Result<(), StoreError> {
    let mut bytes = 0;
    let mut left = Vec::new();
    let until = packs.walk(Table::Deliveries, (from, found.until.0), |row| {
        let body = row.value("body").and_then(|body| body.as_blob().ok());
        let body = body.unwrap_or_default();
        if needles.iter().any(|needle| holds_bytes(body, needle)) {
            bytes += body.len();
            left.push((DeliveryId(row.id()), body.to_vec()));
        }
        bytes >= BYTES_AT_ONCE
    })?;
    found.until = DeliveryId(until);
    found.deliveries.extend(left);
    found.deliveries.retain(|(id, _)| id.0 <= until);
    found.deliveries.sort_by_key(|(id, _)| *id);
    Ok(())
}

/// Adds theirs among the events that left their table, as far as the stretch goes; it may become
/// shorter.
pub(super) fn left_doomed(
    packs: &mut Unpacker<'_>,
    deletion: &OpenDeletion,
    found: &mut Doomed,
    theirs: &mut Vec<(i64, Vec<Part>)>,
) -> Result<(), StoreError> {
    let stretch = (deletion.event.0, found.until.0);
    let mut left = Vec::new();
    let mut problem = Ok(());
    let connection = packs.connection();
    let until = packs.walk(Table::Events, stretch, |row| {
        let id = row.id();
        if row.number("delivery_id") <= deletion.deliveries_until.0 {
            let read = Reader::of_packed(&id, row);
            match parts_of(id, &read, &mut Unpacker::new(connection), deletion) {
                Ok(parts) => left.extend(parts.map(|parts| (id, parts))),
                Err(error) => problem = Err(error),
            }
        }
        left.len() >= DOOMED_AT_ONCE || problem.is_err()
    })?;
    problem?;
    theirs.extend(left);
    theirs.retain(|(id, _)| *id <= until);
    theirs.sort_by_key(|(id, _)| *id);
    (found.until, found.is_end) = (EventId(until), found.is_end && until >= found.until.0);
    if let Some((last, _)) = theirs
        .get(DOOMED_AT_ONCE - 1)
        .filter(|_| theirs.len() > DOOMED_AT_ONCE)
    {
        (found.until, found.is_end) = (EventId(*last), false);
        theirs.truncate(DOOMED_AT_ONCE);
    }
    Ok(())
}

/// The messages that were sent for an event, if it left its table.
pub(super) fn left_messages(packs: &mut Unpacker<'_>, event: i64) -> Result<Vec<Part>, StoreError> {
    let mut messages = Vec::new();
    let Some((pack, _)) = packs.row(Table::Events, event)? else {
        return Ok(messages);
    };
    for row in packs.rows_of(pack, Table::Sends, event)? {
        let read = Reader::of_packed(&event, &row);
        let account = read.account()?;
        messages.extend(read.message("message_id")?.map(|message| Part {
            account,
            id: message.to_string(),
        }));
    }
    Ok(messages)
}
