//! Erase: what somebody asked to be deleted goes, everywhere, one bounded step at a time.
//!
//! The deliveries first, so that nothing can be interpreted from them again; then the events with
//! all that followed; then what hangs on no event; then the remains in the database's pages and
//! its log. Every step may be done twice, so a crash between any two costs only the last one.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use hookline_meta::redact::{Redaction, redact};
use hookline_model::clock::Clock;
use hookline_model::erasure::Part;
use hookline_model::ids::{DeliveryId, EventId};
use hookline_store::erase::{OpenDeletion, Redacted};
use hookline_store::{Store, StoreError};

/// What stands in a delivery of which nothing may stay and which nobody can read.
const NOTHING: &[u8] = b"";

/// What one tick did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EraseStep {
    /// There is nothing to erase.
    Idle,
    /// Something was done; there is more.
    Working,
    /// A reader still needs the log; it is emptied a little later.
    LogInUse,
    /// Everything that was asked for until then is gone.
    Done,
}

/// Carries deletions out. One tick is at most two small transactions.
pub struct Eraser {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    /// The pass over the pages that is under way.
    pass: Option<Pass>,
}

/// One pass over all pages, for the deletions whose rows were gone when it began.
struct Pass {
    deletions: Vec<i64>,
    page: u32,
    is_clean: bool,
}

impl Eraser {
    /// An eraser that works on `store`; any number of them may work on one database.
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            pass: None,
        }
    }

    /// Does the next step. A conflict means that someone else did it.
    pub async fn tick(&mut self) -> Result<EraseStep, StoreError> {
        if let Some(deletion) = self.store.open_deletion().await? {
            self.erase(deletion).await?;
            return Ok(EraseStep::Working);
        }
        if let Some(pass) = self.pass.take() {
            return self.clean(pass).await;
        }
        let deletions = self.store.deletions_to_clean().await?;
        if deletions.is_empty() {
            return Ok(EraseStep::Idle);
        }
        self.pass = Some(Pass {
            deletions,
            page: 0,
            is_clean: false,
        });
        Ok(EraseStep::Working)
    }

    async fn erase(&self, deletion: OpenDeletion) -> Result<(), StoreError> {
        if deletion.delivery < deletion.deliveries_until {
            return self.cut_next(deletion).await;
        }
        let doomed = self.store.doomed_events(deletion.clone()).await?;
        if !doomed.events.is_empty() {
            let (id, parts) = (deletion.id, doomed.parts.into_iter().collect());
            self.store.unpack(doomed.deliveries.clone()).await?;
            self.cut_all(&deletion, doomed.deliveries, &parts).await?;
            return self
                .store
                .erase_events(id, doomed.events, doomed.until)
                .await;
        }
        if !doomed.is_end {
            let nothing: Vec<EventId> = Vec::new();
            return self
                .store
                .erase_events(deletion.id, nothing, doomed.until)
                .await;
        }
        self.store.erase_leftovers(deletion).await?;
        Ok(())
    }

    /// Cuts them out of the next stretch of deliveries. What is about the same comments and
    /// messages goes with it, also where it does not say whose they are: the events by which it
    /// could be found are erased in the same step.
    async fn cut_next(&self, deletion: OpenDeletion) -> Result<(), StoreError> {
        let suspects = self.store.suspects(deletion.clone()).await?;
        let (_, parts) = cut(&deletion, suspects.deliveries.clone(), &BTreeSet::new());
        let known: BTreeSet<Part> = parts.iter().cloned().collect();
        let here: HashSet<DeliveryId> = suspects.deliveries.iter().map(|(id, _)| *id).collect();
        let mut others = self.store.deliveries_of_parts(parts.clone()).await?;
        others.retain(|id| !here.contains(id));
        self.cut_all(&deletion, others, &known).await?;
        let (redacted, _) = cut(&deletion, suspects.deliveries, &known);
        self.unpack(&redacted).await?;
        let until = Some(suspects.until);
        self.store
            .commit_redactions(deletion.id, redacted, parts, until, self.clock.now())
            .await
    }

    /// Cuts them, and what is known to be theirs, out of these deliveries.
    async fn cut_all(
        &self,
        deletion: &OpenDeletion,
        deliveries: Vec<DeliveryId>,
        known: &BTreeSet<Part>,
    ) -> Result<(), StoreError> {
        /// Bounds what is in memory: a delivery has at most a few megabytes.
        const AT_ONCE: usize = 8;
        for some in deliveries.chunks(AT_ONCE) {
            let bodies = self.store.delivery_bodies(some.to_vec()).await?;
            let (redacted, _) = cut(deletion, bodies, known);
            if redacted.is_empty() {
                continue;
            }
            self.unpack(&redacted).await?;
            // Their events go with the step this one belongs to, when all is cut.
            let none = Vec::new();
            self.store
                .commit_redactions(deletion.id, redacted, none, None, self.clock.now())
                .await?;
        }
        Ok(())
    }

    /// Undoes the packs they are in, so that the step that cuts them stays as short as it is.
    async fn unpack(&self, redacted: &[Redacted]) -> Result<(), StoreError> {
        let ids = redacted.iter().map(|redacted| redacted.id);
        self.store.unpack(ids.collect()).await
    }

    async fn clean(&mut self, mut pass: Pass) -> Result<EraseStep, StoreError> {
        if !pass.is_clean {
            pass.is_clean = self.clean_next(&mut pass.page).await?;
            self.pass = Some(pass);
            return Ok(EraseStep::Working);
        }
        if !self.store.empty_log().await? {
            self.pass = Some(pass);
            return Ok(EraseStep::LogInUse);
        }
        let deletions = pass.deletions.len();
        self.store
            .finish_deletions(pass.deletions, self.clock.now())
            .await?;
        tracing::info!(deletions, "what was asked to be deleted is erased");
        Ok(EraseStep::Done)
    }

    /// Cleans the pages after `page`; says whether that were all.
    async fn clean_next(&self, page: &mut u32) -> Result<bool, StoreError> {
        if !self.store.can_clean_pages().await? {
            tracing::warn!(
                "the database is written anew to erase; nothing else is written meanwhile"
            );
            self.store.rewrite().await?;
            return Ok(true);
        }
        let dirty = self.store.dirty_pages(*page).await?;
        if !dirty.pages.is_empty() {
            self.store.clean_pages(dirty.pages).await?;
        }
        *page = dirty.until;
        Ok(dirty.is_end)
    }
}

/// What stays of these deliveries, as far as something has to go, and what was cut.
fn cut(
    deletion: &OpenDeletion,
    deliveries: Vec<(DeliveryId, Vec<u8>)>,
    known: &BTreeSet<Part>,
) -> (Vec<Redacted>, Vec<Part>) {
    let (mut redacted, mut cut) = (Vec::new(), Vec::new());
    for (id, before) in deliveries {
        let after = match redact(&before, &deletion.whom, known) {
            Redaction::Untouched => continue,
            Redaction::Emptied => Some(NOTHING.to_vec()),
            // A delivery that told of an erased account alone is of no use to anybody.
            Redaction::Cut { is_bare: true, .. } if is_about_accounts(deletion) => None,
            Redaction::Cut { body, parts, .. } => {
                cut.extend(parts);
                Some(body)
            }
        };
        redacted.push(Redacted { id, before, after });
    }
    (redacted, cut)
}

fn is_about_accounts(deletion: &OpenDeletion) -> bool {
    !deletion.whom.accounts.is_empty()
}
