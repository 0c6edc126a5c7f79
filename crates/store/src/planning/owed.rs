//! Whether a send is planned already, or was.
//!
//! Its key needs no index of its own: it is found by its event, and that by its comment or its key
//! ([`known`](super::known)).

use hookline_model::ids::{AccountId, CommentId};
use hookline_model::send::{SendKey, SendKind};
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::known::{New, find};
use crate::error::StoreError;
use crate::ids::MetaId as _;
use crate::packs::{Table, Unpacker, if_readable};

/// The sign before `account_id` keeps SQLite from going through all events of the account.
const PRIVATE_REPLY: &str = "SELECT 1 FROM events e CROSS JOIN sends s ON s.event_id = e.id
     WHERE e.comment_id = ?1 AND +e.account_id = ?2 AND s.kind = 'private_reply'";
const STEP: &str = "SELECT 1 FROM sends WHERE event_id = ?1 AND automation_id = ?2 AND step = ?3";

/// Whether there is a send with this key; nothing is planned for what is `new`. In the writer this
/// holds until its transaction ends.
pub(super) fn is_owed(
    connection: &Connection,
    key: &SendKey,
    new: &New,
) -> Result<bool, StoreError> {
    let mut packs = Unpacker::new(connection);
    let owed = match key {
        SendKey::PrivateReply { account, comment } => {
            if new.has_comment(account, comment) {
                return Ok(false);
            }
            has_private_reply(&mut packs, account, comment)
        }
        SendKey::Step {
            event,
            automation,
            step,
        } => {
            if new.has_event(&event.key) {
                return Ok(false);
            }
            find(&mut packs, event).and_then(|found| match found {
                Some(event) => has_step(&mut packs, (event.id, event.pack), (*automation, *step)),
                None => Ok(false),
            })
        }
    };
    // What cannot be read may have been sent.
    if_readable(owed, true)
}

fn has_private_reply(
    packs: &mut Unpacker<'_>,
    account: &AccountId,
    comment: &CommentId,
) -> Result<bool, StoreError> {
    let is_in_table = packs
        .connection()
        .prepare_cached(PRIVATE_REPLY)
        .and_then(|mut query| query.exists([comment.column(), account.column()]))
        .map_err(StoreError::database("look for a planned private reply"))?;
    if is_in_table {
        return Ok(true);
    }
    let kind = Value::Text(SendKind::PrivateReply.as_str().to_owned());
    for (pack, event) in packs.events_of_comment(Some(account), comment)? {
        let sends = packs.rows_of(pack, Table::Sends, event.id())?;
        if sends.iter().any(|send| send.holds("kind", &kind)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a step was planned for the event, whose sends are where it is.
fn has_step(
    packs: &mut Unpacker<'_>,
    (event, pack): (i64, Option<i64>),
    (automation, step): (i64, u32),
) -> Result<bool, StoreError> {
    let Some(pack) = pack else {
        return packs
            .connection()
            .prepare_cached(STEP)
            .and_then(|mut query| query.exists(params![event, automation, step]))
            .map_err(StoreError::database("look for a planned send"));
    };
    let sends = packs.rows_of(pack, Table::Sends, event)?;
    Ok(sends.iter().any(|send| {
        send.number("automation_id") == automation && send.number("step") == i64::from(step)
    }))
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
                "SEARCH sends USING COVERING INDEX sends_by_event (event_id=?",
            ),
        ] {
            let plan = plan_of(&store, sql).await;
            assert!(plan.starts_with(by), "{plan}");
            assert!(plan.contains("sends_by_event (event_id=?"), "{plan}");
        }
    }
}
