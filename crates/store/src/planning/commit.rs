//! Committing a plan: events, runs, sends and progress in one transaction.

use hookline_model::clock::Timestamp;
use hookline_model::event::{Event, EventBody, Ignored};
use hookline_model::ids::{CommentId, ContactId, DeliveryId, EventId, MessageId};
use rusqlite::{Connection, params};

use super::{ContactFacts, Plan, PlannedEvent, PlannedRun, PlannedSend, contact_facts};
use crate::Store;
use crate::error::StoreError;
use crate::lanes;
use crate::packs::undo_event;
use crate::rows::to_json;

impl Store {
    /// Commits everything one batch leads to. A crash before leaves nothing of it, so that the
    /// batch is done again; after it, doing it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when someone else has interpreted the same deliveries, or planned
    /// what this plan takes for new: read the facts again and decide again.
    pub async fn commit_plan(
        &self,
        plan: Plan,
        now: Timestamp,
    ) -> Result<Vec<EventId>, StoreError> {
        self.write(move |connection| commit(connection, &plan, now))
            .await
    }
}

pub(super) fn commit(
    connection: &Connection,
    plan: &Plan,
    now: Timestamp,
) -> Result<Vec<EventId>, StoreError> {
    refuse_stale_bytes(connection, plan)?;
    let mut ids = Vec::with_capacity(plan.events.len());
    for planned in &plan.events {
        ids.push(commit_event(connection, planned, now)?);
    }
    for (key, delivery) in &plan.sightings {
        connection
            .prepare_cached(
                "INSERT INTO sightings (event_id, delivery_id)
                 SELECT id, ?2 FROM events WHERE key = ?1 AND delivery_id <> ?2
                 ON CONFLICT DO NOTHING",
            )
            .and_then(|mut insert| insert.execute(params![&key.as_bytes()[..], delivery.0]))
            .map_err(StoreError::database("keep a sighting"))?;
    }
    for (delivery, problem) in &plan.not_interpretable {
        note(connection, *delivery, "not_interpretable", Some(problem))?;
    }
    for delivery in &plan.replayed {
        connection
            .execute("DELETE FROM replays WHERE delivery_id = ?1", [delivery.0])
            .map_err(StoreError::database("finish a replay"))?;
        note(connection, *delivery, "replayed", None)?;
    }
    if let Some((before, after)) = plan.cursor {
        advance(connection, before, after)?;
    }
    Ok(ids)
}

/// A delivery that was cut after it was read must be read again.
fn refuse_stale_bytes(connection: &Connection, plan: &Plan) -> Result<(), StoreError> {
    let doing = || StoreError::database("look whether deliveries were cut");
    let Some(generation) = plan.redactions else {
        return Ok(());
    };
    let is_newest: bool = connection
        .prepare_cached("SELECT number = ?1 FROM generations WHERE noun = 'redactions'")
        .and_then(|mut query| query.query_row([generation], |row| row.get(0)))
        .map_err(doing())?;
    if is_newest {
        return Ok(());
    }
    let mut cut_since = connection
        .prepare_cached("SELECT 1 FROM redactions WHERE delivery_id = ?1 AND number > ?2")
        .map_err(doing())?;
    let of_events = plan.events.iter().map(|planned| planned.delivery_id);
    let of_sightings = plan.sightings.iter().map(|(_, delivery)| *delivery);
    for delivery in of_events.chain(of_sightings) {
        if cut_since
            .exists(params![delivery.0, generation])
            .map_err(doing())?
        {
            return Err(StoreError::Conflict("a delivery that was read"));
        }
    }
    Ok(())
}

fn advance(
    connection: &Connection,
    before: DeliveryId,
    after: DeliveryId,
) -> Result<(), StoreError> {
    let moved = connection
        .prepare_cached(
            "UPDATE progress SET delivery_id = ?2
             WHERE stage = 'interpret' AND delivery_id = ?1",
        )
        .and_then(|mut update| update.execute(params![before.0, after.0]))
        .map_err(StoreError::database("move on"))?;
    if moved == 1 {
        Ok(())
    } else {
        Err(StoreError::Conflict("the interpreter's progress"))
    }
}

fn note(
    connection: &Connection,
    delivery: DeliveryId,
    status: &str,
    problem: Option<&str>,
) -> Result<(), StoreError> {
    connection
        .execute(
            "INSERT INTO delivery_notes (delivery_id, status, problem) VALUES (?1, ?2, ?3)
             ON CONFLICT (delivery_id) DO UPDATE
             SET status = excluded.status, problem = coalesce(excluded.problem, problem)
             WHERE delivery_notes.status <> 'not_interpretable'",
            params![delivery.0, status, problem],
        )
        .map_err(StoreError::database("note something of a delivery"))?;
    Ok(())
}

fn commit_event(
    connection: &Connection,
    planned: &PlannedEvent,
    now: Timestamp,
) -> Result<EventId, StoreError> {
    let id = match planned.known {
        Some(id) => reroute(connection, id, planned)?,
        None => insert_event(connection, planned)?,
    };
    set_waiting(connection, id, planned)?;
    // In standby another app has the conversation; the person did write, and what they wish holds.
    if matches!(planned.ignored, None | Some(Ignored::Standby)) {
        keep_contact(connection, planned)?;
    }
    if let EventBody::MessageEchoed(message) = &planned.event.body {
        confirm(connection, &message.mid, planned.received_at)?;
    }
    for run in &planned.runs {
        insert_run(connection, id, run)?;
    }
    for send in &planned.sends {
        insert_send(connection, id, &planned.event, send, now)?;
    }
    Ok(id)
}

fn insert_event(connection: &Connection, planned: &PlannedEvent) -> Result<EventId, StoreError> {
    let PlannedEvent {
        event,
        delivery_id,
        received_at,
        ignored,
        ..
    } = planned;
    let inserted = connection
        .prepare_cached(
            "INSERT INTO events (key, delivery_id, account_id, kind, comment_id, mid, contact_id,
                                 received_at, sent_at, occurred_at, container, ignored, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (key) DO NOTHING",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                &event.key.as_bytes()[..],
                delivery_id.0,
                event.account_id.as_str(),
                event.kind().as_str(),
                event.comment_id().map(CommentId::as_str),
                event.message_id().map(MessageId::as_str),
                event.contact_id().map(ContactId::as_str),
                received_at.as_millis(),
                event.sent_at.map(Timestamp::as_millis),
                event.occurred_at.map(Timestamp::as_millis),
                event.container.as_str(),
                ignored.map(Ignored::as_str),
                to_json(&event.body)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?,
            ])
        })
        .map_err(StoreError::database("keep an event"))?;
    if inserted == 0 {
        return Err(StoreError::Conflict("an event"));
    }
    Ok(EventId(connection.last_insert_rowid()))
}

fn reroute(
    connection: &Connection,
    id: EventId,
    planned: &PlannedEvent,
) -> Result<EventId, StoreError> {
    undo_event(connection, id.0)?;
    let updated = connection
        .execute(
            "UPDATE events SET ignored = ?2, body = ?3, contact_id = ?4 WHERE id = ?1",
            params![
                id.0,
                planned.ignored.map(Ignored::as_str),
                to_json(&planned.event.body)?,
                planned.event.contact_id().map(ContactId::as_str),
            ],
        )
        .map_err(StoreError::database("route a known event"))?;
    if updated == 1 {
        Ok(id)
    } else {
        Err(StoreError::Conflict("a known event"))
    }
}

fn set_waiting(
    connection: &Connection,
    id: EventId,
    planned: &PlannedEvent,
) -> Result<(), StoreError> {
    let doing = || StoreError::database("keep that an event waits");
    match (planned.waits_until, planned.known) {
        (Some(until), _) => connection
            .execute(
                "INSERT INTO waiting_events (event_id, retry_at) VALUES (?1, ?2)
                 ON CONFLICT (event_id) DO UPDATE
                 SET retry_at = excluded.retry_at, answer = NULL",
                params![id.0, until.as_millis()],
            )
            .map_err(doing())?,
        (None, Some(_)) => connection
            .execute("DELETE FROM waiting_events WHERE event_id = ?1", [id.0])
            .map_err(doing())?,
        (None, None) => 0,
    };
    Ok(())
}

/// What the event says about the person: their handle, their last message, their wish.
fn keep_contact(connection: &Connection, planned: &PlannedEvent) -> Result<(), StoreError> {
    let event = &planned.event;
    let Some(contact) = event.contact_id() else {
        return Ok(());
    };
    let commenter = event
        .body
        .comment()
        .and_then(|comment| comment.from.as_ref());
    let username = commenter.and_then(|person| person.username.as_deref());
    // Meta's time may lie in the future of a wrong clock; a window must not be opened from there.
    let inbound = event.opens_window().then(|| {
        event
            .occurred_at
            .unwrap_or(planned.received_at)
            .min(planned.received_at)
    });
    if username.is_none() && inbound.is_none() && planned.opt_out.is_none() {
        return Ok(());
    }
    let mut facts = ContactFacts::default();
    if let Some(wish) = planned.opt_out {
        facts = contact_facts(connection, &event.account_id, contact)?.unwrap_or_default();
        facts.hear(wish);
    }
    connection
        .prepare_cached(
            "INSERT INTO contacts (account_id, contact_id, username, last_inbound_at,
                                   opted_out_at, wished_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (account_id, contact_id) DO UPDATE SET
                 username = coalesce(excluded.username, username),
                 last_inbound_at = max(coalesce(excluded.last_inbound_at, last_inbound_at),
                                       coalesce(last_inbound_at, excluded.last_inbound_at)),
                 opted_out_at = iif(?7, excluded.opted_out_at, opted_out_at),
                 wished_at = iif(?7, excluded.wished_at, wished_at)",
        )
        .and_then(|mut upsert| {
            upsert.execute(params![
                event.account_id.as_str(),
                contact.as_str(),
                username,
                inbound.map(Timestamp::as_millis),
                facts.opted_out_at.map(Timestamp::as_millis),
                facts.wished_at.map(Timestamp::as_millis),
                planned.opt_out.is_some(),
            ])
        })
        .map_err(StoreError::database("keep a contact"))?;
    Ok(())
}

/// An echo of ours proves that its send arrived.
fn confirm(connection: &Connection, mid: &MessageId, at: Timestamp) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE sends SET echoed_at = ?2
             WHERE message_end = substr(?1, -32) AND message_id = ?1 AND echoed_at IS NULL",
        )
        .and_then(|mut update| update.execute(params![mid.as_str(), at.as_millis()]))
        .map_err(StoreError::database("confirm a send by its echo"))?;
    Ok(())
}

fn insert_run(connection: &Connection, event: EventId, run: &PlannedRun) -> Result<(), StoreError> {
    let doing = || StoreError::database("keep a run");
    let inserted = connection
        .prepare_cached(
            "INSERT INTO runs (event_id, automation_id, version, verdict, because)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        )
        .map_err(doing())?
        .execute(params![
            event.0,
            run.automation_id.0,
            run.version,
            run.verdict.as_str(),
            to_json(&run.because)?,
        ])
        .map_err(doing())?;
    if inserted == 0 {
        return Err(StoreError::Conflict("a run"));
    }
    let Some(scope) = &run.once_scope else {
        return Ok(());
    };
    let used = connection
        .prepare_cached(
            "INSERT INTO once_keys (automation_id, scope, event_id) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )
        .and_then(|mut insert| insert.execute(params![run.automation_id.0, scope, event.0]))
        .map_err(doing())?;
    if used == 1 {
        Ok(())
    } else {
        Err(StoreError::Conflict("a used limit"))
    }
}

fn insert_send(
    connection: &Connection,
    id: EventId,
    event: &Event,
    send: &PlannedSend,
    now: Timestamp,
) -> Result<(), StoreError> {
    let doing = || StoreError::database("plan a send");
    let lane = lanes::lane_of(connection, &event.account_id, send.class)?;
    let planned = connection
        .prepare_cached(
            "INSERT INTO sends (key, event_id, automation_id, version, step, kind, lane_id,
                                account_id, contact_id, comment_id, state, planned_at, due_at,
                                deadline_at, text, keyword)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'planned', ?11, ?12, ?13, ?14, ?15)
             ON CONFLICT (key) DO NOTHING",
        )
        .map_err(doing())?
        .execute(params![
            send.key.as_str(),
            id.0,
            send.automation_id.0,
            send.version,
            send.step,
            send.kind.as_str(),
            lane.0,
            event.account_id.as_str(),
            send.contact_id.as_ref().map(ContactId::as_str),
            send.comment_id.as_ref().map(CommentId::as_str),
            now.as_millis(),
            send.due_at.map(Timestamp::as_millis),
            send.deadline_at.as_millis(),
            send.text,
            send.keyword,
        ])
        .map_err(doing())?;
    if planned == 0 {
        return Err(StoreError::Conflict("a send"));
    }
    if let Some(due_at) = send.due_at {
        lanes::wake_lane(connection, lane, due_at)?;
    }
    Ok(())
}
