//! What a person does in a thread: write, tap, react, edit, take back, read.

use serde::{Deserialize, Serialize};

use super::threads::Content;
use super::{Refusal, World};
use crate::wire::{
    Attachment, AttachmentKind, Envelope, Event, MessageBody, PostbackBody, ProductType, Reaction,
    Referral, ReplyTo,
};

/// A message a person writes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MessageDraft {
    /// The account written to, by id or username.
    pub account: String,
    /// The author's username; a new name becomes a person.
    pub person: String,
    /// The text.
    pub text: Option<String>,
    /// The attachments; links are invented where they are missing.
    pub attachments: Vec<Attachment>,
    /// The payload of the quick reply tapped; `text` is then its title.
    pub quick_reply: Option<String>,
    /// What the message answers.
    pub reply_to: Option<ReplyTo>,
    /// What brought the person here.
    pub referral: Option<Referral>,
    /// The undocumented folder word (contract 4.5).
    pub folder: Option<String>,
    /// Content Meta does not describe.
    pub is_unsupported: bool,
}

impl MessageDraft {
    /// A plain text message.
    pub fn text(
        account: impl Into<String>,
        person: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            account: account.into(),
            person: person.into(),
            text: Some(text.into()),
            ..Self::default()
        }
    }
}

/// A tap on a template button, an ice breaker or the menu.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PostbackDraft {
    /// The account.
    pub account: String,
    /// Who taps.
    pub person: String,
    /// The button's title.
    pub title: String,
    /// The button's payload.
    pub payload: String,
    /// Ice breakers: the documented sample carries no message id.
    pub is_ice_breaker: bool,
    /// What brought the person here.
    pub referral: Option<Referral>,
}

impl World {
    /// A person writes; returns the message id and opens the 24-hour window.
    pub fn message(&mut self, now_ms: i64, draft: MessageDraft) -> Result<String, Refusal> {
        let (ig_id, scoped_id) = self.pair(&draft.account, &draft.person)?;
        let mut attachments = draft.attachments;
        for attachment in &mut attachments {
            if attachment.url.is_none() && attachment.kind != AttachmentKind::Ephemeral {
                attachment.url = Some(self.cdn_url());
            }
        }
        let content = Content {
            text: draft.text.clone(),
            attachments: attachments.clone(),
        };
        let mid = self.place_message(now_ms, (&ig_id, &scoped_id), false, content)?;
        let message = MessageBody {
            quick_reply: draft.quick_reply,
            mid: mid.clone(),
            text: draft.text,
            attachments,
            is_unsupported: draft.is_unsupported,
            folder: draft.folder,
            reply_to: draft.reply_to,
            referral: draft.referral,
            ..MessageBody::default()
        };
        let envelope = inbound(&ig_id, &scoped_id, now_ms);
        self.emit(
            now_ms,
            &ig_id,
            Event::Message {
                envelope,
                message: Box::new(message),
            },
        );
        Ok(mid)
    }

    /// A person answers a story of the account; returns the message id.
    pub fn story_reply(
        &mut self,
        now_ms: i64,
        account: &str,
        person: &str,
        text: &str,
    ) -> Result<String, Refusal> {
        let ig_id = self.find_account(account)?.ig_id.clone();
        let id = self.media_of_type(now_ms, &ig_id, ProductType::Story)?;
        let url = self.cdn_url();
        let story = ReplyTo::Story {
            url,
            id,
            link_sticker_url: None,
            is_self_reply: None,
        };
        let draft = MessageDraft {
            reply_to: Some(story),
            ..MessageDraft::text(ig_id, person, text)
        };
        self.message(now_ms, draft)
    }

    /// A person mentions the account in their own story; returns the message id.
    pub fn story_mention(
        &mut self,
        now_ms: i64,
        account: &str,
        person: &str,
    ) -> Result<String, Refusal> {
        let attachment = Attachment {
            kind: AttachmentKind::StoryMention,
            url: None,
            media_id: None,
            title: None,
        };
        let draft = MessageDraft {
            account: account.to_owned(),
            person: person.to_owned(),
            attachments: vec![attachment],
            ..MessageDraft::default()
        };
        self.message(now_ms, draft)
    }

    /// A person taps a button; returns the message id when the event carries one.
    pub fn postback(
        &mut self,
        now_ms: i64,
        draft: PostbackDraft,
    ) -> Result<Option<String>, Refusal> {
        let (ig_id, scoped_id) = self.pair(&draft.account, &draft.person)?;
        let content = Content {
            text: Some(draft.title.clone()),
            attachments: Vec::new(),
        };
        let mid = self.place_message(now_ms, (&ig_id, &scoped_id), false, content)?;
        let mid = (!draft.is_ice_breaker).then_some(mid);
        let postback = PostbackBody {
            mid: mid.clone(),
            title: draft.title,
            payload: draft.payload,
            referral: draft.referral,
            is_self: false,
        };
        let envelope = inbound(&ig_id, &scoped_id, now_ms);
        self.emit(now_ms, &ig_id, Event::Postback { envelope, postback });
        Ok(mid)
    }

    /// A person opens an `ig.me` link inside the conversation.
    pub fn referral(
        &mut self,
        now_ms: i64,
        account: &str,
        person: &str,
        reference: &str,
    ) -> Result<(), Refusal> {
        let (ig_id, scoped_id) = self.pair(account, person)?;
        let username = self.find_account(&ig_id)?.username.clone();
        let thread = self.open_thread(now_ms, &ig_id, &scoped_id)?;
        thread.window_opened_ms = Some(now_ms);
        thread.has_consent = true;
        let referral = Referral::Link {
            r#ref: reference.to_owned(),
            source: format!("https://ig.me/m/{username}"),
        };
        let envelope = inbound(&ig_id, &scoped_id, now_ms);
        self.emit(now_ms, &ig_id, Event::Referral { envelope, referral });
        Ok(())
    }

    /// A person reacts to a message, or takes the reaction back when there is none.
    pub fn react(
        &mut self,
        now_ms: i64,
        mid: &str,
        reaction: Option<Reaction>,
    ) -> Result<(), Refusal> {
        let (message, ig_id, scoped_id) = self.message_mut(mid)?;
        message.reaction.clone_from(&reaction);
        if self.config.policy.reaction_opens_window {
            self.open_thread(now_ms, &ig_id, &scoped_id)?
                .window_opened_ms = Some(now_ms);
        }
        let envelope = inbound(&ig_id, &scoped_id, now_ms);
        let event = Event::Reaction {
            envelope,
            mid: mid.to_owned(),
            reaction,
        };
        self.emit(now_ms, &ig_id, event);
        Ok(())
    }

    /// A person takes a message back; the event carries the same message id.
    pub fn unsend(&mut self, now_ms: i64, mid: &str) -> Result<(), Refusal> {
        let (message, ig_id, scoped_id) = self.message_mut(mid)?;
        message.is_deleted = true;
        message.text = None;
        message.attachments.clear();
        let body = MessageBody {
            mid: mid.to_owned(),
            is_deleted: true,
            ..MessageBody::default()
        };
        let envelope = inbound(&ig_id, &scoped_id, now_ms);
        self.emit(
            now_ms,
            &ig_id,
            Event::Message {
                envelope,
                message: Box::new(body),
            },
        );
        Ok(())
    }

    /// A person edits a message.
    pub fn edit(&mut self, now_ms: i64, mid: &str, text: &str) -> Result<(), Refusal> {
        let (message, ig_id, scoped_id) = self.message_mut(mid)?;
        message.text = Some(text.to_owned());
        message.edits += 1;
        let num_edit = message.edits;
        let event = Event::Edit {
            envelope: inbound(&ig_id, &scoped_id, now_ms),
            mid: mid.to_owned(),
            text: Some(text.to_owned()),
            num_edit,
        };
        self.emit(now_ms, &ig_id, event);
        Ok(())
    }

    /// The odd event of contract 4.12: an edit number 0 without text, sender or recipient.
    pub fn phantom_edit(&mut self, now_ms: i64, mid: &str) -> Result<(), Refusal> {
        let (_, ig_id, _) = self.message_mut(mid)?;
        let event = Event::Edit {
            envelope: Envelope {
                parties: None,
                timestamp_ms: now_ms,
            },
            mid: mid.to_owned(),
            text: None,
            num_edit: 0,
        };
        self.emit(now_ms, &ig_id, event);
        Ok(())
    }

    /// A person reads a message of the account.
    pub fn seen(&mut self, now_ms: i64, mid: &str) -> Result<(), Refusal> {
        let (_, ig_id, scoped_id) = self.message_mut(mid)?;
        let envelope = inbound(&ig_id, &scoped_id, now_ms);
        self.emit(
            now_ms,
            &ig_id,
            Event::Seen {
                envelope,
                mid: mid.to_owned(),
            },
        );
        Ok(())
    }

    /// Account id and scoped id of the two sides of a thread.
    pub(crate) fn pair(
        &mut self,
        account: &str,
        person: &str,
    ) -> Result<(String, String), Refusal> {
        let ig_id = self.find_account(account)?.ig_id.clone();
        let scoped_id = self.igsid(&ig_id, person)?;
        Ok((ig_id, scoped_id))
    }
}

/// A person writes to an account.
pub(crate) fn inbound(ig_id: &str, scoped_id: &str, now_ms: i64) -> Envelope {
    Envelope {
        parties: Some((scoped_id.to_owned(), ig_id.to_owned())),
        timestamp_ms: now_ms,
    }
}

/// An account writes to a person.
pub(crate) fn outbound(ig_id: &str, scoped_id: &str, now_ms: i64) -> Envelope {
    Envelope {
        parties: Some((ig_id.to_owned(), scoped_id.to_owned())),
        timestamp_ms: now_ms,
    }
}
