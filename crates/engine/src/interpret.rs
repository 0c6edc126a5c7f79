//! Interpret: recorded deliveries become events; what they lead to is decided by
//! [`route`] and committed together with the progress.

mod deciding;
mod pace;
mod reading;

use std::collections::VecDeque;
use std::sync::Arc;

use hookline_model::clock::Clock;
use hookline_model::event::Event;
use hookline_model::ids::DeliveryId;
use hookline_store::planning::{Batch, Committing, Facts, FactsQuery};
use hookline_store::{Store, StoreError};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::catalog::Catalogs;
use crate::route;
use crate::route::consider::Considerer;
use crate::settings::Settings;
use deciding::Decider;
use pace::Pace;
use reading::Reading;

/// Events routed at once that waited for something.
const BATCH_WAITING: u32 = 256;

/// Batches the writer has at a time. While it keeps one the disk makes the one before it durable, and
/// the next are read; more of them make up for what each of these waits for a processor.
const AHEAD: usize = 4;

/// Bytes of one batch, so that a few huge deliveries do not fill the memory, of which there may be
/// as many batches as are ahead.
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
    /// What was handed to the writer before the batch in front of it was committed.
    ahead: VecDeque<HandedOver>,
    pace: Pace,
}

/// A batch the writer has.
struct HandedOver {
    committing: Committing<InterpretReport>,
    /// The last of its deliveries, when more wait behind it.
    more_after: Option<DeliveryId>,
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
            ahead: VecDeque::new(),
            pace: Pace::default(),
        }
    }

    /// Interprets and routes the next deliveries, and replays someone asked for. A conflict means
    /// that someone else was faster; the next tick sees what they did.
    ///
    /// While one batch is committed the next is read, considered and handed over, so that the
    /// writer never waits for it.
    pub async fn tick(&mut self) -> Result<InterpretReport, StoreError> {
        if self.ahead.is_empty() {
            let batch = self
                .store
                .next_batch(self.pace.batch(), BATCH_BYTES)
                .await?;
            match self.read(batch).await? {
                Some(reading) => {
                    let batch = self.hand_over(reading).await?;
                    self.ahead.push_back(batch);
                }
                None => return Ok(InterpretReport::default()),
            }
        }
        // A later tick meets what went wrong here when nothing is ahead any more, and says it.
        let _ = self.go_ahead().await;
        let Some(first) = self.ahead.pop_front() else {
            return Ok(InterpretReport::default());
        };
        let report = first.committing.done().await;
        if report.is_err() {
            // The writer refuses all that was to follow.
            self.ahead.clear();
        }
        report
    }

    /// Hands batches over until enough are ahead, or nothing more waits.
    async fn go_ahead(&mut self) -> Result<(), StoreError> {
        while self.ahead.len() < AHEAD {
            let Some(after) = self.ahead.back().and_then(|last| last.more_after) else {
                break;
            };
            match self.hand_over_ahead(after).await? {
                Some(batch) => self.ahead.push_back(batch),
                None => break,
            }
        }
        Ok(())
    }

    /// Reads, considers and hands over what follows. The writer refuses it unless all before it is
    /// committed.
    async fn hand_over_ahead(
        &mut self,
        after: DeliveryId,
    ) -> Result<Option<HandedOver>, StoreError> {
        let batch = self.store.read_ahead(after, self.pace.batch(), BATCH_BYTES);
        let Some(batch) = batch.await? else {
            return Ok(None);
        };
        match self.read(batch).await? {
            Some(reading) => self.hand_over(reading).await.map(Some),
            None => Ok(None),
        }
    }

    /// What a batch tells, considered; none if there is nothing in it.
    async fn read(&mut self, batch: Batch) -> Result<Option<Reading>, StoreError> {
        self.pace.saw(&batch, self.clock.now());
        if batch.deliveries.is_empty() && batch.replays.is_empty() {
            return Ok(None);
        }
        let catalog = self.catalogs.of(batch.generations).await?;
        let (plan, told) = reading::events_of(&batch);
        let facts = if catalog.awaits_media {
            let events = told.iter().map(|told| &told.event);
            self.store.find_facts(media_of(events)).await?
        } else {
            Facts::default()
        };
        let considerer = Considerer::new(&catalog, &self.settings, &facts);
        let considered = reading::consider(&considerer, told, &batch)?;
        Ok(Some(Reading::new(batch, plan, considered, catalog)))
    }

    /// Routes events that waited for something which is known now, or will never be.
    pub async fn tick_waiting(&mut self) -> Result<InterpretReport, StoreError> {
        let waiting = self.store.answered_events(BATCH_WAITING).await?;
        if waiting.is_empty() {
            return Ok(InterpretReport::default());
        }
        let catalog = self.catalogs.current().await?;
        let events = waiting.iter().map(|waiting| &waiting.event);
        let facts = self.store.find_facts(media_of(events)).await?;
        let considerer = Considerer::new(&catalog, &self.settings, &facts);
        let considered = reading::consider_again(considerer, waiting);
        let reading = Reading::of_waiting(considered, catalog);
        self.hand_over(reading).await?.committing.done().await
    }

    async fn hand_over(&mut self, reading: Reading) -> Result<HandedOver, StoreError> {
        let question = route::wanted_by(&reading.considered);
        let more_after = reading.more_after();
        let decider = Decider {
            settings: Arc::clone(&self.settings),
            random: StdRng::from_rng(&mut self.random),
        };
        let decide = move |facts, taken| decider.decide(reading, facts, taken);
        let now = self.clock.now();
        Ok(HandedOver {
            committing: self.store.hand_over(question, decide, now).await?,
            more_after,
        })
    }
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
