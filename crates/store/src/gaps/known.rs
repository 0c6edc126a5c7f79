//! What is known already, from events in their table and from those that left it.

use std::collections::HashSet;

use hookline_model::clock::Timestamp;
use hookline_model::event::{Container, EventKind};
use hookline_model::ids::AccountId;
use rusqlite::types::Value as Column;
use rusqlite::{Connection, params};

use crate::error::StoreError;
use crate::ids::MetaId as _;
use crate::packs::{PackedRow, Table, Unpacker, Wanted};
use crate::rows::Reader;

const NEWEST: &str = "SELECT id, kind, received_at FROM events
    WHERE account_id = ?1 AND container <> 'backfill'
    ORDER BY id DESC LIMIT ?2";

/// The newest events of an account that Meta delivered, newest first.
pub(super) fn newest(
    connection: &Connection,
    account: &AccountId,
    limit: u32,
) -> Result<Vec<(EventKind, Timestamp)>, StoreError> {
    let doing = || StoreError::database("read when events came");
    let mut query = connection.prepare_cached(NEWEST).map_err(doing())?;
    let mut rows = query
        .query(params![account.column(), limit])
        .map_err(doing())?;
    let event = |read: &Reader<'_, '_>| -> Result<_, StoreError> {
        let kind = read.word("kind", EventKind::from_name)?;
        let id: i64 = read.get("id")?;
        Ok((id, kind, read.time("received_at")?))
    };
    let mut newest = Vec::new();
    while let Some(row) = rows.next().map_err(doing())? {
        newest.push(event(&Reader::new("events", account, row))?);
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let oldest = newest.last().filter(|_| newest.len() >= limit);
    let wanted = Wanted {
        table: Table::Events,
        account: Some(account),
        marks: Vec::new(),
        ids: (oldest.map_or(i64::MIN, |(id, ..)| *id), i64::MAX),
        limit,
    };
    let (of, backfill) = (
        account.column().into(),
        Column::Text(Container::Backfill.as_str().to_owned()),
    );
    let is_it =
        |row: &PackedRow| row.holds("account_id", &of) && !row.holds("container", &backfill);
    for (_, row) in Unpacker::new(connection).list(&wanted, is_it)? {
        newest.push(event(&Reader::of_packed(account, &row))?);
    }
    newest.sort_by_key(|(id, ..)| std::cmp::Reverse(*id));
    newest.truncate(limit);
    Ok(newest.into_iter().map(|(_, kind, at)| (kind, at)).collect())
}

/// Which of these an event tells of, in its table or in a pack.
pub(super) fn known<T: std::hash::Hash + Eq>(
    connection: &Connection,
    (sql, account): (&str, &AccountId),
    ids: Vec<T>,
    column: impl Fn(&T) -> Column,
    mut is_packed: impl FnMut(&T) -> Result<bool, StoreError>,
) -> Result<HashSet<T>, StoreError> {
    let doing = || StoreError::database("look for what is known");
    let mut query = connection.prepare_cached(sql).map_err(doing())?;
    let mut found = HashSet::new();
    for id in ids {
        let exists = query.exists(params![column(&id), account.column()]);
        if exists.map_err(doing())? || is_packed(&id)? {
            found.insert(id);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::NEWEST;
    use crate::query_plans::{plan_of, scratch};

    #[tokio::test(flavor = "multi_thread")]
    async fn the_newest_events_of_one_account_are_looked_at_and_no_others() {
        let (_directory, store) = scratch();
        let plan = plan_of(&store, NEWEST).await;
        assert!(
            plan.contains("SEARCH events USING INDEX events_by_account (account_id=?)"),
            "{plan}"
        );
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
