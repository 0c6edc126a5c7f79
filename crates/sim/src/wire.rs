//! What goes on the wire: events, entries, bodies and their signatures (contract sections 2 and 4).

mod dashboard;
mod event;
mod signature;
mod write;

pub use dashboard::dashboard_test;
pub use event::{
    Ad, Attachment, AttachmentKind, CommentEvent, Envelope, Event, MediaRef, MessageBody,
    PostbackBody, ProductType, Reaction, Referral, ReplyTo, StoryCounts, ThreadControl,
};
pub use signature::{Signing, headers, sha1_hex, sha256_hex};

use crate::json::{Escaping, Json};

/// Every field of `object: instagram` that a subscription may name (contract section 4).
pub const FIELDS: [&str; 14] = [
    "comments",
    "live_comments",
    "mentions",
    "story_insights",
    "messages",
    "message_echoes",
    "message_reactions",
    "message_edit",
    "messaging_postbacks",
    "messaging_seen",
    "messaging_referral",
    "messaging_handover",
    "messaging_optins",
    "standby",
];

/// How an entry holds its events; each dialect has its own key order (contract 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// `{id,time,changes[{value,field}]}`, time in seconds.
    Changes,
    /// `{changes[{field,value}],id,time}`, time in seconds: the order captured for mentions.
    MentionChanges,
    /// `{id,time,changes[{field,value}]}`: the dashboard's test button (contract 4.17).
    TestChanges,
    /// `{time,id,messaging}`, time in milliseconds.
    Messaging,
    /// `{time,id,standby}`, time in milliseconds.
    Standby,
}

impl Container {
    fn holds_changes(self) -> bool {
        match self {
            Self::Changes | Self::MentionChanges | Self::TestChanges => true,
            Self::Messaging | Self::Standby => false,
        }
    }
}

/// The events of one account inside one POST.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The professional account id.
    pub id: String,
    /// Which dialect the events are written in.
    pub container: Container,
    /// The events, in order.
    pub events: Vec<Event>,
}

/// Writes a POST body; `sent_at_ms` becomes every `entry.time` in its dialect's unit.
pub fn body(entries: &[Entry], sent_at_ms: i64, is_array: bool, escaping: Escaping) -> Vec<u8> {
    let times = vec![sent_at_ms; entries.len()];
    body_with_times(entries, &times, is_array, escaping)
}

/// Like [`body`], with a send time of its own for each entry; a missing time is 0.
pub fn body_with_times(
    entries: &[Entry],
    times_ms: &[i64],
    is_array: bool,
    escaping: Escaping,
) -> Vec<u8> {
    let written: Vec<Json> = entries
        .iter()
        .zip(times_ms.iter().copied().chain(std::iter::repeat(0)))
        .map(|(entry, time_ms)| entry_json(entry, time_ms))
        .collect();
    let only_changes = entries.iter().all(|entry| entry.container.holds_changes());
    let object = if only_changes && !entries.is_empty() {
        Json::object()
            .with("entry", written)
            .with("object", "instagram")
    } else {
        Json::object()
            .with("object", "instagram")
            .with("entry", written)
    };
    if is_array {
        Json::Array(vec![object]).to_bytes(escaping)
    } else {
        object.to_bytes(escaping)
    }
}

fn entry_json(entry: &Entry, time_ms: i64) -> Json {
    let seconds = time_ms.div_euclid(1000);
    let id = entry.id.as_str();
    match entry.container {
        Container::Changes => Json::object()
            .with("id", id)
            .with("time", seconds)
            .with("changes", changes(&entry.events, true)),
        Container::TestChanges => Json::object()
            .with("id", id)
            .with("time", seconds)
            .with("changes", changes(&entry.events, false)),
        Container::MentionChanges => Json::object()
            .with("changes", changes(&entry.events, false))
            .with("id", id)
            .with("time", seconds),
        Container::Messaging => Json::object()
            .with("time", time_ms)
            .with("id", id)
            .with("messaging", values(&entry.events)),
        Container::Standby => Json::object()
            .with("time", time_ms)
            .with("id", id)
            .with("standby", values(&entry.events)),
    }
}

fn changes(events: &[Event], value_first: bool) -> Vec<Json> {
    events
        .iter()
        .map(|event| {
            let (field, value) = (event.field(), event.to_json());
            if value_first {
                Json::object().with("value", value).with("field", field)
            } else {
                Json::object().with("field", field).with("value", value)
            }
        })
        .collect()
}

fn values(events: &[Event]) -> Vec<Json> {
    events.iter().map(Event::to_json).collect()
}

#[cfg(test)]
mod tests;
