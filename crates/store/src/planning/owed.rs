//! Whether a send is planned already, or was.
//!
//! Its key needs no index of its own: a private reply is found by its comment, any other step by its
//! event, and both indexes grow at their end, where an index of keys would change a page anywhere
//! for each send.

use hookline_model::send::{SendKey, SendKind};
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use crate::error::StoreError;
use crate::ids::MetaId as _;
use crate::packs::{PackedRow, Table, Unpacker, if_readable};

/// The sign before `account_id` keeps SQLite from going through all events of the account.
const PRIVATE_REPLY: &str = "SELECT 1 FROM events e CROSS JOIN sends s ON s.event_id = e.id
     WHERE e.comment_id = ?1 AND +e.account_id = ?2 AND s.kind = 'private_reply'";
const STEP: &str = "SELECT 1 FROM events e CROSS JOIN sends s ON s.event_id = e.id
     WHERE e.key = ?1 AND s.automation_id = ?2 AND s.step = ?3";

/// Whether there is a send with this key. In the writer this holds until its transaction ends.
pub(super) fn is_owed(connection: &Connection, key: &SendKey) -> Result<bool, StoreError> {
    let doing = || StoreError::database("look for a planned send");
    let is_in_table = match key {
        SendKey::PrivateReply { account, comment } => connection
            .prepare_cached(PRIVATE_REPLY)
            .and_then(|mut query| query.exists([comment.column(), account.column()]))
            .map_err(doing())?,
        SendKey::Step {
            event,
            automation,
            step,
        } => connection
            .prepare_cached(STEP)
            .and_then(|mut query| query.exists(params![&event.as_bytes()[..], automation, step]))
            .map_err(doing())?,
    };
    if is_in_table {
        return Ok(true);
    }
    // What cannot be read may have been sent.
    if_readable(was_packed(&mut Unpacker::new(connection), key), true)
}

/// Whether a send with this key left its table.
fn was_packed(packs: &mut Unpacker<'_>, key: &SendKey) -> Result<bool, StoreError> {
    let events = match key {
        SendKey::PrivateReply { account, comment } => {
            packs.events_of_comment(Some(account), comment)?
        }
        SendKey::Step { event, .. } => packs.event_by_key(event)?.into_iter().collect(),
    };
    for (pack, event) in events {
        let sends = packs.rows_of(pack, Table::Sends, event.id())?;
        if sends.iter().any(|send| is_it(send, key)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a send for the event of a key has this key.
fn is_it(send: &PackedRow, key: &SendKey) -> bool {
    match key {
        SendKey::PrivateReply { .. } => {
            let kind = Value::Text(SendKind::PrivateReply.as_str().to_owned());
            send.holds("kind", &kind)
        }
        SendKey::Step {
            automation, step, ..
        } => send.number("automation_id") == *automation && send.number("step") == i64::from(*step),
    }
}

#[cfg(test)]
mod tests {
    use super::{PRIVATE_REPLY, STEP};
    use crate::query_plans::{plan_of, scratch};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_send_is_found_through_its_event() {
        let (_directory, store) = scratch();
        for (sql, by) in [
            (
                PRIVATE_REPLY,
                "SEARCH e USING INDEX events_by_comment (comment_id=?)",
            ),
            (
                STEP,
                "SEARCH e USING COVERING INDEX sqlite_autoindex_events_1 (key=?)",
            ),
        ] {
            let plan = plan_of(&store, sql).await;
            assert!(plan.starts_with(by), "{plan}");
            assert!(
                plan.contains("SEARCH s USING") && plan.contains("sends_by_event (event_id=?"),
                "{plan}"
            );
        }
    }
}
