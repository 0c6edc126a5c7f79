//! Upkeep: what comes back for as long as an account is connected, so that silence is noticed,
//! repaired and told before anybody asks.
//!
//! - [`Upkeep::tick`]: does the tasks whose time has come
//! - [`Upkeep::beat`]: notices that nobody was there for a while
//! - `subscription`, `token`, `silence`, `backfill`: one file for each task

mod backfill;
mod silence;
mod subscription;
mod token;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use hookline_meta::graph::{CallFailure, ErrorClass, GraphClient};
use hookline_model::alert::{AlertCode, RaiseAlert};
use hookline_model::backoff::Backoff;
use hookline_model::clock::{Clock, Timestamp};
use hookline_model::ids::AccountId;
use hookline_model::upkeep::{GapCause, Task};
use hookline_store::lanes::NewHold;
use hookline_store::upkeep::{DueTask, TaskDone};
use hookline_store::{Store, StoreError};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};
use serde_json::Value;
use tokio::sync::Notify;

use crate::caller::{Caller, CallerProblem};
use crate::keyring::{KeyRing, NONCE_BYTES};
use crate::send::SendWorker;
use crate::subscribe::Subscriber;

/// Tasks looked at in one tick.
const BATCH: u32 = 64;

/// Tasks under way at once: each waits for Meta most of its time.
const AT_ONCE: usize = 8;

/// The shortest time without a beat that may have cost events. Meta repeats what failed a few
/// times at once (contract 2.6), so a shorter one costs none.
const GAP_MIN: Duration = Duration::from_mins(2);

/// How long Meta's own repeats have before a gap is read back.
const REPEATS_WAIT: Duration = Duration::from_mins(1);

/// How far apart the accounts are read back after a gap of all: 20 a second.
const ACCOUNTS_APART: Duration = Duration::from_millis(50);

/// How long a task whose account cannot be called waits.
const NO_CALLER_WAIT: Duration = Duration::from_hours(1);

/// For tasks that failed: a minute, doubling.
const RETRY: Backoff = Backoff::UPKEEP;

/// What the owner may set of the upkeep.
#[derive(Debug, Clone)]
pub struct UpkeepSettings {
    /// Whether the app's subscription, and that of every account, is repaired.
    pub manages_subscription: bool,
    /// How often subscriptions are looked at.
    pub watch_every: Duration,
    /// How often it is asked whether there is something to tell.
    pub listen_every: Duration,
    /// Calls of the conversations API a second and account (contract 7).
    pub conversation_reads: u32,
}

/// Does the tasks.
pub struct Upkeep {
    /// The durable record.
    pub store: Arc<Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Meta.
    pub graph: Arc<GraphClient>,
    /// Seals refreshed tokens.
    pub keys: Arc<KeyRing>,
    /// Knows the accounts' tokens.
    pub sender: SendWorker,
    /// Asks Meta to deliver.
    pub subscriber: Subscriber,
    /// What the owner set.
    pub settings: UpkeepSettings,
    /// Draws nonces and jitter.
    pub random: Mutex<StdRng>,
    /// Notified when something was recorded.
    pub recorded: Arc<Notify>,
}

/// How a task ends for now.
enum Next {
    /// It is due again at this moment.
    At(Timestamp, Option<Value>),
    /// It is due again after about this time: jitter keeps accounts apart.
    After(Duration, Option<Value>),
    /// It could not be done, for this reason; it is tried again soon.
    Failed(&'static str),
    /// It could not be done, and trying again soon is no use.
    NotNow(&'static str),
}

impl Upkeep {
    /// Called once, when the engine starts: an app whose subscription we manage is looked at now,
    /// because its configuration may have changed.
    pub async fn begin(&self) -> Result<(), StoreError> {
        if self.settings.manages_subscription {
            let now = self.clock.now();
            self.store
                .hasten_task(Task::AppSubscription, None, now)
                .await?;
        }
        Ok(())
    }

    /// Says that the engine lives. When it last said so too long ago, events may have been missed:
    /// every account is read back, and every subscription looked at. That is kept before the beat,
    /// so that a process that dies in between notices it again.
    pub async fn beat(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        if let Some(before) = self.store.pulse().await? {
            self.after_silence(before, now).await?;
        }
        self.store.beat(now).await
    }

    async fn after_silence(&self, before: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        let silence = now.since(before);
        if silence < GAP_MIN {
            return Ok(());
        }
        let accounts = self
            .store
            .note_gap_of_all(
                GapCause::Downtime,
                (before, now),
                (now, now.plus(REPEATS_WAIT)),
                ACCOUNTS_APART,
            )
            .await?;
        let seconds = silence.as_secs();
        tracing::warn!(
            seconds,
            accounts,
            "was not running; what was missed is read back"
        );
        self.look_at_subscriptions().await
    }

    /// Has every subscription looked at now: something says that Meta may have dropped them.
    pub async fn look_at_subscriptions(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        for task in [Task::AppSubscription, Task::Subscription] {
            self.store.hasten_task(task, None, now).await?;
        }
        Ok(())
    }

    /// Does the tasks whose time has come, and says whether more may wait. A task that was cut off
    /// is due still: each can be done twice without harm.
    pub async fn tick(&self) -> Result<bool, StoreError> {
        let due = self.store.due_tasks(self.clock.now(), BATCH).await?;
        let has_more = due.len() >= usize::try_from(BATCH).unwrap_or(usize::MAX);
        let mut failure = None;
        let mut working = stream::iter(due)
            .map(|task| self.work(task))
            .buffer_unordered(AT_ONCE);
        // To the end whatever fails: a neighbour that is cut off could lose a token it just got.
        while let Some(worked) = working.next().await {
            if let Err(error) = worked {
                failure = Some(error);
            }
        }
        failure.map_or(Ok(has_more), Err)
    }

    async fn work(&self, task: DueTask) -> Result<(), StoreError> {
        let begun_at = self.clock.now();
        let next = match (&task.account_id, task.task) {
            (None, _) => self.app_subscription(&task).await?,
            (Some(account), Task::AppSubscription) => {
                tracing::error!(%account, "an account has a task of the app's");
                Next::After(NO_CALLER_WAIT, None)
            }
            (Some(account), kind) => match self.sender.caller(account).await {
                Ok(caller) => self.of_account(kind, &task, &caller).await?,
                Err(CallerProblem::Store(error)) => return Err(error),
                Err(CallerProblem::NotConnected | CallerProblem::TokenUnreadable) => {
                    Next::NotNow("no_token")
                }
            },
        };
        let done = self.done(&task, next);
        self.store.finish_task(task, begun_at, done).await
    }

    async fn of_account(
        &self,
        kind: Task,
        task: &DueTask,
        caller: &Caller,
    ) -> Result<Next, StoreError> {
        match kind {
            Task::Subscription => self.subscription(task, caller).await,
            Task::Token => self.token(task, caller).await,
            Task::Silence => self.silence(task, caller).await,
            Task::Backfill | Task::AppSubscription => self.backfill(caller).await,
        }
    }

    fn done(&self, task: &DueTask, next: Next) -> TaskDone {
        let now = self.clock.now();
        let failed = |wait: Duration, reason: &str| {
            let (name, account) = (task.task.as_str(), task.account_id.as_ref());
            let (account, seconds) = (account.map(AccountId::as_str), wait.as_secs());
            tracing::warn!(
                task = name,
                account,
                reason,
                seconds,
                "not done; tried again"
            );
            TaskDone {
                next_at: now.plus(wait),
                failures: task.failures + 1,
                memo: task.memo.clone(),
            }
        };
        match next {
            Next::At(next_at, memo) => TaskDone {
                next_at,
                failures: 0,
                memo,
            },
            Next::After(wait, memo) => TaskDone {
                next_at: now.plus(self.about(wait)),
                failures: 0,
                memo,
            },
            Next::Failed(reason) => {
                let chance = self.with_random(StdRng::random);
                failed(RETRY.after_with_jitter(task.failures + 1, chance), reason)
            }
            Next::NotNow(reason) => failed(self.about(NO_CALLER_WAIT), reason),
        }
    }

    /// A wait with up to a tenth taken off, so that what began together does not stay together.
    fn about(&self, wait: Duration) -> Duration {
        let permille = self.with_random(|random| random.random_range(0..=100_u32));
        wait.saturating_sub(wait / 1000 * permille)
    }

    fn with_random<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn nonce(&self) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        self.with_random(|random| random.fill_bytes(&mut nonce));
        nonce
    }

    /// What a failed call says of the account: a dead token holds it, whoever notices.
    async fn failed(&self, caller: &Caller, failure: &CallFailure) -> Result<Next, StoreError> {
        let reason = failure.reason();
        match failure.class() {
            Some(ErrorClass::Token(_)) => {}
            Some(ErrorClass::Blocked | ErrorClass::Permission) => {
                return Ok(Next::NotNow(reason));
            }
            _ => return Ok(Next::Failed(reason)),
        }
        let hold = NewHold {
            reason: reason.to_owned(),
            until: None,
            token_number: Some(caller.token_number()),
            alert: Some(AlertCode::TokenDead),
        };
        let account = caller.account().clone();
        self.store
            .hold_account(account, hold, self.clock.now())
            .await?;
        Ok(Next::NotNow(reason))
    }

    async fn raise(
        &self,
        code: AlertCode,
        account: Option<&AccountId>,
        detail: String,
        step: Option<u32>,
    ) -> Result<(), StoreError> {
        let alert = RaiseAlert {
            code,
            account: account.cloned(),
            detail,
            step,
        };
        self.store
            .raise_alert(alert, self.clock.now())
            .await
            .map(|_| ())
    }

    async fn resolve(
        &self,
        code: AlertCode,
        account: Option<&AccountId>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.store
            .resolve_alert(code, account.cloned(), now)
            .await
            .map(|_| ())
    }
}

#[cfg(test)]
mod tests;
