//! Where evidence of an unknown send is looked for, and what it says (contract 5.8, 5.9, 7).

use std::time::Duration;

use hookline_meta::graph::{CallFailure, CommentRead, ConversationMessage, ErrorClass};
use hookline_model::alert::AlertCode;
use hookline_model::backoff::Backoff;
use hookline_model::clock::Timestamp;
use hookline_model::ids::{CommentId, ContactId, MessageId};
use hookline_model::limits::{ATTEMPTS_MAX, LANDS_WITHIN, PRIVATE_REPLY_WINDOW};
use hookline_model::send::{SendKind, SendState};
use hookline_store::StoreError;
use hookline_store::evidence::{Evidence, UnknownSend};
use hookline_store::lanes::NewHold;

use super::Reconciler;
use crate::caller::Caller;

/// How far Meta's clock and ours may differ when a message is recognised by its time
/// (contract 7).
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// How often evidence is looked for before a person has to decide.
const LOOKS_MAX: u32 = 5;

/// Most messages of a conversation whose particulars Meta still tells (contract 7).
const CONVERSATION_PAGE: usize = 20;

/// Most pages of answers under one comment that are read.
const REPLY_PAGES_MAX: u32 = 10;

/// How soon it is worth asking again after a read that failed for no reason of its own.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// The same for an account that may not ask at all for now.
const ASK_AGAIN_LATER: Duration = Duration::from_mins(5);

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// Nowhere: Meta refuses a second reply to a comment, so trying again tells (contract 5.8).
    Again,
    /// In the conversation with the contact.
    Conversation(ContactId),
    /// Among the answers under the comment.
    Replies(CommentId),
    /// There is no place to look.
    Nowhere,
}

impl Way {
    pub(super) fn of(send: &UnknownSend, now: Timestamp) -> Self {
        let may_try = send.refused.is_none()
            && send.attempts < ATTEMPTS_MAX
            && send.looks < LOOKS_MAX
            && now < send.deadline_at;
        match (send.kind, &send.contact_id, &send.comment_id) {
            (SendKind::PrivateReply, _, _) if may_try => Self::Again,
            (SendKind::PrivateReply | SendKind::Dm, Some(contact), _) => {
                Self::Conversation(contact.clone())
            }
            (SendKind::PublicReply, _, Some(comment)) => Self::Replies(comment.clone()),
            (SendKind::PrivateReply | SendKind::Dm | SendKind::PublicReply, _, _) => Self::Nowhere,
        }
    }
}

/// What a page of messages or answers shows.
enum Seen {
    Landed(MessageId),
    Absent,
    CannotTell,
}

impl Reconciler {
    /// The echo of a DM that was sent: it may come before, after or instead of the answer. The
    /// echo of a private reply does not say which comment it answers, and who comments twice gets
    /// the same words twice: there Meta's refusal of a second reply tells.
    pub(super) async fn echo_of(
        &self,
        send: &UnknownSend,
    ) -> Result<Option<MessageId>, StoreError> {
        let Some(contact) = send.contact_id.clone() else {
            return Ok(None);
        };
        if send.kind != SendKind::Dm {
            return Ok(None);
        }
        let since = send.started_at.minus(CLOCK_SKEW);
        self.store
            .find_echo(send.account_id.clone(), contact, send.text.clone(), since)
            .await
    }

    pub(super) async fn evidence(
        &self,
        send: &UnknownSend,
        way: Way,
        now: Timestamp,
    ) -> Result<Evidence, StoreError> {
        if way == Way::Again {
            return Ok(Evidence::TryAgain);
        }
        let Ok(caller) = self.sender.caller(&send.account_id).await else {
            return Ok(look_again(send, now));
        };
        let seen = match way {
            Way::Conversation(contact) => self.in_conversation(send, &contact, &caller).await?,
            Way::Replies(comment) => self.under_comment(send, &comment, &caller).await?,
            Way::Again | Way::Nowhere => return Ok(Evidence::LeaveUnknown),
        };
        match seen {
            Ok(Seen::Landed(message)) => Ok(Evidence::Landed(message)),
            Ok(Seen::Absent) => Ok(absent(send, now)),
            Ok(Seen::CannotTell) => Ok(look_again(send, now)),
            Err(failure) => self.not_read(send, &caller, &failure, now).await,
        }
    }

    async fn in_conversation(
        &self,
        send: &UnknownSend,
        contact: &ContactId,
        caller: &Caller,
    ) -> Result<Result<Seen, CallFailure>, StoreError> {
        let read = self
            .graph
            .read_conversation(&caller.sender(), contact)
            .await;
        let messages = match read {
            Ok(read) => read.value,
            Err(failure) => return Ok(Err(failure)),
        };
        let since = send.started_at.minus(CLOCK_SKEW);
        let mut is_certain = reaches_back(&messages, since);
        let ours = messages.iter().filter(|message| {
            message.from_id.as_deref() != Some(contact.as_str()) && message.created_at >= since
        });
        let mut found = Vec::new();
        let rivals = usize::try_from(self.rivals(send).await?).unwrap_or(usize::MAX);
        for message in ours {
            if self.store.is_attributed(message.id.clone()).await? {
                continue;
            }
            match &message.text {
                Some(text) if is_same(text, &send.text) => found.push(message.id.clone()),
                Some(_) => {}
                // Of ours, of that time, and Meta does not say what it is.
                None => is_certain = false,
            }
        }
        Ok(Ok(match found.pop() {
            Some(id) if found.len() >= rivals => Seen::Landed(id),
            None if is_certain => Seen::Absent,
            Some(_) | None => Seen::CannotTell,
        }))
    }

    /// How many other private replies the same words may belong to. DMs have none: whichever of
    /// two equal DMs landed, the other is sent again.
    async fn rivals(&self, send: &UnknownSend) -> Result<u32, StoreError> {
        match send.kind {
            SendKind::Dm | SendKind::PublicReply => Ok(0),
            SendKind::PrivateReply => self.store.count_rivals(send.id).await,
        }
    }

    async fn under_comment(
        &self,
        send: &UnknownSend,
        comment: &CommentId,
        caller: &Caller,
    ) -> Result<Result<Seen, CallFailure>, StoreError> {
        let since = send.started_at.minus(CLOCK_SKEW);
        let mut after: Option<String> = None;
        for _ in 0..REPLY_PAGES_MAX {
            let read = self
                .graph
                .read_replies(&caller.sender(), comment, after.as_deref())
                .await;
            let page = match read {
                Ok(read) => read.value,
                Err(failure) => return Ok(Err(failure)),
            };
            for reply in &page.replies {
                let id = MessageId::new(reply.id.as_str());
                let text = reply.text.as_deref().unwrap_or_default();
                if reply.created_at >= since
                    && is_same(text, &send.text)
                    && is_by(reply, caller)
                    && !self.store.is_attributed(id.clone()).await?
                {
                    return Ok(Ok(Seen::Landed(id)));
                }
            }
            after = page.after;
            if after.is_none() {
                return Ok(Ok(Seen::Absent));
            }
        }
        Ok(Ok(Seen::CannotTell))
    }

    /// A read that failed says nothing about the send. It is asked again, and does not count as a
    /// look, as long as Meta could still tell.
    async fn not_read(
        &self,
        send: &UnknownSend,
        caller: &Caller,
        failure: &CallFailure,
        now: Timestamp,
    ) -> Result<Evidence, StoreError> {
        let reason = failure.reason();
        tracing::warn!(send = %send.id, reason, "evidence could not be read");
        let wait = match failure.class() {
            Some(ErrorClass::Token(_)) => {
                let hold = NewHold {
                    reason: reason.to_owned(),
                    until: None,
                    token_number: Some(caller.token_number()),
                    alert: Some(AlertCode::TokenDead),
                };
                let account = send.account_id.clone();
                self.store.hold_account(account, hold, now).await?;
                ASK_AGAIN_LATER
            }
            Some(ErrorClass::Blocked | ErrorClass::Permission | ErrorClass::Throttle) => {
                ASK_AGAIN_LATER
            }
            Some(ErrorClass::Retry | ErrorClass::Ambiguous) => ASK_AGAIN,
            None if !matches!(failure, CallFailure::NotWritten(_)) => ASK_AGAIN,
            None
            | Some(
                ErrorClass::Window
                | ErrorClass::User
                | ErrorClass::Done
                | ErrorClass::DoneOrPermanent
                | ErrorClass::Content
                | ErrorClass::ContentOrPermission
                | ErrorClass::Route,
            ) => return Ok(look_again(send, now)),
        };
        if now.since(send.started_at) > PRIVATE_REPLY_WINDOW {
            return Ok(Evidence::LeaveUnknown);
        }
        Ok(Evidence::WaitForTurn(now.plus(wait)))
    }
}

/// Nothing is there. That proves that nothing landed once nothing can land any more.
fn absent(send: &UnknownSend, now: Timestamp) -> Evidence {
    let lands_until = send.last_started_at.plus(LANDS_WITHIN);
    if now < lands_until {
        return Evidence::WaitForTurn(lands_until);
    }
    let over = |state, reason: &str| Evidence::Over {
        state,
        reason: reason.to_owned(),
    };
    if now >= send.deadline_at {
        return over(SendState::Expired, "deadline_passed");
    }
    if let Some(refused) = &send.refused {
        return over(SendState::Refused, refused);
    }
    if send.attempts >= ATTEMPTS_MAX {
        return over(SendState::Refused, "tried_in_vain");
    }
    match send.kind {
        SendKind::Dm | SendKind::PublicReply => Evidence::Absent,
        SendKind::PrivateReply => {
            let reason = send.reason.as_deref().unwrap_or("tried_in_vain");
            over(SendState::Refused, reason)
        }
    }
}

/// Whether a page of messages, newest first, shows everything since `since`: it holds something
/// older, or is not full.
fn reaches_back(messages: &[ConversationMessage], since: Timestamp) -> bool {
    messages.len() < CONVERSATION_PAGE
        || messages
            .last()
            .is_some_and(|oldest| oldest.created_at < since)
}

/// Whether Meta shows the text we sent, white space aside.
fn is_same(shown: &str, sent: &str) -> bool {
    shown.split_whitespace().eq(sent.split_whitespace())
}

/// Whether the account wrote it, as far as Meta says who did.
fn is_by(reply: &CommentRead, caller: &Caller) -> bool {
    let by_id = reply.from.as_ref().map(|from| caller.is(from.id.as_str()));
    let name = reply.username.as_deref();
    by_id
        .filter(|is_ours| *is_ours)
        .or_else(|| name.map(|name| caller.is_named(name)))
        .or(by_id)
        .unwrap_or(true)
}

fn look_again(send: &UnknownSend, now: Timestamp) -> Evidence {
    if send.looks >= LOOKS_MAX {
        Evidence::LeaveUnknown
    } else {
        Evidence::LookAgain(now.plus(Backoff::TRIES.after(send.looks + 1)))
    }
}

#[cfg(test)]
mod tests;
