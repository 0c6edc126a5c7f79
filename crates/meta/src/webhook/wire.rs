//! The wire forms of contract section 4.

use hookline_model::ids::ContactId;
use serde_json::value::RawValue;

use crate::wire::{Flag, Id, Text, Whole, lenient};

/// A POST body (contract 2.1).
#[derive(serde::Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) object: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) entry: Option<Vec<&'a RawValue>>,
}

/// One entry: a container of events, or (contract 4.1) one event laid flat.
#[derive(serde::Deserialize)]
pub(super) struct Entry<'a> {
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) id: Option<Id<'a>>,
    #[serde(default)]
    pub(super) time: Whole,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) changes: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) messaging: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) standby: Option<Vec<&'a RawValue>>,
    /// Not Meta's: what we read back ourselves (see [`crate::backfill`]).
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) backfill: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) field: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) changed_fields: Option<&'a RawValue>,
}

/// One element of `changes[]`, or a flat entry.
#[derive(serde::Deserialize)]
pub(super) struct Change<'a> {
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) field: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) value: Option<&'a RawValue>,
}

/// The value of `comments` and `live_comments` (contract 4.1, 4.2).
#[derive(serde::Deserialize)]
pub(super) struct Comment<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Id<'a>>,
    #[serde(borrow, rename = "comment_id")]
    pub(super) other_id: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) from: Option<From<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) media: Option<Media<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) parent_id: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) text: Option<Text<'a>>,
    /// Only what was read back has it: Meta's events do not say when a comment was written
    /// (contract 2.2).
    #[serde(default)]
    pub(super) created_at: Whole,
}

/// Who commented.
#[derive(serde::Deserialize)]
pub(super) struct From<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) username: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) self_ig_scoped_id: Option<&'a RawValue>,
}

/// What was commented on.
#[derive(serde::Deserialize)]
pub(super) struct Media<'a> {
    #[serde(borrow)]
    pub(super) id: Id<'a>,
    #[serde(
        borrow,
        default,
        rename = "media_product_type",
        deserialize_with = "lenient"
    )]
    pub(super) product_type: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) original_media_id: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) ad_id: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) ad_title: Option<Text<'a>>,
}

/// The value of `mentions` (contract 4.3).
#[derive(serde::Deserialize)]
pub(super) struct Mention<'a> {
    #[serde(borrow)]
    pub(super) comment_id: Option<Id<'a>>,
    #[serde(borrow)]
    pub(super) media_id: Option<Id<'a>>,
}

/// One element of `messaging[]` or `standby[]` (contract 4.5 to 4.15).
#[derive(serde::Deserialize)]
pub(super) struct Messaging<'a> {
    #[serde(borrow)]
    pub(super) sender: Option<Party<'a>>,
    #[serde(borrow)]
    pub(super) recipient: Option<Party<'a>>,
    #[serde(default)]
    pub(super) timestamp: Whole,
    #[serde(default)]
    pub(super) is_self: Flag,
    #[serde(borrow)]
    pub(super) message: Option<Message<'a>>,
    #[serde(borrow)]
    pub(super) message_edit: Option<MessageEdit<'a>>,
    #[serde(borrow)]
    pub(super) reaction: Option<Reaction<'a>>,
    #[serde(borrow)]
    pub(super) read: Option<Read<'a>>,
    #[serde(borrow)]
    pub(super) postback: Option<Postback<'a>>,
    #[serde(borrow)]
    pub(super) referral: Option<Referral<'a>>,
    #[serde(borrow)]
    pub(super) pass_thread_control: Option<ThreadControl<'a>>,
    #[serde(borrow)]
    pub(super) take_thread_control: Option<ThreadControl<'a>>,
    #[serde(borrow)]
    pub(super) request_thread_control: Option<ThreadControl<'a>>,
    #[serde(borrow)]
    pub(super) app_roles: Option<&'a RawValue>,
}

/// One side of a conversation.
#[derive(serde::Deserialize)]
pub(super) struct Party<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Id<'a>>,
}

/// `message` (contract 4.5 to 4.9).
#[derive(serde::Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) mid: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) attachments: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) quick_reply: Option<QuickReply<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) reply_to: Option<ReplyTo<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) referral: Option<Referral<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) app_id: Option<Id<'a>>,
    #[serde(default)]
    pub(super) is_deleted: Flag,
    #[serde(default)]
    pub(super) is_echo: Flag,
    #[serde(default)]
    pub(super) is_self: Flag,
    #[serde(default)]
    pub(super) is_unsupported: Flag,
}

/// One attachment (contract 4.7).
#[derive(serde::Deserialize)]
pub(super) struct Attachment<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) payload: Option<&'a RawValue>,
}

/// The quick reply that was tapped.
#[derive(serde::Deserialize)]
pub(super) struct QuickReply<'a> {
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) payload: Option<Text<'a>>,
}

/// What a message answers.
#[derive(serde::Deserialize)]
pub(super) struct ReplyTo<'a> {
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) mid: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) story: Option<Story<'a>>,
}

/// The story a message answers.
#[derive(serde::Deserialize)]
pub(super) struct Story<'a> {
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) id: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) url: Option<Text<'a>>,
}

/// `message_edit` (contract 4.12).
#[derive(serde::Deserialize)]
pub(super) struct MessageEdit<'a> {
    #[serde(borrow)]
    pub(super) mid: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) text: Option<Text<'a>>,
    #[serde(default)]
    pub(super) num_edit: Whole,
}

/// `reaction` (contract 4.10).
#[derive(serde::Deserialize)]
pub(super) struct Reaction<'a> {
    #[serde(borrow)]
    pub(super) mid: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) action: Option<Text<'a>>,
    #[serde(borrow, default, rename = "reaction", deserialize_with = "lenient")]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) emoji: Option<Text<'a>>,
}

/// `read` (contract 4.13).
#[derive(serde::Deserialize)]
pub(super) struct Read<'a> {
    #[serde(borrow)]
    pub(super) mid: Option<Id<'a>>,
}

/// `postback` (contract 4.11).
#[derive(serde::Deserialize)]
pub(super) struct Postback<'a> {
    #[serde(borrow)]
    pub(super) mid: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) title: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) payload: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) referral: Option<Referral<'a>>,
    #[serde(default)]
    pub(super) is_self: Flag,
}

/// `referral`, on its own or inside a message or postback (contract 4.6, 4.14).
#[derive(serde::Deserialize)]
pub(super) struct Referral<'a> {
    #[serde(borrow, default, rename = "ref", deserialize_with = "lenient")]
    pub(super) reference: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) source: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) ad_id: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) product: Option<Party<'a>>,
}

impl Referral<'_> {
    pub(super) fn into_model(
        self,
        contact_id: Option<ContactId>,
    ) -> hookline_model::event::Referral {
        hookline_model::event::Referral {
            contact_id,
            reference: self.reference.map(Text::into_string),
            source: self.source.map(Text::into_string),
            ad_id: self.ad_id.map(Id::into_string),
            product_id: self
                .product
                .and_then(|product| product.id)
                .map(Id::into_string),
        }
    }
}

/// `pass_`, `take_` and `request_thread_control` (contract 4.15).
#[derive(serde::Deserialize)]
pub(super) struct ThreadControl<'a> {
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) previous_owner_app_id: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) new_owner_app_id: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) requested_owner_app_id: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) metadata: Option<Text<'a>>,
}
