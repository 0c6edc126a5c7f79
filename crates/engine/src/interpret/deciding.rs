//! From events that were considered to a plan: what is done inside the writer's transaction.

use std::collections::HashSet;
use std::sync::Arc;

use hookline_model::event::{EventName, Ignored, NaturalKey};
use hookline_store::planning::{Facts, KnownEvent, Plan, PlannedEvent, Taken};
use rand::rngs::StdRng;

use super::InterpretReport;
use super::reading::Reading;
use crate::route::Router;
use crate::route::consider::Considered;
use crate::settings::Settings;

/// Decides about one batch.
pub(super) struct Decider {
    pub(super) settings: Arc<Settings>,
    /// Chooses among texts.
    pub(super) random: StdRng,
}

impl Decider {
    /// The plan of a batch, and what is to be said of it.
    pub(super) fn decide(
        mut self,
        reading: Reading,
        facts: Facts,
        taken: Taken,
    ) -> (Plan, InterpretReport) {
        let Facts {
            events, contacts, ..
        } = facts;
        let mut router = Router::new(contacts, taken, &self.settings, &mut self.random);
        let Reading {
            mut plan,
            considered,
            catalog,
            mut report,
        } = reading;
        let mut seen: HashSet<NaturalKey> = HashSet::with_capacity(considered.len());
        for mut considered in considered {
            let Considered { planned, .. } = &mut considered;
            let known = events.get(&planned.event.key);
            if planned.known.is_none() {
                let account_id = &planned.event.account_id;
                let is_connected_now = || catalog.accounts.contains_key(account_id);
                let is_old = known.is_some_and(|known| !was_stranger(known) || !is_connected_now());
                if !seen.insert(planned.event.key) || is_old {
                    let name = EventName::of(&planned.event);
                    let sighting = (name, planned.delivery_id);
                    plan.sightings.push(sighting);
                    continue;
                }
                planned.known = known.map(|known| known.id);
            }
            let planned = router.route(considered);
            report.absorb(&planned);
            plan.events.push(planned);
        }
        report.duplicates = plan.sightings.len();
        (plan, report)
    }
}

/// Whether the event led to nothing because its account was not connected.
fn was_stranger(known: &KnownEvent) -> bool {
    known.ignored == Some(Ignored::AccountUnknown)
}

impl InterpretReport {
    fn absorb(&mut self, planned: &PlannedEvent) {
        self.events += usize::from(planned.known.is_none());
        self.sends += planned.sends.len();
        self.waiting += usize::from(planned.waits_until.is_some());
    }
}
