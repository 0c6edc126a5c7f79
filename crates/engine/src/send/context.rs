//! What must be known of a comment before the first reply: when it was written (its event does
//! not say), and what the text needs of its media and parent.

use hookline_meta::graph::{CallFailure, ErrorClass};
use hookline_model::alert::{AlertCode, RaiseAlert};
use hookline_model::backoff::Backoff;
use hookline_model::clock::Timestamp;
use hookline_model::conversation::private_reply_deadline;
use hookline_model::event::EventBody;
use hookline_model::ids::{AccountId, CommentId, MediaId};
use hookline_model::send::SendKind;
use hookline_model::template::{AccountFacts, ContactFacts, Facts, MediaFacts, Needs, ParentFacts};
use hookline_store::StoreError;
use hookline_store::lanes::{LaneClaim, LanePause, Learnt, LeasedSend};
use serde::{Deserialize, Serialize};

use super::outcome::{BLOCK_PAUSE, permission_alert, regain_at};
use super::{Caller, SendWorker};

/// What was read from Meta, kept with the sends of the event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Context {
    /// When the comment was written.
    commented_at: Option<Timestamp>,
    parent_id: Option<CommentId>,
    parent_text: Option<String>,
    parent_username: Option<String>,
    media_id: Option<MediaId>,
    permalink: Option<String>,
    caption: Option<String>,
}

/// A read that did not succeed.
struct FailedRead {
    failure: CallFailure,
    token_number: i64,
    begun_at: Timestamp,
}

/// Reads before an error that Meta does not explain is believed.
const UNEXPLAINED_READS: u32 = 3;

/// Whether it may pass: Meta does not say what is wrong, and has not said so often.
fn is_doubted(failure: &CallFailure, send: &LeasedSend) -> bool {
    let is_unexplained = match failure {
        CallFailure::Answered { error, .. } => error.subcode.is_none(),
        CallFailure::NotWritten(_) | CallFailure::NotSent { .. } | CallFailure::Unknown { .. } => {
            false
        }
    };
    is_unexplained && send.reads + 1 < UNEXPLAINED_READS
}

/// Whether a send may go on.
pub(super) enum Ready {
    /// Everything it needs is known.
    Known {
        /// All of it.
        context: Box<Context>,
        /// What of it was read just now, and has to be kept.
        learnt: Option<Learnt>,
    },
    /// It was put off or has ended.
    NotNow,
}

impl SendWorker {
    /// Reads what the send needs and is not known yet. A read that fails puts the send off within
    /// its deadline; it never means "send anyway".
    pub(super) async fn context(
        &self,
        claim: &LaneClaim,
        send: &LeasedSend,
        caller: &Caller,
    ) -> Result<Ready, StoreError> {
        let known: Option<Context> = send
            .context
            .clone()
            .and_then(|value| serde_json::from_value(value).ok());
        let mut context = Box::new(known.unwrap_or_default());
        if send.is_rendered {
            let learnt = None;
            return Ok(Ready::Known { context, learnt });
        }
        let text = self.texts.parsed(&send.text);
        let needs = text.map(|text| text.needs()).unwrap_or_default();
        let before = context.clone();
        let begun_at = self.clock.now();
        match self.complete(&mut context, send, caller, needs).await {
            Ok(()) => {
                let learnt = (context != before).then(|| context.learnt());
                Ok(Ready::Known { context, learnt })
            }
            Err(failure) => {
                let read = FailedRead {
                    failure,
                    token_number: caller.token_number(),
                    begun_at,
                };
                self.read_failed(claim, send, &read).await?;
                Ok(Ready::NotNow)
            }
        }
    }

    async fn complete(
        &self,
        context: &mut Context,
        send: &LeasedSend,
        caller: &Caller,
        needs: Needs,
    ) -> Result<(), CallFailure> {
        let sender = caller.sender();
        let needs_comment = send.kind == SendKind::PrivateReply || needs.parent || needs.media;
        // A comment found through a mention cannot be read (contract 6.1).
        if let (Some(comment), Some(_)) = (&send.comment_id, send.event.body.comment())
            && needs_comment
            && context.commented_at.is_none()
        {
            let read = self.graph.read_comment(&sender, comment).await?.value;
            context.commented_at = Some(read.created_at);
            context.parent_id = read.parent_id.or_else(|| parent_of(send));
            context.media_id = read.media_id.or_else(|| send.event.media_id().cloned());
        }
        if let Some(parent) = &context.parent_id
            && needs.parent
            && context.parent_text.is_none()
        {
            let read = self.graph.read_comment(&sender, parent).await?.value;
            context.parent_text = Some(read.text.unwrap_or_default());
            context.parent_username = read.from.and_then(|from| from.username).or(read.username);
        }
        let media = context.media_id.as_ref().or(send.event.media_id());
        if let Some(media) = media
            && needs.media
            && context.caption.is_none()
        {
            let read = self.graph.read_media(&sender, media).await?.value;
            context.caption = Some(read.caption.unwrap_or_default());
            context.permalink = read.permalink;
        }
        Ok(())
    }

    async fn read_failed(
        &self,
        claim: &LaneClaim,
        send: &LeasedSend,
        read: &FailedRead,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let failure = &read.failure;
        let reason = failure.reason();
        let is_incident = self.breaker.failed(&claim.account_id, failure, now);
        self.observer.incident(self.breaker.is_open());
        tracing::warn!(send = %send.id, reason, "the comment could not be read");
        let mut until = now.plus(Backoff::TRIES.after(send.reads + 1));
        match failure.class() {
            None if matches!(failure, CallFailure::NotWritten(_)) => {
                return self.refuse(claim, send, reason).await;
            }
            Some(ErrorClass::Content) if is_doubted(failure, send) || is_incident => {}
            Some(ErrorClass::ContentOrPermission) => {
                return self.refuse(claim, send, "comment_gone").await;
            }
            Some(
                ErrorClass::Content
                | ErrorClass::User
                | ErrorClass::Done
                | ErrorClass::DoneOrPermanent
                | ErrorClass::Window
                | ErrorClass::Route,
            ) => return self.refuse(claim, send, reason).await,
            Some(ErrorClass::Token(_)) => {
                let token = Some(read.token_number);
                self.hold(claim, reason, None, (AlertCode::TokenDead, token))
                    .await?;
            }
            Some(ErrorClass::Blocked) => {
                let alert = (AlertCode::AccountBlocked, None);
                self.hold(claim, reason, Some(BLOCK_PAUSE), alert).await?;
            }
            Some(ErrorClass::Throttle) => {
                // Every read of this account would be refused, so its lane waits, not this send.
                let pause = LanePause {
                    reason: format!("read_{reason}"),
                    until: regain_at(failure.usage(), now),
                    is_throttle: true,
                    alert: None,
                };
                self.store
                    .pause_lane(claim.clone(), pause, read.begun_at, now)
                    .await?;
                until = now;
            }
            Some(ErrorClass::Permission) if !is_incident => {
                let alert = RaiseAlert {
                    code: permission_alert(reason),
                    account: Some(claim.account_id.clone()),
                    detail: format!("reading waits: {}", reason.replace('_', " ")),
                    step: None,
                };
                self.store.raise_alert(alert, now).await?;
            }
            Some(ErrorClass::Permission | ErrorClass::Retry | ErrorClass::Ambiguous) | None => {}
        }
        self.store
            .put_off(claim.clone(), send.id, format!("read_{reason}"), until)
            .await
    }
}

impl Context {
    /// What is kept of it. The comment's own time decides until when it may be answered.
    fn learnt(&self) -> Learnt {
        Learnt {
            context: serde_json::to_value(self).unwrap_or_default(),
            deadline_at: self.commented_at.map(private_reply_deadline),
        }
    }

    /// Everything a text may speak of.
    pub(super) fn facts(&self, send: &LeasedSend, account: &AccountId, username: &str) -> Facts {
        let event = &send.event;
        let mut facts = Facts {
            contact: ContactFacts {
                id: event.contact_id().map(ToString::to_string),
                username: send.contact_username.clone(),
            },
            media: MediaFacts {
                id: event.media_id().map(ToString::to_string),
                permalink: self.permalink.clone(),
                caption: self.caption.clone(),
            },
            parent: ParentFacts {
                id: self.parent_id.as_ref().map(ToString::to_string),
                text: self.parent_text.clone(),
                username: self.parent_username.clone(),
            },
            account: AccountFacts {
                id: Some(account.to_string()),
                username: Some(username.to_owned()),
            },
            keyword: send.keyword.clone(),
            automation: Some(send.automation.clone()),
            ..Facts::default()
        };
        add_words(&mut facts, &event.body);
        facts
    }
}

/// What the event itself says.
fn add_words(facts: &mut Facts, body: &EventBody) {
    if let Some(comment) = body.comment() {
        facts.comment.id = Some(comment.id.to_string());
        facts.comment.text.clone_from(&comment.text);
        if let Some(name) = comment
            .from
            .as_ref()
            .and_then(|person| person.username.clone())
        {
            facts.contact.username = Some(name);
        }
    }
    let mut referral = None;
    if let EventBody::MessageReceived(message) = body {
        facts.message.text.clone_from(&message.text);
        referral = message.referral.as_ref();
    } else if let EventBody::PostbackReceived(postback) = body {
        facts.postback.title.clone_from(&postback.title);
        facts.postback.payload.clone_from(&postback.payload);
        referral = postback.referral.as_ref();
    } else if let EventBody::ReferralReceived(opened) = body {
        referral = Some(opened);
    }
    if let Some(referral) = referral {
        facts.referral.reference.clone_from(&referral.reference);
        facts.referral.source.clone_from(&referral.source);
    }
}

fn parent_of(send: &LeasedSend) -> Option<CommentId> {
    send.event
        .body
        .comment()
        .and_then(|comment| comment.parent_id.clone())
}
