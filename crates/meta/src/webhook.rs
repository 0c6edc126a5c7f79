//! From the bytes of a delivery to events.
//!
//! Nothing Meta sends is lost here: what this version does not know becomes
//! [`EventBody::Unknown`], one event at a time, so that one odd event does not spoil its
//! neighbours (contract 12, 13).

mod backfill;
mod change;
mod key;
mod messaging;
mod wire;

use hookline_model::clock::Timestamp;
use hookline_model::event::{Container, Event, EventBody, NaturalKey, Unknown};
use hookline_model::ids::AccountId;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Most events taken from one delivery. Meta batches up to 1000 (contract 2.4).
const EVENTS_MAX: usize = 10_000;

/// Largest unknown event that is kept beside its delivery.
const UNKNOWN_BYTES_MAX: usize = 16 * 1024;

/// The account of an event whose entry does not say whose it is.
const NO_ACCOUNT: &str = "unknown";

/// Why no event could be taken from a delivery; says nothing of what stands in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotInterpretable {
    /// Meta writes ASCII (contract 2.3).
    #[error("the body is not UTF-8 text")]
    NotText,
    /// Not JSON, or cut short.
    #[error("the body is not JSON: line {line}, column {column}")]
    NotJson {
        /// Where reading stopped, counted from 1.
        line: usize,
        /// Where in that line.
        column: usize,
    },
    /// JSON, but not an object, nor a list of objects.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// Nothing says what the delivery is about.
    #[error("the body does not name the webhook object it is about")]
    NoObject,
    /// There is no list of entries.
    #[error("the body has no list of entries")]
    NoEntries,
    /// More events than Meta ever batches.
    #[error("the body holds more than {EVENTS_MAX} events")]
    TooManyEvents,
}

/// Takes the events out of a delivery's body, in the order they stand there.
///
/// The body is a bare object or a list of them (contract 2.1). Every element of `changes`,
/// `messaging` and `standby` gives exactly one event, and so does every element of `backfill` in
/// the bodies we write ourselves ([`crate::backfill`]).
pub fn interpret(body: &[u8]) -> Result<Vec<Event>, NotInterpretable> {
    let text = std::str::from_utf8(body).map_err(|_| NotInterpretable::NotText)?;
    let mut events = Vec::new();
    // Nearly every body is one sound object, which need not be gone through once more to know it.
    if text.trim_ascii_start().starts_with('{')
        && let Ok(body) = serde_json::from_str::<wire::Body<'_>>(text)
    {
        read_body(body, &mut events)?;
        return Ok(events);
    }
    let whole: &RawValue =
        serde_json::from_str(text).map_err(|error| NotInterpretable::NotJson {
            line: error.line(),
            column: error.column(),
        })?;
    if whole.get().starts_with('[') {
        let bodies: Vec<&RawValue> =
            serde_json::from_str(whole.get()).map_err(|_| NotInterpretable::NotAnObject)?;
        for body in bodies {
            read_body(body_of(body)?, &mut events)?;
        }
    } else {
        read_body(body_of(whole)?, &mut events)?;
    }
    Ok(events)
}

fn body_of(raw: &RawValue) -> Result<wire::Body<'_>, NotInterpretable> {
    parse(raw, "body").map_err(|_| NotInterpretable::NotAnObject)
}

fn read_body(body: wire::Body<'_>, events: &mut Vec<Event>) -> Result<(), NotInterpretable> {
    let object = body.object.ok_or(NotInterpretable::NoObject)?;
    for entry in body.entry.ok_or(NotInterpretable::NoEntries)? {
        read_entry(&object.0, entry, events);
        if events.len() > EVENTS_MAX {
            return Err(NotInterpretable::TooManyEvents);
        }
    }
    Ok(())
}

fn read_entry(object: &str, raw: &RawValue, events: &mut Vec<Event>) {
    let mut source = Source {
        object,
        account: AccountId::new(NO_ACCOUNT),
        sent_at: None,
        container: Container::Changes,
    };
    let Ok(entry) = parse::<wire::Entry<'_>>(raw, "entry") else {
        events.push(source.unknown(raw, &NotKnown::Shape("entry")));
        return;
    };
    if let Some(id) = entry.id {
        source.account = AccountId::new(id.0);
    }
    source.sent_at = entry.time.as_time();
    let before = events.len();
    let lists = [
        (Container::Changes, entry.changes),
        (Container::Messaging, entry.messaging),
        (Container::Standby, entry.standby),
        (Container::Backfill, entry.backfill),
    ];
    for (container, items) in lists {
        source.container = container;
        for item in items.into_iter().flatten().take(EVENTS_MAX + 1) {
            events.push(source.event(item));
        }
    }
    if events.len() == before {
        source.container = Container::Changes;
        events.push(match (&entry.field, entry.changed_fields) {
            (Some(_), _) => source.event(raw),
            (None, Some(_)) => source.unknown(raw, &NotKnown::ValuesOff),
            (None, None) => source.unknown(raw, &NotKnown::NoEvents),
        });
    }
}

/// Why an event is unknown. Never quotes the event: its words are somebody's.
#[derive(Debug, thiserror::Error)]
enum NotKnown {
    #[error("this version does not know this kind of event")]
    Field,
    #[error("{0} has no {1}")]
    Lacks(&'static str, &'static str),
    #[error("the {0} has a form this version does not know")]
    Shape(&'static str),
    #[error("values are switched off in the app's subscription, only field names were sent")]
    ValuesOff,
    #[error("the entry holds no events")]
    NoEvents,
    #[error("not about instagram")]
    NotInstagram,
}

/// Reads an object; serde alone would also take a list for an object's fields in order.
fn parse<'de, T: Deserialize<'de>>(raw: &'de RawValue, what: &'static str) -> Result<T, NotKnown> {
    if raw.get().starts_with('{') {
        serde_json::from_str(raw.get()).map_err(|_| NotKnown::Shape(what))
    } else {
        Err(NotKnown::Shape(what))
    }
}

/// What was read of an event, beside what its entry says.
struct Read {
    key: NaturalKey,
    occurred_at: Option<Timestamp>,
    body: EventBody,
}

/// Where an event stands.
struct Source<'a> {
    object: &'a str,
    account: AccountId,
    sent_at: Option<Timestamp>,
    container: Container,
}

impl Source<'_> {
    fn key(&self, kind: &str, parts: &[Option<&str>]) -> NaturalKey {
        key::natural_key(&self.account, kind, parts)
    }

    fn event(&self, raw: &RawValue) -> Event {
        if self.object != "instagram" {
            return self.unknown(raw, &NotKnown::NotInstagram);
        }
        let read = match self.container {
            Container::Changes => change::read(self, raw),
            Container::Messaging | Container::Standby => messaging::read(self, raw),
            Container::Backfill => backfill::read(self, raw),
        };
        match read {
            Ok(read) => Event {
                account_id: self.account.clone(),
                key: read.key,
                container: self.container,
                sent_at: self.sent_at,
                occurred_at: read.occurred_at,
                body: read.body,
            },
            Err(reason) => self.unknown(raw, &reason),
        }
    }

    fn unknown(&self, raw: &RawValue, reason: &NotKnown) -> Event {
        let value = crate::wire::value_of(raw);
        let key = key::key_of_unknown(&self.account, raw, value.as_ref());
        // Of other products nothing personal is kept (contract 4.18).
        let is_kept = self.object == "instagram" && raw.get().len() <= UNKNOWN_BYTES_MAX;
        Event {
            account_id: self.account.clone(),
            key,
            container: self.container,
            sent_at: self.sent_at,
            occurred_at: None,
            body: EventBody::Unknown(Unknown {
                object: self.object.to_owned(),
                reason: reason.to_string(),
                raw: value.filter(|_| is_kept).unwrap_or_default(),
            }),
        }
    }
}
