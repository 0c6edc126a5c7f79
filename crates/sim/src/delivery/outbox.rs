//! Where events wait for their POST, and POSTs for their answer.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{DeliveryRecord, DeliveryState, RawDelivery, Try};
use crate::wire::{Container, Entry, Event, Signing};
use crate::world::{Policy, Ring};

/// Tries kept in the log of one delivery.
pub(super) const TRIES_KEPT: usize = 100;

/// Events queued without a callback to deliver them to; the oldest are lost beyond this.
const QUEUED_MAX: usize = 1_000_000;

/// What a delivery is made of.
#[derive(Debug)]
pub(super) enum Payload {
    Entries(Vec<Entry>),
    Raw(RawDelivery),
}

/// One delivery on its way from the first try to its end.
#[derive(Debug)]
pub(crate) struct Parcel {
    id: u64,
    pub(super) payload: Payload,
    pub(super) accounts: Vec<String>,
    kinds: Vec<&'static str>,
    pub(super) signing: Signing,
    pub(super) is_array: bool,
    /// The bytes of the last try.
    pub(super) body: Option<Bytes>,
    /// Deliveries still owed after a success.
    pub(super) duplicates: u32,
    pub(super) attempt: u32,
    pub(super) failures: usize,
    pub(super) first_try_ms: Option<i64>,
    pub(super) tries: Vec<Try>,
    due_ms: i64,
    state: DeliveryState,
}

impl Parcel {
    pub(super) fn new(payload: Payload, accounts: Vec<String>, kinds: Vec<&'static str>) -> Self {
        Self {
            id: 0,
            payload,
            accounts,
            kinds,
            signing: Signing::Good,
            is_array: false,
            body: None,
            duplicates: 0,
            attempt: 0,
            failures: 0,
            first_try_ms: None,
            tries: Vec::new(),
            due_ms: 0,
            state: DeliveryState::Waiting,
        }
    }

    fn record(&self) -> DeliveryRecord {
        DeliveryRecord {
            id: self.id,
            accounts: self.accounts.clone(),
            kinds: self.kinds.clone(),
            state: self.state,
            attempts: self.tries.clone(),
        }
    }
}

/// An event that waits for its POST.
#[derive(Debug)]
pub(crate) struct QueuedEvent {
    pub(crate) account: String,
    pub(crate) container: Container,
    pub(crate) event: Event,
}

/// How long an account's deliveries have been failing without a success.
#[derive(Debug)]
pub(super) struct Failing {
    pub(super) since_ms: i64,
    pub(super) was_alerted: bool,
}

/// All deliveries of a world, and the events not yet in one.
#[derive(Debug)]
pub(crate) struct Outbox {
    queued: BTreeMap<(i64, u64), QueuedEvent>,
    parcels: BTreeMap<u64, Parcel>,
    waiting: BTreeSet<(i64, u64)>,
    finished: Ring<Parcel>,
    failing: BTreeMap<String, Failing>,
    events_queued: u64,
    last_id: u64,
    succeeded: u64,
}

impl Outbox {
    pub(crate) fn new(log_entries: usize) -> Self {
        Self {
            queued: BTreeMap::new(),
            parcels: BTreeMap::new(),
            waiting: BTreeSet::new(),
            finished: Ring::new(log_entries),
            failing: BTreeMap::new(),
            events_queued: 0,
            last_id: 0,
            succeeded: 0,
        }
    }

    pub(crate) fn push(&mut self, due_ms: i64, event: QueuedEvent) {
        self.events_queued += 1;
        if self.queued.len() >= QUEUED_MAX {
            self.queued.pop_first();
        }
        self.queued.insert((due_ms, self.events_queued), event);
    }

    /// Events and deliveries that have not ended.
    pub(crate) fn waiting(&self) -> usize {
        self.queued.len() + self.parcels.len()
    }

    pub(crate) fn succeeded(&self) -> u64 {
        self.succeeded
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queued.is_empty() && self.parcels.is_empty()
    }

    /// Whether a parcel is to be delivered now, before any event still queued.
    pub(super) fn is_ready(&self, now_ms: i64) -> bool {
        let Some((due_ms, _)) = self.waiting.first() else {
            return false;
        };
        let queued = self
            .queued
            .first_key_value()
            .map(|((queued_ms, _), _)| *queued_ms);
        *due_ms <= now_ms && queued.is_none_or(|queued_ms| *due_ms <= queued_ms)
    }

    /// The events of the next POST and the time of the last of them, when enough are due or
    /// the oldest has waited long enough.
    pub(super) fn take_batch(
        &mut self,
        now_ms: i64,
        policy: &Policy,
    ) -> Option<(i64, Vec<QueuedEvent>)> {
        let events_max = policy.events_per_delivery.clamp(1, 1000);
        let (first_due_ms, _) = *self.queued.first_key_value()?.0;
        let due = self.queued.range(..=(now_ms, u64::MAX));
        let is_full = due.clone().take(events_max).count() >= events_max;
        let has_waited = first_due_ms.saturating_add(policy.batch_window_ms) <= now_ms;
        if !is_full && !has_waited {
            return None;
        }
        let first_account = due
            .clone()
            .next()
            .map(|(_, queued)| queued.account.clone())?;
        let keys: Vec<_> = due
            .take(events_max.saturating_mul(4))
            .filter(|(_, queued)| policy.mixes_accounts || queued.account == first_account)
            .map(|(key, _)| *key)
            .take(events_max)
            .collect();
        let (happened_ms, _) = *keys.last()?;
        let events = keys.iter().filter_map(|key| self.queued.remove(key));
        Some((happened_ms, events.collect()))
    }

    pub(super) fn next_due(&self, policy: &Policy) -> Option<i64> {
        let events_max = policy.events_per_delivery.clamp(1, 1000);
        let waited = self
            .queued
            .first_key_value()
            .map(|((due_ms, _), _)| due_ms.saturating_add(policy.batch_window_ms));
        let filled = self
            .queued
            .keys()
            .nth(events_max - 1)
            .map(|(due_ms, _)| *due_ms);
        let parcel = self.waiting.first().map(|(due_ms, _)| *due_ms);
        [waited, filled, parcel].into_iter().flatten().min()
    }

    /// Puts a parcel in line; a new one gets its id here.
    pub(super) fn wait(&mut self, mut parcel: Parcel, due_ms: i64) -> u64 {
        if parcel.id == 0 {
            self.last_id += 1;
            parcel.id = self.last_id;
        }
        parcel.due_ms = due_ms;
        parcel.state = DeliveryState::Waiting;
        let id = parcel.id;
        self.waiting.insert((due_ms, id));
        self.parcels.insert(id, parcel);
        id
    }

    pub(super) fn take_waiting(&mut self, now_ms: i64) -> Option<u64> {
        let (due_ms, id) = *self.waiting.first()?;
        if due_ms > now_ms {
            return None;
        }
        self.waiting.pop_first();
        let parcel = self.parcels.get_mut(&id)?;
        parcel.state = DeliveryState::InFlight;
        Some(id)
    }

    pub(super) fn parcel_mut(&mut self, id: u64) -> Option<&mut Parcel> {
        self.parcels.get_mut(&id)
    }

    pub(super) fn take_in_flight(&mut self, id: u64) -> Option<Parcel> {
        let is_in_flight = self
            .parcels
            .get(&id)
            .is_some_and(|parcel| parcel.state == DeliveryState::InFlight);
        if is_in_flight {
            self.parcels.remove(&id)
        } else {
            None
        }
    }

    /// Ends a parcel and keeps it in the log.
    pub(super) fn file(&mut self, mut parcel: Parcel, state: DeliveryState) {
        if parcel.id == 0 {
            self.last_id += 1;
            parcel.id = self.last_id;
        }
        if state == DeliveryState::Succeeded {
            self.succeeded += 1;
        }
        parcel.state = state;
        self.finished.push(parcel);
    }

    pub(super) fn failing(&mut self, account: &str, now_ms: i64) -> &mut Failing {
        self.failing.entry(account.to_owned()).or_insert(Failing {
            since_ms: now_ms,
            was_alerted: false,
        })
    }

    pub(super) fn clear_failures(&mut self, accounts: &[String]) {
        for account in accounts {
            self.failing.remove(account);
        }
    }

    /// Drops what waits for an account that was unsubscribed.
    pub(super) fn forget_account(&mut self, account: &str) {
        self.queued.retain(|_, queued| queued.account != account);
        let ids: Vec<u64> = self
            .parcels
            .values()
            .filter(|parcel| parcel.state == DeliveryState::Waiting)
            .filter(|parcel| {
                !parcel.accounts.is_empty() && parcel.accounts.iter().all(|owner| owner == account)
            })
            .map(|parcel| parcel.id)
            .collect();
        for id in ids {
            if let Some(parcel) = self.parcels.remove(&id) {
                self.waiting.remove(&(parcel.due_ms, id));
                self.file(parcel, DeliveryState::Dropped);
            }
        }
    }

    pub(super) fn redeliver(&mut self, now_ms: i64, id: u64) -> bool {
        if let Some(parcel) = self.parcels.get_mut(&id) {
            parcel.duplicates = parcel.duplicates.saturating_add(1);
            return true;
        }
        match self.finished.remove_where(|parcel| parcel.id == id) {
            Some(mut parcel) => {
                parcel.first_try_ms = None;
                parcel.failures = 0;
                self.wait(parcel, now_ms);
                true
            }
            None => false,
        }
    }

    pub(super) fn records(&self) -> Vec<DeliveryRecord> {
        let mut records: Vec<_> = self
            .finished
            .iter()
            .chain(self.parcels.values())
            .map(Parcel::record)
            .collect();
        records.sort_by_key(|record| record.id);
        records
    }

    pub(super) fn body(&self, id: u64) -> Option<Bytes> {
        let finished = self.finished.iter().find(|parcel| parcel.id == id);
        finished
            .or_else(|| self.parcels.get(&id))
            .and_then(|parcel| parcel.body.clone())
    }
}
