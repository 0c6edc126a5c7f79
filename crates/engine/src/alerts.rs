//! Alerts: what the process sees going wrong is raised and resolved, and people are told.
//!
//! What is seen while a transaction is made (a dead token, a block) is raised in that transaction,
//! in the store. Here is the rest: what only this process sees ([`Signs`]), what follows from the
//! database as it stands, and telling people ([`Notifier`]). Notices are committed before anybody
//! is told and settled afterwards, so a crash can repeat one, under the same id, and lose none.

mod spike;

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use hookline_model::alert::{Alert, AlertCode, Notice, NoticeEvent, RaiseAlert, Severity};
use hookline_model::backoff::Backoff;
use hookline_model::clock::{Clock, Timestamp};
use hookline_model::ids::{AlertId, NoticeId};
use hookline_model::upkeep::Task;
use hookline_store::alerts::{Letter, LetterOutcome};
use hookline_store::{Store, StoreError};

use spike::{Reading, Spike};

/// Rows of one pass.
const BATCH: u32 = 100;

/// People told at once.
const TOLD_AT_ONCE: usize = 8;

/// After so long people who could not be told are left alone: the alert is still in the API.
const TELL_FOR: Duration = Duration::from_hours(24);

/// How long resolved alerts are kept.
const KEEP_RESOLVED: Duration = Duration::from_hours(90 * 24);

/// How long the trouble of an account that has nothing to send may go unseen and still count.
const UNSEEN_MAX: Duration = Duration::from_hours(48);

/// How often old alerts are looked for.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// How long the database may take to keep an alert, before people are told without it.
const RAISE_WAIT_MAX: Duration = Duration::from_secs(5);

/// What only the running process knows; counted in memory, so that the path to the 200 pays
/// nothing for it.
pub trait Signs: Send + Sync {
    /// Deliveries refused because their signature is missing or does not hold, since the start.
    fn refused_signatures(&self) -> u64;
    /// Deliveries answered 503 since the start.
    fn unrecorded_deliveries(&self) -> u64;
    /// Whether many accounts get the same error from Meta at once.
    fn is_incident(&self) -> bool;
}

/// Telling one destination.
pub type Telling<'a> = Pin<Box<dyn Future<Output = Result<(), NotTold>> + Send + 'a>>;

/// Tells people outside.
pub trait Notifier: Send + Sync {
    /// Everyone who is to be told, each by a name that is the same after a restart and holds no
    /// secret.
    fn destinations(&self) -> Vec<String>;
    /// Tells one of them, within a bounded time. It may be told the same notice again.
    fn tell<'a>(&'a self, destination: &'a str, notice: &'a Notice) -> Telling<'a>;
}

/// Why somebody was not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTold {
    /// This time; perhaps the next.
    #[error("{0}")]
    ThisTime(String),
    /// The destination is not configured any more.
    #[error("it is not configured any more")]
    Unknown,
}

/// What one pass of telling did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TellReport {
    /// Notices that arrived.
    pub delivered: usize,
    /// Notices that did not, and are tried again.
    pub failed: usize,
    /// Notices that did not, and are not tried again.
    pub given_up: usize,
}

/// Raises, resolves and tells.
pub struct Alerts {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    signs: Arc<dyn Signs>,
    notifier: Arc<dyn Notifier>,
    watched: Mutex<Watched>,
}

/// What the watch remembers from one look to the next.
struct Watched {
    signatures: Spike,
    unrecorded: Spike,
    /// What was committed last, of alerts about the whole installation.
    committed: Vec<(AlertCode, bool)>,
    swept_at: Timestamp,
    is_told_without_database: bool,
}

/// What is to be committed of one alert.
type Wanted = (AlertCode, Option<String>);

impl Alerts {
    /// Watches `signs` and `store`, and tells through `notifier`.
    pub fn new(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        signs: Arc<dyn Signs>,
        notifier: Arc<dyn Notifier>,
    ) -> Self {
        // Ten wrong signatures in five minutes are no mishap. Three deliveries lost to the disk
        // are three that Meta has to bring again.
        let minutes = Duration::from_mins;
        Self {
            store,
            clock,
            signs,
            notifier,
            watched: Mutex::new(Watched {
                signatures: Spike::new(10, minutes(5), minutes(15)),
                unrecorded: Spike::new(3, minutes(5), minutes(10)),
                committed: Vec::new(),
                swept_at: Timestamp::EPOCH,
                is_told_without_database: false,
            }),
        }
    }

    /// One look at everything that is not raised where it happens.
    pub async fn watch(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let (wanted, is_sweep_due) = self.lock().look(self.signs.as_ref(), now);
        for (code, detail) in wanted {
            let is_raised = detail.is_some();
            match self.commit(code, detail.clone(), now).await {
                Ok(()) => {
                    self.lock().committed(code, is_raised);
                    if is_raised && costs_the_subscription(code) {
                        self.look_at_subscriptions(now).await?;
                    }
                }
                Err(error) if code == AlertCode::DeliveriesNotRecorded && is_raised => {
                    self.tell_without_database(detail.unwrap_or_default(), now)
                        .await;
                    return Err(error);
                }
                Err(error) => return Err(error),
            }
        }
        self.store.review_unsettled_sends(now).await?;
        if is_sweep_due {
            let unseen_since = now.minus(UNSEEN_MAX);
            self.store.resolve_unseen_alerts(unseen_since, now).await?;
            let before = now.minus(KEEP_RESOLVED);
            self.store.forget_old_alerts(before, BATCH).await?;
        }
        Ok(())
    }

    /// Meta drops subscriptions whose deliveries fail for an hour (contract 2.6).
    async fn look_at_subscriptions(&self, now: Timestamp) -> Result<(), StoreError> {
        for task in [Task::AppSubscription, Task::Subscription] {
            self.store.hasten_task(task, None, now).await?;
        }
        Ok(())
    }

    async fn commit(
        &self,
        code: AlertCode,
        detail: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(detail) = detail else {
            return self.store.resolve_alert(code, None, now).await.map(drop);
        };
        let alert = RaiseAlert {
            code,
            account: None,
            detail,
            step: None,
        };
        let raise = self.store.raise_alert(alert, now);
        match tokio::time::timeout(RAISE_WAIT_MAX, raise).await {
            Ok(raised) => raised.map(drop),
            // Whether it was kept is not known; raising it again has no effect if it was.
            Err(_) => Err(StoreError::Commit("no answer in time".to_owned())),
        }
    }

    /// The alert that the database does not work cannot wait for the database. People are told
    /// once while it lasts, and again, as of any alert, when it could be kept.
    async fn tell_without_database(&self, detail: String, now: Timestamp) {
        if std::mem::replace(&mut self.lock().is_told_without_database, true) {
            return;
        }
        // No row has a number as large as a time.
        let id = now.as_millis();
        let code = AlertCode::DeliveriesNotRecorded;
        let notice = Notice {
            id: NoticeId(id),
            event: NoticeEvent::Raised,
            alert: Alert::of((AlertId(id), code), None, (now, None), detail),
        };
        log(&notice);
        for destination in self.notifier.destinations() {
            if let Err(problem) = self.notifier.tell(&destination, &notice).await {
                tracing::error!(destination, %problem, "nobody was told that the database fails");
            }
        }
    }

    /// One pass of telling people: what is new is logged and addressed, what is due is told.
    pub async fn tell(&self) -> Result<TellReport, StoreError> {
        let now = self.clock.now();
        let new = self.store.list_new_notices(BATCH).await?;
        if !new.is_empty() {
            // Before they are addressed, so that a crash repeats the line and loses none.
            new.iter().for_each(log);
            let ids = new.iter().map(|notice| notice.id).collect();
            let destinations = self.notifier.destinations();
            self.store.address_notices(ids, destinations, now).await?;
        }
        let due = self.store.list_due_letters(BATCH, now).await?;
        let mut telling = stream::iter(due)
            .map(|letter| self.deliver(letter))
            .buffer_unordered(TOLD_AT_ONCE);
        let mut report = TellReport::default();
        while let Some(outcome) = telling.next().await {
            match outcome? {
                LetterOutcome::Delivered => report.delivered += 1,
                LetterOutcome::TryAgain { .. } => report.failed += 1,
                LetterOutcome::GivenUp { .. } => report.given_up += 1,
            }
        }
        Ok(report)
    }

    async fn deliver(&self, letter: Letter) -> Result<LetterOutcome, StoreError> {
        let told = self.notifier.tell(&letter.destination, &letter.notice);
        let outcome = outcome_of(told.await, &letter, self.clock.now());
        let (notice, destination) = (letter.notice.id, letter.destination);
        match &outcome {
            LetterOutcome::Delivered => {
                tracing::debug!(%notice, destination, "told of an alert");
            }
            LetterOutcome::TryAgain { problem, .. } => {
                tracing::warn!(%notice, destination, problem, "could not be told of an alert yet");
            }
            LetterOutcome::GivenUp { problem } => {
                tracing::error!(%notice, destination, problem, "was never told of an alert");
            }
        }
        self.store
            .finish_letter(notice, destination, outcome.clone())
            .await?;
        Ok(outcome)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn costs_the_subscription(code: AlertCode) -> bool {
    matches!(
        code,
        AlertCode::SignatureFailures | AlertCode::DeliveriesNotRecorded
    )
}

fn outcome_of(told: Result<(), NotTold>, letter: &Letter, now: Timestamp) -> LetterOutcome {
    let problem = match told {
        Ok(()) => return LetterOutcome::Delivered,
        Err(NotTold::Unknown) => {
            let problem = NotTold::Unknown.to_string();
            return LetterOutcome::GivenUp { problem };
        }
        Err(NotTold::ThisTime(problem)) => problem,
    };
    let at = now.plus(Backoff::NOTICES.after(letter.tries.saturating_add(1)));
    if at.since(letter.created_at) > TELL_FOR {
        LetterOutcome::GivenUp { problem }
    } else {
        LetterOutcome::TryAgain { at, problem }
    }
}

impl Watched {
    /// What differs from what was committed last, and whether it is time to sweep.
    fn look(&mut self, signs: &dyn Signs, now: Timestamp) -> (Vec<Wanted>, bool) {
        let signatures = self.signatures.read(signs.refused_signatures(), now);
        let unrecorded = self.unrecorded.read(signs.unrecorded_deliveries(), now);
        let incident = if signs.is_incident() {
            Some(Some("nothing is sent until a call goes through".to_owned()))
        } else {
            Some(None)
        };
        let spike = |reading, what: &str| match reading {
            Reading::Spike(count) => Some(Some(format!("{count} deliveries {what}"))),
            Reading::Unsettled => None,
            Reading::Quiet => Some(None),
        };
        let refused = spike(signatures, "were refused within five minutes");
        let lost = spike(unrecorded, "were answered 503 within five minutes");
        let wanted = [
            // First, because what comes before it could fail with the database.
            (AlertCode::DeliveriesNotRecorded, lost),
            (AlertCode::SignatureFailures, refused),
            (AlertCode::AppIncident, incident),
        ];
        let wanted = wanted
            .into_iter()
            .filter_map(|(code, wanted)| Some((code, wanted?)))
            .filter(|(code, detail)| !self.committed.contains(&(*code, detail.is_some())))
            .collect();
        // A clock that was set back must not put the sweep off.
        let is_sweep_due = now < self.swept_at || now.since(self.swept_at) >= SWEEP_EVERY;
        if is_sweep_due {
            self.swept_at = now;
        }
        (wanted, is_sweep_due)
    }

    fn committed(&mut self, code: AlertCode, is_raised: bool) {
        self.committed.retain(|(known, _)| *known != code);
        self.committed.push((code, is_raised));
        if code == AlertCode::DeliveriesNotRecorded {
            self.is_told_without_database = false;
        }
    }
}

fn log(notice: &Notice) {
    let alert = &notice.alert;
    let (code, event, detail) = (alert.code.as_str(), notice.event.as_str(), &alert.detail);
    let account = alert.account.as_ref().map(ToString::to_string);
    let what_to_do = &alert.what_to_do;
    match (notice.event, alert.severity) {
        (NoticeEvent::Resolved, _) => {
            tracing::info!(code, event, account, "an alert is over: {}", alert.title);
        }
        (NoticeEvent::Raised | NoticeEvent::Renewed, Severity::Critical) => {
            tracing::error!(
                code,
                event,
                account,
                detail,
                what_to_do,
                "alert: {}",
                alert.title
            );
        }
        (NoticeEvent::Raised | NoticeEvent::Renewed, Severity::Warning) => {
            tracing::warn!(
                code,
                event,
                account,
                detail,
                what_to_do,
                "alert: {}",
                alert.title
            );
        }
    }
}

#[cfg(test)]
mod tests;
