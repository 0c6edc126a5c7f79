//! Send: lanes are claimed, what must be known is read, the attempt is committed, Meta is called,
//! and what came of it is committed.

mod breaker;
mod context;
mod gather;
mod outcome;
mod texts;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hookline_meta::graph::{
    Answer, CallFailure, Commented, GraphClient, RequestProblem, Sender, Sent,
};
use hookline_model::alert::AlertCode;
use hookline_model::attempt::{AttemptOutcome, MetaAnswer};
use hookline_model::clock::{Clock, Timestamp};
use hookline_model::event::{EventBody, Mention};
use hookline_model::ids::{AccountId, MessageId, SendId};
use hookline_model::limits::LEASE;
use hookline_model::send::{SendKind, SendState};
use hookline_model::template::Facts;
use hookline_store::lanes::{
    ClaimRequest, ClaimedLane, Ending, FinishAttempt, LaneClaim, LeasedSend, NewHold, StartAttempt,
    StartResult, StartedAttempt,
};
use hookline_store::{Store, StoreError};

use crate::caller::{Caller, CallerProblem, NoCaller};
use crate::keyring::KeyRing;
use crate::settings::Settings;
use crate::worker::Observer;

use breaker::{Breaker, Leave};
use context::{Context, Ready};
use gather::Gather;
use outcome::Tried;
use texts::Texts;

/// Sends of one lane in flight at once: enough for the fastest budget, few enough to hand the
/// worker back soon.
const SENDS_PER_LANE: u32 = 8;

/// A send worker; cheap to clone.
#[derive(Clone)]
pub struct SendWorker {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    graph: Arc<GraphClient>,
    keys: Arc<KeyRing>,
    settings: Arc<Settings>,
    observer: Arc<dyn Observer>,
    breaker: Arc<Breaker>,
    starts: Arc<Gather<(LaneClaim, StartAttempt), StartResult>>,
    ends: Arc<Gather<Ending, bool>>,
    texts: Arc<Texts>,
    /// Whether the last claim got all it asked for.
    is_behind: Arc<AtomicBool>,
}

impl SendWorker {
    /// A worker that sends what `store` holds through `graph`.
    pub fn new(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        graph: Arc<GraphClient>,
        keys: Arc<KeyRing>,
        settings: Arc<Settings>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            store,
            clock,
            graph,
            keys,
            settings,
            observer,
            breaker: Arc::new(Breaker::new()),
            starts: Arc::new(Gather::new()),
            ends: Arc::new(Gather::new()),
            texts: Arc::default(),
            is_behind: Arc::default(),
        }
    }

    /// Until when nothing may be claimed, because many accounts get the same error at once.
    pub fn closed_until(&self) -> Option<Timestamp> {
        match self.breaker.leave(self.clock.now()) {
            Leave::NotBefore(until) => Some(until),
            Leave::All | Leave::One => None,
        }
    }

    /// Claims up to `lanes` lanes whose time has come: one or none while many accounts get the
    /// same error from Meta.
    pub async fn claim(&self, lanes: u32) -> Result<Vec<ClaimedLane>, StoreError> {
        let now = self.clock.now();
        let lanes = match self.breaker.leave(now) {
            Leave::All => lanes,
            Leave::One => 1,
            Leave::NotBefore(_) => return Ok(Vec::new()),
        };
        // Most times nothing is due: that is found out beside the writer, not in its queue. While
        // there was as much as could be taken, it is not asked.
        if !self.is_behind.load(Ordering::Relaxed)
            && self.store.next_lane_at().await?.is_none_or(|at| at > now)
        {
            return Ok(Vec::new());
        }
        let claimed = self.store.claim_lanes(self.request(lanes), now).await?;
        let is_behind = u32::try_from(claimed.len()).is_ok_and(|claimed| claimed >= lanes);
        self.is_behind.store(is_behind, Ordering::Relaxed);
        if !claimed.is_empty() {
            self.breaker.begin_trial(now);
        }
        Ok(claimed)
    }

    /// Claims and works lanes until nothing is due, and says how many sends were looked at. For
    /// tests and tools; the server works lanes side by side.
    pub async fn tick(&self) -> Result<usize, StoreError> {
        let mut sends = 0;
        loop {
            let claimed = self.claim(16).await?;
            if claimed.is_empty() {
                return Ok(sends);
            }
            for lane in claimed {
                sends += lane.sends.len();
                self.work(lane).await;
            }
        }
    }

    /// Works a claimed lane: its sends at once, each to another person; then gives it back.
    /// Whatever fails here is found again by its lease.
    pub async fn work(&self, lane: ClaimedLane) {
        let claim = lane.claim;
        let caller = Caller::of(lane.account, &self.keys);
        let sends_left = AtomicUsize::new(lane.sends.len());
        let mut sends: FuturesUnordered<_> = lane
            .sends
            .into_iter()
            .map(|send| {
                let (claim, caller, sends_left) = (&claim, &caller, &sends_left);
                async move {
                    let id = send.id;
                    let worked = match caller {
                        Ok(caller) => self.work_send(claim, caller, send).await,
                        Err(problem) => self.without_caller(claim, &send, *problem).await,
                    };
                    let finish = worked.unwrap_or_else(|error| {
                        interrupted(id, &error);
                        None
                    });
                    let is_last = sends_left.fetch_sub(1, Ordering::Relaxed) == 1;
                    let release = is_last.then(|| claim.clone());
                    if let Err(error) = self.end(Ending { finish, release }).await {
                        interrupted(id, &error);
                    }
                }
            })
            .collect();
        while sends.next().await.is_some() {}
    }

    /// Commits what came of a try, and gives the lane back after its last one.
    async fn end(&self, ending: Ending) -> Result<(), StoreError> {
        if ending.finish.is_none() && ending.release.is_none() {
            return Ok(());
        }
        let tried = ending.finish.as_ref().map(|finish| finish.attempt.send);
        let budgets = self.settings.budgets;
        let end_all = |endings| async move {
            let now = self.clock.now();
            self.store.end_attempts(endings, budgets, now).await
        };
        let is_kept = self.ends.ask(ending, end_all).await?;
        if let Some(send) = tried
            && !is_kept
        {
            tracing::warn!(%send, "the result came after someone else had settled it");
        }
        Ok(())
    }

    fn request(&self, lanes: u32) -> ClaimRequest {
        let budgets = self.settings.budgets;
        ClaimRequest {
            lease: LEASE,
            lanes,
            sends_per_lane: SENDS_PER_LANE,
            budgets,
        }
    }

    async fn work_send(
        &self,
        claim: &LaneClaim,
        caller: &Caller,
        send: LeasedSend,
    ) -> Result<Option<FinishAttempt>, StoreError> {
        let (context, learnt) = match self.context(claim, &send, caller).await? {
            Ready::Known { context, learnt } => (context, learnt),
            Ready::NotNow => return Ok(None),
        };
        let text = match self.render(&send, &context, caller) {
            Ok(text) => text,
            Err(reason) => {
                self.refuse(claim, &send, reason).await?;
                return Ok(None);
            }
        };
        let attempt = StartAttempt {
            send: send.id,
            text: text.clone(),
            budget: self.settings.budgets.of(claim.class),
            learnt,
        };
        let started = self.start(claim, attempt).await?;
        let StartResult::Started(attempt) = started else {
            tracing::debug!(send = %send.id, result = ?started, "not sent now");
            return Ok(None);
        };
        let now = self.clock.now();
        let lateness = now.since(send.due_at);
        let called = self.call(caller, &send, &text).await;
        let tried = Tried {
            send: &send,
            number: attempt.number,
            token_number: caller.token_number(),
            is_incident: self.hear(&claim.account_id, &called),
        };
        Ok(Some(self.finished(&tried, attempt, &called, lateness)))
    }

    fn render(
        &self,
        send: &LeasedSend,
        context: &Context,
        caller: &Caller,
    ) -> Result<String, &'static str> {
        if send.is_rendered {
            return Ok(send.text.clone());
        }
        let template = self.texts.parsed(&send.text).ok_or("template_invalid")?;
        let facts: Facts = context.facts(send, caller.account(), caller.username());
        template.render(&facts).map_err(|error| error.reason())
    }

    /// Asks for leave to call.
    async fn start(
        &self,
        claim: &LaneClaim,
        attempt: StartAttempt,
    ) -> Result<StartResult, StoreError> {
        let start_all = |attempts| async move {
            let now = self.clock.now();
            self.store.start_attempts(attempts, now).await
        };
        self.starts.ask((claim.clone(), attempt), start_all).await
    }

    /// Lets the breaker know what came of a call, and answers whether it is trouble of the whole
    /// app.
    fn hear<T>(&self, account: &AccountId, called: &Result<Answer<T>, CallFailure>) -> bool {
        let now = self.clock.now();
        let is_incident = match called {
            Ok(_) => {
                self.breaker.went_well(account, now);
                false
            }
            Err(failure) => self.breaker.failed(account, failure, now),
        };
        self.observer.incident(self.breaker.is_open());
        is_incident
    }

    async fn call(
        &self,
        caller: &Caller,
        send: &LeasedSend,
        text: &str,
    ) -> Result<Answer<Sent>, CallFailure> {
        let sender = caller.sender();
        if let EventBody::MentionReceived(mention) = &send.event.body {
            return self.answer_mention(&sender, mention, text).await;
        }
        match (send.kind, &send.comment_id, &send.contact_id) {
            (SendKind::PrivateReply, Some(comment), _) => {
                self.graph.send_private_reply(&sender, comment, text).await
            }
            (SendKind::PublicReply, Some(comment), _) => self
                .graph
                .send_public_reply(&sender, comment, text)
                .await
                .map(|answer| as_sent(&answer)),
            (SendKind::Dm, _, Some(contact)) => {
                self.graph.send_message(&sender, contact, text).await
            }
            (SendKind::PrivateReply | SendKind::PublicReply | SendKind::Dm, _, _) => {
                Err(RequestProblem::UnusableId("recipient").into())
            }
        }
    }

    /// A mention is on someone else's media, where the comment itself cannot be answered.
    async fn answer_mention(
        &self,
        sender: &Sender<'_>,
        mention: &Mention,
        text: &str,
    ) -> Result<Answer<Sent>, CallFailure> {
        let media = mention
            .media_id
            .as_ref()
            .ok_or(RequestProblem::UnusableId("media"))?;
        let comment = mention.comment_id.as_ref();
        let answer = self
            .graph
            .reply_to_mention(sender, media, comment, text)
            .await?;
        Ok(as_sent(&answer))
    }

    fn finished(
        &self,
        tried: &Tried<'_>,
        attempt: StartedAttempt,
        called: &Result<Answer<Sent>, CallFailure>,
        lateness: Duration,
    ) -> FinishAttempt {
        let meaning = outcome::of(tried, called, self.clock.now());
        let answer = match called {
            Ok(answer) => MetaAnswer {
                http_status: Some(answer.http_status),
                ..MetaAnswer::default()
            },
            Err(failure) => failure.meta_answer(),
        };
        self.observer.attempt(meaning.outcome.as_str(), lateness);
        log(tried.send, attempt.number, &meaning.outcome);
        FinishAttempt {
            attempt,
            outcome: meaning.outcome,
            answer,
            retry_at: meaning.retry_at,
            effect: meaning.effect,
        }
    }

    pub(crate) async fn caller(&self, account: &AccountId) -> Result<Caller, CallerProblem> {
        Caller::find(&self.store, &self.keys, account).await
    }

    async fn without_caller(
        &self,
        claim: &LaneClaim,
        send: &LeasedSend,
        problem: NoCaller,
    ) -> Result<Option<FinishAttempt>, StoreError> {
        let now = self.clock.now();
        match problem {
            NoCaller::NotConnected => {
                let reason = "account_removed".to_owned();
                let state = SendState::Cancelled;
                self.store
                    .end_untried(claim.clone(), send.id, state, reason, now)
                    .await?;
            }
            NoCaller::TokenUnreadable => {
                let alert = (AlertCode::TokenDead, None);
                self.hold(claim, "token_unreadable", None, alert).await?;
                self.store
                    .put_off(claim.clone(), send.id, "token_unreadable".to_owned(), now)
                    .await?;
            }
        }
        Ok(None)
    }

    async fn hold(
        &self,
        claim: &LaneClaim,
        reason: &str,
        pause: Option<Duration>,
        (alert, token_number): (AlertCode, Option<i64>),
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let hold = NewHold {
            reason: reason.to_owned(),
            until: pause.map(|pause| now.plus(pause)),
            token_number,
            alert: Some(alert),
        };
        tracing::warn!(account = %claim.account_id, reason, "the account is held");
        self.store
            .hold_account(claim.account_id.clone(), hold, now)
            .await
    }

    async fn refuse(
        &self,
        claim: &LaneClaim,
        send: &LeasedSend,
        reason: &str,
    ) -> Result<(), StoreError> {
        tracing::info!(send = %send.id, reason, "refused before sending");
        self.store
            .end_untried(
                claim.clone(),
                send.id,
                SendState::Refused,
                reason.to_owned(),
                self.clock.now(),
            )
            .await
    }
}

fn interrupted(send: SendId, error: &StoreError) {
    let error = chain(error);
    tracing::error!(%send, error, "a send was interrupted; its lane's lease will end");
}

/// A public reply is known by the comment it made.
fn as_sent(answer: &Answer<Commented>) -> Answer<Sent> {
    Answer {
        value: Sent {
            message_id: MessageId::new(answer.value.id.as_str()),
            recipient_id: None,
        },
        http_status: answer.http_status,
        usage: answer.usage,
    }
}

fn log(send: &LeasedSend, number: u32, outcome: &AttemptOutcome) {
    let (id, account, kind) = (send.id, &send.event.account_id, send.kind.as_str());
    let reason = outcome.reason().unwrap_or_default();
    match outcome {
        AttemptOutcome::Accepted { .. } => {
            tracing::info!(send = %id, %account, kind, attempt = number, "sent");
        }
        AttemptOutcome::Refused { .. } => {
            tracing::info!(send = %id, %account, kind, attempt = number, reason, "refused");
        }
        AttemptOutcome::Throttled { .. }
        | AttemptOutcome::NotSent { .. }
        | AttemptOutcome::Unknown { .. } => {
            let outcome = outcome.as_str();
            tracing::warn!(send = %id, %account, kind, attempt = number, outcome, reason, "not settled");
        }
    }
}

/// An error with everything that caused it, for one log line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
