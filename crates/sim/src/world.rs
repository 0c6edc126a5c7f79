//! Meta's side of the story as plain state: no I/O, no clock, no ambient randomness.
//!
//! Every method takes `now_ms`, the world's time in milliseconds since the epoch. Graph calls go
//! through [`World::request`]; what people and owners do are methods of their own; what Meta
//! would POST comes out of [`World::deliveries_due`].

pub mod accounts;
pub mod app;
pub mod comments;
mod config;
pub mod inspect;
pub(crate) mod limits;
pub mod media;
pub mod messages;
pub(crate) mod owner;
pub mod people;
pub mod platform;
pub mod threads;
pub mod tokens;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use rand::SeedableRng as _;
use rand::rngs::ChaCha8Rng;

pub use accounts::{Account, AccountChange, AccountKind, Login, NewAccount, OtherApp};
pub use app::{AppChange, AppSubscription};
pub use comments::{Author, Comment, CommentDraft, MentionDraft};
pub use config::{EchoTiming, EndPolicy, Limits, Policy, SecondReply, WorldConfig};
pub use inspect::{Alert, AlertKind, RequestRecord, Sent, SentBy, SentKind, TokenPlace};
pub use media::{Media, NewMedia};
pub use messages::{MessageDraft, PostbackDraft};
pub use people::{NewPerson, Person};
pub use platform::Tamper;
pub use threads::{Folder, Message, Thread};
pub use tokens::TokenEnd;

use crate::delivery::{Outbox, QueuedEvent};
use crate::faults::FaultScript;
use crate::ids::{IdKind, IdSource};
use crate::wire::{Container, Event};
use limits::Usage;
use people::Scoped;
use tokens::Token;

/// Why the world would not do what it was told; the Graph API has its own errors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum Refusal {
    #[error("no account has the id or username {0}")]
    UnknownAccount(String),
    #[error("no person has the username {0}")]
    UnknownPerson(String),
    #[error("no media has the id {0}")]
    UnknownMedia(String),
    #[error("no comment has the id {0}")]
    UnknownComment(String),
    #[error("no message has the id {0}")]
    UnknownMessage(String),
    #[error("no delivery has the id {0}")]
    UnknownDelivery(u64),
    #[error("{0} is taken")]
    Taken(String),
    #[error("the world holds as many {0} as it may")]
    Full(&'static str),
    #[error("{0}")]
    Invalid(String),
}

/// Called after an event or a delivery was queued; lets a driver sleep until there is work.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Everything Meta would know, and everything it would still have to deliver.
pub struct World {
    pub(crate) config: WorldConfig,
    pub(crate) offset_ms: i64,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) ids: IdSource,
    pub(crate) app: AppSubscription,
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) people: BTreeMap<String, Person>,
    pub(crate) scoped: BTreeMap<String, Scoped>,
    pub(crate) media: BTreeMap<String, Media>,
    pub(crate) comments: BTreeMap<String, Comment>,
    pub(crate) threads: BTreeMap<(String, String), Thread>,
    pub(crate) conversations: BTreeMap<String, (String, String)>,
    pub(crate) mids: BTreeMap<String, (String, String)>,
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) usage: Usage,
    pub(crate) faults: FaultScript,
    pub(crate) outbox: Outbox,
    pub(crate) sent: Ring<Sent>,
    pub(crate) calls_per_effect: BTreeMap<String, u32>,
    pub(crate) requests: Ring<RequestRecord>,
    pub(crate) alerts: Ring<Alert>,
    pub(crate) login_page: crate::graph::LoginPage,
    pub(crate) handshakes: Ring<crate::graph::PendingHandshake>,
    wake: Option<Wake>,
}

impl fmt::Debug for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("World")
            .field("app_id", &self.config.app_id)
            .field("accounts", &self.accounts.len())
            .field("people", &self.people.len())
            .field("comments", &self.comments.len())
            .field("sent", &self.sent.len())
            .finish_non_exhaustive()
    }
}

impl World {
    /// An empty world; the same configuration and the same calls give the same bytes.
    pub fn new(config: WorldConfig) -> Self {
        let log = config.limits.log_entries;
        Self {
            offset_ms: 0,
            rng: ChaCha8Rng::seed_from_u64(config.seed),
            ids: IdSource::new(config.seed),
            app: AppSubscription::of_every_field(),
            accounts: BTreeMap::new(),
            people: BTreeMap::new(),
            scoped: BTreeMap::new(),
            media: BTreeMap::new(),
            comments: BTreeMap::new(),
            threads: BTreeMap::new(),
            conversations: BTreeMap::new(),
            mids: BTreeMap::new(),
            tokens: BTreeMap::new(),
            usage: Usage::default(),
            faults: FaultScript::default(),
            outbox: Outbox::new(log),
            sent: Ring::new(config.limits.sent_entries),
            calls_per_effect: BTreeMap::new(),
            requests: Ring::new(log),
            alerts: Ring::new(log),
            login_page: crate::graph::LoginPage::default(),
            handshakes: Ring::new(64),
            wake: None,
            config,
        }
    }

    /// The configuration, as changed since.
    pub fn config(&self) -> &WorldConfig {
        &self.config
    }

    /// Changes how the world behaves from now on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.config.policy = policy;
    }

    /// Changes the limits from now on; the size of the logs stays as it was.
    pub fn set_limits(&mut self, limits: Limits) {
        self.config.limits = limits;
    }

    /// How far the world's time runs ahead of the clock that drives it, in milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms
    }

    /// Moves the world's time forward; a driver adds [`World::offset_ms`] to its clock.
    pub fn advance(&mut self, by_ms: i64) {
        self.offset_ms = self.offset_ms.saturating_add(by_ms.max(0));
        self.wake();
    }

    /// Where deliveries go, when the app has subscribed a callback.
    pub fn callback_url(&self) -> Option<&str> {
        self.app.callback_url.as_deref()
    }

    /// Sets the callback without a handshake, as if it had been subscribed long ago.
    pub fn set_callback_url(&mut self, url: Option<String>) {
        self.app.is_dropped &= url.is_none();
        self.app.callback_url = url;
        self.wake();
    }

    /// Calls `wake` whenever something was queued for delivery.
    pub fn on_change(&mut self, wake: Wake) {
        self.wake = Some(wake);
    }

    pub(crate) fn wake(&self) {
        if let Some(wake) = &self.wake {
            wake();
        }
    }

    /// Queues an event of an account, unless no subscription covers it (contract section 3).
    pub(crate) fn emit(&mut self, due_ms: i64, account: &str, event: Event) {
        let is_standby = self.is_standby(account, &event);
        let field = if is_standby { "standby" } else { event.field() };
        if self.is_subscribed(account, field) {
            let due_ms = due_ms.saturating_add(self.config.policy.delivery_delay_ms);
            let container = if is_standby {
                Container::Standby
            } else {
                event.container()
            };
            self.outbox.push(
                due_ms,
                QueuedEvent {
                    account: account.to_owned(),
                    container,
                    event,
                },
            );
            self.wake();
        }
    }

    /// Whether another app has the thread the event belongs to (contract 4.15).
    fn is_standby(&self, account: &str, event: &Event) -> bool {
        let Some((sender, recipient)) = event.parties() else {
            return false;
        };
        let person = if sender == account { recipient } else { sender };
        self.threads
            .get(&(account.to_owned(), person.to_owned()))
            .is_some_and(|thread| thread.other_app.is_some())
    }

    fn is_subscribed(&self, account: &str, field: &str) -> bool {
        let Some(account) = self.accounts.get(account) else {
            return false;
        };
        let covers = |fields: &BTreeSet<String>| {
            fields.contains(field)
                || (field == "message_echoes"
                    && self.config.policy.echoes_with_messages
                    && fields.contains("messages"))
        };
        let is_public_field = matches!(field, "comments" | "live_comments" | "mentions");
        if account.is_private && is_public_field {
            return false;
        }
        // Creators are silent until their conversations were listed once (contract 3.3).
        let is_silent = match account.account_type {
            AccountKind::Business => false,
            AccountKind::Creator => account.conversations_listed_ms.is_none(),
            AccountKind::Personal => true,
        };
        if is_silent || !self.app.delivers() {
            return false;
        }
        // Once an account is subscribed to anything, the app gets every field of its own.
        let is_installed = if self.config.policy.fields_per_account {
            covers(&account.subscribed_fields)
        } else {
            !account.subscribed_fields.is_empty()
        };
        is_installed && covers(&self.app.fields)
    }

    /// A link to stored media, of the form Meta's signed links have (contract 4.7).
    pub(crate) fn cdn_url(&mut self) -> String {
        let asset = self.ids.draw(IdKind::Asset);
        format!(
            "https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id={asset}&signature=AYsimulated{asset}"
        )
    }
}

/// A list that forgets its oldest entries.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    entries: VecDeque<T>,
    entries_max: usize,
}

impl<T> Ring<T> {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            entries_max: entries_max.max(1),
        }
    }

    pub(crate) fn push(&mut self, entry: T) {
        if self.entries.len() >= self.entries_max {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.entries.iter()
    }

    pub(crate) fn remove_where(&mut self, is_it: impl Fn(&T) -> bool) -> Option<T> {
        let position = self.entries.iter().position(is_it)?;
        self.entries.remove(position)
    }
}

#[cfg(test)]
mod tests;
