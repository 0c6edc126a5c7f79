//! What pages, commands and explanations show.

mod explain;
mod lists;
mod shown;

use hookline_model::attempt::MetaAnswer;
use hookline_model::automation::Because;
use hookline_model::clock::Timestamp;
use hookline_model::event::{EventBody, EventKind};
use hookline_model::ids::{
    AccountId, CommentId, ContactId, DeliveryId, EventId, MessageId, SendId,
};
use hookline_model::send::SendKind;
use serde::{Deserialize, Serialize};

use crate::planning::Verdict;

pub(crate) use lists::Conditions;
pub use lists::{DeliveryFilter, EventFilter, SendFilter};

/// Which page of a list. Pages go by key, newest first, never by offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// Only rows older than this id.
    pub before: Option<i64>,
    /// Rows at most.
    pub limit: u32,
}

/// One page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// The id to go on before; none on the last page.
    pub next_before: Option<i64>,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Recorded, not looked at yet.
    Recorded,
    /// Its events are known.
    Interpreted,
    /// Nothing could be made of it; kept.
    NotInterpretable,
    /// Interpreted again on request.
    Replayed,
}

impl DeliveryStatus {
    /// The status as shown and filtered by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Interpreted => "interpreted",
            Self::NotInterpretable => "not_interpretable",
            Self::Replayed => "replayed",
        }
    }

    /// The status of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Recorded,
            Self::Interpreted,
            Self::NotInterpretable,
            Self::Replayed,
        ]
        .into_iter()
        .find(|status| status.as_str() == name)
    }
}

/// A delivery, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryRecord {
    /// The delivery.
    pub id: DeliveryId,
    /// When it was received.
    pub received_at: Timestamp,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// How many bytes it has.
    pub body_bytes: u32,
    /// The `Facebook-API-Version` header.
    pub api_version: Option<String>,
    /// When somebody was last cut out of it; its bytes are no longer those that Meta signed.
    pub redacted_at: Option<Timestamp>,
}

/// An event as shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventRecord {
    /// The event.
    pub id: EventId,
    /// Its account.
    pub account_id: AccountId,
    /// What happened.
    #[serde(rename = "event_kind")]
    pub event_kind: EventKind,
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
    /// When it happened.
    pub occurred_at: Option<Timestamp>,
    /// Whether we read it back ourselves, because its event never came.
    pub backfilled: bool,
    /// Why it triggered nothing.
    pub ignored: Option<String>,
    /// The delivery that told of it first.
    pub delivery_id: DeliveryId,
    /// The particulars.
    pub body: EventBody,
}

/// A run as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunRecord {
    /// The automation's name.
    pub automation: String,
    /// Its version at that moment.
    pub version: u32,
    /// What came of it.
    pub verdict: Verdict,
    /// The condition that decided.
    pub because: Because,
}

/// A send as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SendRecord {
    /// The send.
    pub id: SendId,
    /// What it is.
    pub kind: SendKind,
    /// Where it stands; `held` when it is planned but may not go now.
    pub state: String,
    /// Why it stands there.
    pub reason: Option<String>,
    /// Its account.
    pub account_id: AccountId,
    /// Whom it reaches.
    pub contact_id: Option<ContactId>,
    /// The comment it answers.
    pub comment_id: Option<CommentId>,
    /// The event it answers.
    pub event_id: EventId,
    /// The automation's name.
    pub automation: String,
    /// The automation's version.
    pub version: u32,
    /// Its place among the steps, from 0.
    pub step: u32,
    /// When it may go; none while it waits for the step before it.
    pub due_at: Option<Timestamp>,
    /// When it is too late.
    pub deadline_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Meta's id of what was sent.
    pub message_id: Option<MessageId>,
    /// When its echo confirmed it.
    pub echoed_at: Option<Timestamp>,
    /// Every try.
    pub attempts: Vec<AttemptRecord>,
}

/// A try as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttemptRecord {
    /// Which try, from 1.
    pub number: u32,
    /// When leave to call was committed.
    pub started_at: Timestamp,
    /// When the answer was committed.
    pub finished_at: Option<Timestamp>,
    /// What came of it; none while it is under way.
    pub outcome: Option<String>,
    /// The stable word beside it.
    pub reason: Option<String>,
    /// What Meta said.
    pub answer: Option<MetaAnswer>,
}

/// Everything known of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// The event.
    pub event: EventRecord,
    /// Every delivery that told of it, first one first.
    pub deliveries: Vec<DeliveryRecord>,
    /// The automations considered, winner first.
    pub runs: Vec<RunRecord>,
    /// What was owed.
    pub sends: Vec<SendRecord>,
}
