//! Interpret: recorded deliveries become events; what they lead to is decided by
//! [`route`] and committed together with the progress.

mod deciding;
mod pace;
mod portion;
mod reading;

use std::collections::VecDeque;
use std::sync::Arc;

use hookline_model::clock::Clock;
use hookline_model::event::Event;
use hookline_model::ids::DeliveryId;
use hookline_store::planning::{Batch, Committing, FactsQuery};
use hookline_store::{Store, StoreError};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::catalog::Catalogs;
use crate::route;
use crate::route::consider::Considerer;
use crate::settings::Settings;
use deciding::Decider;
use pace::Pace;
use portion::Portion;
use reading::Reading;

/// Events routed at once that waited for something.
const BATCH_WAITING: u32 = 256;

/// Bytes read at once, so that a few huge deliveries do not fill the memory, and are not looked at
/// for long while a send is due.
const READ_BYTES: usize = 1024 * 1024;

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

/// Works through recorded deliveries. One tick sees one transaction to its end.
pub struct Interpreter {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    catalogs: Catalogs,
    settings: Arc<Settings>,
    random: StdRng,
    /// What was read and not yet handed over.
    portion: Option<Portion>,
    /// What the writer has.
    ahead: VecDeque<HandedOver>,
    pace: Pace,
}

/// A piece the writer has.
type HandedOver = Committing<InterpretReport>;

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
            portion: None,
            ahead: VecDeque::new(),
            pace: Pace::default(),
        }
    }

    /// Interprets and routes the next deliveries, and replays someone asked for. A conflict means
    /// that someone else was faster; the next tick sees what they did.
    ///
    /// While one piece is committed the next are read, considered and handed over, so that the
    /// writer never waits for them.
    pub async fn tick(&mut self) -> Result<InterpretReport, StoreError> {
        if self.ahead.is_empty() {
            let batch = self.store.next_batch(self.pace.read(), READ_BYTES).await?;
            let portion = self.read(batch).await?;
            self.hand_over_next(portion).await?;
        }
        // A later tick meets what went wrong here when nothing is ahead any more, and says it.
        let _ = self.go_ahead().await;
        let Some(first) = self.ahead.pop_front() else {
            return Ok(InterpretReport::default());
        };
        let report = first.done().await;
        if report.is_err() {
            // The writer refuses all that was to follow.
            self.ahead.clear();
            self.portion = None;
        }
        report
    }

    /// Hands pieces over until enough are ahead, or nothing more waits.
    async fn go_ahead(&mut self) -> Result<(), StoreError> {
        while self.ahead.len() < self.pace.ahead()
            && let Some(portion) = self.portion.take()
        {
            let portion = match portion.more_after() {
                Some(after) => self.read_ahead(after).await?,
                None => Some(portion),
            };
            if let Some(portion) = portion {
                self.hand_over_next(portion).await?;
            }
        }
        Ok(())
    }

    /// Reads what follows. The writer refuses it unless all before it is committed.
    async fn read_ahead(&mut self, after: DeliveryId) -> Result<Option<Portion>, StoreError> {
        let batch = self.store.read_ahead(after, self.pace.read(), READ_BYTES);
        match batch.await? {
            Some(batch) => self.read(batch).await.map(Some),
            None => Ok(None),
        }
    }

    /// Hands the next piece of a portion over, and keeps the rest for later.
    async fn hand_over_next(&mut self, mut portion: Portion) -> Result<(), StoreError> {
        if portion.is_empty() {
            return Ok(());
        }
        let events = self.pace.piece(portion.received_at(), self.clock.now());
        let piece = portion.piece(events, &self.settings)?;
        let handed_over = self.hand_over(piece).await?;
        self.ahead.push_back(handed_over);
        self.portion = Some(portion);
        Ok(())
    }

    /// What a batch tells, and what has to be known to consider it.
    async fn read(&mut self, batch: Batch) -> Result<Portion, StoreError> {
        self.pace.saw(&batch, self.clock.now());
        let catalog = self.catalogs.of(batch.generations).await?;
        let awaits_media = catalog.awaits_media;
        let mut portion = Portion::of(batch, catalog);
        if awaits_media {
            let facts = self.store.find_facts(media_of(portion.events())).await?;
            portion.learn(facts);
        }
        Ok(portion)
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
        let reading = Reading::of(considered, catalog);
        self.hand_over(reading).await?.done().await
    }

    async fn hand_over(&mut self, reading: Reading) -> Result<HandedOver, StoreError> {
        let question = route::wanted_by(&reading.considered);
        let decider = Decider {
            settings: Arc::clone(&self.settings),
            random: StdRng::from_rng(&mut self.random),
        };
        let decide = move |facts, taken| decider.decide(reading, facts, taken);
        let now = self.clock.now();
        self.store.hand_over(question, decide, now).await
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
