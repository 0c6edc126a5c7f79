//! Reading what is needed to decide.

use std::collections::{HashMap, HashSet};

use hookline_model::clock::Timestamp;
use hookline_model::event::{Container, Event, EventName, Ignored, NaturalKey};
use hookline_model::ids::{AccountId, AutomationId, ContactId, DeliveryId, EventId, MediaId};
use hookline_model::once::OnceScope;
use hookline_model::send::SendKey;
use hookline_model::wish::{OptChange, Wish};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::known::{New, known_events};
use super::owed::is_owed;
use super::used::used_up;
use super::{NextMedia, WaitAnswer, WaitingEvent};
use crate::Store;
use crate::automations::{self, PublishedAutomation};
use crate::error::StoreError;
use crate::ids::{self, MetaId as _};
use crate::packs::Unpacker;
use crate::rows::Reader;

/// What a batch asks about.
#[derive(Debug, Clone, Default)]
pub struct FactsQuery {
    /// Events that may be known.
    pub events: Vec<EventName>,
    /// People whose wishes and windows matter.
    pub contacts: HashSet<(AccountId, ContactId)>,
    /// Media whose time of publication matters.
    pub media: HashSet<(AccountId, MediaId)>,
    /// Accounts for which bound `next` media matter.
    pub accounts: HashSet<AccountId>,
}

/// The answers.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The events that are known.
    pub events: HashMap<NaturalKey, KnownEvent>,
    /// The people that are known.
    pub contacts: HashMap<(AccountId, ContactId), ContactFacts>,
    /// When media were published, as far as known.
    pub media: HashMap<(AccountId, MediaId), Timestamp>,
    /// The `next` media that are bound.
    pub next_media: HashMap<(AutomationId, u32, AccountId), MediaId>,
}

/// What the automations of a batch could want, each of which can be had once.
#[derive(Debug, Clone, Default)]
pub struct TakenQuery {
    /// Limits.
    pub limits: Vec<(AutomationId, OnceScope)>,
    /// Sends.
    pub sends: Vec<SendKey>,
}

/// What of that is taken.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// Limits that are used up.
    pub limits: HashSet<(AutomationId, OnceScope)>,
    /// Sends that are planned, or were.
    pub sends: HashSet<SendKey>,
}

/// An event that has a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownEvent {
    /// Its row.
    pub id: EventId,
    /// Why it triggered nothing.
    pub ignored: Option<Ignored>,
}

/// What matters of a contact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContactFacts {
    /// The handle, if a comment of theirs told it.
    pub username: Option<String>,
    /// When they last wrote.
    pub last_inbound_at: Option<Timestamp>,
    /// Since when they want to be left alone.
    pub opted_out_at: Option<Timestamp>,
    /// When their newest wish was made, by its own time: to be left alone, or to be served again.
    pub wished_at: Option<Timestamp>,
}

impl ContactFacts {
    /// Hears a wish. Wishes lead to the same in whatever order they are heard, and a wish heard
    /// again changes nothing.
    pub fn hear(&mut self, wish: Wish) {
        if !wish.holds_against(self.wished_at) {
            return;
        }
        self.wished_at = Some(wish.at);
        self.opted_out_at = match wish.change {
            OptChange::Out => Some(wish.at),
            OptChange::In => None,
        };
    }
}

impl Store {
    /// Events that something has to be read for, and whose time for it has come.
    pub async fn waiting_events(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<WaitingEvent>, StoreError> {
        self.read(move |connection| waiting(connection, WAITING, now, limit))
            .await
    }

    /// Events that wait no longer: what they waited for is known, or will not be.
    pub async fn answered_events(&self, limit: u32) -> Result<Vec<WaitingEvent>, StoreError> {
        self.read(move |connection| waiting(connection, ANSWERED, Timestamp::FAR_FUTURE, limit))
            .await
    }

    /// Ends the waiting of an event: it is routed next.
    pub async fn answer_waiting(&self, id: EventId, answer: WaitAnswer) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .execute(
                    "UPDATE waiting_events SET answer = ?2 WHERE event_id = ?1",
                    params![id.0, answer.as_str()],
                )
                .map_err(StoreError::database("end the waiting of an event"))?;
            Ok(())
        })
        .await
    }

    /// Every automation in use.
    pub async fn all_automations(&self) -> Result<Vec<PublishedAutomation>, StoreError> {
        self.read(automations::all).await
    }

    /// What is known of all that `query` names.
    pub async fn find_facts(&self, query: FactsQuery) -> Result<Facts, StoreError> {
        self.read(move |connection| facts(connection, &query).map(|(facts, _)| facts))
            .await
    }

    /// Which of these are taken already.
    pub async fn find_taken(&self, query: TakenQuery) -> Result<Taken, StoreError> {
        self.read(move |connection| {
            taken(connection, query, &New::default()).map(|(taken, _)| taken)
        })
        .await
    }

    /// Keeps when media were published, and what `next` turned out to be. A binding that exists
    /// stays as it is.
    pub async fn learn_media(
        &self,
        account: AccountId,
        media: Vec<(MediaId, Timestamp)>,
        bindings: Vec<NextMedia>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let doing = || StoreError::database("keep when media were published");
            for (id, published_at) in media {
                connection
                    .prepare_cached(
                        "INSERT INTO media (account_id, media_id, published_at)
                         VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                    )
                    .and_then(|mut insert| {
                        insert.execute(params![
                            account.column(),
                            id.column(),
                            published_at.as_millis()
                        ])
                    })
                    .map_err(doing())?;
            }
            for next in bindings {
                connection
                    .execute(
                        "INSERT INTO next_media (automation_id, version, account_id, media_id)
                         VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                        params![
                            next.automation_id.0,
                            next.version,
                            next.account_id.column(),
                            next.media_id.column()
                        ],
                    )
                    .map_err(doing())?;
            }
            Ok(())
        })
        .await
    }

    /// Puts off an event that still cannot be routed.
    pub async fn wait_longer(&self, id: EventId, until: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .execute(
                    "UPDATE waiting_events SET retry_at = ?2, tries = tries + 1
                     WHERE event_id = ?1",
                    params![id.0, until.as_millis()],
                )
                .map_err(StoreError::database("put off an event"))?;
            Ok(())
        })
        .await
    }
}

/// The sends that exist of these, and those that do not.
fn existing_sends(
    connection: &Connection,
    keys: Vec<SendKey>,
    new: &New,
) -> Result<(HashSet<SendKey>, HashSet<SendKey>), StoreError> {
    let (mut existing, mut free) = (HashSet::new(), HashSet::new());
    for key in keys {
        let place = if is_owed(connection, &key, new)? {
            &mut existing
        } else {
            &mut free
        };
        place.insert(key);
    }
    Ok((existing, free))
}

fn facts(connection: &Connection, query: &FactsQuery) -> Result<(Facts, New), StoreError> {
    let (events, new) = known_events(connection, &query.events)?;
    let facts = Facts {
        events,
        contacts: contacts(connection, &query.contacts)?,
        media: media(connection, &query.media)?,
        next_media: next_media(connection, &query.accounts)?,
    };
    Ok((facts, new))
}

/// Both, for a caller whose transaction makes them of one moment; with the sends that were wanted
/// and do not exist, which holds until that caller plans them.
pub(super) fn facts_and_taken(
    connection: &Connection,
    asked: &FactsQuery,
    wanted: TakenQuery,
) -> Result<(Facts, Taken, HashSet<SendKey>), StoreError> {
    let (facts, new) = facts(connection, asked)?;
    let (taken, free) = taken(connection, wanted, &new)?;
    Ok((facts, taken, free))
}

fn taken(
    connection: &Connection,
    query: TakenQuery,
    new: &New,
) -> Result<(Taken, HashSet<SendKey>), StoreError> {
    let (sends, free) = existing_sends(connection, query.sends, new)?;
    let limits = used_up(connection, query.limits, new)?;
    Ok((Taken { limits, sends }, free))
}

const WAITING: &str = "SELECT e.*, w.tries, w.answer FROM waiting_events w
     CROSS JOIN events e ON e.id = w.event_id
     WHERE w.answer IS NULL AND w.retry_at <= ?1 ORDER BY w.retry_at LIMIT ?2";
const ANSWERED: &str = "SELECT e.*, w.tries, w.answer FROM waiting_events w
     CROSS JOIN events e ON e.id = w.event_id
     WHERE w.answer IS NOT NULL AND w.retry_at <= ?1 ORDER BY w.retry_at LIMIT ?2";

fn waiting(
    connection: &Connection,
    sql: &'static str,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<WaitingEvent>, StoreError> {
    let doing = || StoreError::database("read waiting events");
    let mut query = connection.prepare_cached(sql).map_err(doing())?;
    let mut rows = query
        .query(params![now.as_millis(), limit])
        .map_err(doing())?;
    let mut events = Vec::new();
    let mut packs = Unpacker::new(connection);
    while let Some(row) = rows.next().map_err(doing())? {
        let id: i64 = row.get("id").map_err(doing())?;
        let read = Reader::new("events", &id, row);
        events.push(WaitingEvent {
            id: EventId(id),
            event: event_of(id, &read, &mut packs)?,
            delivery_id: DeliveryId(read.get("delivery_id")?),
            received_at: read.time("received_at")?,
            tries: read.count("tries")?,
            answer: read
                .get::<Option<String>>("answer")?
                .as_deref()
                .and_then(WaitAnswer::from_name),
        });
    }
    Ok(events)
}

/// The event of a row of `events`.
pub(crate) fn event_of(
    id: i64,
    read: &Reader<'_, '_>,
    packs: &mut Unpacker<'_>,
) -> Result<Event, StoreError> {
    let key: Vec<u8> = read.get("key")?;
    let key = key
        .try_into()
        .map_err(|_| StoreError::corrupt("events", "key", &"of the event")("not 16 bytes long"))?;
    Ok(Event {
        account_id: read.account()?,
        key: NaturalKey::from_bytes(key),
        container: read.word("container", Container::from_name)?,
        sent_at: read.optional_time("sent_at")?,
        occurred_at: read.optional_time("occurred_at")?,
        body: packs.event_body(id, read)?,
    })
}

fn contacts(
    connection: &Connection,
    wanted: &HashSet<(AccountId, ContactId)>,
) -> Result<HashMap<(AccountId, ContactId), ContactFacts>, StoreError> {
    let mut found = HashMap::new();
    let mut query = prepare_contact(connection)?;
    for (account, contact) in wanted {
        if let Some(facts) = contact_of(&mut query, account, contact)? {
            found.insert((account.clone(), contact.clone()), facts);
        }
    }
    Ok(found)
}

/// What is known of one contact.
pub(crate) fn contact_facts(
    connection: &Connection,
    account: &AccountId,
    contact: &ContactId,
) -> Result<Option<ContactFacts>, StoreError> {
    contact_of(&mut prepare_contact(connection)?, account, contact)
}

fn prepare_contact(connection: &Connection) -> Result<CachedStatement<'_>, StoreError> {
    connection
        .prepare_cached(
            "SELECT username, last_inbound_at, opted_out_at, coalesce(wished_at, opted_out_at)
             FROM contacts
             WHERE account_id = ?1 AND contact_id = ?2",
        )
        .map_err(StoreError::database("look for the contact"))
}

fn contact_of(
    query: &mut CachedStatement<'_>,
    account: &AccountId,
    contact: &ContactId,
) -> Result<Option<ContactFacts>, StoreError> {
    query
        .query_row([account.column(), contact.column()], |row| {
            Ok(ContactFacts {
                username: row.get(0)?,
                last_inbound_at: row.get::<_, Option<i64>>(1)?.map(Timestamp::from_millis),
                opted_out_at: row.get::<_, Option<i64>>(2)?.map(Timestamp::from_millis),
                wished_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_millis),
            })
        })
        .optional()
        .map_err(StoreError::database("look for the contact"))
}

fn media(
    connection: &Connection,
    wanted: &HashSet<(AccountId, MediaId)>,
) -> Result<HashMap<(AccountId, MediaId), Timestamp>, StoreError> {
    let doing = || StoreError::database("look for media");
    let mut query = connection
        .prepare_cached("SELECT published_at FROM media WHERE account_id = ?1 AND media_id = ?2")
        .map_err(doing())?;
    let mut found = HashMap::new();
    for (account, media) in wanted {
        let at: Option<i64> = query
            .query_row([account.column(), media.column()], |row| row.get(0))
            .optional()
            .map_err(doing())?;
        if let Some(at) = at {
            found.insert((account.clone(), media.clone()), Timestamp::from_millis(at));
        }
    }
    Ok(found)
}

fn next_media(
    connection: &Connection,
    accounts: &HashSet<AccountId>,
) -> Result<HashMap<(AutomationId, u32, AccountId), MediaId>, StoreError> {
    let doing = || StoreError::database("look for bound media");
    let mut query = connection
        .prepare_cached("SELECT automation_id, version, account_id, media_id FROM next_media")
        .map_err(doing())?;
    let mut rows = query.query([]).map_err(doing())?;
    let mut found = HashMap::new();
    while let Some(row) = rows.next().map_err(doing())? {
        let read = Reader::new("next_media", &"of an automation", row);
        let account = read.account()?;
        if accounts.contains(&account) {
            let key = (
                AutomationId(read.get("automation_id")?),
                read.count("version")?,
                account,
            );
            found.insert(key, MediaId::new(read.get::<ids::Text>("media_id")?.0));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{ANSWERED, WAITING};
    use crate::query_plans::{plan_of, scratch};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_answered_is_found_however_much_waits() {
        let (_directory, store) = scratch();
        for (sql, index) in [
            (WAITING, "waiting_events_open"),
            (ANSWERED, "waiting_events_answered"),
        ] {
            let plan = plan_of(&store, sql).await;
            let by = format!("SEARCH w USING INDEX {index} (retry_at<?)");
            assert!(plan.starts_with(&by), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
