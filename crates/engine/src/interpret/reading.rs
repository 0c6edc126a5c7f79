//! From recorded deliveries to events that were considered: all that needs no decision.

use std::sync::Arc;

use hookline_meta::webhook;
use hookline_model::clock::Timestamp;
use hookline_model::event::Event;
use hookline_model::ids::DeliveryId;
use hookline_store::StoreError;
use hookline_store::planning::{Batch, Delivery, KnownEvent, Plan, WaitAnswer, WaitingEvent};

use super::InterpretReport;
use crate::catalog::Catalog;
use crate::route::consider::{Considered, Considerer};

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

impl Reading {
    pub(super) fn new(
        batch: Batch,
        mut plan: Plan,
        considered: Vec<Considered>,
        catalog: Arc<Catalog>,
    ) -> Self {
        let report = InterpretReport {
            deliveries: batch.deliveries.len() + batch.replays.len(),
            has_more: batch.has_more,
            ..InterpretReport::default()
        };
        plan.deliveries = batch.deliveries;
        Self {
            plan,
            considered,
            catalog,
            report,
        }
    }

    /// Of events that were read before.
    pub(super) fn of_waiting(considered: Vec<Considered>, catalog: Arc<Catalog>) -> Self {
        Self {
            plan: Plan::default(),
            considered,
            catalog,
            report: InterpretReport::default(),
        }
    }

    /// Up to where it comes, when more wait behind it.
    pub(super) fn more_after(&self) -> Option<DeliveryId> {
        let (_, after) = self.plan.cursor?;
        self.report.has_more.then_some(after)
    }
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

/// Considers what a batch tells, and makes the texts of it.
pub(super) fn consider(
    considerer: &Considerer<'_>,
    told: Vec<Told>,
    batch: &Batch,
) -> Result<Vec<Considered>, StoreError> {
    let mut deliveries = batch.deliveries.iter().peekable();
    let consider = |told: Told| {
        let mut considered =
            considerer.consider(told.event, (told.delivery_id, told.received_at), None);
        // What is replayed is kept whole: its delivery may be swept away meanwhile.
        while deliveries
            .next_if(|delivery| delivery.id < told.delivery_id)
            .is_some()
        {}
        if let Some(delivery) = deliveries.peek()
            && delivery.id == told.delivery_id
        {
            considered.write(delivery)?;
        }
        Ok(considered)
    };
    told.into_iter().map(consider).collect()
}

/// Considers events that waited.
pub(super) fn consider_again(
    considerer: Considerer<'_>,
    waiting: Vec<WaitingEvent>,
) -> Vec<Considered> {
    let unreadable = waiting
        .iter()
        .filter(|event| event.answer == Some(WaitAnswer::Unreadable))
        .map(|event| event.id)
        .collect();
    let considerer = considerer.without_media_of(unreadable);
    let consider = |event: WaitingEvent| {
        let known = KnownEvent {
            id: event.id,
            ignored: None,
        };
        let delivery = (event.delivery_id, event.received_at);
        considerer.consider(event.event, delivery, Some(known))
    };
    waiting.into_iter().map(consider).collect()
}
