//! Committing a plan: events, runs, sends and progress in one transaction.

use std::collections::HashSet;

use hookline_model::clock::Timestamp;
use hookline_model::event::EventName;
use hookline_model::ids::{DeliveryId, EventId};
use hookline_model::send::SendKey;
use rusqlite::{Connection, params};

use super::facts::facts_and_taken;
use super::keep::Keeper;
use super::known::find;
use super::written::written;
use super::{Facts, FactsQuery, Plan, Taken, TakenQuery};
use crate::error::StoreError;
use crate::packs::{Unpacker, if_readable};
use crate::{Store, Submitted};

/// What a plan is decided on.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// What has to be known.
    pub asked: FactsQuery,
    /// What could be wanted.
    pub wanted: TakenQuery,
}

impl Store {
    /// Hands a batch to the writer: `decide` is called with what `question` asks for, inside the
    /// transaction that then keeps the plan it makes. Whatever is committed before it is known to
    /// it, so the next batch can be handed over while this one waits for its commit; they are
    /// decided in the order in which they were handed over.
    ///
    /// `decide` runs on the writer's thread, which records nothing meanwhile: it must take no longer
    /// than some microseconds for each event, and read nothing.
    ///
    /// A crash before the commit leaves nothing of it, so that the batch is done again; after it,
    /// doing it again changes nothing.
    ///
    /// # Errors
    /// [`Committing`] ends with [`StoreError::Conflict`] when someone else has interpreted the same
    /// deliveries, or the batch before this one was not kept: read the next batch again.
    pub async fn hand_over<T, F>(
        &self,
        question: Question,
        decide: F,
        now: Timestamp,
    ) -> Result<Committing<T>, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(Facts, Taken) -> (Plan, T) + Send + 'static,
    {
        let Question { asked, wanted } = question;
        self.submit(move |connection| {
            let (facts, taken, free) = facts_and_taken(connection, &asked, wanted)?;
            let (mut plan, report) = decide(facts, taken);
            commit(connection, &mut plan, free, now)?;
            Ok(Handed {
                report,
                _plan: plan,
            })
        })
        .await
        .map(Committing)
    }

    /// Commits a plan that was decided before, on facts that may have changed since.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when someone else has interpreted the same deliveries, or planned
    /// what this plan takes for new: read the facts again and decide again.
    pub async fn commit_plan(
        &self,
        mut plan: Plan,
        now: Timestamp,
    ) -> Result<Vec<EventId>, StoreError> {
        self.write(move |connection| commit(connection, &mut plan, HashSet::new(), now))
            .await
    }
}

/// A batch on its way into the database.
#[must_use = "nobody knows what came of a batch that is not waited for"]
pub struct Committing<T>(Submitted<Handed<T>>);

impl<T> Committing<T> {
    /// Waits until it is committed; then, what was said when it was decided.
    pub async fn done(self) -> Result<T, StoreError> {
        self.0.await.map(|handed| handed.report)
    }
}

/// What comes back of a batch. The plan does because freeing it is not the writer's work.
struct Handed<T> {
    report: T,
    _plan: Plan,
}

/// Keeps a plan; `free` are sends that are known in this transaction not to exist.
fn commit(
    connection: &Connection,
    plan: &mut Plan,
    free: HashSet<SendKey>,
    now: Timestamp,
) -> Result<Vec<EventId>, StoreError> {
    let written = written(plan)?;
    refuse_stale_bytes(connection, plan)?;
    let mut ids = Vec::with_capacity(plan.events.len());
    let mut keeper = Keeper::new(connection, free, now)?;
    for (planned, written) in plan.events.iter().zip(&written) {
        ids.push(keeper.keep(planned, written)?);
    }
    keeper.finish()?;
    for (name, delivery) in &plan.sightings {
        keep_sighting(connection, name, *delivery)?;
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

/// That a delivery told of an event that another one had told of, wherever that is by now.
fn keep_sighting(
    connection: &Connection,
    name: &EventName,
    delivery: DeliveryId,
) -> Result<(), StoreError> {
    let found = find(&mut Unpacker::new(connection), name);
    let found = if_readable(found, None)?;
    let Some(event) = found.filter(|found| found.delivery_id != delivery.0) else {
        return Ok(());
    };
    connection
        .prepare_cached(
            "INSERT INTO sightings (event_id, delivery_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )
        .and_then(|mut insert| insert.execute([event.id, delivery.0]))
        .map_err(StoreError::database("keep a sighting"))?;
    Ok(())
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
