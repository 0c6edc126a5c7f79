//! Lists by page, and single records.

use hookline_model::clock::Timestamp;
use hookline_model::event::{Container, EventKind};
use hookline_model::ids::{
    AccountId, CommentId, ContactId, DeliveryId, EventId, MessageId, SendId,
};
use hookline_model::send::SendKind;
use rusqlite::types::Value;
use rusqlite::{Connection, Params, Row, params_from_iter};

use super::{
    AttemptRecord, DeliveryRecord, DeliveryStatus, EventRecord, Page, PageRequest, SendRecord,
};
use crate::Store;
use crate::digest;
use crate::error::StoreError;
use crate::ids::MetaId;
use crate::lanes::Answer;
use crate::packs::Unpacker;
use crate::rows::Reader;

/// Which deliveries.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only of this status.
    pub status: Option<DeliveryStatus>,
}

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only of this account.
    pub account_id: Option<AccountId>,
    /// Only of this kind.
    pub kind: Option<EventKind>,
    /// Only about this comment.
    pub comment_id: Option<CommentId>,
    /// Only about this message.
    pub mid: Option<MessageId>,
}

/// Which sends.
#[derive(Debug, Clone, Default)]
pub struct SendFilter {
    /// Only of this account.
    pub account_id: Option<AccountId>,
    /// Only answers to this comment.
    pub comment_id: Option<CommentId>,
    /// Only to this person.
    pub contact_id: Option<ContactId>,
    /// Only of this state, `held` included.
    pub state: Option<String>,
    /// Only asked for by the automation of this name.
    pub automation: Option<String>,
}

impl Store {
    /// Deliveries, newest first.
    pub async fn list_deliveries(
        &self,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<DeliveryRecord>, StoreError> {
        self.read(move |connection| {
            let mut query = Conditions::new("d.id", page);
            query.equals(
                "shown_status",
                filter.status.map(|status| status.as_str().to_owned()),
            );
            query.run(connection, DELIVERIES, "d.id", delivery_record, |record| {
                record.id.0
            })
        })
        .await
    }

    /// One delivery and its bytes.
    pub async fn find_delivery(
        &self,
        id: DeliveryId,
    ) -> Result<Option<(DeliveryRecord, Vec<u8>)>, StoreError> {
        self.read(move |connection| {
            let sql = format!("{DELIVERIES} WHERE d.id = ?1");
            let Some(record) = rows(connection, &sql, [id.0], delivery_record)?.pop() else {
                return Ok(None);
            };
            let mut packs = Unpacker::new(connection);
            let sql = "SELECT body, pack_id FROM deliveries WHERE id = ?1";
            let body = rows(connection, sql, [id.0], |row| {
                packs.delivery_body(id.0, &Reader::new("deliveries", &id, row))
            })?;
            Ok(body.into_iter().next().map(|body| (record, body)))
        })
        .await
    }

    /// Events, newest first.
    pub async fn list_events(
        &self,
        filter: EventFilter,
        page: PageRequest,
    ) -> Result<Page<EventRecord>, StoreError> {
        self.read(move |connection| {
            let mut query = Conditions::new("e.id", page);
            query.is_id("e.account_id", filter.account_id.as_ref());
            query.equals("e.kind", filter.kind.map(|kind| kind.as_str().to_owned()));
            query.is_id("e.comment_id", filter.comment_id.as_ref());
            let mid = filter.mid.map(|id| digest::short(id.as_str()));
            query.within("e.mid_digest = ?", mid);
            let mut packs = Unpacker::new(connection);
            let read = |row: &Row<'_>| event_record(row, &mut packs);
            query.run(connection, EVENTS, "e.id", read, |record| record.id.0)
        })
        .await
    }

    /// Sends, newest first, each with its attempts.
    pub async fn list_sends(
        &self,
        filter: SendFilter,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<SendRecord>, StoreError> {
        self.read(move |connection| {
            let mut query = Conditions::new("s.id", page);
            query.is_id("s.account_id", filter.account_id.as_ref());
            query.is_id("s.contact_id", filter.contact_id.as_ref());
            query.equals("a.name", filter.automation);
            query.equals("shown_state", filter.state);
            query.within(
                "s.event_id IN (SELECT id FROM events WHERE comment_id = ?)",
                filter.comment_id.as_ref().map(CommentId::column),
            );
            let mut packs = Unpacker::new(connection);
            let read = |row: &Row<'_>| send_record(connection, row, &mut packs);
            query.run(connection, &sends_sql(now), "s.id", read, |record| {
                record.id.0
            })
        })
        .await
    }
}

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

/// The conditions of a list, joined with AND; values are always bound, never written in.
pub(crate) struct Conditions {
    clauses: Vec<String>,
    values: Vec<Value>,
    limit: u32,
}

impl Conditions {
    pub(crate) fn new(id_column: &str, page: PageRequest) -> Self {
        let mut conditions = Self {
            clauses: Vec::new(),
            values: Vec::new(),
            limit: page.limit,
        };
        if let Some(before) = page.before {
            conditions.clauses.push(format!("{id_column} < ?"));
            conditions.values.push(Value::Integer(before));
        }
        conditions
    }

    pub(crate) fn equals(&mut self, column: &str, value: Option<String>) {
        self.within(&format!("{column} = ?"), value);
    }

    /// That a column of ids holds this one.
    pub(crate) fn is_id<T: MetaId>(&mut self, column: &str, id: Option<&T>) {
        self.within(&format!("{column} = ?"), id.map(T::column));
    }

    /// A condition without a value.
    pub(crate) fn holds(&mut self, clause: &str) {
        self.clauses.push(clause.to_owned());
    }

    fn within(&mut self, clause: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.clauses.push(clause.to_owned());
            self.values.push(value.into());
        }
    }

    pub(crate) fn run<T>(
        self,
        connection: &Connection,
        select: &str,
        id_column: &str,
        read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
        id: fn(&T) -> i64,
    ) -> Result<Page<T>, StoreError> {
        let condition = match self.clauses.as_slice() {
            [] => String::new(),
            clauses => format!("WHERE {}", clauses.join(" AND ")),
        };
        let sql = format!(
            "{select} {condition} ORDER BY {id_column} DESC LIMIT {}",
            u64::from(self.limit) + 1
        );
        let mut items = rows(connection, &sql, params_from_iter(self.values), read)?;
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next_before = if has_more { items.last().map(id) } else { None };
        Ok(Page { items, next_before })
    }
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

pub(super) fn delivery_record(row: &Row<'_>) -> Result<DeliveryRecord, StoreError> {
    let id = id_of(row)?;
    let read = Reader::new("deliveries", &id, row);
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

pub(super) fn event_record(
    row: &Row<'_>,
    packs: &mut Unpacker<'_>,
) -> Result<EventRecord, StoreError> {
    let id = id_of(row)?;
    let read = Reader::new("events", &id, row);
    let body = packs.event_body(id, &read)?;
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
pub(super) fn send_record(
    connection: &Connection,
    row: &Row<'_>,
    packs: &mut Unpacker<'_>,
) -> Result<SendRecord, StoreError> {
    let id = id_of(row)?;
    let read = Reader::new("sends", &id, row);
    let shown = packs.send(id, &read, |id| attempts(connection, id))?;
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
        |row| {
            let read = Reader::new("attempts", &"of a send", row);
            Ok(AttemptRecord {
                number: read.count("number")?,
                started_at: read.time("started_at")?,
                finished_at: read.optional_time("finished_at")?,
                outcome: read.get("outcome")?,
                reason: read.get("reason")?,
                answer: read.get::<Option<Answer>>("answer")?.map(|kept| kept.0),
            })
        },
    )
}
