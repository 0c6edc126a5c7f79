//! Deliveries: from queued events to POSTs, their retries and their end (contract 2.4 to 2.7).

mod outbox;

use bytes::Bytes;
use rand::RngExt as _;
use serde::Serialize;

pub(crate) use outbox::{Outbox, QueuedEvent};
use outbox::{Parcel, Payload};

use crate::faults::DeliveryTrouble;
use crate::json::Escaping;
use crate::wire::{self, Entry, Signing};
use crate::world::inspect::{Alert, AlertKind};
use crate::world::{EndPolicy, Refusal, World};

/// A POST to make now; the driver answers for it with [`World::delivery_answered`].
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Names the delivery in later calls; Meta itself sends no such id.
    pub id: u64,
    /// 1 for the first try.
    pub attempt: u32,
    /// The headers of contract 2.1 but for host and length.
    pub headers: Vec<(String, String)>,
    /// The exact body bytes.
    pub body: Bytes,
}

/// What came of a POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// The receiver answered in time with this status; only 200 is success.
    Status(u16),
    /// No answer within 5 seconds, or no connection.
    NoAnswer,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It will be tried at its time.
    Waiting,
    /// It is on its way.
    InFlight,
    /// It was answered with 200.
    Succeeded,
    /// It was given up, or its account was unsubscribed.
    Dropped,
    /// A fault made it vanish before the first try.
    Lost,
}

/// One try of a delivery.
#[derive(Debug, Clone, Serialize)]
pub struct Try {
    /// When it began, in milliseconds.
    pub at_ms: i64,
    /// When its outcome was known, in milliseconds.
    pub answered_ms: Option<i64>,
    /// The status answered; none for no answer.
    pub status: Option<u16>,
}

/// A delivery as the log tells it.
#[derive(Debug, Clone, Serialize)]
pub struct DeliveryRecord {
    /// The delivery's id.
    pub id: u64,
    /// The accounts its events belong to.
    pub accounts: Vec<String>,
    /// The fields of its events, in order.
    pub kinds: Vec<&'static str>,
    /// Where it stands.
    pub state: DeliveryState,
    /// Its newest tries, oldest first.
    pub attempts: Vec<Try>,
}

/// Bytes to deliver as they are.
#[derive(Debug, Clone)]
pub struct RawDelivery {
    /// The body.
    pub body: Bytes,
    /// How to sign it.
    pub signing: Signing,
    /// Headers to send instead of Meta's; then nothing is signed.
    pub headers: Option<Vec<(String, String)>>,
}

const MINUTE_MS: i64 = 60_000;
const ALERT_AFTER_MS: i64 = 15 * MINUTE_MS;
const UNSUBSCRIBE_AFTER_MS: i64 = 60 * MINUTE_MS;
const DROP_AFTER_MS: i64 = 36 * 60 * MINUTE_MS;

impl World {
    /// Every delivery whose time has come, marked as on its way.
    pub fn deliveries_due(&mut self, now_ms: i64) -> Vec<Delivery> {
        self.deliveries_due_up_to(now_ms, usize::MAX)
    }

    /// At most `deliveries_max` deliveries whose time has come, earliest first.
    pub fn deliveries_due_up_to(&mut self, now_ms: i64, deliveries_max: usize) -> Vec<Delivery> {
        let mut due = Vec::new();
        loop {
            if due.len() >= deliveries_max {
                break;
            }
            self.form_parcels(now_ms);
            let Some(id) = self.outbox.take_waiting(now_ms) else {
                break;
            };
            due.extend(self.start_try(now_ms, id));
        }
        due
    }

    /// When there will be something to deliver, if nothing else happens.
    pub fn next_due(&self) -> Option<i64> {
        self.outbox.next_due(&self.config.policy)
    }

    /// Turns queued events into parcels until one is ready to be delivered; all of them while
    /// faults are scripted, because a fault may put a later event before an earlier one.
    fn form_parcels(&mut self, now_ms: i64) {
        while !self.outbox.is_ready(now_ms) || self.has_delivery_faults() {
            let Some((happened_ms, events)) = self.outbox.take_batch(now_ms, &self.config.policy)
            else {
                return;
            };
            let mut entries: Vec<Entry> = Vec::new();
            let mut kinds = Vec::new();
            let mut accounts: Vec<String> = Vec::new();
            for QueuedEvent {
                account,
                container,
                event,
            } in events
            {
                kinds.push(event.field());
                if !accounts.contains(&account) {
                    accounts.push(account.clone());
                }
                match entries.last_mut() {
                    Some(last) if last.id == account && last.container == container => {
                        last.events.push(event);
                    }
                    Some(_) | None => {
                        entries.push(Entry {
                            id: account,
                            container,
                            events: vec![event],
                        });
                    }
                }
            }
            let troubles = self.take_delivery_faults(&kinds, &accounts);
            let mut parcel = Parcel::new(Payload::Entries(entries), accounts, kinds);
            let mut due_ms = happened_ms;
            let mut is_lost = false;
            for trouble in troubles {
                match trouble {
                    DeliveryTrouble::Duplicate(times) => parcel.duplicates = times,
                    DeliveryTrouble::Drop => is_lost = true,
                    DeliveryTrouble::DelayMs(by) => due_ms = due_ms.saturating_add(by.max(0)),
                    DeliveryTrouble::ReorderMs(by) => {
                        let by = self.rng.random_range(0..=by.max(0));
                        due_ms = due_ms.saturating_add(by);
                    }
                    DeliveryTrouble::ArrayWrapped => parcel.is_array = true,
                    DeliveryTrouble::Signing(signing) => parcel.signing = signing,
                }
            }
            if is_lost {
                self.outbox.file(parcel, DeliveryState::Lost);
            } else {
                self.outbox.wait(parcel, due_ms);
            }
        }
    }

    fn start_try(&mut self, now_ms: i64, id: u64) -> Option<Delivery> {
        let policy = &self.config.policy;
        let escaping = if policy.escapes_more {
            Escaping::Extended
        } else {
            Escaping::Captured
        };
        let secret = self.config.app_secrets.first().map_or("", String::as_str);
        let parcel = self.outbox.parcel_mut(id)?;
        parcel.first_try_ms.get_or_insert(now_ms);
        if parcel.tries.len() >= outbox::TRIES_KEPT {
            parcel.tries.remove(0);
        }
        parcel.tries.push(Try {
            at_ms: now_ms,
            answered_ms: None,
            status: None,
        });
        parcel.attempt = parcel.attempt.saturating_add(1);
        let (body, headers) = match &parcel.payload {
            Payload::Raw(raw) => {
                let headers = raw.headers.clone().unwrap_or_else(|| {
                    wire::headers(
                        &raw.body,
                        &raw.body,
                        secret,
                        &self.config.api_version,
                        raw.signing,
                    )
                });
                (raw.body.clone(), headers)
            }
            Payload::Entries(entries) => {
                let kept = parcel.body.clone().filter(|_| !policy.restamp_retries);
                let body = kept.unwrap_or_else(|| {
                    Bytes::from(wire::body(entries, now_ms, parcel.is_array, escaping))
                });
                let decoded = if parcel.signing == Signing::OverDecoded {
                    wire::body(entries, now_ms, parcel.is_array, Escaping::Decoded)
                } else {
                    Vec::new()
                };
                let version = &self.config.api_version;
                let headers = wire::headers(&body, &decoded, secret, version, parcel.signing);
                (body, headers)
            }
        };
        parcel.body = Some(body.clone());
        Some(Delivery {
            id,
            attempt: parcel.attempt,
            headers,
            body,
        })
    }

    /// Takes the outcome of a try; an id that is not on its way is ignored.
    pub fn delivery_answered(&mut self, now_ms: i64, id: u64, answered: Answered) {
        let Some(mut parcel) = self.outbox.take_in_flight(id) else {
            return;
        };
        if let Some(last) = parcel.tries.last_mut() {
            last.answered_ms = Some(now_ms);
            last.status = match answered {
                Answered::Status(status) => Some(status),
                Answered::NoAnswer => None,
            };
        }
        if answered == Answered::Status(200) {
            self.outbox.clear_failures(&parcel.accounts);
            parcel.failures = 0;
            if parcel.duplicates > 0 {
                parcel.duplicates -= 1;
                self.outbox.wait(parcel, now_ms);
            } else {
                self.outbox.file(parcel, DeliveryState::Succeeded);
            }
        } else {
            self.delivery_failed(now_ms, parcel);
        }
        self.wake();
    }

    fn delivery_failed(&mut self, now_ms: i64, mut parcel: Parcel) {
        let first_ms = parcel.first_try_ms.unwrap_or(now_ms);
        if self.config.policy.end == EndPolicy::UnsubscribeAfter1Hour {
            for account in parcel.accounts.clone() {
                self.count_failure(now_ms, account);
            }
        }
        if now_ms.saturating_sub(first_ms) >= DROP_AFTER_MS {
            for account in parcel.accounts.clone() {
                self.alert(now_ms, account, AlertKind::DeliveryDropped);
            }
            self.outbox.file(parcel, DeliveryState::Dropped);
            return;
        }
        let is_anyone_left = parcel.accounts.is_empty()
            || parcel.accounts.iter().any(|account| {
                self.accounts
                    .get(account)
                    .is_some_and(|account| !account.subscribed_fields.is_empty())
            });
        if !is_anyone_left {
            self.outbox.file(parcel, DeliveryState::Dropped);
            return;
        }
        let waits = &self.config.policy.retry_after_ms;
        let wait_ms = waits
            .get(parcel.failures)
            .or(waits.last())
            .copied()
            .unwrap_or(MINUTE_MS);
        parcel.failures = parcel.failures.saturating_add(1);
        self.outbox.wait(parcel, now_ms.saturating_add(wait_ms));
    }

    /// One hour of failures in a row ends an account's subscription (contract 2.6).
    fn count_failure(&mut self, now_ms: i64, account: String) {
        let failing = self.outbox.failing(&account, now_ms);
        let failed_for_ms = now_ms.saturating_sub(failing.since_ms);
        if failed_for_ms >= ALERT_AFTER_MS && !failing.was_alerted {
            failing.was_alerted = true;
            self.alert(now_ms, account.clone(), AlertKind::DeliveriesFailing);
        }
        if failed_for_ms >= UNSUBSCRIBE_AFTER_MS {
            self.outbox.clear_failures(std::slice::from_ref(&account));
            if let Some(known) = self.accounts.get_mut(&account) {
                known.subscribed_fields.clear();
            }
            self.outbox.forget_account(&account);
            self.alert(now_ms, account, AlertKind::WebhooksDisabled);
        }
    }

    fn alert(&mut self, at_ms: i64, account: String, kind: AlertKind) {
        self.alerts.push(Alert {
            at_ms,
            account,
            kind,
        });
    }

    /// Delivers a finished or waiting delivery again, with the bytes it had.
    pub fn redeliver(&mut self, now_ms: i64, id: u64) -> Result<(), Refusal> {
        if self.outbox.redeliver(now_ms, id) {
            self.wake();
            Ok(())
        } else {
            Err(Refusal::UnknownDelivery(id))
        }
    }

    /// Delivers bytes as they are; returns the delivery's id.
    pub fn deliver_raw(&mut self, now_ms: i64, raw: RawDelivery) -> u64 {
        let parcel = Parcel::new(Payload::Raw(raw), Vec::new(), vec!["raw"]);
        let id = self.outbox.wait(parcel, now_ms);
        self.wake();
        id
    }

    /// The newest finished deliveries and all unfinished ones, by id.
    pub fn deliveries(&self) -> Vec<DeliveryRecord> {
        self.outbox.records()
    }

    /// The body last sent for a delivery still in the log.
    pub fn delivery_body(&self, id: u64) -> Option<Bytes> {
        self.outbox.body(id)
    }

    /// Whether nothing is queued, waiting or on its way.
    pub fn is_settled(&self) -> bool {
        self.outbox.is_empty()
    }
}

#[cfg(test)]
mod tests;
