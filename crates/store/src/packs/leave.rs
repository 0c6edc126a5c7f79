//! Rows that leave their tables as a whole: which, and taking them out.
//!
//! A delivery leaves if nobody noted anything about it; an event with its runs, its sends and their
//! attempts if nothing of all of that changes again. What is left of a delivery keeps its rows and has
//! only texts packed, as all rows once did.

use hookline_model::clock::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params};

use super::row::{PackedRow, Rows, Table};
use super::spans::SPAN;

/// Ids of a table in one pack: none is further from the first than half of what is allowed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stretch(Option<i64>);

impl Stretch {
    /// Whether ids fit; the first one always does.
    pub(super) fn takes(&mut self, mut ids: impl Iterator<Item = i64>) -> bool {
        let Some(first) = ids.next() else { return true };
        let middle = *self.0.get_or_insert(first);
        std::iter::once(first)
            .chain(ids)
            .all(|id| (id - middle).abs() < SPAN / 2)
    }
}

/// Whether nobody noted anything about a delivery.
pub(super) fn is_plain(connection: &Connection, delivery: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM delivery_notes WHERE delivery_id = ?1)
                 OR EXISTS (SELECT 1 FROM redactions WHERE delivery_id = ?1)",
        )?
        .exists([delivery])
        .map(|is_noted| !is_noted)
}

/// Sends that keep their event in its table: one that may still change, that may be told from others
/// by its text alone, of which something is packed already, or that is shown as having failed
/// lately; and one of which an attempt counts.
const STAYING: &str = "SELECT 1 FROM sends s WHERE s.event_id = ?1 AND NOT (
         typeof(s.text) = 'text' AND coalesce(s.finished_at < ?2, 0)
         AND (s.state = 'cancelled'
              OR (s.state = 'accepted' AND (s.message_digest IS NOT NULL OR s.attempts = 0)))
         AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.send_id = s.id
                         AND (a.finished_at IS NULL OR a.started_at >= ?2)))";

/// An event with all that followed from it, as its tables have it; none when some of that may change.
pub(super) fn event(
    connection: &Connection,
    event: i64,
    ended_before: Timestamp,
) -> rusqlite::Result<Option<Rows>> {
    let stays = connection
        .prepare_cached(STAYING)?
        .exists(params![event, ended_before.as_millis()])?;
    if stays {
        return Ok(None);
    }
    let mut rows = Rows::default();
    add(connection, &mut rows, Table::Events, "id", event)?;
    add(connection, &mut rows, Table::Runs, "event_id", event)?;
    add(connection, &mut rows, Table::Sends, "event_id", event)?;
    let sends: Vec<i64> = rows.of(Table::Sends).iter().map(PackedRow::id).collect();
    for send in sends {
        add(connection, &mut rows, Table::Attempts, "send_id", send)?;
    }
    Ok(Some(rows))
}

/// A delivery as its table has it.
pub(super) fn delivery(connection: &Connection, delivery: i64) -> rusqlite::Result<Rows> {
    let mut rows = Rows::default();
    add(connection, &mut rows, Table::Deliveries, "id", delivery)?;
    Ok(rows)
}

fn add(
    connection: &Connection,
    rows: &mut Rows,
    table: Table,
    by: &str,
    id: i64,
) -> rusqlite::Result<()> {
    let columns = table.columns().join(", ");
    let name = table.name();
    let sql = format!("SELECT {columns} FROM {name} WHERE {by} = ?1");
    let mut query = connection.prepare_cached(&sql)?;
    for row in sorted(query.query([id])?, table)? {
        rows.push(row);
    }
    Ok(())
}

/// Rows in the order of the columns that tell one from its neighbours.
fn sorted(mut rows: rusqlite::Rows<'_>, table: Table) -> rusqlite::Result<Vec<PackedRow>> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(PackedRow::new(table, values(row, table)?));
    }
    let [first, second] = table.key();
    found.sort_by_key(|row| (row.number(first), row.number(second)));
    Ok(found)
}

fn values(row: &Row<'_>, table: Table) -> rusqlite::Result<Vec<Value>> {
    (0..table.columns().len())
        .map(|place| row.get(place))
        .collect()
}

/// Takes rows out of their tables; `false`, and nothing is taken, when they are no longer what was
/// found: one is another, or there is one more.
pub(super) fn take_out(
    connection: &Connection,
    found: &Rows,
    ended_before: Timestamp,
) -> rusqlite::Result<bool> {
    let mut again = Rows::default();
    for row in found.of(Table::Deliveries) {
        if !is_plain(connection, row.id())? {
            return Ok(false);
        }
        again.extend(delivery(connection, row.id())?);
    }
    for row in found.of(Table::Events) {
        match event(connection, row.id(), ended_before)? {
            Some(rows) => again.extend(rows),
            None => return Ok(false),
        }
    }
    if again != *found {
        return Ok(false);
    }
    // Each table for itself: pages are left whole that way. Each row by its key, because to look for
    // rows that it deletes costs SQLite a table of its own.
    for table in Table::ALL {
        let [first, second] = table.key();
        let name = table.name();
        let sql = format!("DELETE FROM {name} WHERE {first} = ?1 AND {second} = ?2");
        let mut delete = connection.prepare_cached(&sql)?;
        for row in found.of(table) {
            delete.execute([row.number(first), row.number(second)])?;
        }
    }
    Ok(true)
}

/// Puts rows back into their tables.
pub(super) fn put_back(connection: &Connection, rows: &Rows) -> rusqlite::Result<()> {
    for table in Table::ALL {
        let (columns, name) = (table.columns().join(", "), table.name());
        let places = vec!["?"; table.columns().len()].join(", ");
        let sql = format!("INSERT INTO {name} ({columns}) VALUES ({places})");
        let mut insert = connection.prepare_cached(&sql)?;
        for row in rows.of(table) {
            insert.execute(rusqlite::params_from_iter(&row.values))?;
        }
    }
    Ok(())
}
