//! `messaging[]` and `standby[]`: dispatched by which key exists, because the container does not
//! name its field (contract section 4).

use hookline_model::clock::Timestamp;
use hookline_model::event::{
    Attachment, EventBody, Message, MessageEdit, Postback, Reaction, ReplyTo, Seen, ThreadControl,
};
use hookline_model::ids::{ContactId, MediaId, MessageId};
use serde_json::value::RawValue;

use super::change::TEST_ACCOUNT;
use super::{NotKnown, Read, Source, parse, wire};
use crate::wire::{Id, Text, value_of};

/// Reads one element of `messaging[]` or `standby[]`.
pub(super) fn read(source: &Source<'_>, raw: &RawValue) -> Result<Read, NotKnown> {
    let mut event: wire::Messaging<'_> = parse(raw, "messaging event")?;
    let side = Side::of(source, &mut event);
    if let Some(message) = event.message {
        let is_test = source.account.as_str() == TEST_ACCOUNT;
        return read_message(source, &side, message, is_test);
    }
    if let Some(edit) = event.message_edit {
        return read_edit(source, &side, edit);
    }
    if let Some(reaction) = event.reaction {
        return read_reaction(source, &side, reaction);
    }
    if let Some(seen) = event.read {
        return read_seen(source, &side, seen);
    }
    if let Some(postback) = event.postback {
        return Ok(read_postback(source, &side, postback));
    }
    if let Some(referral) = event.referral {
        return Ok(read_referral(source, &side, referral));
    }
    let changes = [
        ("pass", event.pass_thread_control),
        ("take", event.take_thread_control),
        ("request", event.request_thread_control),
    ];
    for (change, control) in changes {
        if let Some(control) = control {
            return Ok(read_control(source, &side, change, control));
        }
    }
    event.app_roles.map_or(Err(NotKnown::Field), |roles| {
        Ok(read_roles(source, &side, roles))
    })
}

/// Reads a message in the form of a change, which only the App Dashboard's test button sends
/// (contract 4.17).
pub(super) fn read_test(source: &Source<'_>, value: &RawValue) -> Result<Read, NotKnown> {
    let mut event: wire::Messaging<'_> = parse(value, "test message")?;
    let side = Side::of(source, &mut event);
    let message = event.message.ok_or(NotKnown::Field)?;
    read_message(source, &side, message, true)
}

/// Who is on which side of the event, and when it happened.
struct Side<'a> {
    sender: Option<Id<'a>>,
    recipient: Option<Id<'a>>,
    at: Option<Timestamp>,
    /// The account is the sender.
    is_ours: bool,
    /// The event, not what it holds, is marked as the account's talk with itself (contract 4.8).
    is_self: bool,
}

impl<'a> Side<'a> {
    fn of(source: &Source<'_>, event: &mut wire::Messaging<'a>) -> Self {
        let sender = event.sender.take().and_then(|party| party.id);
        let is_ours = sender
            .as_ref()
            .is_some_and(|sender| sender.as_str() == source.account.as_str());
        Self {
            sender,
            recipient: event.recipient.take().and_then(|party| party.id),
            at: event.timestamp.as_time(),
            is_ours,
            is_self: event.is_self.0,
        }
    }

    /// The person on the other side: whoever is not the account.
    fn contact(&self, is_outbound: bool) -> Option<ContactId> {
        let other = if is_outbound || self.is_ours {
            &self.recipient
        } else {
            &self.sender
        };
        other.as_ref().map(|id| ContactId::new(id.as_str()))
    }

    fn sender(&self) -> Option<&str> {
        self.sender.as_ref().map(Id::as_str)
    }

    /// The moment as a part of a key.
    fn moment(&self) -> Option<String> {
        self.at.map(|at| at.as_millis().to_string())
    }
}

fn mid(id: Option<Id<'_>>, of: &'static str) -> Result<MessageId, NotKnown> {
    id.map(|id| MessageId::new(id.0))
        .ok_or(NotKnown::Lacks(of, "mid"))
}

fn read_message(
    source: &Source<'_>,
    side: &Side<'_>,
    wire: wire::Message<'_>,
    is_test: bool,
) -> Result<Read, NotKnown> {
    let mid = mid(wire.mid, "the message")?;
    let is_self = wire.is_self.0 || side.is_self;
    // An echo without its mark would be taken for a contact who writes to the account.
    let is_echo = wire.is_echo.0 || side.is_ours;
    let (variant, body): (_, fn(Box<Message>) -> EventBody) = if wire.is_deleted.0 {
        ("deleted", EventBody::MessageDeleted)
    } else if is_echo {
        ("new", EventBody::MessageEchoed)
    } else {
        ("new", EventBody::MessageReceived)
    };
    Ok(Read {
        key: source.key("message", &[Some(mid.as_str()), Some(variant)]),
        occurred_at: side.at,
        body: body(Box::new(Message {
            contact_id: side.contact(is_echo || is_self),
            mid,
            text: wire.text.map(Text::into_string),
            attachments: wire.attachments.map(attachments).unwrap_or_default(),
            quick_reply_payload: wire
                .quick_reply
                .and_then(|reply| reply.payload)
                .map(Text::into_string),
            reply_to: wire.reply_to.and_then(reply_to),
            referral: wire.referral.map(|referral| referral.into_model(None)),
            is_self,
            is_unsupported: wire.is_unsupported.0,
            app_id: wire.app_id.map(Id::into_string),
            is_test,
        })),
    })
}

/// The attachments, written as a list or (as our own calls do) as one object; one of an unknown
/// form is kept under the kind `unknown`.
fn attachments(raw: &RawValue) -> Vec<Attachment> {
    let items = serde_json::from_str::<Vec<&RawValue>>(raw.get()).unwrap_or_else(|_| vec![raw]);
    items
        .into_iter()
        .filter(|item| item.get() != "null")
        .map(
            |item| match serde_json::from_str::<wire::Attachment<'_>>(item.get()) {
                Ok(wire) => Attachment {
                    kind: wire.kind.into_string(),
                    payload: wire.payload.and_then(value_of),
                },
                Err(_) => Attachment {
                    kind: "unknown".to_owned(),
                    payload: value_of(item),
                },
            },
        )
        .collect()
}

fn reply_to(wire: wire::ReplyTo<'_>) -> Option<ReplyTo> {
    if let Some(story) = wire.story {
        return Some(ReplyTo::Story {
            id: story.id.map(|id| MediaId::new(id.0)),
            url: story.url.map(Text::into_string),
        });
    }
    wire.mid.map(|mid| ReplyTo::Message {
        mid: MessageId::new(mid.0),
    })
}

fn read_edit(
    source: &Source<'_>,
    side: &Side<'_>,
    wire: wire::MessageEdit<'_>,
) -> Result<Read, NotKnown> {
    let mid = mid(wire.mid, "the edit")?;
    let num_edit = wire.num_edit.0.unwrap_or_default();
    Ok(Read {
        key: source.key(
            "message_edit",
            &[Some(mid.as_str()), Some(&num_edit.to_string())],
        ),
        occurred_at: side.at,
        body: EventBody::MessageEdited(MessageEdit {
            mid,
            contact_id: side.contact(side.is_self),
            text: wire.text.map(Text::into_string),
            num_edit,
        }),
    })
}

fn read_reaction(
    source: &Source<'_>,
    side: &Side<'_>,
    wire: wire::Reaction<'_>,
) -> Result<Read, NotKnown> {
    let mid = mid(wire.mid, "the reaction")?;
    let is_added = match wire.action.as_ref().map(|action| &*action.0) {
        Some("react") => true,
        Some("unreact") => false,
        Some(_) | None => return Err(NotKnown::Lacks("the reaction", "known action")),
    };
    let emoji = wire.emoji.map(Text::into_string);
    let moment = side.moment();
    let parts = [
        Some(mid.as_str()),
        side.sender(),
        Some(if is_added { "react" } else { "unreact" }),
        emoji.as_deref(),
        moment.as_deref(),
    ];
    Ok(Read {
        key: source.key("reaction", &parts),
        occurred_at: side.at,
        body: EventBody::ReactionChanged(Reaction {
            mid,
            contact_id: side.contact(side.is_self),
            is_added,
            reaction: wire.name.map(Text::into_string),
            emoji,
        }),
    })
}

fn read_seen(source: &Source<'_>, side: &Side<'_>, wire: wire::Read<'_>) -> Result<Read, NotKnown> {
    let mid = mid(wire.mid, "the read mark")?;
    Ok(Read {
        key: source.key("seen", &[Some(mid.as_str()), side.sender()]),
        occurred_at: side.at,
        body: EventBody::MessageSeen(Seen {
            mid,
            contact_id: side.contact(side.is_self),
        }),
    })
}

fn read_postback(source: &Source<'_>, side: &Side<'_>, wire: wire::Postback<'_>) -> Read {
    let is_self = side.is_self || wire.is_self.0 || side.is_ours;
    let payload = wire.payload.map(Text::into_string);
    let key = match &wire.mid {
        Some(mid) => source.key("postback", &[Some(mid.as_str())]),
        None => source.key(
            "postback",
            &[side.sender(), payload.as_deref(), side.moment().as_deref()],
        ),
    };
    Read {
        key,
        occurred_at: side.at,
        body: EventBody::PostbackReceived(Box::new(Postback {
            mid: wire.mid.map(|mid| MessageId::new(mid.0)),
            contact_id: side.contact(is_self),
            title: wire.title.map(Text::into_string),
            payload,
            referral: wire.referral.map(|referral| referral.into_model(None)),
            is_self,
        })),
    }
}

fn read_referral(source: &Source<'_>, side: &Side<'_>, wire: wire::Referral<'_>) -> Read {
    let reference = wire.reference.as_ref().map(|reference| &*reference.0);
    let moment = side.moment();
    Read {
        key: source.key("referral", &[side.sender(), reference, moment.as_deref()]),
        occurred_at: side.at,
        body: EventBody::ReferralReceived(wire.into_model(side.contact(side.is_self))),
    }
}

fn read_control(
    source: &Source<'_>,
    side: &Side<'_>,
    change: &str,
    wire: wire::ThreadControl<'_>,
) -> Read {
    let new_owner = wire.new_owner_app_id.or(wire.requested_owner_app_id);
    thread_control(
        source,
        side,
        ThreadControl {
            contact_id: side.contact(side.is_self),
            change: change.to_owned(),
            previous_owner_app_id: wire.previous_owner_app_id.map(Id::into_string),
            new_owner_app_id: new_owner.map(Id::into_string),
            metadata: wire.metadata.map(Text::into_string),
        },
    )
}

fn read_roles(source: &Source<'_>, side: &Side<'_>, roles: &RawValue) -> Read {
    thread_control(
        source,
        side,
        ThreadControl {
            contact_id: side.contact(side.is_self),
            change: "app_roles".to_owned(),
            previous_owner_app_id: None,
            new_owner_app_id: None,
            metadata: value_of(roles).map(|roles| roles.to_string()),
        },
    )
}

fn thread_control(source: &Source<'_>, side: &Side<'_>, control: ThreadControl) -> Read {
    let moment = side.moment();
    Read {
        key: source.key(
            "handover",
            &[side.sender(), Some(&control.change), moment.as_deref()],
        ),
        occurred_at: side.at,
        body: EventBody::ThreadControlChanged(control),
    }
}
