//! Rows of tables and packs as they are shown.

use hookline_model::clock::Timestamp;
use hookline_model::event::{Container, EventKind};
use hookline_model::ids::{DeliveryId, EventId, SendId};
use hookline_model::send::SendKind;
use rusqlite::types::Value;
use rusqlite::{Connection, Params, Row};

use super::{AttemptRecord, DeliveryRecord, DeliveryStatus, EventRecord, SendRecord};
use crate::error::StoreError;
use crate::lanes::Answer;
use crate::packs::{PackedRow, ShownSend, Table, Unpacker};
use crate::rows::Reader;

pub(super) const DELIVERIES: &str = "SELECT d.id, d.received_at, d.api_version,
        coalesce(d.body_bytes, length(d.body)) AS body_bytes, n.problem,
        r.redacted_at,
        coalesce(n.status, CASE WHEN d.id <= (SELECT delivery_id FROM progress
                                              WHERE stage = 'interpret')
                           THEN 'interpreted' ELSE 'recorded' END) AS shown_status
    FROM deliveries d LEFT JOIN delivery_notes n ON n.delivery_id = d.id
        LEFT JOIN redactions r ON r.delivery_id = d.id";

pub(super) const EVENTS: &str = "SELECT e.* FROM events e";

/// Sends with the state people see: a planned one of a held account or paused lane is `held`.
pub(super) fn sends_sql(now: Timestamp) -> String {
    let now = now.as_millis();
    format!(
        "SELECT s.*, a.name AS automation, h.hold_reason, l.pause_reason,
                (SELECT pack_id FROM events e WHERE e.id = s.event_id) AS pack_id,
                CASE WHEN s.state = 'planned' AND (h.id IS NOT NULL OR l.id IS NOT NULL)
                     THEN 'held' ELSE s.state END AS shown_state
         FROM sends s
         JOIN automations a ON a.id = s.automation_id
         LEFT JOIN accounts h ON h.id = s.account_id AND h.hold_reason IS NOT NULL
              AND (h.hold_until IS NULL OR h.hold_until > {now})
         LEFT JOIN lanes l ON l.id = s.lane_id AND l.pause_until > {now}"
    )
}

pub(super) fn rows<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let doing = || StoreError::database("read a list");
    let mut query = connection.prepare_cached(sql).map_err(doing())?;
    let mut rows = query.query(params).map_err(doing())?;
    let mut items = Vec::new();
    while let Some(row) = rows.next().map_err(doing())? {
        items.push(read(row)?);
    }
    Ok(items)
}

fn id_of(row: &Row<'_>) -> Result<i64, StoreError> {
    row.get("id").map_err(StoreError::database("read an id"))
}

pub(super) fn delivery_of(row: &Row<'_>) -> Result<DeliveryRecord, StoreError> {
    let id = id_of(row)?;
    delivery_record(id, &Reader::new("deliveries", &id, row))
}

/// A delivery that left its table.
pub(super) fn packed_delivery(row: PackedRow) -> Result<DeliveryRecord, StoreError> {
    let id = row.id();
    let body: Vec<u8> = Reader::of_packed(&id, &row).get("body")?;
    let body_bytes = i64::try_from(body.len()).unwrap_or(i64::MAX);
    let status = DeliveryStatus::Interpreted.as_str().to_owned();
    let row = row
        .with("body_bytes", body_bytes.into())
        .with("shown_status", status.into())
        .with("problem", Value::Null)
        .with("redacted_at", Value::Null);
    delivery_record(id, &Reader::of_packed(&id, &row))
}

fn delivery_record(id: i64, read: &Reader<'_, '_>) -> Result<DeliveryRecord, StoreError> {
    Ok(DeliveryRecord {
        id: DeliveryId(id),
        received_at: read.time("received_at")?,
        status: read.word("shown_status", DeliveryStatus::from_name)?,
        problem: read.get("problem")?,
        body_bytes: read.get("body_bytes")?,
        api_version: read.get("api_version")?,
        redacted_at: read.optional_time("redacted_at")?,
    })
}

pub(super) fn event_of(row: &Row<'_>, packs: &mut Unpacker<'_>) -> Result<EventRecord, StoreError> {
    let id = id_of(row)?;
    event_record(id, &Reader::new("events", &id, row), packs)
}

/// An event that left its table.
pub(super) fn packed_event(
    row: &PackedRow,
    packs: &mut Unpacker<'_>,
) -> Result<EventRecord, StoreError> {
    let id = row.id();
    event_record(id, &Reader::of_packed(&id, row), packs)
}

fn event_record(
    id: i64,
    read: &Reader<'_, '_>,
    packs: &mut Unpacker<'_>,
) -> Result<EventRecord, StoreError> {
    let body = packs.event_body(id, read)?;
    Ok(EventRecord {
        id: EventId(id),
        account_id: read.account()?,
        event_kind: read.word("kind", EventKind::from_name)?,
        comment_id: read.comment()?,
        mid: body.message_id().cloned(),
        contact_id: read.contact()?,
        received_at: read.time("received_at")?,
        sent_at: read.optional_time("sent_at")?,
        occurred_at: read.optional_time("occurred_at")?,
        backfilled: read.word("container", Container::from_name)? == Container::Backfill,
        ignored: read.get("ignored")?,
        delivery_id: DeliveryId(read.get("delivery_id")?),
        body,
    })
}

/// A send with its attempts.
pub(super) fn send_of(
    connection: &Connection,
    row: &Row<'_>,
    packs: &mut Unpacker<'_>,
) -> Result<SendRecord, StoreError> {
    let id = id_of(row)?;
    let read = Reader::new("sends", &id, row);
    let shown = packs.send(id, &read, |id| attempts(connection, id))?;
    send_record(id, &read, shown)
}

/// A send that left its table; none, as in a list of those that did not, if its automation is gone.
pub(super) fn packed_send(
    connection: &Connection,
    pack: i64,
    row: PackedRow,
    packs: &mut Unpacker<'_>,
) -> Result<Option<SendRecord>, StoreError> {
    let sql = "SELECT name FROM automations WHERE id = ?1";
    let name = |row: &Row<'_>| row.get(0).map_err(StoreError::database("read a list"));
    let names = rows(connection, sql, [row.number("automation_id")], name)?;
    let Some(automation) = names.into_iter().next() else {
        return Ok(None);
    };
    let id = row.id();
    let attempts = packs.rows_of(pack, Table::Attempts, id)?;
    let attempts = attempts.iter();
    let attempts = attempts
        .map(|row| attempt_record(&Reader::of_packed(&id, row)))
        .collect::<Result<_, _>>()?;
    let state = row.text("state").unwrap_or_default();
    let row = row
        .with("automation", Value::Text(automation))
        .with("shown_state", state.into());
    let read = Reader::of_packed(&id, &row);
    let shown = packs.send(id, &read, |_| Ok(attempts))?;
    send_record(id, &read, shown).map(Some)
}

fn send_record(id: i64, read: &Reader<'_, '_>, shown: ShownSend) -> Result<SendRecord, StoreError> {
    let state: String = read.get("shown_state")?;
    let reason = if state == "held" {
        read.get::<Option<String>>("hold_reason")?
            .or(read.get("pause_reason")?)
    } else {
        read.get("reason")?
    };
    Ok(SendRecord {
        id: SendId(id),
        kind: read.word("kind", SendKind::from_name)?,
        state,
        reason,
        account_id: read.account()?,
        contact_id: read.contact()?,
        comment_id: shown.comment_id,
        event_id: EventId(read.get("event_id")?),
        automation: read.get("automation")?,
        version: read.count("version")?,
        step: read.count("step")?,
        due_at: shown.due_at,
        deadline_at: shown.deadline_at,
        finished_at: read.optional_time("finished_at")?,
        message_id: shown.message_id,
        echoed_at: read.optional_time("echoed_at")?,
        attempts: shown.attempts,
    })
}

fn attempts(connection: &Connection, send: SendId) -> Result<Vec<AttemptRecord>, StoreError> {
    rows(
        connection,
        "SELECT * FROM attempts WHERE send_id = ?1 ORDER BY number",
        [send.0],
        |row| attempt_record(&Reader::new("attempts", &"of a send", row)),
    )
}

fn attempt_record(read: &Reader<'_, '_>) -> Result<AttemptRecord, StoreError> {
    Ok(AttemptRecord {
        number: read.count("number")?,
        started_at: read.time("started_at")?,
        finished_at: read.optional_time("finished_at")?,
        outcome: read.get("outcome")?,
        reason: read.get("reason")?,
        answer: read.get::<Option<Answer>>("answer")?.map(|kept| kept.0),
    })
}
