//! The wire forms of contract section 4, read tolerantly: what can be understood is, and what is
//! odd beside it does not spoil it.

use std::borrow::Cow;
use std::fmt;

use hookline_model::clock::Timestamp;
use hookline_model::ids::ContactId;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// Longest id taken. Meta's longest (`mid`) are about 160 characters (contract section 0); ids
/// are indexed, so they must stay short.
const ID_BYTES_MAX: usize = 512;

/// Words as people wrote them. Half surrogate pairs (text cut by its sender) and zero characters
/// (which databases refuse) become replacement characters instead of losing the event.
#[derive(Debug, Clone)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(String::from_utf8_lossy(bytes))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Cow::Owned(String::from_utf8_lossy(bytes).into_owned()))
            }
        }

        // Asked for bytes, serde_json hands over half surrogate pairs that it refuses in strings.
        let text = deserializer.deserialize_bytes(TextVisitor)?;
        Ok(Self(if text.contains('\0') {
            Cow::Owned(text.replace('\0', "\u{fffd}"))
        } else {
            text
        }))
    }
}

impl Text<'_> {
    pub(super) fn into_string(self) -> String {
        self.0.into_owned()
    }
}

/// An id, written as a string or a number; numbers keep every digit (contract section 0).
#[derive(Debug, Clone)]
pub(super) struct Id<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let id = match raw
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
        {
            Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
            Some(_) => Cow::Owned(serde_json::from_str(raw).map_err(D::Error::custom)?),
            None if raw.bytes().all(|byte| byte.is_ascii_digit()) => Cow::Borrowed(raw),
            None => return Err(D::Error::custom("not an id")),
        };
        let is_sound = !id.is_empty() && id.len() <= ID_BYTES_MAX && !id.contains(char::is_control);
        if is_sound {
            Ok(Self(id))
        } else {
            Err(D::Error::custom("not an id"))
        }
    }
}

impl Id<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_string(self) -> String {
        self.0.into_owned()
    }
}

/// A whole number, written as a number or a string; anything else counts as absent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Whole(pub(super) Option<i64>);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        Ok(Self(raw.trim_matches('"').parse().ok()))
    }
}

impl Whole {
    /// Read as a time in seconds or milliseconds (contract 2.2).
    pub(super) fn as_time(self) -> Option<Timestamp> {
        self.0.map(Timestamp::from_meta)
    }
}

/// A mark that is set or not; anything but a plain yes is no.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        Ok(Self(matches!(raw, "true" | "\"true\"" | "1" | "\"1\"")))
    }
}

/// A part that may be left out without losing the event it belongs to: an unknown form of it
/// counts as absent.
pub(super) fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// The tree behind `raw`, unless it is too deep or holds what databases refuse: half surrogate
/// pairs and zero characters.
pub(super) fn value_of(raw: &RawValue) -> Option<Value> {
    if raw.get().contains(r"\u0000") {
        return None;
    }
    serde_json::from_str(raw.get()).ok()
}

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
