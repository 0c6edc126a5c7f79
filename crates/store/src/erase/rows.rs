//! What is taken out, each step one bounded transaction that may be done twice.

use hookline_model::clock::Timestamp;
use hookline_model::erasure::{Part, Whom};
use hookline_model::ids::{AccountId, DeliveryId, EventId};
use rusqlite::{Connection, params};

use super::find::events_of_part;
use super::{OpenDeletion, Redacted};
use crate::Store;
use crate::accounts::bump;
use crate::error::StoreError;
use crate::ids::MetaId as _;
use crate::packs::{undo_delivery, undo_event};
use crate::quoting::write_out;

/// Rows taken out of one table in one transaction.
const ROWS_AT_ONCE: u32 = 500;

impl Store {
    /// Keeps what stays of deliveries, erases the events of the `parts` that were cut, and
    /// remembers up to where the deliveries were gone through.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one of the deliveries was cut by someone else meanwhile.
    pub async fn commit_redactions(
        &self,
        deletion: i64,
        redacted: Vec<Redacted>,
        parts: Vec<Part>,
        until: Option<DeliveryId>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            keep_redactions(connection, deletion, &redacted, now)?;
            for part in &parts {
                for event in events_of_part(connection, part)? {
                    erase_event(connection, deletion, event)?;
                }
            }
            if let Some(until) = until {
                advance(connection, "delivery_id", deletion, until.0)?;
            }
            Ok(())
        })
        .await
    }

    /// Erases events with everything that followed from them, and remembers up to where the
    /// events were gone through.
    pub async fn erase_events(
        &self,
        deletion: i64,
        events: Vec<EventId>,
        until: EventId,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            for event in &events {
                erase_event(connection, deletion, event.0)?;
            }
            advance(connection, "event_id", deletion, until.0)
        })
        .await
    }

    /// Takes out what hangs on no event. Says whether nothing is left: the deletion has then
    /// forgotten whom it was about.
    pub async fn erase_leftovers(&self, deletion: OpenDeletion) -> Result<bool, StoreError> {
        self.write(move |connection| leftovers(connection, &deletion))
            .await
    }
}

fn keep_redactions(
    connection: &Connection,
    deletion: i64,
    redacted: &[Redacted],
    now: Timestamp,
) -> Result<(), StoreError> {
    let doing = || StoreError::database("cut a delivery");
    if redacted.is_empty() {
        return Ok(());
    }
    bump(connection, "redactions")?;
    for Redacted { id, before, after } in redacted {
        undo_delivery(connection, id.0)?;
        write_out(connection, id.0)?;
        let changed = match after {
            Some(body) => connection
                .prepare_cached("UPDATE deliveries SET body = ?3 WHERE id = ?1 AND body = ?2")
                .and_then(|mut update| update.execute(params![id.0, before, body])),
            None => connection
                .prepare_cached("DELETE FROM deliveries WHERE id = ?1 AND body = ?2")
                .and_then(|mut delete| delete.execute(params![id.0, before])),
        }
        .map_err(doing())?;
        if changed == 0 {
            return Err(StoreError::Conflict("a delivery"));
        }
        connection
            .prepare_cached(
                "INSERT INTO redactions (delivery_id, number, redacted_at)
                 SELECT ?1, number, ?2 FROM generations WHERE noun = 'redactions'
                 ON CONFLICT (delivery_id) DO UPDATE
                 SET number = excluded.number, redacted_at = excluded.redacted_at",
            )
            .and_then(|mut keep| keep.execute(params![id.0, now.as_millis()]))
            .map_err(doing())?;
    }
    count(connection, "deliveries", deletion, redacted.len())
}

/// Adds to one of the counts of a deletion.
fn count(
    connection: &Connection,
    column: &'static str,
    deletion: i64,
    more: usize,
) -> Result<(), StoreError> {
    if more == 0 {
        return Ok(());
    }
    connection
        .prepare_cached(&format!(
            "UPDATE deletions SET {column} = {column} + ?2 WHERE id = ?1"
        ))
        .and_then(|mut update| {
            update.execute(params![deletion, u32::try_from(more).unwrap_or(u32::MAX)])
        })
        .map_err(StoreError::database("count what was erased"))?;
    Ok(())
}

fn advance(
    connection: &Connection,
    cursor: &'static str,
    deletion: i64,
    until: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(&format!(
            "UPDATE deletions SET {cursor} = max({cursor}, ?2) WHERE id = ?1"
        ))
        .and_then(|mut update| update.execute(params![deletion, until]))
        .map_err(StoreError::database("move an erasure on"))?;
    Ok(())
}

/// The event and everything that followed from it. Attempts stay in the ledger of their lane,
/// which budgets are counted by, without what Meta said of the person.
fn erase_event(connection: &Connection, deletion: i64, event: i64) -> Result<(), StoreError> {
    let doing = || StoreError::database("erase an event");
    undo_event(connection, event)?;
    let run = |sql: &'static str| {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([event]))
            .map_err(doing())
    };
    run(
        "UPDATE attempts SET answer = NULL, outcome = coalesce(outcome, 'unknown'),
                finished_at = coalesce(finished_at, started_at)
         WHERE send_id IN (SELECT id FROM sends WHERE event_id = ?1)",
    )?;
    let sends = run("DELETE FROM sends WHERE event_id = ?1")?;
    run(
        "DELETE FROM once_keys WHERE (automation_id, once_key, event_id) IN (
             SELECT automation_id, once_key, event_id FROM runs WHERE event_id = ?1)",
    )?;
    run("DELETE FROM runs WHERE event_id = ?1")?;
    run("DELETE FROM waiting_events WHERE event_id = ?1")?;
    run("DELETE FROM sightings WHERE event_id = ?1")?;
    let events = run("DELETE FROM events WHERE id = ?1")?;
    count(connection, "sends", deletion, sends)?;
    count(connection, "events", deletion, events)
}

fn leftovers(connection: &Connection, deletion: &OpenDeletion) -> Result<bool, StoreError> {
    let mut left = ROWS_AT_ONCE;
    erase_contacts(connection, deletion, &mut left)?;
    erase_accounts(connection, &deletion.whom, &mut left)?;
    if left == 0 {
        return Ok(false);
    }
    connection
        .execute(
            "UPDATE deletions SET state = 'cleaning', asked_for = NULL, whom = NULL WHERE id = ?1",
            [deletion.id],
        )
        .map_err(StoreError::database("forget whom a deletion was about"))?;
    Ok(true)
}

fn erase_contacts(
    connection: &Connection,
    deletion: &OpenDeletion,
    left: &mut u32,
) -> Result<(), StoreError> {
    let doing = || StoreError::database("erase contacts");
    let mut contacts = 0;
    for person in &deletion.whom.people {
        let account = person.account.as_ref().map(AccountId::column);
        let erase = |sql: &'static str| {
            connection
                .prepare_cached(sql)
                .and_then(|mut delete| delete.execute(params![account, person.id.column(), *left]))
                .map_err(doing())
        };
        let gone = erase(
            "DELETE FROM contacts WHERE (account_id, contact_id) IN (
                 SELECT account_id, contact_id FROM contacts WHERE contact_id = ?2
                     AND account_id IN (SELECT account_id FROM lanes
                                        UNION SELECT id FROM accounts UNION SELECT ?1)
                     AND (?1 IS NULL OR account_id = ?1) LIMIT ?3)",
        )?;
        contacts += gone;
        let sends = erase(
            "DELETE FROM sends WHERE id IN (
                 SELECT id FROM sends WHERE contact_id = ?2
                     AND account_id IN (SELECT account_id FROM lanes)
                     AND (?1 IS NULL OR account_id = ?1)
                     AND event_id NOT IN (SELECT id FROM events) LIMIT ?3)",
        )?;
        spend(left, gone + sends);
    }
    for account in &deletion.whom.accounts {
        let gone = connection
            .prepare_cached(
                "DELETE FROM contacts WHERE (account_id, contact_id) IN (
                     SELECT account_id, contact_id FROM contacts WHERE account_id = ?1 LIMIT ?2)",
            )
            .and_then(|mut delete| delete.execute(params![account.id.column(), *left]))
            .map_err(doing())?;
        contacts += gone;
        spend(left, gone);
    }
    count(connection, "contacts", deletion.id, contacts)
}

/// What an account has beside its events and contacts, a few rows at a time. Lanes last: the
/// attempts are found by them, and a lane that owes something by now stays.
const OF_ACCOUNT: [&str; 7] = [
    "DELETE FROM media WHERE (account_id, media_id) IN (
         SELECT account_id, media_id FROM media WHERE account_id = ?1 LIMIT ?2)",
    "DELETE FROM next_media WHERE (automation_id, version, account_id) IN (
         SELECT automation_id, version, account_id FROM next_media
         WHERE account_id = ?1 LIMIT ?2)",
    "DELETE FROM alert_letters WHERE (notice_id, destination) IN (
         SELECT l.notice_id, l.destination FROM alerts a
         JOIN alert_notices n ON n.alert_id = a.id JOIN alert_letters l ON l.notice_id = n.id
         WHERE a.account_id = ?1 LIMIT ?2)",
    "DELETE FROM alert_notices WHERE id IN (
         SELECT n.id FROM alerts a JOIN alert_notices n ON n.alert_id = a.id
         WHERE a.account_id = ?1 LIMIT ?2)",
    "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE account_id = ?1 LIMIT ?2)",
    "DELETE FROM attempts WHERE (lane_id, seq) IN (
         SELECT a.lane_id, a.seq FROM lanes l JOIN attempts a ON a.lane_id = l.id
         WHERE l.account_id = ?1 LIMIT ?2)",
    "DELETE FROM lanes WHERE id IN (
         SELECT l.id FROM lanes l WHERE l.account_id = ?1
             AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.lane_id = l.id)
             AND NOT EXISTS (SELECT 1 FROM sends s WHERE s.account_id = ?1) LIMIT ?2)",
];

fn erase_accounts(connection: &Connection, whom: &Whom, left: &mut u32) -> Result<(), StoreError> {
    let doing = || StoreError::database("erase an account");
    for account in &whom.accounts {
        for sql in OF_ACCOUNT {
            if *left == 0 {
                return Ok(());
            }
            let gone = connection
                .prepare_cached(sql)
                .and_then(|mut delete| delete.execute(params![account.id.column(), *left]))
                .map_err(doing())?;
            spend(left, gone);
        }
    }
    Ok(())
}

fn spend(left: &mut u32, gone: usize) {
    *left = left.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX));
}
