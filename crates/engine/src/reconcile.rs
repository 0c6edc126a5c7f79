//! Reconcile: what ended without a known outcome is settled by evidence, never by a blind
//! repetition (promise 4).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hookline_meta::graph::{ConversationMessage, GraphClient};
use hookline_model::backoff::Backoff;
use hookline_model::clock::{Clock, Timestamp};
use hookline_model::ids::{AccountId, CommentId, ContactId, MessageId};
use hookline_model::limits::ATTEMPTS_MAX;
use hookline_model::send::SendKind;
use hookline_store::evidence::{Evidence, Recovered, UnknownSend};
use hookline_store::{Store, StoreError, Swept};

use crate::send::SendWorker;
use crate::settings::Settings;

/// How far Meta's clock and ours may differ when a message is recognised by its time
/// (contract 7).
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// How often evidence is looked for before a person has to decide.
const LOOKS_MAX: u32 = 5;

/// Rows of one pass.
const BATCH: u32 = 200;

/// What one tick did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReconcileReport {
    /// Leases that had run out.
    pub recovered: Recovered,
    /// Unknown sends that turned out to have landed.
    pub landed: usize,
    /// Unknown sends that may be tried again.
    pub tried_again: usize,
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
    /// When each account's conversations were last read; entries go after a second.
    read_at: HashMap<AccountId, Timestamp>,
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
            read_at: HashMap::new(),
        }
    }

    /// Takes back what workers of an earlier life held; called once, before any worker starts.
    pub async fn recover_all(&self) -> Result<Recovered, StoreError> {
        let everything = Timestamp::FAR_FUTURE;
        self.store
            .recover_leases(everything, self.settings.budgets, self.clock.now())
            .await
    }

    /// One pass over everything that is open.
    pub async fn tick(&mut self) -> Result<ReconcileReport, StoreError> {
        let now = self.clock.now();
        let mut report = ReconcileReport {
            recovered: self
                .store
                .recover_leases(now, self.settings.budgets, now)
                .await?,
            expired: self.store.expire_overdue(now, BATCH).await?,
            ..ReconcileReport::default()
        };
        let keep = self.settings.keep_unknown_accounts;
        report.swept = self
            .store
            .sweep_unknown_accounts(now.minus(keep), BATCH)
            .await?;
        for send in self.store.unknown_sends(now, BATCH).await? {
            let Some(evidence) = self.evidence(&send, now).await? else {
                continue;
            };
            match &evidence {
                Evidence::Landed(_) => report.landed += 1,
                Evidence::TryAgain => report.tried_again += 1,
                Evidence::LookAgain(_) | Evidence::LeaveUnknown => report.still_unknown += 1,
            }
            tracing::info!(send = %send.id, kind = send.kind.as_str(), ?evidence, "looked for evidence");
            self.store
                .settle_unknown(send, evidence, self.clock.now())
                .await?;
        }
        Ok(report)
    }

    /// What the evidence says; nothing while the account's budget of conversation reads is used
    /// up, in which case the next tick asks again.
    async fn evidence(
        &mut self,
        send: &UnknownSend,
        now: Timestamp,
    ) -> Result<Option<Evidence>, StoreError> {
        if let Some(echo) = self.echo_of(send).await? {
            return Ok(Some(Evidence::Landed(echo)));
        }
        if send.kind == SendKind::Dm && !self.may_read_conversation(send, now) {
            return Ok(None);
        }
        self.look(send, now).await.map(Some)
    }

    /// One read of a conversation is two calls (contract 7 allows so many calls a second).
    fn may_read_conversation(&mut self, send: &UnknownSend, now: Timestamp) -> bool {
        const CALLS: u32 = 2;
        let spacing = Duration::from_secs(1) * CALLS / self.settings.conversation_reads.max(1);
        self.read_at.retain(|_, at| now.since(*at) < spacing);
        if self.read_at.contains_key(&send.account_id) {
            return false;
        }
        self.read_at.insert(send.account_id.clone(), now);
        true
    }

    async fn look(&self, send: &UnknownSend, now: Timestamp) -> Result<Evidence, StoreError> {
        match (send.kind, &send.contact_id, &send.comment_id) {
            // Meta refuses a second reply to a comment, so trying again cannot double it
            // (contract 5.8).
            (SendKind::PrivateReply, _, _) if send.attempts < ATTEMPTS_MAX => {
                Ok(Evidence::TryAgain)
            }
            (SendKind::Dm, Some(contact), _) => self.in_conversation(send, contact, now).await,
            (SendKind::PublicReply, _, Some(comment)) => {
                self.under_comment(send, comment, now).await
            }
            (SendKind::PrivateReply | SendKind::Dm | SendKind::PublicReply, _, _) => {
                Ok(Evidence::LeaveUnknown)
            }
        }
    }

    /// The echo of a message that was sent: it may come before, after or instead of the answer.
    async fn echo_of(&self, send: &UnknownSend) -> Result<Option<MessageId>, StoreError> {
        let Some(contact) = send.contact_id.clone() else {
            return Ok(None);
        };
        if send.kind == SendKind::PublicReply {
            return Ok(None);
        }
        let since = send.started_at.minus(CLOCK_SKEW);
        self.store
            .find_echo(send.account_id.clone(), contact, send.text.clone(), since)
            .await
    }

    async fn in_conversation(
        &self,
        send: &UnknownSend,
        contact: &ContactId,
        now: Timestamp,
    ) -> Result<Evidence, StoreError> {
        let Ok(caller) = self.sender.caller(&send.account_id).await else {
            return Ok(look_again(send, now));
        };
        let Ok(read) = self
            .graph
            .read_conversation(&caller.sender(), contact)
            .await
        else {
            return Ok(look_again(send, now));
        };
        let since = send.started_at.minus(CLOCK_SKEW);
        for message in &read.value {
            let is_ours = message.from_id.as_deref() != Some(contact.as_str());
            if is_ours
                && message.created_at >= since
                && message.text.as_deref() == Some(send.text.as_str())
                && !self.store.is_attributed(message.id.clone()).await?
            {
                return Ok(Evidence::Landed(message.id.clone()));
            }
        }
        // Absent only counts when the page reaches back to the attempt.
        if reaches_back(&read.value, since)
            && now < send.deadline_at
            && send.attempts < ATTEMPTS_MAX
        {
            Ok(Evidence::TryAgain)
        } else {
            Ok(look_again(send, now))
        }
    }

    async fn under_comment(
        &self,
        send: &UnknownSend,
        comment: &CommentId,
        now: Timestamp,
    ) -> Result<Evidence, StoreError> {
        let Ok(caller) = self.sender.caller(&send.account_id).await else {
            return Ok(look_again(send, now));
        };
        let Ok(read) = self.graph.read_replies(&caller.sender(), comment).await else {
            return Ok(look_again(send, now));
        };
        let since = send.started_at.minus(CLOCK_SKEW);
        for reply in &read.value {
            let id = MessageId::new(reply.id.as_str());
            if reply.created_at >= since
                && reply.text.as_deref() == Some(send.text.as_str())
                && !self.store.is_attributed(id.clone()).await?
            {
                return Ok(Evidence::Landed(id));
            }
        }
        Ok(if now < send.deadline_at {
            Evidence::TryAgain
        } else {
            Evidence::LeaveUnknown
        })
    }
}

/// Whether a page of messages, newest first, shows everything since `since`: it holds something
/// older, or is not full.
fn reaches_back(messages: &[ConversationMessage], since: Timestamp) -> bool {
    const PAGE: usize = 20;
    messages.len() < PAGE
        || messages
            .last()
            .is_some_and(|oldest| oldest.created_at < since)
}

fn look_again(send: &UnknownSend, now: Timestamp) -> Evidence {
    if send.looks >= LOOKS_MAX {
        Evidence::LeaveUnknown
    } else {
        Evidence::LookAgain(now.plus(Backoff::TRIES.after(send.looks + 1)))
    }
}
