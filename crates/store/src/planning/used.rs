//! Which limits are used up.
//!
//! What a person uses up has a row, because their events are found by nothing. A comment's limit
//! has none: it is what was planned for the events about it, which are found by the comment. And an
//! event about nothing of the kind is decided about once.

use std::collections::HashSet;

use hookline_model::ids::{AccountId, AutomationId, CommentId};
use hookline_model::once::OnceScope;
use hookline_model::send::SendState;
use rusqlite::{Connection, params};

use super::known::New;
use crate::digest;
use crate::error::StoreError;
use crate::ids::MetaId as _;
use crate::packs::{PackedRow, Table, Unpacker, if_readable};

/// What a limit's key is of which there is a row.
pub(super) fn row_of(scope: &OnceScope) -> Option<[u8; 16]> {
    match scope {
        OnceScope::Person(text) => Some(digest::key(text.as_bytes())),
        OnceScope::Comment { .. } | OnceScope::Event(_) => None,
    }
}

/// Those of the limits that are used up.
pub(super) fn used_up(
    connection: &Connection,
    limits: Vec<(AutomationId, OnceScope)>,
    new: &New,
) -> Result<HashSet<(AutomationId, OnceScope)>, StoreError> {
    let mut used = HashSet::new();
    for (automation, scope) in limits {
        let is_used = match &scope {
            OnceScope::Comment { account, comment } => {
                !new.has_comment(account, comment)
                    && is_used_for_comment(connection, automation, (account, comment))?
            }
            OnceScope::Event(_) => false,
            OnceScope::Person(text) => has_row(connection, automation, text)?,
        };
        if is_used {
            used.insert((automation, scope));
        }
    }
    Ok(used)
}

fn has_row(
    connection: &Connection,
    automation: AutomationId,
    text: &str,
) -> Result<bool, StoreError> {
    connection
        .prepare_cached("SELECT 1 FROM once_keys WHERE automation_id = ?1 AND once_key = ?2")
        .and_then(|mut query| query.exists(params![automation.0, digest::key(text.as_bytes())]))
        .map_err(StoreError::database("look for used limits"))
}

/// A send that was refused, expired or cancelled does not use up a limit, unless it may have landed.
/// The sign before `account_id` keeps SQLite from going through all events of the account.
const FOR_COMMENT: &str = "SELECT 1 FROM events e
     CROSS JOIN sends s ON s.event_id = e.id AND s.automation_id = ?3
     WHERE e.comment_id = ?1 AND +e.account_id = ?2
       AND (s.had_unknown = 1 OR s.state = 'planned' OR s.state = 'leased'
            OR s.state = 'accepted' OR s.state = 'unknown')";

fn is_used_for_comment(
    connection: &Connection,
    automation: AutomationId,
    (account, comment): (&AccountId, &CommentId),
) -> Result<bool, StoreError> {
    let is_in_table = connection
        .prepare_cached(FOR_COMMENT)
        .and_then(|mut query| {
            query.exists(params![comment.column(), account.column(), automation.0])
        })
        .map_err(StoreError::database("look for a comment's limit"))?;
    if is_in_table {
        return Ok(true);
    }
    let mut packs = Unpacker::new(connection);
    // What cannot be read may have been sent.
    if_readable(was_packed(&mut packs, automation, (account, comment)), true)
}

fn was_packed(
    packs: &mut Unpacker<'_>,
    automation: AutomationId,
    (account, comment): (&AccountId, &CommentId),
) -> Result<bool, StoreError> {
    for (pack, event) in packs.events_of_comment(Some(account), comment)? {
        let sends = packs.rows_of(pack, Table::Sends, event.id())?;
        let is_of = |send: &&PackedRow| send.number("automation_id") == automation.0;
        if sends.iter().filter(is_of).any(may_have_landed) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Of the sends in a pack none is open.
fn may_have_landed(send: &PackedRow) -> bool {
    let is_accepted = send.text("state").as_deref() == Some(SendState::Accepted.as_str());
    is_accepted || send.number("had_unknown") == 1
}

#[cfg(test)]
mod tests {
    use super::FOR_COMMENT;
    use crate::query_plans::{plan_of, scratch};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_comments_limit_is_found_through_its_events() {
        let (_directory, store) = scratch();
        let plan = plan_of(&store, FOR_COMMENT).await;
        let by = "SEARCH e USING INDEX events_by_comment (comment_id=?)";
        assert!(plan.starts_with(by), "{plan}");
        let then = "SEARCH s USING INDEX sends_by_event (event_id=? AND automation_id=?)";
        assert!(plan.contains(then), "{plan}");
    }
}
