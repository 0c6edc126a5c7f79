//! What a test or a demo may ask about the world.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::World;

/// What kind of effect reached the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SentKind {
    /// A message addressed by comment id.
    PrivateReply,
    /// A message addressed by IGSID.
    Message,
    /// A comment of the account.
    PublicReply,
    /// A reaction of the account.
    Reaction,
}

/// Whose hand it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SentBy {
    /// A Graph call.
    Api,
    /// The owner, in Instagram.
    Owner,
}

/// One effect that really took place.
#[derive(Debug, Clone, Serialize)]
pub struct Sent {
    /// What kind of effect.
    pub kind: SentKind,
    /// Whose hand it was.
    pub by: SentBy,
    /// The account that acted.
    pub account: String,
    /// The person reached, when it was one person.
    pub person: Option<String>,
    /// The person's scoped id.
    pub recipient_id: Option<String>,
    /// The comment answered.
    pub comment_id: Option<String>,
    /// The media commented on.
    pub media_id: Option<String>,
    /// The text.
    pub text: Option<String>,
    /// The message object of the request, as it came.
    pub message: Option<Value>,
    /// The message id, or the comment id of a public reply.
    pub id: String,
    /// When it took effect, in milliseconds.
    pub at_ms: i64,
    /// How many Graph calls asked for this effect, refused and repeated ones included.
    pub calls: u32,
    /// Names the effect asked for.
    #[serde(skip)]
    pub(crate) effect: String,
}

/// Where a call's token was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenPlace {
    /// In `Authorization: Bearer`.
    Header,
    /// In the query string, where logs see it.
    Query,
    /// In a form or JSON body.
    Body,
    /// Nowhere.
    None,
}

/// One Graph call; neither its token nor its body is kept.
#[derive(Debug, Clone, Serialize)]
pub struct RequestRecord {
    /// When it came, in milliseconds.
    pub at_ms: i64,
    /// The method.
    pub method: String,
    /// The path, without query.
    pub path: String,
    /// What was asked for, as in fault rules.
    pub endpoint: &'static str,
    /// The account of the token.
    pub account: Option<String>,
    /// The status answered, or that would have been.
    pub status: u16,
    /// Meta's error code, when the answer was an error.
    pub code: Option<i64>,
    /// Meta's error subcode, when the answer had one.
    pub subcode: Option<i64>,
    /// The fault that was played, if one was.
    pub fault: Option<&'static str>,
    /// Where the token was.
    pub token_in: TokenPlace,
}

/// Something Meta would tell the developer about the app.
#[derive(Debug, Clone, Serialize)]
pub struct Alert {
    /// When, in milliseconds.
    pub at_ms: i64,
    /// The account concerned.
    pub account: String,
    /// What happened.
    pub kind: AlertKind,
}

/// What an alert is about (contract 2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// Deliveries of the account have failed for 15 minutes.
    DeliveriesFailing,
    /// Deliveries failed for one hour: the account was unsubscribed.
    WebhooksDisabled,
    /// A delivery was dropped after 36 hours.
    DeliveryDropped,
}

impl World {
    /// Every effect that took place, oldest first, with the number of calls that asked for it.
    pub fn sent(&self) -> Vec<Sent> {
        self.sent
            .iter()
            .map(|sent| Sent {
                calls: self
                    .calls_per_effect
                    .get(&sent.effect)
                    .copied()
                    .unwrap_or_default(),
                ..sent.clone()
            })
            .collect()
    }

    /// The newest Graph calls, oldest first.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.requests.iter().cloned().collect()
    }

    /// The newest alerts, oldest first.
    pub fn alerts(&self) -> Vec<Alert> {
        self.alerts.iter().cloned().collect()
    }

    /// Counts a call for an effect; the oldest name goes when there are too many.
    pub(crate) fn count_call(&mut self, effect: &str) {
        if let Some(calls) = self.calls_per_effect.get_mut(effect) {
            *calls = calls.saturating_add(1);
            return;
        }
        if self.calls_per_effect.len() >= self.config.limits.sent_entries {
            self.calls_per_effect.pop_first();
        }
        self.calls_per_effect.insert(effect.to_owned(), 1);
    }

    /// Counts, accounts, and the newest `objects_max` of everything else.
    pub fn snapshot(&self, now_ms: i64, objects_max: usize) -> Value {
        let newest = |count: usize| count.saturating_sub(objects_max);
        let comments: Vec<_> = self
            .comments
            .values()
            .skip(newest(self.comments.len()))
            .collect();
        let media: Vec<_> = self.media.values().skip(newest(self.media.len())).collect();
        let people: Vec<_> = self
            .people
            .values()
            .skip(newest(self.people.len()))
            .collect();
        let threads: Vec<_> = self
            .threads
            .values()
            .skip(newest(self.threads.len()))
            .collect();
        let sent_by_kind = self.sent.iter().fold(BTreeMap::new(), |mut counts, sent| {
            let kind = match sent.kind {
                SentKind::PrivateReply => "private_reply",
                SentKind::Message => "message",
                SentKind::PublicReply => "public_reply",
                SentKind::Reaction => "reaction",
            };
            *counts.entry(kind).or_insert(0_usize) += 1;
            counts
        });
        json!({
            "now_ms": now_ms,
            "app": {
                "app_id": self.config.app_id,
                "callback_url": self.app.callback_url,
                "fields": self.app.fields,
            },
            "counts": {
                "accounts": self.accounts.len(),
                "people": self.people.len(),
                "media": self.media.len(),
                "comments": self.comments.len(),
                "threads": self.threads.len(),
                "sent": sent_by_kind,
                "deliveries_waiting": self.outbox.waiting(),
                "deliveries_succeeded": self.outbox.succeeded(),
            },
            "policy": self.config.policy,
            "limits": self.config.limits,
            "accounts": self.accounts.values().collect::<Vec<_>>(),
            "people": people,
            "media": media,
            "comments": comments,
            "threads": threads,
            "alerts": self.alerts(),
        })
    }
}
