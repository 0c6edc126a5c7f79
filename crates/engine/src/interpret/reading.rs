//! Events that were considered: all that needs no decision is done.

use std::sync::Arc;

use hookline_store::planning::{KnownEvent, Plan, WaitAnswer, WaitingEvent};

use super::InterpretReport;
use crate::catalog::Catalog;
use crate::route::consider::{Considered, Considerer};

/// Events that are decided and committed together.
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
    /// Of these events, and nothing beside them.
    pub(super) fn of(considered: Vec<Considered>, catalog: Arc<Catalog>) -> Self {
        Self {
            plan: Plan::default(),
            considered,
            catalog,
            report: InterpretReport::default(),
        }
    }
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
