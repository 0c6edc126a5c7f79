//! How each event becomes JSON: keys in captured order, absent values as absent keys.

use super::event::{
    Attachment, AttachmentKind, CommentEvent, Envelope, Event, MessageBody, PostbackBody, Reaction,
    Referral, ReplyTo, StoryCounts, ThreadControl,
};
use crate::json::Json;

impl Event {
    /// The value of the change, or the element of `messaging[]`.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Comment(comment) | Self::LiveComment(comment) => comment.to_json(),
            Self::Mention {
                media_id,
                comment_id,
            } => Json::object()
                .with_some("comment_id", comment_id.as_deref())
                .with("media_id", media_id),
            Self::StoryInsights { media_id, counts } => counts.to_json(media_id),
            Self::Message { envelope, message } => {
                envelope.to_json().with("message", message.to_json())
            }
            Self::Edit {
                envelope,
                mid,
                text,
                num_edit,
            } => envelope.to_json().with(
                "message_edit",
                Json::object()
                    .with("mid", mid)
                    .with_some("text", text.as_deref())
                    .with("num_edit", *num_edit),
            ),
            Self::Reaction {
                envelope,
                mid,
                reaction,
            } => envelope
                .to_json()
                .with("reaction", reaction_json(mid, reaction.as_ref())),
            Self::Seen { envelope, mid } => envelope
                .to_json()
                .with("read", Json::object().with("mid", mid)),
            Self::Postback { envelope, postback } => postback.to_json(envelope),
            Self::Referral { envelope, referral } => {
                envelope.to_json().with("referral", referral.to_json())
            }
            Self::Handover { envelope, control } => control.to_json(envelope),
        }
    }
}

impl CommentEvent {
    fn to_json(&self) -> Json {
        let from = Json::id(&self.from_id)
            .with("username", &self.username)
            .with_some("self_ig_scoped_id", self.self_ig_scoped_id.as_deref());
        let mut media =
            Json::id(&self.media.id).with("media_product_type", self.media.product_type.as_str());
        if let Some(ad) = &self.media.ad {
            media = media
                .with("ad_id", &ad.ad_id)
                .with("ad_title", &ad.ad_title)
                .with_some("original_media_id", ad.original_media_id.as_deref());
        }
        Json::object()
            .with("from", from)
            .with("media", media)
            .with("id", &self.id)
            .with_some("parent_id", self.parent_id.as_deref())
            .with_some("text", self.text.as_deref())
    }
}

impl Envelope {
    fn to_json(&self) -> Json {
        let parties = match &self.parties {
            Some((sender, recipient)) => Json::object()
                .with("sender", Json::id(sender))
                .with("recipient", Json::id(recipient)),
            None => Json::object(),
        };
        parties.with("timestamp", self.timestamp_ms)
    }
}

impl MessageBody {
    fn to_json(&self) -> Json {
        let quick_reply = self
            .quick_reply
            .as_deref()
            .map(|payload| Json::object().with("payload", payload));
        let attachments = (!self.attachments.is_empty()).then(|| {
            self.attachments
                .iter()
                .map(Attachment::to_json)
                .collect::<Vec<_>>()
        });
        Json::object()
            .with_some("quick_reply", quick_reply)
            .with("mid", &self.mid)
            .with_some("text", self.text.as_deref())
            .with_some("attachments", attachments)
            .with_flag("is_deleted", self.is_deleted)
            .with_flag("is_unsupported", self.is_unsupported)
            .with_flag("is_echo", self.is_echo)
            .with_flag("is_self", self.is_self)
            .with_some("app_id", self.app_id.clone().map(Json::Number))
            .with_some("metadata", self.metadata.as_deref())
            .with_some("folder", self.folder.as_deref())
            .with_some("reply_to", self.reply_to.as_ref().map(ReplyTo::to_json))
            .with_some("referral", self.referral.as_ref().map(Referral::to_json))
    }
}

impl Attachment {
    fn to_json(&self) -> Json {
        let kind = Json::object().with("type", self.kind.as_str());
        let url = self.url.as_deref();
        let media = self.media_id.as_deref();
        let title = self.title.as_deref();
        let empty = Json::object();
        let payload = match self.kind {
            AttachmentKind::Ephemeral => return kind,
            AttachmentKind::Template => empty.with("generic", Vec::new()),
            AttachmentKind::Image
            | AttachmentKind::Video
            | AttachmentKind::Audio
            | AttachmentKind::File
            | AttachmentKind::StoryMention => empty.with_some("url", url),
            AttachmentKind::Share | AttachmentKind::IgPost => empty
                .with_some("ig_post_media_id", media)
                .with_some("title", title)
                .with_some("url", url),
            AttachmentKind::IgReel | AttachmentKind::Reel => empty
                .with_some("reel_video_id", media)
                .with_some("title", title)
                .with_some("url", url),
            AttachmentKind::IgStory => empty
                .with_some("story_media_id", media)
                .with_some("story_media_url", url),
        };
        kind.with("payload", payload)
    }
}

impl ReplyTo {
    fn to_json(&self) -> Json {
        match self {
            Self::Mid(mid) => Json::object().with("mid", mid),
            Self::Story {
                url,
                id,
                link_sticker_url,
                is_self_reply,
            } => Json::object().with(
                "story",
                Json::object()
                    .with("url", url)
                    .with("id", id)
                    .with_some("link_sticker_url", link_sticker_url.as_deref())
                    .with_some("is_self_reply", *is_self_reply),
            ),
        }
    }
}

impl Referral {
    fn to_json(&self) -> Json {
        match self {
            Self::Link { r#ref, source } => Json::object()
                .with("ref", r#ref)
                .with("source", source)
                .with("type", "OPEN_THREAD"),
            Self::Ad {
                r#ref,
                ad_id,
                ad_title,
                photo_url,
                video_url,
            } => Json::object()
                .with("ref", r#ref)
                .with("ad_id", ad_id)
                .with("source", "ADS")
                .with("type", "OPEN_THREAD")
                .with(
                    "ads_context_data",
                    Json::object()
                        .with("ad_title", ad_title)
                        .with("photo_url", photo_url)
                        .with("video_url", video_url),
                ),
            Self::Product { id } => Json::object().with("product", Json::id(id)),
        }
    }
}

impl PostbackBody {
    fn to_json(&self, envelope: &Envelope) -> Json {
        // The documented self postback prints its mid last; all others print it first.
        let (first, last) = if self.is_self {
            (None, self.mid.as_ref())
        } else {
            (self.mid.as_ref(), None)
        };
        let postback = Json::object()
            .with_some("mid", first)
            .with("title", &self.title)
            .with("payload", &self.payload)
            .with_some("mid", last)
            .with_some("referral", self.referral.as_ref().map(Referral::to_json));
        envelope
            .to_json()
            .with_flag("is_self", self.is_self)
            .with("postback", postback)
    }
}

impl StoryCounts {
    fn to_json(self, media_id: &str) -> Json {
        Json::object()
            .with("media_id", media_id)
            .with("impressions", self.impressions)
            .with("reach", self.reach)
            .with("taps_forward", self.taps_forward)
            .with("taps_back", self.taps_back)
            .with("exits", self.exits)
            .with("replies", self.replies)
    }
}

impl ThreadControl {
    fn to_json(&self, envelope: &Envelope) -> Json {
        let moved = |previous: &Option<String>, new: &str, metadata: &str| {
            Json::object()
                .with(
                    "previous_owner_app_id",
                    previous.as_deref().map_or(Json::Null, Json::from),
                )
                .with("new_owner_app_id", new)
                .with("metadata", metadata)
        };
        match self {
            Self::Pass {
                previous_owner_app_id,
                new_owner_app_id,
                metadata,
            } => envelope.to_json().with(
                "pass_thread_control",
                moved(previous_owner_app_id, new_owner_app_id, metadata),
            ),
            Self::Take {
                previous_owner_app_id,
                new_owner_app_id,
                metadata,
            } => envelope.to_json().with(
                "take_thread_control",
                moved(previous_owner_app_id, new_owner_app_id, metadata),
            ),
            Self::Request {
                requested_owner_app_id,
                metadata,
            } => envelope.to_json().with(
                "request_thread_control",
                Json::object()
                    .with("requested_owner_app_id", requested_owner_app_id)
                    .with("metadata", metadata),
            ),
        }
    }
}

fn reaction_json(mid: &str, reaction: Option<&Reaction>) -> Json {
    let base = Json::object().with("mid", mid);
    match reaction {
        Some(reaction) => base
            .with("action", "react")
            .with("reaction", &reaction.name)
            .with("emoji", &reaction.emoji),
        None => base.with("action", "unreact"),
    }
}
