//! Keeping one event of a plan with all that follows from it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use hookline_model::clock::Timestamp;
use hookline_model::event::{Event, EventBody, Ignored};
use hookline_model::ids::{AccountId, CommentId, ContactId, EventId, LaneId, MessageId};
use hookline_model::send::{SendClass, SendKey};
use rusqlite::{CachedStatement, Connection, params};

use super::known::New;
use super::numbers::Numbers;
use super::owed::is_owed;
use super::written::Written;
use super::{ContactFacts, PlannedEvent, PlannedRun, PlannedSend, contact_facts, used};
use crate::digest;
use crate::error::StoreError;
use crate::ids::MetaId as _;
use crate::lanes;
use crate::packs::{if_readable, sends_known_by, undo_event, undo_unconfirmed};
use crate::quoting::Kept;

const EVENT: &str =
    "INSERT INTO events (id, key, delivery_id, account_id, kind, comment_id, mid_digest,
                         contact_id, received_at, sent_at, occurred_at, container, ignored, body)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
     ON CONFLICT DO NOTHING";

const CONTACT: &str = "INSERT INTO contacts (account_id, contact_id, username, last_inbound_at,
                           opted_out_at, wished_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)
     ON CONFLICT (account_id, contact_id) DO UPDATE SET
         username = coalesce(excluded.username, username),
         last_inbound_at = max(coalesce(excluded.last_inbound_at, last_inbound_at),
                               coalesce(last_inbound_at, excluded.last_inbound_at)),
         opted_out_at = iif(?7, excluded.opted_out_at, opted_out_at),
         wished_at = iif(?7, excluded.wished_at, wished_at)";

const RUN: &str = "INSERT INTO runs (event_id, automation_id, version, verdict, once_key, because)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";

const ONCE_KEY: &str = "INSERT INTO once_keys (automation_id, once_key, event_id)
     VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";

const SEND: &str = "INSERT INTO sends (id, event_id, automation_id, version, step, kind, lane_id,
                        account_id, contact_id, comment_id, state, planned_at, due_at, deadline_at,
                        text, keyword)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'planned', ?11, ?12, ?13, ?14, ?15)
     ON CONFLICT DO NOTHING";

/// Keeps the events of one plan. Its statements are looked up once for all of them, and a lane is
/// woken once for all that is due in it.
pub(super) struct Keeper<'connection> {
    connection: &'connection Connection,
    /// Sends that are known not to exist, until they are planned.
    free: HashSet<SendKey>,
    now: Timestamp,
    event: CachedStatement<'connection>,
    contact: CachedStatement<'connection>,
    run: CachedStatement<'connection>,
    once_key: CachedStatement<'connection>,
    send: CachedStatement<'connection>,
    event_ids: Numbers,
    send_ids: Numbers,
    lanes: HashMap<(AccountId, SendClass), Lane>,
}

/// A lane in which something was planned.
struct Lane {
    id: LaneId,
    /// When the earliest of it is due.
    due_at: Option<Timestamp>,
}

impl<'connection> Keeper<'connection> {
    pub(super) fn new(
        connection: &'connection Connection,
        free: HashSet<SendKey>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let prepared = |sql| {
            connection
                .prepare_cached(sql)
                .map_err(StoreError::database("prepare to keep events"))
        };
        Ok(Self {
            connection,
            free,
            now,
            event: prepared(EVENT)?,
            contact: prepared(CONTACT)?,
            run: prepared(RUN)?,
            once_key: prepared(ONCE_KEY)?,
            send: prepared(SEND)?,
            event_ids: Numbers::of(connection, "events")?,
            send_ids: Numbers::of(connection, "sends")?,
            lanes: HashMap::new(),
        })
    }

    pub(super) fn keep(
        &mut self,
        planned: &PlannedEvent,
        written: &Written,
    ) -> Result<EventId, StoreError> {
        let id = match planned.known {
            Some(id) => reroute(self.connection, id, planned, &written.body)?,
            None => self.insert_event(planned, &written.body)?,
        };
        set_waiting(self.connection, id, planned)?;
        // In standby another app has the conversation; the person did write, and what they wish
        // holds.
        if matches!(planned.ignored, None | Some(Ignored::Standby)) {
            self.keep_contact(planned)?;
        }
        if let EventBody::MessageEchoed(message) = &planned.event.body {
            confirm(self.connection, &message.mid, planned.received_at)?;
        }
        for (run, because) in planned.runs.iter().zip(&written.reasons) {
            self.insert_run(id, run, because)?;
        }
        for send in &planned.sends {
            self.insert_send(id, &planned.event, send)?;
        }
        Ok(id)
    }

    /// Lets the lanes know what was planned in them, and the next plan which ids are given.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        self.event_ids.keep(self.connection)?;
        self.send_ids.keep(self.connection)?;
        for lane in self.lanes.into_values() {
            if let Some(due_at) = lane.due_at {
                lanes::wake_lane(self.connection, lane.id, due_at)?;
            }
        }
        Ok(())
    }

    fn insert_event(&mut self, planned: &PlannedEvent, body: &Kept) -> Result<EventId, StoreError> {
        let event = &planned.event;
        let id = self.event_ids.next();
        let inserted = self
            .event
            .execute(params![
                id,
                &event.key.as_bytes()[..],
                planned.delivery_id.0,
                event.account_id.column(),
                event.kind().as_str(),
                event.comment_id().map(CommentId::column),
                event.message_id().map(|mid| digest::short(mid.as_str())),
                event.contact_id().map(ContactId::column),
                planned.received_at.as_millis(),
                event.sent_at.map(Timestamp::as_millis),
                event.occurred_at.map(Timestamp::as_millis),
                event.container.as_str(),
                planned.ignored.map(Ignored::as_str),
                body,
            ])
            .map_err(StoreError::database("keep an event"))?;
        if inserted == 0 {
            return Err(StoreError::Conflict("an event"));
        }
        Ok(EventId(id))
    }

    /// What the event says about the person: their handle, their last message, their wish.
    fn keep_contact(&mut self, planned: &PlannedEvent) -> Result<(), StoreError> {
        let event = &planned.event;
        let Some(contact) = event.contact_id() else {
            return Ok(());
        };
        let commenter = event
            .body
            .comment()
            .and_then(|comment| comment.from.as_ref());
        let username = commenter.and_then(|person| person.username.as_deref());
        // Meta's time may lie in the future of a wrong clock; a window must not be opened from
        // there.
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
            let known = contact_facts(self.connection, &event.account_id, contact)?;
            facts = known.unwrap_or_default();
            facts.hear(wish);
        }
        self.contact
            .execute(params![
                event.account_id.column(),
                contact.column(),
                username,
                inbound.map(Timestamp::as_millis),
                facts.opted_out_at.map(Timestamp::as_millis),
                facts.wished_at.map(Timestamp::as_millis),
                planned.opt_out.is_some(),
            ])
            .map_err(StoreError::database("keep a contact"))?;
        Ok(())
    }

    fn insert_run(
        &mut self,
        event: EventId,
        run: &PlannedRun,
        because: &Kept,
    ) -> Result<(), StoreError> {
        let doing = || StoreError::database("keep a run");
        let once_key = run.once_scope.as_ref().and_then(used::row_of);
        let inserted = self
            .run
            .execute(params![
                event.0,
                run.automation_id.0,
                run.version,
                run.verdict.as_str(),
                once_key,
                because,
            ])
            .map_err(doing())?;
        if inserted == 0 {
            return Err(StoreError::Conflict("a run"));
        }
        let Some(once_key) = once_key else {
            return Ok(());
        };
        let used = self
            .once_key
            .execute(params![run.automation_id.0, once_key, event.0])
            .map_err(doing())?;
        if used == 1 {
            Ok(())
        } else {
            Err(StoreError::Conflict("a used limit"))
        }
    }

    fn insert_send(
        &mut self,
        id: EventId,
        event: &Event,
        send: &PlannedSend,
    ) -> Result<(), StoreError> {
        if !self.free.remove(&send.key) && is_owed(self.connection, &send.key, &New::default())? {
            return Err(StoreError::Conflict("a send"));
        }
        let lane = self.lane_of(&event.account_id, send)?;
        let planned = self
            .send
            .execute(params![
                self.send_ids.next(),
                id.0,
                send.automation_id.0,
                send.version,
                send.step,
                send.kind.as_str(),
                lane.0,
                event.account_id.column(),
                send.contact_id.as_ref().map(ContactId::column),
                send.comment_id.as_ref().map(CommentId::column),
                self.now.as_millis(),
                send.due_at.map(Timestamp::as_millis),
                send.deadline_at.as_millis(),
                send.text,
                send.keyword,
            ])
            .map_err(StoreError::database("plan a send"))?;
        if planned == 0 {
            return Err(StoreError::Conflict("a send"));
        }
        Ok(())
    }

    /// The lane of a send, which is woken for it.
    fn lane_of(&mut self, account: &AccountId, send: &PlannedSend) -> Result<LaneId, StoreError> {
        let lane = match self.lanes.entry((account.clone(), send.class)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(Lane {
                id: lanes::lane_of(self.connection, account, send.class)?,
                due_at: None,
            }),
        };
        if let Some(due_at) = send.due_at {
            lane.due_at = Some(lane.due_at.map_or(due_at, |known| known.min(due_at)));
        }
        Ok(lane.id)
    }
}

fn reroute(
    connection: &Connection,
    id: EventId,
    planned: &PlannedEvent,
    body: &Kept,
) -> Result<EventId, StoreError> {
    undo_event(connection, id.0)?;
    let updated = connection
        .execute(
            "UPDATE events SET ignored = ?2, body = ?3, contact_id = ?4 WHERE id = ?1",
            params![
                id.0,
                planned.ignored.map(Ignored::as_str),
                body,
                planned.event.contact_id().map(ContactId::column),
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

/// An echo of ours proves that its send arrived.
fn confirm(connection: &Connection, mid: &MessageId, at: Timestamp) -> Result<(), StoreError> {
    for send in sends_known_by(connection, mid)? {
        if_readable(undo_unconfirmed(connection, send), ())?;
        connection
            .prepare_cached("UPDATE sends SET echoed_at = ?2 WHERE id = ?1 AND echoed_at IS NULL")
            .and_then(|mut update| update.execute([send, at.as_millis()]))
            .map_err(StoreError::database("confirm a send by its echo"))?;
    }
    Ok(())
}
