//! Reconcile: what ended without a known outcome is settled by evidence, never by a blind
//! repetition (promise 4).

mod evidence;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use hookline_meta::graph::GraphClient;
use hookline_model::clock::{Clock, Timestamp};
use hookline_model::ids::AccountId;
use hookline_model::limits::GRAPH_CALL_MAX;
use hookline_store::evidence::{Evidence, Recovered, UnknownSend};
use hookline_store::{Store, StoreError, Swept};

use crate::send::SendWorker;
use crate::settings::Settings;

use evidence::Way;

/// Rows of one pass.
const BATCH: u32 = 200;

/// Sends whose evidence is read at once; each of them of another account, as the turns have it.
const READS_AT_ONCE: usize = 16;

/// What one pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReconcileReport {
    /// Leases that had run out.
    pub recovered: Recovered,
    /// Unknown sends that turned out to have landed.
    pub landed: usize,
    /// Unknown sends that may be tried again.
    pub tried_again: usize,
    /// Unknown sends that did not land and are over.
    pub over: usize,
    /// Unknown sends about which nothing can be said yet, or ever.
    pub still_unknown: usize,
    /// Sends whose deadline passed.
    pub expired: usize,
    /// What was let go of.
    pub swept: Swept,
}

/// Settles what the other stages left open.
pub struct Reconciler {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    graph: Arc<GraphClient>,
    settings: Arc<Settings>,
    sender: SendWorker,
    /// When each account's conversations may be read again; what has passed is forgotten.
    turns: Mutex<HashMap<AccountId, Timestamp>>,
}

impl Reconciler {
    /// A reconciler that reads evidence through `graph`.
    pub fn new(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        graph: Arc<GraphClient>,
        settings: Arc<Settings>,
        sender: SendWorker,
    ) -> Self {
        Self {
            store,
            clock,
            graph,
            settings,
            sender,
            turns: Mutex::new(HashMap::new()),
        }
    }

    /// Takes back what workers of an earlier life held; called once, before any worker starts.
    pub async fn recover_all(&self) -> Result<Recovered, StoreError> {
        let everything = Timestamp::FAR_FUTURE;
        self.store
            .recover_leases(everything, self.settings.budgets, self.clock.now())
            .await
    }

    /// One pass over leases and deadlines. Asks nobody, so nobody's slowness holds it up.
    pub async fn sweep(&self) -> Result<ReconcileReport, StoreError> {
        let now = self.clock.now();
        // A call may have been begun just before its lease could no longer outlast it.
        let ended_before = now.minus(GRAPH_CALL_MAX);
        let recovered = self
            .store
            .recover_leases(ended_before, self.settings.budgets, now)
            .await?;
        let expired = self.store.expire_overdue(now, BATCH).await?;
        let keep = self.settings.keep_unknown_accounts;
        let swept = self
            .store
            .sweep_unknown_accounts(now.minus(keep), BATCH)
            .await?;
        Ok(ReconcileReport {
            recovered,
            expired,
            swept,
            ..ReconcileReport::default()
        })
    }

    /// One pass over unknown outcomes: evidence is looked for and settles them.
    pub async fn look(&self) -> Result<ReconcileReport, StoreError> {
        let now = self.clock.now();
        let mut queued: HashMap<AccountId, u32> = HashMap::new();
        let mut settled = Vec::new();
        let mut to_look = Vec::new();
        for send in self.store.unknown_sends(now, BATCH).await? {
            if let Some(echo) = self.echo_of(&send).await? {
                settled.push(self.settle(send, Evidence::Landed(echo)).await?);
                continue;
            }
            let way = Way::of(&send, now);
            match self.turn(&send, &way, &mut queued, now) {
                Some(turn) => {
                    self.settle(send, Evidence::WaitForTurn(turn)).await?;
                }
                None => to_look.push((send, way)),
            }
        }
        let mut looking = stream::iter(to_look)
            .map(|(send, way)| async move {
                let evidence = self.evidence(&send, way, now).await?;
                self.settle(send, evidence).await
            })
            .buffer_unordered(READS_AT_ONCE);
        while let Some(evidence) = looking.next().await {
            settled.push(evidence?);
        }
        Ok(report(&settled))
    }

    async fn settle(&self, send: UnknownSend, evidence: Evidence) -> Result<Evidence, StoreError> {
        if !matches!(evidence, Evidence::WaitForTurn(_)) {
            let kind = send.kind.as_str();
            tracing::info!(send = %send.id, kind, ?evidence, "looked for evidence");
        }
        self.store
            .settle_unknown(send, evidence.clone(), self.clock.now())
            .await?;
        Ok(evidence)
    }

    /// When it is this send's turn, if that is not now: one read of a conversation is two calls,
    /// and Meta allows so many calls a second and account (contract 7). Those that wait are put
    /// one behind the other, so that they do not fill the next pass.
    fn turn(
        &self,
        send: &UnknownSend,
        way: &Way,
        queued: &mut HashMap<AccountId, u32>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        const CALLS: u32 = 2;
        if !matches!(way, Way::Conversation(_)) {
            return None;
        }
        let spacing = Duration::from_secs(1) * CALLS / self.settings.conversation_reads.max(1);
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, free_at| *free_at > now);
        if let Some(free_at) = turns.get(&send.account_id) {
            let ahead = queued.entry(send.account_id.clone()).or_default();
            let turn = free_at.plus(spacing * *ahead);
            *ahead += 1;
            return Some(turn);
        }
        turns.insert(send.account_id.clone(), now.plus(spacing));
        None
    }
}

fn report(settled: &[Evidence]) -> ReconcileReport {
    let mut report = ReconcileReport::default();
    for evidence in settled {
        match evidence {
            Evidence::Landed(_) => report.landed += 1,
            Evidence::TryAgain | Evidence::Absent => report.tried_again += 1,
            Evidence::Over { .. } => report.over += 1,
            Evidence::LookAgain(_) | Evidence::WaitForTurn(_) | Evidence::LeaveUnknown => {
                report.still_unknown += 1;
            }
        }
    }
    report
}
