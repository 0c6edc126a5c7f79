//! Interpret: recorded deliveries become events; what they lead to is decided by
//! [`route`] and committed together with the progress.

use std::collections::HashSet;
use std::sync::Arc;

use hookline_meta::webhook;
use hookline_model::clock::{Clock, Timestamp};
use hookline_model::event::{Event, Ignored, NaturalKey};
use hookline_model::ids::DeliveryId;
use hookline_store::planning::{
    Batch, Delivery, Facts, FactsQuery, KnownEvent, Plan, Taken, WaitAnswer, WaitingEvent,
};
use hookline_store::{Store, StoreError};
use rand::rngs::StdRng;

use crate::catalog::{Catalog, Catalogs};
use crate::route::consider::{Considered, Considerer};
use crate::route::{self, Routed, Router};
use crate::settings::Settings;

/// Deliveries of one transaction: large enough to share its cost, small enough that a delivery
/// being recorded does not wait long behind it.
const BATCH: u32 = 256;

/// Bytes of one batch, so that a few huge deliveries do not fill the memory.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// What one tick did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InterpretReport {
    /// Deliveries read.
    pub deliveries: usize,
    /// New events.
    pub events: usize,
    /// Events that were known already.
    pub duplicates: usize,
    /// Sends planned.
    pub sends: usize,
    /// Events that wait for something to be read from Meta.
    pub waiting: usize,
    /// Whether more waits.
    pub has_more: bool,
}

/// Works through recorded deliveries. One tick is one transaction.
pub struct Interpreter {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    catalogs: Catalogs,
    settings: Arc<Settings>,
    random: StdRng,
}

/// An event and the delivery it came in.
struct Told {
    event: Event,
    delivery_id: DeliveryId,
    received_at: Timestamp,
}

impl Interpreter {
    /// An interpreter; `random` chooses among the texts of public replies.
    pub fn new(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        settings: Arc<Settings>,
        random: StdRng,
    ) -> Self {
        let catalogs = Catalogs::new(Arc::clone(&store));
        Self {
            store,
            clock,
            catalogs,
            settings,
            random,
        }
    }

    /// Interprets and routes the next deliveries, and replays someone asked for. A conflict means
    /// that someone else was faster; the next tick sees what they did.
    pub async fn tick(&mut self) -> Result<InterpretReport, StoreError> {
        let batch = self.store.next_batch(BATCH, BATCH_BYTES).await?;
        if batch.deliveries.is_empty() && batch.replays.is_empty() {
            return Ok(InterpretReport::default());
        }
        let catalog = self.catalogs.current().await?;
        let mut plan = Plan {
            redactions: Some(batch.redactions),
            ..Plan::default()
        };
        let told = read_batch(&batch, &mut plan);
        let mut report = InterpretReport {
            deliveries: batch.deliveries.len() + batch.replays.len(),
            has_more: batch.has_more,
            ..InterpretReport::default()
        };
        let routed = self.route(&catalog, told, &mut plan).await?;
        report.duplicates = plan.sightings.len();
        report.absorb(&routed);
        plan.events = routed.into_iter().map(|routed| routed.planned).collect();
        plan.deliveries = batch.deliveries;
        self.store.commit_plan(plan, self.clock.now()).await?;
        Ok(report)
    }

    /// Routes events that waited for something which is known now, or will never be.
    pub async fn tick_waiting(&mut self) -> Result<InterpretReport, StoreError> {
        let waiting = self.store.answered_events(BATCH).await?;
        if waiting.is_empty() {
            return Ok(InterpretReport::default());
        }
        self.route_waiting(waiting).await
    }

    async fn route_waiting(
        &mut self,
        waiting: Vec<WaitingEvent>,
    ) -> Result<InterpretReport, StoreError> {
        let catalog = self.catalogs.current().await?;
        let unreadable = waiting
            .iter()
            .filter(|event| event.answer == Some(WaitAnswer::Unreadable))
            .map(|event| event.id)
            .collect();
        let mut query = FactsQuery::default();
        for event in &waiting {
            ask_about(&mut query, &event.event);
        }
        let facts = self.store.find_facts(query).await?;
        let considerer = Considerer::new(&catalog, &facts).without_media_of(unreadable);
        let considered = waiting
            .into_iter()
            .map(|event| {
                let known = KnownEvent {
                    id: event.id,
                    ignored: None,
                };
                let delivery = (event.delivery_id, event.received_at);
                considerer.consider(event.event, delivery, Some(known))
            })
            .collect();
        let routed = self.decide(considered, facts).await?;
        let mut report = InterpretReport::default();
        report.absorb(&routed);
        let plan = Plan {
            events: routed.into_iter().map(|routed| routed.planned).collect(),
            ..Plan::default()
        };
        self.store.commit_plan(plan, self.clock.now()).await?;
        Ok(report)
    }

    async fn route(
        &mut self,
        catalog: &Catalog,
        told: Vec<Told>,
        plan: &mut Plan,
    ) -> Result<Vec<Routed>, StoreError> {
        let mut query = FactsQuery::default();
        for Told { event, .. } in &told {
            query.keys.push(event.key);
            ask_about(&mut query, event);
        }
        let facts = self.store.find_facts(query).await?;
        let considerer = Considerer::new(catalog, &facts);
        let mut seen: HashSet<NaturalKey> = HashSet::new();
        let mut considered = Vec::with_capacity(told.len());
        for Told {
            event,
            delivery_id,
            received_at,
        } in told
        {
            let known = facts.events.get(&event.key).copied();
            let is_reconsidered = known.is_some_and(|known| {
                known.ignored == Some(Ignored::AccountUnknown)
                    && catalog.accounts.contains_key(&event.account_id)
            });
            if !seen.insert(event.key) || (known.is_some() && !is_reconsidered) {
                plan.sightings.push((event.key, delivery_id));
                continue;
            }
            considered.push(considerer.consider(event, (delivery_id, received_at), known));
        }
        self.decide(considered, facts).await
    }

    async fn decide(
        &mut self,
        considered: Vec<Considered>,
        facts: Facts,
    ) -> Result<Vec<Routed>, StoreError> {
        let wanted = route::wanted_by(&considered);
        let taken = if wanted.once_keys.is_empty() {
            Taken::default()
        } else {
            self.store.find_taken(wanted).await?
        };
        let mut router = Router::new(facts, taken, &self.settings, &mut self.random);
        Ok(considered
            .into_iter()
            .map(|considered| router.route(considered))
            .collect())
    }
}

impl InterpretReport {
    fn absorb(&mut self, routed: &[Routed]) {
        self.events += routed
            .iter()
            .filter(|routed| routed.planned.known.is_none())
            .count();
        self.sends += routed
            .iter()
            .map(|routed| routed.planned.sends.len())
            .sum::<usize>();
        self.waiting += routed
            .iter()
            .filter(|routed| routed.planned.waits_until.is_some())
            .count();
    }
}

fn read_batch(batch: &Batch, plan: &mut Plan) -> Vec<Told> {
    if let (Some(before), Some(last)) = (batch.cursor, batch.deliveries.last()) {
        plan.cursor = Some((before, last.id));
    }
    plan.replayed = batch.replays.iter().map(|delivery| delivery.id).collect();
    let mut told = Vec::new();
    for delivery in batch.deliveries.iter().chain(&batch.replays) {
        read_delivery(delivery, plan, &mut told);
    }
    told
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

fn ask_about(query: &mut FactsQuery, event: &Event) {
    query.accounts.insert(event.account_id.clone());
    if let Some(contact) = event.contact_id() {
        query
            .contacts
            .insert((event.account_id.clone(), contact.clone()));
    }
    if let Some(media) = event.media_id() {
        query
            .media
            .insert((event.account_id.clone(), media.clone()));
    }
}
