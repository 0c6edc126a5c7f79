//! What interpreting and routing reads, and the one transaction they commit.
//!
//! The engine decides in memory, inside the transaction that reads the facts and keeps the plan
//! ([`hand_over`](crate::Store::hand_over)). All of a plan is kept or none, and none of one that does not begin where
//! the one before it ended ([`Conflict`](crate::StoreError::Conflict)).

mod batch;
mod commit;
mod facts;
mod keep;
mod known;
mod numbers;
mod owed;
mod used;
mod written;

use hookline_model::automation::Because;
use hookline_model::clock::Timestamp;
use hookline_model::event::{Event, EventName, Ignored};
use hookline_model::ids::{
    AccountId, AutomationId, CommentId, ContactId, DeliveryId, EventId, MediaId,
};
use hookline_model::once::OnceScope;
use hookline_model::send::{SendClass, SendKey, SendKind};
use hookline_model::wish::Wish;
use serde::{Deserialize, Serialize};

pub use commit::{Committing, Question};
pub use facts::{ContactFacts, Facts, FactsQuery, KnownEvent, Taken, TakenQuery};
pub(crate) use facts::{contact_facts, event_of};
pub use written::Texts;

/// A recorded delivery as the interpreter reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its place in the order of recording.
    pub id: DeliveryId,
    /// When it was received.
    pub received_at: Timestamp,
    /// The bytes as received.
    pub body: Vec<u8>,
}

/// What waits to be interpreted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Up to here everything has been interpreted; the plan is refused if that has changed.
    pub cursor: DeliveryId,
    /// The next deliveries, oldest first.
    pub deliveries: Vec<Delivery>,
    /// Deliveries someone asked to interpret again.
    pub replays: Vec<Delivery>,
    /// Whether there is more than fits one batch.
    pub has_more: bool,
    /// The generation of redactions these bytes are of.
    pub redactions: i64,
    /// What the engine caches was of these generations when this was read.
    pub generations: Generations,
    /// The last delivery that was recorded when this was read.
    pub newest: Option<DeliveryId>,
}

/// An event that waits for something to be read from Meta before it can be routed.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitingEvent {
    /// The event's row.
    pub id: EventId,
    /// The event.
    pub event: Event,
    /// The delivery that told of it first.
    pub delivery_id: DeliveryId,
    /// When it was received.
    pub received_at: Timestamp,
    /// How often reading has failed.
    pub tries: u32,
    /// What came of reading; none while it goes on.
    pub answer: Option<WaitAnswer>,
}

/// What came of reading what an event waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitAnswer {
    /// It is known now.
    Known,
    /// Meta will not tell; the event is routed without it.
    Unreadable,
}

impl WaitAnswer {
    /// The answer as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Unreadable => "unreadable",
        }
    }

    /// The answer of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Known, Self::Unreadable]
            .into_iter()
            .find(|answer| answer.as_str() == name)
    }
}

/// Numbers that change with what the engine caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Generations {
    /// Changes with every account.
    pub accounts: i64,
    /// Changes with every automation.
    pub automations: i64,
}

/// Everything one batch leads to.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The batch's cursor, and where it has come to.
    pub cursor: Option<(DeliveryId, DeliveryId)>,
    /// The generation of redactions of the bytes this was decided on; the plan is refused when one
    /// of its deliveries was cut since, so that what is erased does not come back.
    pub redactions: Option<i64>,
    /// Replays that are done.
    pub replayed: Vec<DeliveryId>,
    /// Deliveries that could not be read, with the reason.
    pub not_interpretable: Vec<(DeliveryId, String)>,
    /// New events, and known ones that are routed now.
    pub events: Vec<PlannedEvent>,
    /// Known events told again.
    pub sightings: Vec<(EventName, DeliveryId)>,
    /// The deliveries of the batch. An event of one of them is kept as what it adds to it; any
    /// other is kept whole.
    pub deliveries: Vec<Delivery>,
}

/// An event with everything that was decided about it.
#[derive(Debug, Clone)]
pub struct PlannedEvent {
    /// Its row, if it has one already.
    pub known: Option<EventId>,
    /// The event.
    pub event: Event,
    /// The delivery that tells of it.
    pub delivery_id: DeliveryId,
    /// When that was received.
    pub received_at: Timestamp,
    /// Why it triggers nothing.
    pub ignored: Option<Ignored>,
    /// Set when it cannot be routed before something is read: when to try.
    pub waits_until: Option<Timestamp>,
    /// The automations considered.
    pub runs: Vec<PlannedRun>,
    /// What is owed.
    pub sends: Vec<PlannedSend>,
    /// Whether the contact asked to be left alone, or took that back.
    pub opt_out: Option<Wish>,
    /// Its texts, if they were made already.
    pub texts: Option<Texts>,
}

/// What came of considering an automation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Its conditions hold and it takes effect.
    Matched,
    /// A condition does not hold.
    NotMatched,
    /// Its conditions hold, but its limit or the contact's wish forbids.
    Skipped,
    /// Its conditions hold, but another automation gets the one message.
    Lost,
}

impl Verdict {
    /// The verdict as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::NotMatched => "not_matched",
            Self::Skipped => "skipped",
            Self::Lost => "lost",
        }
    }

    /// The verdict of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Matched, Self::NotMatched, Self::Skipped, Self::Lost]
            .into_iter()
            .find(|verdict| verdict.as_str() == name)
    }
}

/// One automation considered for one event.
#[derive(Debug, Clone)]
pub struct PlannedRun {
    /// The automation.
    pub automation_id: AutomationId,
    /// Its version at that moment.
    pub version: u32,
    /// What came of it.
    pub verdict: Verdict,
    /// The condition that decided.
    pub because: Because,
    /// What its limit is used up for, when it takes effect.
    pub once_scope: Option<OnceScope>,
}

/// One outbound effect that is owed from now on.
#[derive(Debug, Clone)]
pub struct PlannedSend {
    /// Its key: planning it twice is refused.
    pub key: SendKey,
    /// The automation that asks for it.
    pub automation_id: AutomationId,
    /// The automation's version.
    pub version: u32,
    /// Its place among the steps, from 0.
    pub step: u32,
    /// What it is.
    pub kind: SendKind,
    /// What it is paced with.
    pub class: SendClass,
    /// Whom it reaches.
    pub contact_id: Option<ContactId>,
    /// The comment it answers.
    pub comment_id: Option<CommentId>,
    /// When it may go; none while the step before it has not been accepted.
    pub due_at: Option<Timestamp>,
    /// When it is too late.
    pub deadline_at: Timestamp,
    /// The source of its text.
    pub text: String,
    /// The keyword that was found, which the text may speak of.
    pub keyword: Option<String>,
}

/// Which media `media = "next"` of one version and account turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NextMedia {
    /// The automation.
    pub automation_id: AutomationId,
    /// Its version.
    pub version: u32,
    /// The account.
    pub account_id: AccountId,
    /// The media.
    pub media_id: MediaId,
}
