//! From recorded deliveries to events that were considered: all that needs no decision.

use std::sync::Arc;

use hookline_meta::webhook;
use hookline_model::clock::Timestamp;
use hookline_model::event::Event;
use hookline_model::ids::DeliveryId;
use hookline_store::planning::{Batch, Delivery, Plan};

use super::InterpretReport;
use crate::catalog::Catalog;
use crate::route::consider::Considered;

/// A batch whose events were considered.
pub(super) struct Reading {
    /// What is committed of it beside its events.
    pub(super) plan: Plan,
    /// The events.
    pub(super) considered: Vec<Considered>,
    /// What they were considered by.
    pub(super) catalog: Arc<Catalog>,
    /// What was read.
    pub(super) report: InterpretReport,
}

/// An event and the delivery it came in.
pub(super) struct Told {
    pub(super) event: Event,
    pub(super) delivery_id: DeliveryId,
    pub(super) received_at: Timestamp,
}

/// The events of a batch, and the beginning of its plan.
pub(super) fn events_of(batch: &Batch) -> (Plan, Vec<Told>) {
    let mut plan = Plan {
        redactions: Some(batch.redactions),
        replayed: batch.replays.iter().map(|delivery| delivery.id).collect(),
        ..Plan::default()
    };
    if let (Some(before), Some(last)) = (batch.cursor, batch.deliveries.last()) {
        plan.cursor = Some((before, last.id));
    }
    let mut told = Vec::with_capacity(batch.deliveries.len());
    for delivery in batch.deliveries.iter().chain(&batch.replays) {
        read_delivery(delivery, &mut plan, &mut told);
    }
    (plan, told)
}

fn read_delivery(delivery: &Delivery, plan: &mut Plan, told: &mut Vec<Told>) {
    match webhook::interpret(&delivery.body) {
        Ok(events) => told.extend(events.into_iter().map(|event| Told {
            event,
            delivery_id: delivery.id,
            received_at: delivery.received_at,
        })),
        Err(problem) => {
            tracing::warn!(delivery = %delivery.id, %problem, "a delivery cannot be interpreted");
            plan.not_interpretable
                .push((delivery.id, problem.to_string()));
        }
    }
}
