//! Interpret: recorded deliveries become events; what they lead to is decided by
//! [`route`] and committed together with the progress.

mod reading;

use std::collections::HashSet;
use std::sync::Arc;

use hookline_model::clock::Clock;
use hookline_model::event::{Event, Ignored, NaturalKey};
use hookline_model::ids::DeliveryId;
use hookline_store::planning::{
    Batch, Facts, FactsQuery, KnownEvent, Plan, Taken, WaitAnswer, WaitingEvent,
};
use hookline_store::{Store, StoreError};
use rand::rngs::StdRng;
use tokio::sync::oneshot;

use crate::catalog::{Catalog, Catalogs};
use crate::route::consider::{Considered, Considerer};
use crate::route::{self, Routed, Router};
use crate::settings::Settings;
use reading::Reading;

/// Deliveries of one transaction while others are being recorded: a delivery that comes meanwhile
/// waits behind about a millisecond of work.
const BATCH_BESIDE: u32 = 24;

/// The same when many wait already: the further behind, the larger, because a large batch costs
/// less for each; so a backlog stays bounded at any rate that can be kept up.
const BATCH_BEHIND: u32 = 160;

/// So many that wait make a batch larger by one.
const BEHIND_FOR_ONE: i64 = 32;

/// The same while only a backlog is worked off: what a commit costs is shared by many.
const BATCH_ALONE: u32 = 512;

/// Events routed at once that waited for something.
const BATCH_WAITING: u32 = 256;

/// Bytes of one batch, so that a few huge deliveries do not fill the memory; with the one that was
/// read ahead there are two.
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
    /// What was read and considered while the batch before it was committed.
    ahead: Option<Reading>,
    /// The last delivery that was recorded when something was last read.
    newest: Option<DeliveryId>,
    batch: u32,
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
            ahead: None,
            newest: None,
            batch: BATCH_BESIDE,
        }
    }

    /// Interprets and routes the next deliveries, and replays someone asked for. A conflict means
    /// that someone else was faster; the next tick sees what they did.
    pub async fn tick(&mut self) -> Result<InterpretReport, StoreError> {
        let reading = if let Some(reading) = self.ahead.take() {
            reading
        } else {
            let batch = self.store.next_batch(self.batch, BATCH_BYTES).await?;
            self.read(batch).await?
        };
        let Reading {
            mut plan,
            considered,
            catalog,
            mut report,
        } = reading;
        if report.deliveries == 0 {
            return Ok(report);
        }
        let routed = self.route(&catalog, considered, &mut plan).await?;
        report.duplicates = plan.sightings.len();
        report.absorb(&routed);
        plan.events = routed.into_iter().map(|routed| routed.planned).collect();
        let after = plan.cursor.map(|(_, after)| after);
        let store = Arc::clone(&self.store);
        let (written, is_written) = oneshot::channel();
        let committing = store.commit_plan_and_tell(plan, self.clock.now(), written);
        let (committed, ahead) = match after {
            Some(after) if report.has_more => {
                tokio::join!(biased; committing, self.read_ahead(after, is_written))
            }
            Some(_) | None => (committing.await, Ok(None)),
        };
        committed?;
        // The next tick reads what could not be read ahead, and says what is wrong.
        self.ahead = ahead.unwrap_or_default();
        Ok(report)
    }

    /// Reads and considers what follows, which needs nothing that is being committed; what was
    /// decided before it is looked up only when that is committed.
    ///
    /// A large batch is read while the disk syncs, which is long enough: sooner it would take the
    /// processor from the writer, where there is only one.
    async fn read_ahead(
        &mut self,
        after: DeliveryId,
        is_written: oneshot::Receiver<()>,
    ) -> Result<Option<Reading>, StoreError> {
        if self.batch == BATCH_ALONE {
            // It is an error to hear nothing, and means the same.
            let _ = is_written.await;
        }
        let batch = self.store.read_ahead(after, self.batch, BATCH_BYTES);
        match batch.await? {
            Some(batch) => self.read(batch).await.map(Some),
            None => Ok(None),
        }
    }

    async fn read(&mut self, batch: Batch) -> Result<Reading, StoreError> {
        self.batch = batch_after(&batch, self.newest != batch.newest);
        self.newest = batch.newest;
        let catalog = self.catalogs.of(batch.generations).await?;
        let (mut plan, told) = reading::events_of(&batch);
        let facts = if catalog.awaits_media {
            let events = told.iter().map(|told| &told.event);
            self.store.find_facts(media_of(events)).await?
        } else {
            Facts::default()
        };
        let considerer = Considerer::new(&catalog, &facts);
        let considered = told
            .into_iter()
            .map(|told| considerer.consider(told.event, (told.delivery_id, told.received_at), None))
            .collect();
        let report = InterpretReport {
            deliveries: batch.deliveries.len() + batch.replays.len(),
            has_more: batch.has_more,
            ..InterpretReport::default()
        };
        plan.deliveries = batch.deliveries;
        Ok(Reading {
            plan,
            considered,
            catalog,
            report,
        })
    }

    /// Routes events that waited for something which is known now, or will never be.
    pub async fn tick_waiting(&mut self) -> Result<InterpretReport, StoreError> {
        let waiting = self.store.answered_events(BATCH_WAITING).await?;
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
        let events = waiting.iter().map(|waiting| &waiting.event);
        let facts = self.store.find_facts(media_of(events)).await?;
        let considerer = Considerer::new(&catalog, &facts).without_media_of(unreadable);
        let considered: Vec<_> = waiting
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
        let (asked, wanted) = route::wanted_by(&considered);
        let found = self.store.find_facts_and_taken(asked, wanted).await?;
        let routed = self.decide(considered, found);
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
        considered: Vec<Considered>,
        plan: &mut Plan,
    ) -> Result<Vec<Routed>, StoreError> {
        let (asked, wanted) = route::wanted_by(&considered);
        let found = self.store.find_facts_and_taken(asked, wanted).await?;
        let mut seen: HashSet<NaturalKey> = HashSet::with_capacity(considered.len());
        let mut fresh = Vec::with_capacity(considered.len());
        for mut considered in considered {
            let Considered { planned, .. } = &mut considered;
            let known = found.0.events.get(&planned.event.key);
            let is_reconsidered = known.is_some_and(|known| {
                known.ignored == Some(Ignored::AccountUnknown)
                    && catalog.accounts.contains_key(&planned.event.account_id)
            });
            if !seen.insert(planned.event.key) || (known.is_some() && !is_reconsidered) {
                plan.sightings
                    .push((planned.event.key, planned.delivery_id));
                continue;
            }
            planned.known = known.map(|known| known.id);
            fresh.push(considered);
        }
        Ok(self.decide(fresh, found))
    }

    fn decide(
        &mut self,
        considered: Vec<Considered>,
        (facts, taken): (Facts, Taken),
    ) -> Vec<Routed> {
        let mut router = Router::new(facts.contacts, taken, &self.settings, &mut self.random);
        considered
            .into_iter()
            .map(|considered| router.route(considered))
            .collect()
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

/// How many deliveries are read after these.
fn batch_after(batch: &Batch, is_recording: bool) -> u32 {
    if !is_recording {
        return BATCH_ALONE;
    }
    let last = batch.deliveries.last().map(|delivery| delivery.id);
    let waiting = match (batch.newest, last) {
        (Some(newest), Some(last)) => newest.0.saturating_sub(last.0).max(0),
        (Some(_) | None, _) => 0,
    };
    let more = u32::try_from(waiting / BEHIND_FOR_ONE).unwrap_or(u32::MAX);
    BATCH_BESIDE.saturating_add(more).min(BATCH_BEHIND)
}

/// Asks when the media of these events were published, and which media `next` stands for.
fn media_of<'a>(events: impl Iterator<Item = &'a Event>) -> FactsQuery {
    let mut query = FactsQuery::default();
    for event in events {
        query.accounts.insert(event.account_id.clone());
        if let Some(media) = event.media_id() {
            query
                .media
                .insert((event.account_id.clone(), media.clone()));
        }
    }
    query
}

#[cfg(test)]
mod tests;
