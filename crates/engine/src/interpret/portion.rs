//! Deliveries that were read at once, and are handed to the writer in pieces.
//!
//! A large read costs less for each delivery. A small piece keeps the writer for a short time only,
//! so that whoever posts a delivery meanwhile waits no longer; it is measured in events, of which
//! one delivery may hold a hundred.

use std::collections::VecDeque;
use std::sync::Arc;

use hookline_meta::webhook;
use hookline_model::clock::Timestamp;
use hookline_model::event::Event;
use hookline_model::ids::DeliveryId;
use hookline_store::StoreError;
use hookline_store::planning::{Batch, Delivery, Facts};

use super::reading::Reading;
use crate::catalog::Catalog;
use crate::route::consider::Considerer;
use crate::settings::Settings;

/// A delivery and what it tells.
struct Told {
    delivery: Delivery,
    /// Its events, or why there are none.
    events: Result<Vec<Event>, String>,
}

/// What was read at once, less what was handed over of it.
pub(super) struct Portion {
    /// The generation of redactions its bytes are of.
    redactions: i64,
    /// Up to here everything was handed over.
    cursor: DeliveryId,
    /// When the last that was handed over had been received.
    received_at: Option<Timestamp>,
    /// Whether more waits behind it.
    has_more: bool,
    /// Deliveries someone asked to interpret again: they go with the first piece.
    replays: Vec<Told>,
    /// Oldest first.
    deliveries: VecDeque<Told>,
    /// What its events are considered by.
    catalog: Arc<Catalog>,
    facts: Facts,
}

impl Portion {
    /// What a batch tells.
    pub(super) fn of(batch: Batch, catalog: Arc<Catalog>) -> Self {
        Self {
            redactions: batch.redactions,
            cursor: batch.cursor,
            received_at: None,
            has_more: batch.has_more,
            replays: batch.replays.into_iter().map(Told::by).collect(),
            deliveries: batch.deliveries.into_iter().map(Told::by).collect(),
            catalog,
            facts: Facts::default(),
        }
    }

    /// The events of all its deliveries.
    pub(super) fn events(&self) -> impl Iterator<Item = &Event> {
        let told = self.deliveries.iter().chain(&self.replays);
        told.filter_map(|told| told.events.as_ref().ok()).flatten()
    }

    /// Adds what was found out for its events.
    pub(super) fn learn(&mut self, facts: Facts) {
        self.facts = facts;
    }

    /// Whether all of it was handed over.
    pub(super) fn is_empty(&self) -> bool {
        self.deliveries.is_empty() && self.replays.is_empty()
    }

    /// Up to where it came, when all of it was handed over and more waits behind it.
    pub(super) fn more_after(&self) -> Option<DeliveryId> {
        (self.is_empty() && self.has_more).then_some(self.cursor)
    }

    /// When what comes next was received; when all was handed over, the last of it.
    pub(super) fn received_at(&self) -> Option<Timestamp> {
        let next = self.deliveries.front();
        next.map_or(self.received_at, |next| Some(next.delivery.received_at))
    }

    /// The next piece, considered: as many deliveries as have about `events` events together.
    pub(super) fn piece(
        &mut self,
        events: usize,
        settings: &Settings,
    ) -> Result<Reading, StoreError> {
        let catalog = Arc::clone(&self.catalog);
        let considerer = Considerer::new(&catalog, settings, &self.facts);
        let mut piece = Reading::of(Vec::new(), Arc::clone(&catalog));
        piece.plan.redactions = Some(self.redactions);
        for told in self.replays.drain(..) {
            piece.plan.replayed.push(told.delivery.id);
            told.consider(&considerer, &mut piece, Keeping::Whole)?;
        }
        let before = self.cursor;
        let mut left = events;
        while left > 0
            && let Some(told) = self.deliveries.pop_front()
        {
            left = left.saturating_sub(told.weight());
            self.cursor = told.delivery.id;
            self.received_at = Some(told.delivery.received_at);
            let delivery = told.consider(&considerer, &mut piece, Keeping::Quoting)?;
            piece.plan.deliveries.push(delivery);
        }
        if self.cursor != before {
            piece.plan.cursor = Some((before, self.cursor));
        }
        piece.report.deliveries = piece.plan.deliveries.len() + piece.plan.replayed.len();
        piece.report.has_more = self.has_more || !self.is_empty();
        Ok(piece)
    }
}

/// How the texts of an event are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeping {
    /// As what they add to their delivery.
    Quoting,
    /// Whole: the delivery may be swept away meanwhile.
    Whole,
}

impl Told {
    fn by(delivery: Delivery) -> Self {
        let events = webhook::interpret(&delivery.body).map_err(|problem| {
            tracing::warn!(delivery = %delivery.id, %problem, "a delivery cannot be interpreted");
            problem.to_string()
        });
        Self { delivery, events }
    }

    /// How much of a piece it is: a delivery without events is some work too.
    fn weight(&self) -> usize {
        self.events.as_ref().map_or(1, Vec::len).max(1)
    }

    /// Adds its events to a piece.
    fn consider(
        self,
        considerer: &Considerer<'_>,
        piece: &mut Reading,
        keeping: Keeping,
    ) -> Result<Delivery, StoreError> {
        let Self { delivery, events } = self;
        match events {
            Ok(events) => {
                for event in events {
                    let source = (delivery.id, delivery.received_at);
                    let mut considered = considerer.consider(event, source, None);
                    if keeping == Keeping::Quoting {
                        considered.write(&delivery)?;
                    }
                    piece.considered.push(considered);
                }
            }
            Err(problem) => piece.plan.not_interpretable.push((delivery.id, problem)),
        }
        Ok(delivery)
    }
}
