//! Which events are known already.
//!
//! An event about a comment is looked for by its comment, any other by its key: of either there is
//! one index, and that of comments grows at its end. Nearly every event is new, and so is its
//! comment. What is new is remembered, because nothing is planned for it and no limit used up:
//! then neither has to be looked for.

use std::collections::{HashMap, HashSet};

use hookline_model::event::{EventName, Ignored, NaturalKey};
use hookline_model::ids::{AccountId, CommentId, EventId};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use super::KnownEvent;
use crate::error::StoreError;
use crate::ids::MetaId as _;
use crate::packs::{PackedComments, Unpacker, if_readable};

const BY_COMMENT: &str =
    "SELECT id, delivery_id, ignored FROM events WHERE comment_id = ?1 AND key = ?2";
const BY_KEY: &str =
    "SELECT id, delivery_id, ignored FROM events WHERE key = ?1 AND comment_id IS NULL";
const ABOUT_COMMENT: &str = "SELECT 1 FROM events WHERE comment_id = ?1";

/// An event that has a row, wherever it is.
pub(super) struct Found {
    pub(super) id: i64,
    pub(super) delivery_id: i64,
    pub(super) ignored: Option<String>,
    /// The pack it left into.
    pub(super) pack: Option<i64>,
}

/// The event of this name.
///
/// # Errors
/// Besides the database's, [`StoreError::Corrupt`] when it is as good as certain that there is one
/// and it cannot be read.
pub(super) fn find(
    packs: &mut Unpacker<'_>,
    name: &EventName,
) -> Result<Option<Found>, StoreError> {
    if let Some(found) = in_table(packs.connection(), name)? {
        return Ok(Some(found));
    }
    let found = packs.event_by_key(&name.key)?;
    Ok(found.map(|(pack, row)| Found {
        id: row.id(),
        delivery_id: row.number("delivery_id"),
        ignored: row.text("ignored"),
        pack: Some(pack),
    }))
}

fn in_table(connection: &Connection, name: &EventName) -> Result<Option<Found>, StoreError> {
    let doing = || StoreError::database("look for known events");
    let key = &name.key.as_bytes()[..];
    let found = match &name.comment {
        Some(comment) => connection
            .prepare_cached(BY_COMMENT)
            .map_err(doing())?
            .query_row(params![comment.column(), key], of_row),
        None => connection
            .prepare_cached(BY_KEY)
            .map_err(doing())?
            .query_row([key], of_row),
    };
    found.optional().map_err(doing())
}

fn of_row(row: &Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found {
        id: row.get(0)?,
        delivery_id: row.get(1)?,
        ignored: row.get(2)?,
        pack: None,
    })
}

/// What nothing was known of before: for as long as the transaction lasts, until it is planned.
#[derive(Debug, Default)]
pub(super) struct New {
    events: HashSet<NaturalKey>,
    comments: HashSet<(AccountId, CommentId)>,
}

impl New {
    /// Whether there was no such event.
    pub(super) fn has_event(&self, key: &NaturalKey) -> bool {
        self.events.contains(key)
    }

    /// Whether there was no event about this comment.
    pub(super) fn has_comment(&self, account: &AccountId, comment: &CommentId) -> bool {
        // The pair is asked for as a whole; both are shared, so this copies no text.
        let pair = (account.clone(), comment.clone());
        self.comments.contains(&pair)
    }
}

/// Those of the events that are known, and what is new of them.
pub(super) fn known_events(
    connection: &Connection,
    names: &[EventName],
) -> Result<(HashMap<NaturalKey, KnownEvent>, New), StoreError> {
    let mut known = HashMap::new();
    let mut new = New::default();
    let mut packs = Unpacker::new(connection);
    let mut comments = Comments::new(connection)?;
    for name in names {
        if let Some(comment) = &name.comment
            && !comments.may_be_known(&name.account, comment)?
        {
            let pair = (name.account.clone(), comment.clone());
            new.comments.insert(pair);
            new.events.insert(name.key);
            continue;
        }
        match known_event(&mut packs, name)? {
            Some(event) => {
                known.insert(name.key, event);
            }
            None => {
                new.events.insert(name.key);
            }
        }
    }
    Ok((known, new))
}

/// Asks of many comments whether there may be an event about them.
struct Comments<'connection> {
    in_table: CachedStatement<'connection>,
    in_packs: PackedComments<'connection>,
}

impl<'connection> Comments<'connection> {
    fn new(connection: &'connection Connection) -> Result<Self, StoreError> {
        let in_table = connection
            .prepare_cached(ABOUT_COMMENT)
            .map_err(StoreError::database("look for events about a comment"))?;
        let in_packs = PackedComments::new(connection)?;
        Ok(Self { in_table, in_packs })
    }

    fn may_be_known(
        &mut self,
        account: &AccountId,
        comment: &CommentId,
    ) -> Result<bool, StoreError> {
        let is_in_table = self
            .in_table
            .exists([comment.column()])
            .map_err(StoreError::database("look for events about a comment"))?;
        Ok(is_in_table || self.in_packs.may_know(account, comment)?)
    }
}

/// One that cannot be read is known all the same: that there is one with this key is as good as
/// certain, and it must not take effect again.
fn known_event(
    packs: &mut Unpacker<'_>,
    name: &EventName,
) -> Result<Option<KnownEvent>, StoreError> {
    const UNREADABLE: KnownEvent = KnownEvent {
        id: EventId(0),
        ignored: None,
    };
    let known = find(packs, name).map(|found| {
        found.map(|found| KnownEvent {
            id: EventId(found.id),
            ignored: found.ignored.as_deref().and_then(Ignored::from_name),
        })
    });
    if_readable(known, Some(UNREADABLE))
}

#[cfg(test)]
mod tests {
    use super::{ABOUT_COMMENT, BY_COMMENT, BY_KEY};
    use crate::query_plans::{plan_of, scratch};

    #[tokio::test(flavor = "multi_thread")]
    async fn an_event_is_found_by_its_comment_or_its_key() {
        let (_directory, store) = scratch();
        for (sql, by) in [
            (
                BY_COMMENT,
                "SEARCH events USING INDEX events_by_comment (comment_id=? AND key=?)",
            ),
            (BY_KEY, "SEARCH events USING INDEX events_by_key (key=?)"),
            (
                ABOUT_COMMENT,
                "SEARCH events USING COVERING INDEX events_by_comment (comment_id=?)",
            ),
        ] {
            assert_eq!(plan_of(&store, sql).await, by);
        }
    }
}
