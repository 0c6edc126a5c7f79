//! What an account does, by the owner's hand or through the API: both leave the same traces.

use serde_json::Value;

use super::comments::{Author, Comment};
use super::config::EchoTiming;
use super::inspect::{Sent, SentBy, SentKind};
use super::messages::outbound;
use super::threads::Content;
use super::{Refusal, World};
use crate::ids::IdKind;
use crate::wire::{Event, MessageBody};

/// A message on its way to a person.
#[derive(Debug)]
pub(crate) struct OutgoingMessage<'a> {
    pub(crate) ig_id: &'a str,
    pub(crate) scoped_id: &'a str,
    pub(crate) content: Content,
    pub(crate) kind: SentKind,
    pub(crate) by: SentBy,
    pub(crate) comment_id: Option<String>,
    /// The message object of the request, as it came.
    pub(crate) message: Option<Value>,
    pub(crate) effect: String,
}

impl World {
    /// The owner writes to a person by hand; returns the message id. Only an echo tells of it.
    pub fn owner_message(
        &mut self,
        now_ms: i64,
        account: &str,
        person: &str,
        text: &str,
    ) -> Result<String, Refusal> {
        let (ig_id, scoped_id) = self.pair(account, person)?;
        let effect = format!("owner:{ig_id}:{scoped_id}:{text}");
        self.send_message(
            now_ms,
            OutgoingMessage {
                ig_id: &ig_id,
                scoped_id: &scoped_id,
                content: Content {
                    text: Some(text.to_owned()),
                    attachments: Vec::new(),
                },
                kind: SentKind::Message,
                by: SentBy::Owner,
                comment_id: None,
                message: None,
                effect,
            },
        )
    }

    /// The owner answers a comment privately by hand, which uses up its one private reply.
    pub fn owner_private_reply(
        &mut self,
        now_ms: i64,
        comment_id: &str,
        text: &str,
    ) -> Result<String, Refusal> {
        let comment = self.find_comment(comment_id)?;
        let Author::Person { scoped_id, .. } = comment.author.clone() else {
            return Err(Refusal::Invalid(
                "the comment is the account's own".to_owned(),
            ));
        };
        let ig_id = comment.account.clone();
        let mid = self.send_message(
            now_ms,
            OutgoingMessage {
                ig_id: &ig_id,
                scoped_id: &scoped_id,
                content: Content {
                    text: Some(text.to_owned()),
                    attachments: Vec::new(),
                },
                kind: SentKind::PrivateReply,
                by: SentBy::Owner,
                comment_id: Some(comment_id.to_owned()),
                message: None,
                effect: format!("comment:{comment_id}"),
            },
        )?;
        Ok(mid)
    }

    /// The owner comments by hand, under a media or as a reply; returns the comment id.
    pub fn owner_comment(
        &mut self,
        now_ms: i64,
        media: &str,
        parent: Option<&str>,
        text: &str,
    ) -> Result<String, Refusal> {
        self.comment_as_account(now_ms, media, parent, text, SentBy::Owner)
    }

    /// Puts a message into the thread, records it as sent, and queues its echo.
    pub(crate) fn send_message(
        &mut self,
        now_ms: i64,
        outgoing: OutgoingMessage<'_>,
    ) -> Result<String, Refusal> {
        let (ig_id, scoped_id) = (outgoing.ig_id, outgoing.scoped_id);
        let content = outgoing.content;
        let mid = self.place_message(now_ms, (ig_id, scoped_id), true, content.clone())?;
        if let Some(id) = &outgoing.comment_id
            && let Some(comment) = self.comments.get_mut(id)
        {
            comment.private_reply = Some(mid.clone());
        }
        self.sent.push(Sent {
            kind: outgoing.kind,
            by: outgoing.by,
            account: ig_id.to_owned(),
            person: self
                .scoped
                .get(scoped_id)
                .map(|scoped| scoped.person.clone()),
            recipient_id: Some(scoped_id.to_owned()),
            comment_id: outgoing.comment_id,
            media_id: None,
            text: content.text.clone(),
            message: outgoing.message,
            id: mid.clone(),
            at_ms: now_ms,
            calls: 0,
            effect: outgoing.effect,
        });
        self.echo(now_ms, ig_id, scoped_id, &mid, content);
        Ok(mid)
    }

    fn echo(&mut self, now_ms: i64, ig_id: &str, scoped_id: &str, mid: &str, content: Content) {
        let due_ms = match self.config.policy.echo {
            EchoTiming::AfterMs(after) => now_ms.saturating_add(after),
            EchoTiming::BeforeAnswerMs(_) => now_ms,
            EchoTiming::Never => return,
        };
        let is_self = self
            .accounts
            .get(ig_id)
            .is_some_and(|account| account.own_igsid == scoped_id);
        let message = MessageBody {
            mid: mid.to_owned(),
            text: content.text,
            attachments: content.attachments,
            is_echo: true,
            is_self,
            app_id: self
                .config
                .policy
                .echo_app_id
                .then(|| self.config.app_id.clone()),
            ..MessageBody::default()
        };
        let envelope = outbound(ig_id, scoped_id, now_ms);
        self.emit(
            due_ms,
            ig_id,
            Event::Message {
                envelope,
                message: Box::new(message),
            },
        );
    }

    /// Writes a comment as the media's owner; its own event is queued (contract 4.1).
    pub(crate) fn comment_as_account(
        &mut self,
        now_ms: i64,
        media: &str,
        parent: Option<&str>,
        text: &str,
        by: SentBy,
    ) -> Result<String, Refusal> {
        let Some(ig_id) = self.find_media(media)?.account.clone() else {
            return Err(Refusal::Invalid(
                "the media belongs to nobody here".to_owned(),
            ));
        };
        let top = parent.map(|parent| self.top_comment(parent)).transpose()?;
        let person = match parent.and_then(|parent| self.comments.get(parent)) {
            Some(Comment {
                author: Author::Person { username, .. },
                ..
            }) => Some(username.clone()),
            Some(Comment {
                author: Author::Account { .. },
                ..
            })
            | None => None,
        };
        let id = self.ids.draw(IdKind::Comment);
        let effect = public_reply_effect(parent.unwrap_or(media), text);
        let comment = Comment {
            id: id.clone(),
            account: ig_id.clone(),
            media: media.to_owned(),
            author: Author::Account {
                ig_id: ig_id.clone(),
            },
            parent: top,
            text: Some(text.to_owned()),
            created_ms: now_ms,
            is_hidden: false,
            is_deleted: false,
            private_reply: None,
            replies: Vec::new(),
            is_mention: false,
        };
        self.insert_comment(now_ms, comment, true)?;
        self.sent.push(Sent {
            kind: SentKind::PublicReply,
            by,
            account: ig_id,
            person,
            recipient_id: None,
            comment_id: parent.map(str::to_owned),
            media_id: Some(media.to_owned()),
            text: Some(text.to_owned()),
            message: None,
            id: id.clone(),
            at_ms: now_ms,
            calls: 0,
            effect,
        });
        Ok(id)
    }
}

/// Names the effect of a public reply, so that repeated calls for it can be counted.
pub(crate) fn public_reply_effect(target: &str, text: &str) -> String {
    format!("public:{target}:{text}")
}
