//! Everything known of one event, by any of its ids.

use hookline_model::clock::Timestamp;
use hookline_model::ids::EventId;
use rusqlite::{Connection, OptionalExtension, Row, ToSql};

use super::lists::{
    DELIVERIES, EVENTS, delivery_record, event_record, rows, send_record, sends_sql,
};
use super::{RunRecord, Story};
use crate::Store;
use crate::digest;
use crate::error::StoreError;
use crate::ids::Column;
use crate::packs::{PackedRun, Unpacker};
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
    "SELECT id FROM events WHERE comment_id = ?1 ORDER BY ignored IS NOT NULL, id LIMIT 1";
const BY_SEND: &str = "SELECT event_id FROM sends WHERE message_digest = ?1 LIMIT 1";
const BY_MID: &str =
    "SELECT id FROM events WHERE mid_digest = ?1 ORDER BY ignored IS NOT NULL, id LIMIT 1";

fn find_event(connection: &Connection, subject: &str) -> Result<Option<i64>, StoreError> {
    if let Ok(EventId(id)) = subject.parse() {
        return Ok(Some(id));
    }
    let look = |sql: &str, id: &dyn ToSql| {
        connection
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row([id], |row| row.get(0)).optional())
            .map_err(StoreError::database("look for the event"))
    };
    if let Some(id) = look(BY_COMMENT, &Column::of(subject))? {
        return Ok(Some(id));
    }
    let digest = digest::short(subject);
    match look(BY_SEND, &digest)? {
        Some(id) => Ok(Some(id)),
        None => look(BY_MID, &digest),
    }
}

fn story(connection: &Connection, id: i64, now: Timestamp) -> Result<Option<Story>, StoreError> {
    let sql = format!("{EVENTS} WHERE e.id = ?1");
    let mut packs = Unpacker::new(connection);
    let Some(event) = rows(connection, &sql, [id], |row| event_record(row, &mut packs))?.pop()
    else {
        return Ok(None);
    };
    let sql = format!(
        "{DELIVERIES} WHERE d.id = (SELECT delivery_id FROM events WHERE id = ?1)
            OR d.id IN (SELECT delivery_id FROM sightings WHERE event_id = ?1) ORDER BY d.id"
    );
    let deliveries = rows(connection, &sql, [id], delivery_record)?;
    let runs = runs(connection, id, &mut packs)?;
    let sql = format!("{} WHERE s.event_id = ?1 ORDER BY s.id", sends_sql(now));
    let sends = rows(connection, &sql, [id], |row| {
        send_record(connection, row, &mut packs)
    })?;
    Ok(Some(Story {
        event,
        deliveries,
        runs,
        sends,
    }))
}

/// The runs of an event, those that took effect first, then in the order of their automations.
fn runs(
    connection: &Connection,
    event: i64,
    packs: &mut Unpacker<'_>,
) -> Result<Vec<RunRecord>, StoreError> {
    let sql = "SELECT r.*, a.name AS automation, e.delivery_id, e.pack_id
         FROM runs r JOIN events e ON e.id = r.event_id
         JOIN automations a ON a.id = r.automation_id WHERE r.event_id = ?1";
    let mut runs = rows(connection, sql, [event], |row| run_record(row, packs))?;
    let pack = "SELECT pack_id FROM events WHERE id = ?1 AND pack_id IS NOT NULL";
    let name = "SELECT name FROM automations WHERE id = ?1";
    let number = |row: &Row<'_>| row.get(0).map_err(StoreError::database("read a list"));
    for pack in rows(connection, pack, [event], number)? {
        for (automation, packed) in packs.packed_runs(event, pack)? {
            for automation_name in rows(connection, name, [automation], |row| {
                row.get(0).map_err(StoreError::database("read a list"))
            })? {
                runs.push((automation, packed_record(automation_name, &packed)?));
            }
        }
    }
    runs.sort_by_key(|(automation, run)| (run.verdict != Verdict::Matched, *automation));
    Ok(runs.into_iter().map(|(_, run)| run).collect())
}

fn run_record(row: &Row<'_>, packs: &mut Unpacker<'_>) -> Result<(i64, RunRecord), StoreError> {
    let read = Reader::new("runs", &"of an event", row);
    let automation = read.get("automation_id")?;
    let record = RunRecord {
        automation: read.get("automation")?,
        version: read.count("version")?,
        verdict: read.word("verdict", Verdict::from_name)?,
        because: packs.because((read.get("event_id")?, automation), &read)?,
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
