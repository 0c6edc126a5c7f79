//! An event as people see it.

use hookline_model::clock::Timestamp;
use hookline_model::event::{EventBody, EventKind};
use hookline_model::ids::{AccountId, CommentId, ContactId, DeliveryId, EventId, MessageId};
use hookline_store::records::EventRecord;
use serde::Serialize;
use serde_json::Value;

/// An event with its kind at the top and its particulars under `details`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownEvent {
    /// The event.
    pub id: EventId,
    /// Its account.
    pub account_id: AccountId,
    /// What happened.
    pub kind: EventKind,
    /// The comment it is about.
    pub comment_id: Option<CommentId>,
    /// The message it is about.
    pub mid: Option<MessageId>,
    /// The person.
    pub contact_id: Option<ContactId>,
    /// When it was received.
    pub received_at: Timestamp,
    /// When Meta sent it.
    pub sent_at: Option<Timestamp>,
    /// When it happened, where Meta says so.
    pub occurred_at: Option<Timestamp>,
    /// Whether it was read back because it never came.
    pub backfilled: bool,
    /// Why it triggered nothing.
    pub ignored: Option<String>,
    /// The delivery that told of it first.
    pub delivery_id: DeliveryId,
    /// The particulars, without the kind.
    #[serde(serialize_with = "without_kind")]
    pub details: EventBody,
}

impl From<EventRecord> for ShownEvent {
    fn from(record: EventRecord) -> Self {
        Self {
            id: record.id,
            account_id: record.account_id,
            kind: record.event_kind,
            comment_id: record.comment_id,
            mid: record.mid,
            contact_id: record.contact_id,
            received_at: record.received_at,
            sent_at: record.sent_at,
            occurred_at: record.occurred_at,
            backfilled: record.backfilled,
            ignored: record.ignored,
            delivery_id: record.delivery_id,
            details: record.body,
        }
    }
}

fn without_kind<S: serde::Serializer>(body: &EventBody, serializer: S) -> Result<S::Ok, S::Error> {
    let mut details = serde_json::to_value(body).map_err(serde::ser::Error::custom)?;
    if let Value::Object(fields) = &mut details {
        fields.remove("kind");
    }
    details.serialize(serializer)
}
