//! Erasing a person or an account everywhere: requested durably, carried out in bounded steps.
//!
//! - `request`: who is meant, and the row that keeps the request
//! - `find`: which deliveries and events are about them, a stretch at a time
//! - `rows`: what is taken out, each step one bounded transaction
//! - `pages`: what SQLite left of deleted rows in its pages, overwritten with zeros
//!
//! The order is what makes a crash harmless: a delivery is cut before the events that point to it
//! go, and the request forgets whom it was about only when nothing is left.

mod find;
mod pages;
mod request;
mod rows;

use hookline_model::clock::Timestamp;
use hookline_model::erasure::{Part, Whom};
use hookline_model::ids::{AccountId, AppScopedId, ContactId, DeliveryId, EventId};
use serde::Serialize;

pub use pages::Dirty;

/// Whom a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedFor {
    /// Whoever Meta knows under this id for our app.
    User(AppScopedId),
    /// A connected account.
    Account(AccountId),
    /// A contact of an account.
    Contact {
        /// The account.
        account: AccountId,
        /// The person.
        contact: ContactId,
    },
}

impl AskedFor {
    fn as_text(&self) -> String {
        match self {
            Self::User(id) => format!("user {id}"),
            Self::Account(id) => format!("account {id}"),
            Self::Contact { account, contact } => format!("contact {account} {contact}"),
        }
    }
}

/// Where a deletion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeletionState {
    /// Rows and deliveries are being gone through.
    Erasing,
    /// Everything is out of the rows; the places where it stood are being overwritten.
    Cleaning,
    /// No byte is left.
    Done,
}

impl DeletionState {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "erasing" => Some(Self::Erasing),
            "cleaning" => Some(Self::Cleaning),
            "done" => Some(Self::Done),
            _ => None,
        }
    }
}

/// A request to erase, as anybody with its code may see it: nothing of whom it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deletion {
    /// The code it is asked about with.
    pub code: String,
    /// Where it stands.
    pub state: DeletionState,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it was done.
    pub done_at: Option<Timestamp>,
    /// What was erased so far.
    pub erased: Erased,
}

/// How much was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Erased {
    /// Accounts.
    pub accounts: u32,
    /// Contacts.
    pub contacts: u32,
    /// Events.
    pub events: u32,
    /// Sends.
    pub sends: u32,
    /// Deliveries something was cut out of.
    pub deliveries: u32,
}

impl Erased {
    /// Whether nothing was found.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// A deletion that is being carried out.
#[derive(Debug, Clone)]
pub struct OpenDeletion {
    /// Its row.
    pub id: i64,
    /// Whom it is about.
    pub whom: Whom,
    /// The last delivery there was when it was asked for; later ones are not gone through.
    pub deliveries_until: DeliveryId,
    /// Deliveries up to here have been gone through.
    pub delivery: DeliveryId,
    /// Events up to here have been gone through.
    pub event: EventId,
}

/// Deliveries that may tell of them, and up to where was looked.
#[derive(Debug, Clone)]
pub struct Suspects {
    /// Each with its body.
    pub deliveries: Vec<(DeliveryId, Vec<u8>)>,
    /// Up to here.
    pub until: DeliveryId,
}

/// Events of theirs, and up to where was looked.
#[derive(Debug, Clone)]
pub struct Doomed {
    /// The events.
    pub events: Vec<EventId>,
    /// Every delivery that told of them.
    pub deliveries: Vec<DeliveryId>,
    /// The comments and messages they are.
    pub parts: Vec<Part>,
    /// Up to here.
    pub until: EventId,
    /// Whether there is nothing behind it.
    pub is_end: bool,
}

/// A delivery that somebody is cut out of.
#[derive(Debug, Clone)]
pub struct Redacted {
    /// The delivery.
    pub id: DeliveryId,
    /// The bytes this was decided on; if they have changed, it has to be decided again.
    pub before: Vec<u8>,
    /// The bytes that stay; none when the delivery goes.
    pub after: Option<Vec<u8>>,
}
