//! Calls that have an effect on a person: private replies, DMs, public replies.

use hookline_model::ids::{CommentId, ContactId, MediaId, MessageId};
use serde::{Deserialize, Serialize};

use super::call::{Call, CallFailure, Reply};
use super::endpoint::{GraphConfig, Sender};
use super::request::{RequestProblem, post};
use crate::wire::{Id, lenient};

/// A message Meta took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The message; its echo carries the same id as `mid` (contract 4.9).
    pub message_id: MessageId,
    /// The person it went to: the address of later DMs (contract 5.8).
    pub recipient_id: Option<ContactId>,
}

/// A comment Meta made for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commented {
    /// The new comment.
    pub id: CommentId,
}

/// Answers a comment in the commenter's inbox; Meta allows it once per comment (contract 5.8).
pub fn send_private_reply(
    config: &GraphConfig,
    sender: &Sender<'_>,
    comment: &CommentId,
    text: &str,
) -> Result<Call<Sent>, RequestProblem> {
    let recipient = Recipient::CommentId(comment.as_str());
    send(config, sender, recipient, text)
}

/// Writes to a contact inside the 24-hour window (contract 5.1, 5.7). Meta has no idempotency
/// key: whoever repeats this call may send twice.
pub fn send_message(
    config: &GraphConfig,
    sender: &Sender<'_>,
    contact: &ContactId,
    text: &str,
) -> Result<Call<Sent>, RequestProblem> {
    let recipient = Recipient::Id(contact.as_str());
    send(config, sender, recipient, text)
}

fn send(
    config: &GraphConfig,
    sender: &Sender<'_>,
    recipient: Recipient<'_>,
    text: &str,
) -> Result<Call<Sent>, RequestProblem> {
    let url = config.messaging_edge(sender, "messages")?;
    let message = Message { text };
    let body = Messaging { recipient, message };
    Ok(Call::new(post(url, &body), read_sent))
}

/// Answers a comment under it (contract 6.2). The request asks for no fields: Meta would make the
/// comment and then answer with an error.
pub fn send_public_reply(
    config: &GraphConfig,
    sender: &Sender<'_>,
    comment: &CommentId,
    text: &str,
) -> Result<Call<Commented>, RequestProblem> {
    let url = config.node(sender, "comment", comment.as_str(), Some("replies"))?;
    Ok(Call::new(
        post(url, &WireReply::plain(text)),
        read_commented,
    ))
}

/// Answers a mention of the account under someone else's media, in the comment that mentions it
/// or, without one, under the caption (contract 6.4).
pub fn reply_to_mention(
    config: &GraphConfig,
    sender: &Sender<'_>,
    media: &MediaId,
    comment: Option<&CommentId>,
    text: &str,
) -> Result<Call<Commented>, RequestProblem> {
    let url = config.node(sender, "account", sender.account.as_str(), Some("mentions"))?;
    let body = WireReply {
        media_id: Some(media.as_str()),
        comment_id: comment.map(CommentId::as_str),
        message: text,
    };
    Ok(Call::new(post(url, &body), read_commented))
}

#[derive(Serialize)]
struct Messaging<'a> {
    recipient: Recipient<'a>,
    message: Message<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Recipient<'a> {
    Id(&'a str),
    CommentId(&'a str),
}

#[derive(Serialize)]
struct Message<'a> {
    text: &'a str,
}

#[derive(Serialize)]
struct WireReply<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    media_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment_id: Option<&'a str>,
    message: &'a str,
}

impl<'a> WireReply<'a> {
    fn plain(message: &'a str) -> Self {
        Self {
            media_id: None,
            comment_id: None,
            message,
        }
    }
}

fn read_sent(reply: &Reply) -> Result<Sent, CallFailure> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow, default, deserialize_with = "lenient")]
        message_id: Option<Id<'a>>,
        #[serde(borrow, default, deserialize_with = "lenient")]
        recipient_id: Option<Id<'a>>,
        #[serde(borrow, default, deserialize_with = "lenient")]
        id: Option<Id<'a>>,
    }

    let wire: Wire<'_> = reply.decode()?;
    let message_id = wire
        .message_id
        .or(wire.id)
        .ok_or_else(|| reply.unreadable())?;
    Ok(Sent {
        message_id: MessageId::new(message_id.0),
        recipient_id: wire.recipient_id.map(|id| ContactId::new(id.0)),
    })
}

fn read_commented(reply: &Reply) -> Result<Commented, CallFailure> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow, default, deserialize_with = "lenient")]
        id: Option<Id<'a>>,
    }

    let wire: Wire<'_> = reply.decode()?;
    let id = wire.id.ok_or_else(|| reply.unreadable())?;
    Ok(Commented {
        id: CommentId::new(id.0),
    })
}
