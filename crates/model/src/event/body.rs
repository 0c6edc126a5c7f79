//! The particulars of each kind of event.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::EventKind;
use crate::ids::{CommentId, ContactId, MediaId, MessageId};

/// What happened, with the particulars Meta gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventBody {
    /// Someone commented on a post, reel, story or ad (contract 4.1).
    CommentReceived(Comment),
    /// Someone commented during a live broadcast (contract 4.2).
    LiveCommentReceived(Comment),
    /// Someone mentioned the account in a caption or a comment (contract 4.3).
    MentionReceived(Mention),
    /// A contact wrote (contract 4.5 to 4.7).
    MessageReceived(Box<Message>),
    /// The account wrote, through any app or by hand (contract 4.8, 4.9).
    MessageEchoed(Box<Message>),
    /// A message was unsent (contract 4.6).
    MessageDeleted(Box<Message>),
    /// A message was edited, or only hinted at (contract 4.12).
    MessageEdited(MessageEdit),
    /// A reaction was put on a message or taken away (contract 4.10).
    ReactionChanged(Reaction),
    /// A contact read a message (contract 4.13).
    MessageSeen(Seen),
    /// A contact tapped a button, an ice breaker or the menu (contract 4.11).
    PostbackReceived(Box<Postback>),
    /// A contact opened an `ig.me` link in an existing conversation (contract 4.14).
    ReferralReceived(Referral),
    /// Another app passed, took or asked for the conversation (contract 4.15).
    ThreadControlChanged(ThreadControl),
    /// A story's counts when it expired (contract 4.4).
    StoryInsightsReceived(StoryInsights),
    /// Something this version does not know; kept as it came.
    Unknown(Unknown),
}

impl EventBody {
    /// The comment, if this is one, live or not.
    pub fn comment(&self) -> Option<&Comment> {
        if let Self::CommentReceived(comment) | Self::LiveCommentReceived(comment) = self {
            Some(comment)
        } else {
            None
        }
    }

    /// The message this is about, as far as Meta names one.
    pub fn message_id(&self) -> Option<&MessageId> {
        match self {
            Self::MessageReceived(message)
            | Self::MessageEchoed(message)
            | Self::MessageDeleted(message) => Some(&message.mid),
            Self::MessageEdited(edit) => Some(&edit.mid),
            Self::ReactionChanged(reaction) => Some(&reaction.mid),
            Self::MessageSeen(seen) => Some(&seen.mid),
            Self::PostbackReceived(postback) => postback.mid.as_ref(),
            Self::CommentReceived(_)
            | Self::LiveCommentReceived(_)
            | Self::MentionReceived(_)
            | Self::ReferralReceived(_)
            | Self::ThreadControlChanged(_)
            | Self::StoryInsightsReceived(_)
            | Self::Unknown(_) => None,
        }
    }

    /// The one word for this body.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::CommentReceived(_) => EventKind::CommentReceived,
            Self::LiveCommentReceived(_) => EventKind::LiveCommentReceived,
            Self::MentionReceived(_) => EventKind::MentionReceived,
            Self::MessageReceived(_) => EventKind::MessageReceived,
            Self::MessageEchoed(_) => EventKind::MessageEchoed,
            Self::MessageDeleted(_) => EventKind::MessageDeleted,
            Self::MessageEdited(_) => EventKind::MessageEdited,
            Self::ReactionChanged(_) => EventKind::ReactionChanged,
            Self::MessageSeen(_) => EventKind::MessageSeen,
            Self::PostbackReceived(_) => EventKind::PostbackReceived,
            Self::ReferralReceived(_) => EventKind::ReferralReceived,
            Self::ThreadControlChanged(_) => EventKind::ThreadControlChanged,
            Self::StoryInsightsReceived(_) => EventKind::StoryInsightsReceived,
            Self::Unknown(_) => EventKind::Unknown,
        }
    }
}

/// Who commented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The person, as this account sees them.
    pub id: ContactId,
    /// The handle, without `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// A comment as its event tells it: without creation time and without its parent's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// The comment.
    pub id: CommentId,
    /// Its words; absent for GIF, sticker and photo comments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Person>,
    /// The comment it answers; threads are one level deep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<CommentId>,
    /// What it was written on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<CommentMedia>,
    /// The account itself wrote it (contract 4.1: `from.id` is the account, or the own scoped id
    /// is present and this is not the dashboard's test).
    #[serde(default)]
    pub is_own: bool,
    /// The App Dashboard's test button sent it (contract 4.17).
    #[serde(default)]
    pub is_test: bool,
}

/// What a comment was written on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentMedia {
    /// The media; for a boosted post, the ad's copy of it.
    pub id: MediaId,
    /// `FEED`, `REELS`, `STORY`, `AD`, `LIVE`, or a word of the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_type: Option<String>,
    /// The organic media a boosted post was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_media_id: Option<MediaId>,
    /// The ad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ad_id: Option<String>,
    /// The ad's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ad_title: Option<String>,
}

/// A mention: ids only, the content has to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// The comment with the mention; absent when it is in the caption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment_id: Option<CommentId>,
    /// The media mentioned in or under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_id: Option<MediaId>,
}

/// A message in either direction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The message.
    pub mid: MessageId,
    /// The person on the other side, whoever wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// Its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What came with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// The payload of the quick reply that was tapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quick_reply_payload: Option<String>,
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyTo>,
    /// The ad or product it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referral: Option<Referral>,
    /// The account wrote to itself (contract 4.8).
    #[serde(default)]
    pub is_self: bool,
    /// Meta does not describe the content.
    #[serde(default)]
    pub is_unsupported: bool,
    /// The app that sent an echo, where Meta says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<String>,
    /// The dashboard's test button sent it (contract 4.17).
    #[serde(default)]
    pub is_test: bool,
}

impl Message {
    /// Whether the message answers a story of the account.
    pub fn is_story_reply(&self) -> bool {
        matches!(self.reply_to, Some(ReplyTo::Story { .. }))
    }

    /// Whether the message says that the contact mentioned the account in a story.
    pub fn is_story_mention(&self) -> bool {
        self.attachments
            .iter()
            .any(|attachment| attachment.kind == "story_mention")
    }
}

/// One attachment. Its link stops working when the content is deleted, and is never fetched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attachment {
    /// Meta's word: `image`, `ig_reel`, `story_mention`, `ephemeral`, … (contract 4.7).
    pub kind: String,
    /// The whole payload as Meta wrote it; view-once media have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

/// What a message answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum ReplyTo {
    /// An earlier message.
    Message {
        /// That message.
        mid: MessageId,
    },
    /// A story of the account.
    Story {
        /// The story, where Meta names it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<MediaId>,
        /// Its link.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
}

/// A correction, or (with `num_edit` 0 and no text) a hint that a message exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageEdit {
    /// The message that was edited.
    pub mid: MessageId,
    /// Who edited; Meta leaves it out at times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// The new words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How many edits so far.
    pub num_edit: i64,
}

/// A reaction put on a message or taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// The message reacted to.
    pub mid: MessageId,
    /// Who reacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// `false` when the reaction was taken away.
    pub is_added: bool,
    /// Meta's name for it, such as `love`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reaction: Option<String>,
    /// The sign itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
}

/// A contact read a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The message that was read.
    pub mid: MessageId,
    /// Who read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
}

/// A tap on a button, an ice breaker or the menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postback {
    /// The message it belongs to; ice breakers may lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mid: Option<MessageId>,
    /// Who tapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// What the button says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the button means; left out while another app owns the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// Where the person came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referral: Option<Referral>,
    /// The account tapped its own button (contract 4.8).
    #[serde(default)]
    pub is_self: bool,
}

/// Where a person came from: an `ig.me` link, an ad, a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Referral {
    /// Who came; absent when the referral is part of a message or postback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// The owner's own mark on the link.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Meta's word for the place, such as `ADS`, or the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The ad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ad_id: Option<String>,
    /// The product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
}

/// Another app passed, took or asked for the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadControl {
    /// The conversation's contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// `pass`, `take`, `request` or `app_roles`.
    pub change: String,
    /// The owner before; none when the conversation was idle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_owner_app_id: Option<String>,
    /// The owner after, or the app that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_owner_app_id: Option<String>,
    /// The note that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
}

/// A story's counts; -1 stands for "under 5".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryInsights {
    /// The story.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_id: Option<MediaId>,
    /// Every count Meta gave, by its name.
    pub counts: std::collections::BTreeMap<String, i64>,
}

/// Something this version does not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unknown {
    /// Which webhook object it came under, such as `page`.
    pub object: String,
    /// Why it is unknown, for people.
    pub reason: String,
    /// The event as it came; left out when the delivery has to be looked at instead.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub raw: Value,
}
