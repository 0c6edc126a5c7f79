//! Committing a plan: events, runs, sends and progress in one transaction.

use hookline_model::clock::Timestamp;
use hookline_model::ids::{DeliveryId, EventId};
use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::Plan;
use super::keep::Keeper;
use super::written::{Written, written};
use crate::Store;
use crate::error::StoreError;

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
        let (hears_nobody, _) = oneshot::channel();
        self.commit_plan_and_tell(plan, now, hears_nobody).await
    }

    /// As [`commit_plan`](Self::commit_plan), and lets go of `is_written` once all of it is written
    /// and only has to be made durable: what can be done meanwhile costs the writer nothing.
    pub async fn commit_plan_and_tell(
        &self,
        mut plan: Plan,
        now: Timestamp,
        is_written: oneshot::Sender<()>,
    ) -> Result<Vec<EventId>, StoreError> {
        let written = written(&plan)?;
        // Nothing of them is needed any more: what this thread made is not the writer's to free.
        plan.deliveries = Vec::new();
        self.write(move |connection| {
            let committed = commit(connection, &plan, &written, now);
            drop((plan, written, is_written));
            committed
        })
        .await
    }
}

fn commit(
    connection: &Connection,
    plan: &Plan,
    written: &[Written],
    now: Timestamp,
) -> Result<Vec<EventId>, StoreError> {
    refuse_stale_bytes(connection, plan)?;
    let mut ids = Vec::with_capacity(plan.events.len());
    let mut keeper = Keeper::new(connection, now)?;
    for (planned, written) in plan.events.iter().zip(written) {
        ids.push(keeper.keep(planned, written)?);
    }
    keeper.wake_lanes()?;
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
