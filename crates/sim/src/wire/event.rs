//! One event as Meta writes it, for every kind the world can produce (contract 4.19).

use serde::{Deserialize, Serialize};

use super::Container;

/// What kind of media an event or a read is about (contract 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ProductType {
    /// A post in the feed.
    #[default]
    Feed,
    /// A reel.
    Reels,
    /// A story.
    Story,
    /// An ad, or the ad copy of a boosted post.
    Ad,
    /// A live broadcast.
    Live,
}

impl ProductType {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Feed => "FEED",
            Self::Reels => "REELS",
            Self::Story => "STORY",
            Self::Ad => "AD",
            Self::Live => "LIVE",
        }
    }
}

/// The ad behind a media (contract 4.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ad {
    /// The ad's id.
    pub ad_id: String,
    /// The ad's title.
    pub ad_title: String,
    /// The organic media the ad was made of; documented, and missing in a capture.
    #[serde(default)]
    pub original_media_id: Option<String>,
}

/// The `media` of a comment event.
#[derive(Debug, Clone)]
pub struct MediaRef {
    /// The media id.
    pub id: String,
    /// The product type.
    pub product_type: ProductType,
    /// The ad, for ads.
    pub ad: Option<Ad>,
}

/// A comment as its event tells it (contract 4.1, 4.2).
#[derive(Debug, Clone)]
pub struct CommentEvent {
    /// The author: an IGSID, or the professional account id for own comments.
    pub from_id: String,
    /// The author's username.
    pub username: String,
    /// The account's own scoped id, on own comments only.
    pub self_ig_scoped_id: Option<String>,
    /// The media commented on.
    pub media: MediaRef,
    /// The comment id.
    pub id: String,
    /// The comment answered, for replies.
    pub parent_id: Option<String>,
    /// The text; absent for GIF, sticker and photo comments.
    pub text: Option<String>,
}

/// Who wrote to whom, and when, in milliseconds.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// Sender and recipient ids; absent on some observed edits (contract 4.12).
    pub parties: Option<(String, String)>,
    /// When it happened, in milliseconds since the epoch.
    pub timestamp_ms: i64,
}

/// What an attachment is (contract 4.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each variant is the word on the wire, in contract 4.7"
)]
pub enum AttachmentKind {
    Image,
    Video,
    Audio,
    File,
    Share,
    IgPost,
    IgReel,
    Reel,
    StoryMention,
    IgStory,
    Ephemeral,
    Template,
}

/// One attachment of a message event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: AttachmentKind,
    /// Where it is stored; the world invents a link when none is given.
    #[serde(default)]
    pub url: Option<String>,
    /// The media shared, for posts, reels and stories.
    #[serde(default)]
    pub media_id: Option<String>,
    /// Its caption, for posts and reels.
    #[serde(default)]
    pub title: Option<String>,
}

/// What a message answers (contract 4.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyTo {
    /// An earlier message.
    Mid(String),
    /// A story of the account.
    Story {
        /// Where the story is stored.
        url: String,
        /// The story's media id.
        id: String,
        /// The link of the story's link sticker, when it has one.
        #[serde(default)]
        link_sticker_url: Option<String>,
        /// Whether the account answered its own story; only sent when known.
        #[serde(default)]
        is_self_reply: Option<bool>,
    },
}

/// What brought the person here (contract 4.6, 4.14).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Referral {
    /// An `ig.me` link or a postback's origin.
    Link {
        /// The link's `ref`.
        r#ref: String,
        /// The link itself, or `IGME`.
        source: String,
    },
    /// A click-to-direct ad.
    Ad {
        /// The ad's `ref`.
        r#ref: String,
        /// The ad's id.
        ad_id: String,
        /// The ad's title.
        ad_title: String,
        /// The ad's picture.
        photo_url: String,
        /// The ad's video.
        video_url: String,
    },
    /// A product page of the shop.
    Product {
        /// The product's id.
        id: String,
    },
}

/// The `message` object of an event, keys in captured order.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag Meta sends as its own key"
)]
pub struct MessageBody {
    /// The payload of a tapped quick reply.
    pub quick_reply: Option<String>,
    /// The message id.
    pub mid: String,
    /// The text.
    pub text: Option<String>,
    /// The attachments.
    pub attachments: Vec<Attachment>,
    /// Set when the sender took the message back.
    pub is_deleted: bool,
    /// Set when Meta does not describe the content.
    pub is_unsupported: bool,
    /// Set when the account itself sent it.
    pub is_echo: bool,
    /// Set when the account wrote to itself.
    pub is_self: bool,
    /// The sending app, on Messenger-style echoes.
    pub app_id: Option<String>,
    /// The sending app's note, on Messenger-style echoes.
    pub metadata: Option<String>,
    /// The inbox folder, a documented name with unknown values.
    pub folder: Option<String>,
    /// What the message answers.
    pub reply_to: Option<ReplyTo>,
    /// What brought the person here.
    pub referral: Option<Referral>,
}

/// The `postback` object of an event.
#[derive(Debug, Clone)]
pub struct PostbackBody {
    /// The message id; the documented ice-breaker sample has none.
    pub mid: Option<String>,
    /// The button's title.
    pub title: String,
    /// The button's payload.
    pub payload: String,
    /// What brought the person here.
    pub referral: Option<Referral>,
    /// Set when the account tapped its own button; on the event, beside the postback.
    pub is_self: bool,
}

/// A reaction added (`name` and `emoji`) or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reaction {
    /// The name, such as `love`.
    pub name: String,
    /// The emoji.
    pub emoji: String,
}

/// The counts of an expired story; Meta sends -1 for counts under 5 (contract 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "each field is the word on the wire, in contract 4.4"
)]
pub struct StoryCounts {
    pub impressions: i64,
    pub reach: i64,
    pub taps_forward: i64,
    pub taps_back: i64,
    pub exits: i64,
    pub replies: i64,
}

/// A change of the app that owns a thread (contract 4.15).
#[derive(Debug, Clone)]
pub enum ThreadControl {
    /// Given to another app.
    Pass {
        /// The owner before; idle threads have none.
        previous_owner_app_id: Option<String>,
        /// The owner now.
        new_owner_app_id: String,
        /// The giving app's note.
        metadata: String,
    },
    /// Taken by another app.
    Take {
        /// The owner before; idle threads have none.
        previous_owner_app_id: Option<String>,
        /// The owner now.
        new_owner_app_id: String,
        /// The taking app's note.
        metadata: String,
    },
    /// Asked for by another app.
    Request {
        /// The app that asks.
        requested_owner_app_id: String,
        /// Its note.
        metadata: String,
    },
}

/// One thing that happened, in Meta's terms.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "fields carry the names of the wire")]
pub enum Event {
    /// `comments`.
    Comment(CommentEvent),
    /// `live_comments`.
    LiveComment(CommentEvent),
    /// `mentions`.
    Mention {
        media_id: String,
        comment_id: Option<String>,
    },
    /// `story_insights`.
    StoryInsights {
        media_id: String,
        counts: StoryCounts,
    },
    /// `messages`, echoes and unsends included.
    Message {
        envelope: Envelope,
        message: Box<MessageBody>,
    },
    /// `message_edit`.
    Edit {
        envelope: Envelope,
        mid: String,
        text: Option<String>,
        num_edit: i64,
    },
    /// `message_reactions`; no reaction means it was removed.
    Reaction {
        envelope: Envelope,
        mid: String,
        reaction: Option<Reaction>,
    },
    /// `messaging_seen`.
    Seen { envelope: Envelope, mid: String },
    /// `messaging_postbacks`.
    Postback {
        envelope: Envelope,
        postback: PostbackBody,
    },
    /// `messaging_referral`.
    Referral {
        envelope: Envelope,
        referral: Referral,
    },
    /// `messaging_handover`.
    Handover {
        envelope: Envelope,
        control: ThreadControl,
    },
}

impl Event {
    /// The subscription field the event belongs to (contract section 4).
    pub fn field(&self) -> &'static str {
        match self {
            Self::Comment(_) => "comments",
            Self::LiveComment(_) => "live_comments",
            Self::Mention { .. } => "mentions",
            Self::StoryInsights { .. } => "story_insights",
            Self::Message { message, .. } if message.is_echo => "message_echoes",
            Self::Message { .. } => "messages",
            Self::Edit { .. } => "message_edit",
            Self::Reaction { .. } => "message_reactions",
            Self::Seen { .. } => "messaging_seen",
            Self::Postback { .. } => "messaging_postbacks",
            Self::Referral { .. } => "messaging_referral",
            Self::Handover { .. } => "messaging_handover",
        }
    }

    /// Sender and recipient of events that follow the owner of their thread.
    pub(crate) fn parties(&self) -> Option<(&str, &str)> {
        let envelope = match self {
            Self::Message { envelope, .. }
            | Self::Edit { envelope, .. }
            | Self::Reaction { envelope, .. }
            | Self::Seen { envelope, .. }
            | Self::Postback { envelope, .. }
            | Self::Referral { envelope, .. } => envelope,
            Self::Comment(_)
            | Self::LiveComment(_)
            | Self::Mention { .. }
            | Self::StoryInsights { .. }
            | Self::Handover { .. } => return None,
        };
        let (sender, recipient) = envelope.parties.as_ref()?;
        Some((sender.as_str(), recipient.as_str()))
    }

    /// The container events of this kind arrive in.
    pub fn container(&self) -> Container {
        match self {
            Self::Comment(_) | Self::LiveComment(_) | Self::StoryInsights { .. } => {
                Container::Changes
            }
            Self::Mention { .. } => Container::MentionChanges,
            Self::Message { .. }
            | Self::Edit { .. }
            | Self::Reaction { .. }
            | Self::Seen { .. }
            | Self::Postback { .. }
            | Self::Referral { .. }
            | Self::Handover { .. } => Container::Messaging,
        }
    }
}

impl AttachmentKind {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::File => "file",
            Self::Share => "share",
            Self::IgPost => "ig_post",
            Self::IgReel => "ig_reel",
            Self::Reel => "reel",
            Self::StoryMention => "story_mention",
            Self::IgStory => "ig_story",
            Self::Ephemeral => "ephemeral",
            Self::Template => "template",
        }
    }
}
