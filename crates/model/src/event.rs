//! What happened, as facts taken from a delivery.
//!
//! An [`Event`] is in our nouns; the wire forms of Meta stay in the `meta` crate. What we do not
//! know becomes [`EventBody::Unknown`] and is kept, never dropped.

mod body;
mod ignored;
mod name;

pub use body::{
    Attachment, Comment, CommentMedia, EventBody, Mention, Message, MessageEdit, Person, Postback,
    Reaction, Referral, ReplyTo, Seen, StoryInsights, ThreadControl, Unknown,
};
pub use ignored::Ignored;
pub use name::EventName;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{AccountId, CommentId, ContactId, MediaId, MessageId};

/// One thing that happened on one account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Whose event it is: `entry.id`.
    pub account_id: AccountId,
    /// What makes it this event and no other, however often Meta delivers it (contract 2.7).
    pub key: NaturalKey,
    /// Which list of the entry it came in.
    pub container: Container,
    /// When Meta sent the notification: `entry.time`.
    pub sent_at: Option<Timestamp>,
    /// When it happened, where Meta says so: comments carry no such time (contract 2.2).
    pub occurred_at: Option<Timestamp>,
    /// What happened.
    pub body: EventBody,
}

impl Event {
    /// The one word for what happened, as stored, shown and filtered by.
    pub fn kind(&self) -> EventKind {
        self.body.kind()
    }

    /// The comment this event is about.
    pub fn comment_id(&self) -> Option<&CommentId> {
        match &self.body {
            EventBody::CommentReceived(comment) | EventBody::LiveCommentReceived(comment) => {
                Some(&comment.id)
            }
            EventBody::MentionReceived(mention) => mention.comment_id.as_ref(),
            EventBody::MessageReceived(_)
            | EventBody::MessageEchoed(_)
            | EventBody::MessageDeleted(_)
            | EventBody::MessageEdited(_)
            | EventBody::ReactionChanged(_)
            | EventBody::MessageSeen(_)
            | EventBody::PostbackReceived(_)
            | EventBody::ReferralReceived(_)
            | EventBody::ThreadControlChanged(_)
            | EventBody::StoryInsightsReceived(_)
            | EventBody::Unknown(_) => None,
        }
    }

    /// The message this event is about.
    pub fn message_id(&self) -> Option<&MessageId> {
        self.body.message_id()
    }

    /// The person on the other side, if the event names one.
    pub fn contact_id(&self) -> Option<&ContactId> {
        match &self.body {
            EventBody::CommentReceived(comment) | EventBody::LiveCommentReceived(comment) => {
                comment.from.as_ref().map(|person| &person.id)
            }
            EventBody::MessageReceived(message)
            | EventBody::MessageEchoed(message)
            | EventBody::MessageDeleted(message) => message.contact_id.as_ref(),
            EventBody::MessageEdited(edit) => edit.contact_id.as_ref(),
            EventBody::ReactionChanged(reaction) => reaction.contact_id.as_ref(),
            EventBody::MessageSeen(seen) => seen.contact_id.as_ref(),
            EventBody::PostbackReceived(postback) => postback.contact_id.as_ref(),
            EventBody::ReferralReceived(referral) => referral.contact_id.as_ref(),
            EventBody::ThreadControlChanged(control) => control.contact_id.as_ref(),
            EventBody::MentionReceived(_)
            | EventBody::StoryInsightsReceived(_)
            | EventBody::Unknown(_) => None,
        }
    }

    /// The media the event is on.
    pub fn media_id(&self) -> Option<&MediaId> {
        match &self.body {
            EventBody::CommentReceived(comment) | EventBody::LiveCommentReceived(comment) => {
                comment.media.as_ref().map(|media| &media.id)
            }
            EventBody::MentionReceived(mention) => mention.media_id.as_ref(),
            EventBody::MessageReceived(_)
            | EventBody::MessageEchoed(_)
            | EventBody::MessageDeleted(_)
            | EventBody::MessageEdited(_)
            | EventBody::ReactionChanged(_)
            | EventBody::MessageSeen(_)
            | EventBody::PostbackReceived(_)
            | EventBody::ReferralReceived(_)
            | EventBody::ThreadControlChanged(_)
            | EventBody::StoryInsightsReceived(_)
            | EventBody::Unknown(_) => None,
        }
    }

    /// Whether this event opens (or extends) the contact's 24-hour window: messages, quick
    /// replies, story replies and mentions, postbacks and referrals do; comments, reactions, seen
    /// and echoes do not (contract 5.7). Events in standby are another app's conversation, and
    /// still count: the person did write.
    pub fn opens_window(&self) -> bool {
        match &self.body {
            EventBody::MessageReceived(message) => !message.is_self,
            EventBody::PostbackReceived(postback) => !postback.is_self,
            EventBody::ReferralReceived(_) => true,
            EventBody::CommentReceived(_)
            | EventBody::LiveCommentReceived(_)
            | EventBody::MentionReceived(_)
            | EventBody::MessageEchoed(_)
            | EventBody::MessageDeleted(_)
            | EventBody::MessageEdited(_)
            | EventBody::ReactionChanged(_)
            | EventBody::MessageSeen(_)
            | EventBody::ThreadControlChanged(_)
            | EventBody::StoryInsightsReceived(_)
            | EventBody::Unknown(_) => false,
        }
    }
}

/// What identifies an event: 128 bits of SHA-256 over account, kind and the fields of contract
/// 2.7. Equal keys mean "the same thing happened", not "the same bytes arrived".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NaturalKey([u8; Self::BYTES]);

impl NaturalKey {
    /// How many bytes of the digest are kept: a collision among 10^12 events has odds of 10^-15.
    pub const BYTES: usize = 16;

    /// Wraps the leading bytes of the digest.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes as stored.
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for NaturalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NaturalKey({self})")
    }
}

impl fmt::Display for NaturalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for NaturalKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NaturalKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16)
            .map(|value| Self(value.to_be_bytes()))
            .ok()
            // The number has other spellings, with a sign or fewer digits; the key has one.
            .filter(|key| key.to_string() == *text)
            .ok_or_else(|| serde::de::Error::custom("not a natural key: 32 hex digits expected"))
    }
}

/// How an event came: the list of an entry it stood in (contract 2.2 and 4.15), or our own
/// reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// `changes[]`: comments, mentions, insights, and the dashboard's test messages.
    Changes,
    /// `messaging[]`: the conversation is ours.
    Messaging,
    /// `standby[]`: another app has the conversation; nothing may be automated.
    Standby,
    /// No list of Meta's: we read the comment or message back ourselves, because its event never
    /// came.
    Backfill,
}

impl Container {
    /// Every container.
    pub const ALL: [Self; 4] = [
        Self::Changes,
        Self::Messaging,
        Self::Standby,
        Self::Backfill,
    ];

    /// The container as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changes => "changes",
            Self::Messaging => "messaging",
            Self::Standby => "standby",
            Self::Backfill => "backfill",
        }
    }

    /// The container of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.as_str() == name)
    }
}

/// The one word for what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is documented on EventBody")]
pub enum EventKind {
    CommentReceived,
    LiveCommentReceived,
    MentionReceived,
    MessageReceived,
    MessageEchoed,
    MessageDeleted,
    MessageEdited,
    ReactionChanged,
    MessageSeen,
    PostbackReceived,
    ReferralReceived,
    ThreadControlChanged,
    StoryInsightsReceived,
    Unknown,
}

impl EventKind {
    /// Every kind, in the order documents list them.
    pub const ALL: [Self; 14] = [
        Self::CommentReceived,
        Self::LiveCommentReceived,
        Self::MentionReceived,
        Self::MessageReceived,
        Self::MessageEchoed,
        Self::MessageDeleted,
        Self::MessageEdited,
        Self::ReactionChanged,
        Self::MessageSeen,
        Self::PostbackReceived,
        Self::ReferralReceived,
        Self::ThreadControlChanged,
        Self::StoryInsightsReceived,
        Self::Unknown,
    ];

    /// The kind as written in the database, the API and the CLI.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CommentReceived => "comment_received",
            Self::LiveCommentReceived => "live_comment_received",
            Self::MentionReceived => "mention_received",
            Self::MessageReceived => "message_received",
            Self::MessageEchoed => "message_echoed",
            Self::MessageDeleted => "message_deleted",
            Self::MessageEdited => "message_edited",
            Self::ReactionChanged => "reaction_changed",
            Self::MessageSeen => "message_seen",
            Self::PostbackReceived => "postback_received",
            Self::ReferralReceived => "referral_received",
            Self::ThreadControlChanged => "thread_control_changed",
            Self::StoryInsightsReceived => "story_insights_received",
            Self::Unknown => "unknown",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<NaturalKey> {
        serde_json::from_value(serde_json::Value::from(text)).ok()
    }

    proptest! {
        #[test]
        fn natural_keys_read_back_what_they_print(one: [u8; 16], other: [u8; 16]) {
            let (one, other) = (NaturalKey::from_bytes(one), NaturalKey::from_bytes(other));
            prop_assert_eq!(read(&one.to_string()), Some(one));
            prop_assert_eq!(one.to_string() == other.to_string(), one == other);
        }

        #[test]
        fn only_32_digits_are_a_natural_key(text in "[0-9a-fA-F+ g]{0,34}|.{0,34}") {
            let is_key = text.len() == 32
                && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            prop_assert_eq!(read(&text).is_some(), is_key);
        }
    }

    #[test]
    fn a_number_is_not_a_natural_key() {
        for text in [
            "",
            "1",
            "+1",
            "+123456789012345678901234567890a",
            &"A".repeat(32),
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
