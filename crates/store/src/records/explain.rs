//! Everything known of one event, by any of its ids.

use hookline_model::clock::Timestamp;
use hookline_model::ids::{CommentId, EventId, MessageId};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, ToSql};

use super::shown::{DELIVERIES, EVENTS, delivery_of, event_of, rows, send_of, sends_sql};
use super::shown::{packed_delivery, packed_event, packed_send};
use super::{DeliveryRecord, EventRecord, RunRecord, SendRecord, Story};
use crate::Store;
use crate::digest;
use crate::error::StoreError;
use crate::ids::Column;
use crate::packs::{PackedRow, PackedRun, Table, Unpacker};
use crate::planning::Verdict;
use crate::rows::Reader;

impl Store {
    /// The event a person means: an event id (`evt_…`), a comment id, the `mid` of an event, or
    /// the `mid` of something we sent.
    ///
    /// Several events may be about one comment or message; the first one that is no echo of our
    /// own is meant.
    pub async fn find_story(
        &self,
        subject: String,
        now: Timestamp,
    ) -> Result<Option<Story>, StoreError> {
        self.read(move |connection| match find_event(connection, &subject)? {
            Some(id) => story(connection, id, now),
            None => Ok(None),
        })
        .await
    }
}

const BY_COMMENT: &str =
    "SELECT id, ignored IS NOT NULL FROM events WHERE comment_id = ?1 ORDER BY 2, id LIMIT 1";
const BY_SEND: &str = "SELECT event_id, 0 FROM sends WHERE message_digest = ?1 LIMIT 1";
const BY_MID: &str =
    "SELECT id, ignored IS NOT NULL FROM events WHERE mid_digest = ?1 ORDER BY 2, id LIMIT 1";

/// An event, behind those that tell more: whether it is ignored, and its id.
type Ranked = (bool, i64);

fn find_event(connection: &Connection, subject: &str) -> Result<Option<i64>, StoreError> {
    if let Ok(EventId(id)) = subject.parse() {
        return Ok(Some(id));
    }
    let look = |sql: &str, id: &dyn ToSql| {
        connection
            .prepare_cached(sql)
            .and_then(|mut query| {
                query
                    .query_row([id], |row| Ok((row.get(1)?, row.get(0)?)))
                    .optional()
            })
            .map_err(StoreError::database("look for the event"))
    };
    let mut packs = Unpacker::new(connection);
    let left = |events: Vec<(i64, PackedRow)>| -> Option<Ranked> {
        let ranked = |(_, row): &(i64, PackedRow)| (row.text("ignored").is_some(), row.id());
        events.iter().map(ranked).min()
    };
    let in_table: Option<Ranked> = look(BY_COMMENT, &Column::of(subject))?;
    let in_packs = left(packs.events_of_comment(None, &CommentId::new(subject))?);
    if let Some((_, id)) = in_table.into_iter().chain(in_packs).min() {
        return Ok(Some(id));
    }
    let message = MessageId::new(subject);
    let digest = digest::short(subject);
    if let Some((_, id)) = look(BY_SEND, &digest)? {
        return Ok(Some(id));
    }
    if let Some((_, send)) = packs.sends_of_message(&message)?.pop() {
        return Ok(Some(send.number("event_id")));
    }
    let in_packs = left(packs.events_of_message(None, &message)?);
    let found = look(BY_MID, &digest)?.into_iter().chain(in_packs).min();
    Ok(found.map(|(_, id)| id))
}

fn story(connection: &Connection, id: i64, now: Timestamp) -> Result<Option<Story>, StoreError> {
    let sql = format!("{EVENTS} WHERE e.id = ?1");
    let mut packs = Unpacker::new(connection);
    let Some(event) = rows(connection, &sql, [id], |row| event_of(row, &mut packs))?.pop() else {
        return packed_story(connection, id, &mut packs);
    };
    let deliveries = deliveries_of(connection, &event, &mut packs)?;
    let runs = runs(connection, id, &mut packs)?;
    let sql = format!("{} WHERE s.event_id = ?1 ORDER BY s.id", sends_sql(now));
    let sends = rows(connection, &sql, [id], |row| {
        send_of(connection, row, &mut packs)
    })?;
    Ok(Some(Story {
        event,
        deliveries,
        runs,
        sends,
    }))
}

/// The story of an event that left its table, with all that followed from it.
fn packed_story(
    connection: &Connection,
    id: i64,
    packs: &mut Unpacker<'_>,
) -> Result<Option<Story>, StoreError> {
    let Some((pack, row)) = packs.row(Table::Events, id)? else {
        return Ok(None);
    };
    let event = packed_event(&row, packs)?;
    let deliveries = deliveries_of(connection, &event, packs)?;
    let mut runs = Vec::new();
    for row in packs.rows_of(pack, Table::Runs, id)? {
        let automation = row.number("automation_id");
        if let Some(name) = name_of(connection, automation)? {
            let row = row.with("automation", Value::Text(name));
            runs.push(run_record(&Reader::of_packed(&id, &row), packs)?);
        }
    }
    let mut sends = Vec::new();
    for row in packs.rows_of(pack, Table::Sends, id)? {
        sends.extend(packed_send(connection, pack, row, packs)?);
    }
    sends.sort_by_key(|send: &SendRecord| send.id);
    Ok(Some(Story {
        event,
        deliveries,
        runs: in_order(runs),
        sends,
    }))
}

/// Every delivery that told of an event, wherever it is, the first one first.
fn deliveries_of(
    connection: &Connection,
    event: &EventRecord,
    packs: &mut Unpacker<'_>,
) -> Result<Vec<DeliveryRecord>, StoreError> {
    let sql = "SELECT delivery_id FROM sightings WHERE event_id = ?1";
    let number = |row: &Row<'_>| row.get(0).map_err(StoreError::database("read a list"));
    let mut ids: Vec<i64> = rows(connection, sql, [event.id.0], number)?;
    ids.push(event.delivery_id.0);
    ids.sort_unstable();
    ids.dedup();
    let sql = format!("{DELIVERIES} WHERE d.id = ?1");
    let mut deliveries = Vec::new();
    for id in ids {
        if let Some(record) = rows(connection, &sql, [id], delivery_of)?.pop() {
            deliveries.push(record);
        } else {
            let left = packs.row(Table::Deliveries, id)?;
            deliveries.extend(left.map(|(_, row)| packed_delivery(row)).transpose()?);
        }
    }
    Ok(deliveries)
}

/// The runs of an event that has its row.
fn runs(
    connection: &Connection,
    event: i64,
    packs: &mut Unpacker<'_>,
) -> Result<Vec<RunRecord>, StoreError> {
    let sql = "SELECT r.*, a.name AS automation, e.delivery_id, e.pack_id
         FROM runs r JOIN events e ON e.id = r.event_id
         JOIN automations a ON a.id = r.automation_id WHERE r.event_id = ?1";
    let mut runs = rows(connection, sql, [event], |row| {
        run_record(&Reader::new("runs", &"of an event", row), packs)
    })?;
    let pack = "SELECT pack_id FROM events WHERE id = ?1 AND pack_id IS NOT NULL";
    let number = |row: &Row<'_>| row.get(0).map_err(StoreError::database("read a list"));
    for pack in rows(connection, pack, [event], number)? {
        for (automation, packed) in packs.packed_runs(event, pack)? {
            if let Some(name) = name_of(connection, automation)? {
                runs.push((automation, packed_record(name, &packed)?));
            }
        }
    }
    Ok(in_order(runs))
}

/// Those that took effect first, then in the order of their automations.
fn in_order(mut runs: Vec<(i64, RunRecord)>) -> Vec<RunRecord> {
    runs.sort_by_key(|(automation, run)| (run.verdict != Verdict::Matched, *automation));
    runs.into_iter().map(|(_, run)| run).collect()
}

fn name_of(connection: &Connection, automation: i64) -> Result<Option<String>, StoreError> {
    let sql = "SELECT name FROM automations WHERE id = ?1";
    let name = |row: &Row<'_>| row.get(0).map_err(StoreError::database("read a list"));
    Ok(rows(connection, sql, [automation], name)?.pop())
}

fn run_record(
    read: &Reader<'_, '_>,
    packs: &mut Unpacker<'_>,
) -> Result<(i64, RunRecord), StoreError> {
    let automation = read.get("automation_id")?;
    let record = RunRecord {
        automation: read.get("automation")?,
        version: read.count("version")?,
        verdict: read.word("verdict", Verdict::from_name)?,
        because: packs.because((read.get("event_id")?, automation), read)?,
    };
    Ok((automation, record))
}

fn packed_record(automation: String, packed: &PackedRun) -> Result<RunRecord, StoreError> {
    Ok(RunRecord {
        automation,
        version: packed.version,
        verdict: packed.verdict,
        because: serde_json::from_str(&packed.because).map_err(StoreError::corrupt(
            "runs",
            "because",
            &"of a pack",
        ))?,
    })
}

#[cfg(test)]
mod tests {
    use super::{BY_COMMENT, BY_MID, BY_SEND};
    use crate::query_plans::{plan_of, scratch};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_asked_about_is_found_without_looking_through_everything() {
        let (_directory, store) = scratch();
        for (sql, by) in [
            (
                BY_COMMENT,
                "SEARCH events USING INDEX events_by_comment (comment_id=?)",
            ),
            (
                BY_SEND,
                "SEARCH sends USING INDEX sends_by_message (message_digest=?)",
            ),
            (
                BY_MID,
                "SEARCH events USING INDEX events_by_mid (mid_digest=?)",
            ),
        ] {
            let plan = plan_of(&store, sql).await;
            assert!(plan.starts_with(by), "{plan}");
        }
    }
}
