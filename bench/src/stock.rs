//! A database made beforehand: connected accounts, and sends planned for them.
//!
//! It is filled through the store's own steps, in large batches: what is measured afterwards
//! finds rows as the product writes them.

use std::path::Path;

use anyhow::Context;
use futures_util::future::try_join_all;
use hookline_engine::keyring::{EncryptionKey, KEY_BYTES, KeyRing, NONCE_BYTES};
use hookline_model::account::Login;
use hookline_model::automation::{Because, OncePer};
use hookline_model::clock::Timestamp;
use hookline_model::event::{
    Comment, Container, Event, EventBody, EventName, Message, NaturalKey, Person,
};
use hookline_model::ids::{AccountId, AutomationId, CommentId, ContactId, DeliveryId, MessageId};
use hookline_model::once::OnceScope;
use hookline_model::routing::because;
use hookline_model::secret::Secret;
use hookline_model::send::{SendClass, SendKey, SendKind};
use hookline_store::planning::{Plan, PlannedEvent, PlannedRun, PlannedSend, Verdict};
use hookline_store::{ConnectAccount, Grant, Ownership, SealedToken, Store};
use serde_json::json;

/// Events of one transaction: the pages it touches fit into the cache of the writer, which would otherwise
/// write and read them again and again.
const BATCH: u64 = 400;

/// Accounts connected at once.
const ACCOUNTS_AT_ONCE: u32 = 500;

/// The key the tokens are sealed with, as configured: base64 of 32 times 7.
pub const ENCRYPTION_KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// The name of the database in its directory.
pub const DATABASE: &str = "bench.db";

/// The text of every send; who it is for stands in it, so that no two are alike.
const TEXT: &str = "Hi {{ contact.username }}{{ message.text }}";

/// Which sends are planned.
#[derive(Debug, Clone, Copy)]
pub struct Stock {
    /// Connected accounts.
    pub accounts: u32,
    /// How many of them have sends, in turn.
    pub busy: u32,
    /// The sends.
    pub sends: u64,
    /// What they are.
    pub kind: SendKind,
    /// When the first is due, in milliseconds since 1970.
    pub first_due_ms: i64,
    /// How many are due in a second; none when all are due at once.
    pub per_second: Option<u32>,
}

impl Stock {
    /// When a send is due.
    fn due(&self, number: u64) -> Timestamp {
        let after = match self.per_second {
            Some(per_second) => number * 1000 / u64::from(per_second.max(1)),
            None => 0,
        };
        Timestamp::from_millis(self.first_due_ms + i64::try_from(after).unwrap_or(i64::MAX))
    }
}

/// The id of an account of a stock.
pub fn account_id(number: u32) -> AccountId {
    AccountId::new((17_841_400_000_000_001 + u64::from(number)).to_string())
}

/// Opens the store of a stock in its directory.
pub fn open(directory: &Path) -> anyhow::Result<Store> {
    let url = format!("sqlite:{}", directory.join(DATABASE).display());
    Store::open(&url, Ownership::Exclusive).context("opening the database")
}

/// Makes a database with this stock in the directory.
pub fn make(directory: &Path, stock: &Stock) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let store = open(directory)?;
        fill(&store, stock).await?;
        store.close().await;
        Ok(())
    })
}

/// Fills a store.
pub async fn fill(store: &Store, stock: &Stock) -> anyhow::Result<()> {
    let automation = publish(store, stock).await?;
    connect(store, stock).await?;
    let mut first = 0;
    while first < stock.sends {
        let end = (first + BATCH).min(stock.sends);
        let events = (first..end).map(|number| planned(stock, number, automation));
        let plan = Plan {
            events: events.collect(),
            ..Plan::default()
        };
        let now = Timestamp::from_millis(stock.first_due_ms);
        store
            .commit_plan(plan, now)
            .await
            .context("planning sends")?;
        first = end;
    }
    Ok(())
}

async fn publish(store: &Store, stock: &Stock) -> anyhow::Result<AutomationId> {
    let name = "link-on-comment".to_owned();
    let document = json!({
        "name": name,
        "trigger": {"on": ["comment", "message"]},
        "match": {"mode": "word", "any": ["link"]},
        "steps": [{"do": stock.kind.as_str(), "text": TEXT}],
    });
    let now = Timestamp::from_millis(stock.first_due_ms);
    store
        .publish_automation(name.clone(), document, now)
        .await?;
    let published = store.find_automation(name).await?;
    Ok(published.context("the automation is there")?.id)
}

async fn connect(store: &Store, stock: &Stock) -> anyhow::Result<()> {
    let keys = KeyRing::new(vec![EncryptionKey::new([7; KEY_BYTES])])?;
    let now = Timestamp::from_millis(stock.first_due_ms);
    let mut first = 0;
    while first < stock.accounts {
        let end = (first + ACCOUNTS_AT_ONCE).min(stock.accounts);
        let accounts = (first..end).map(|number| account(&keys, number));
        let accounts: Vec<ConnectAccount> = accounts.collect::<anyhow::Result<_>>()?;
        let connecting = accounts
            .into_iter()
            .map(|account| store.connect_account(account, now));
        try_join_all(connecting).await?;
        first = end;
    }
    Ok(())
}

fn account(keys: &KeyRing, number: u32) -> anyhow::Result<ConnectAccount> {
    let id = account_id(number);
    let token = Secret::new(format!("IGAA{number:0>180}"));
    let mut nonce = [0; NONCE_BYTES];
    for (to, from) in nonce.iter_mut().zip(number.to_be_bytes()) {
        *to = from;
    }
    let sealed = keys.seal(&id, &token, nonce)?;
    Ok(ConnectAccount {
        id,
        username: format!("shop_{number}"),
        login: Login::Instagram,
        app_scoped_id: None,
        token: SealedToken {
            key: sealed.key_id.0.to_vec(),
            bytes: sealed.bytes,
        },
        grant: Grant::default(),
    })
}

fn planned(stock: &Stock, number: u64, automation: AutomationId) -> PlannedEvent {
    let due_at = stock.due(number);
    let event = event(stock, number, due_at);
    let key = match event.comment_id() {
        Some(comment) => SendKey::private_reply(&event.account_id, comment),
        None => SendKey::step(EventName::of(&event), automation.0, 0),
    };
    let deadline_at = due_at.plus(std::time::Duration::from_hours(20));
    PlannedEvent {
        known: None,
        delivery_id: DeliveryId(0),
        received_at: Timestamp::from_millis(stock.first_due_ms),
        ignored: None,
        waits_until: None,
        runs: vec![PlannedRun {
            automation_id: automation,
            version: 1,
            verdict: Verdict::Matched,
            because: found(),
            once_scope: Some(OnceScope::of(OncePer::Comment, &event)),
        }],
        sends: vec![PlannedSend {
            key,
            automation_id: automation,
            version: 1,
            step: 0,
            kind: stock.kind,
            class: SendClass::of(stock.kind, false),
            contact_id: event.contact_id().cloned(),
            comment_id: event.comment_id().cloned(),
            due_at: Some(due_at),
            deadline_at,
            text: TEXT.to_owned(),
            keyword: Some("link".to_owned()),
        }],
        opt_out: None,
        texts: None,
        event,
    }
}

fn found() -> Because {
    because("match.any", "the word \"link\"", "LINK please")
}

/// An event of somebody nobody else is, which says when the answer is due.
fn event(stock: &Stock, number: u64, due_at: Timestamp) -> Event {
    let account = u32::try_from(number % u64::from(stock.busy.max(1))).unwrap_or(0);
    let contact = ContactId::new((6_100_000_000_000_000 + number).to_string());
    let words = format!("guest.{number} due {}", due_at.as_millis());
    let (container, body) = match stock.kind {
        SendKind::Dm => (Container::Messaging, message(number, contact, words)),
        SendKind::PrivateReply | SendKind::PublicReply => {
            (Container::Changes, comment(number, contact, words))
        }
    };
    let mut key = [0; NaturalKey::BYTES];
    for (to, from) in key.iter_mut().zip(number.to_be_bytes()) {
        *to = from;
    }
    Event {
        account_id: account_id(account),
        key: NaturalKey::from_bytes(key),
        container,
        sent_at: None,
        occurred_at: None,
        body,
    }
}

fn comment(number: u64, contact: ContactId, username: String) -> EventBody {
    EventBody::CommentReceived(Comment {
        id: CommentId::new((17_900_000_000_000_000 + number).to_string()),
        text: Some("LINK please".to_owned()),
        from: Some(Person {
            id: contact,
            username: Some(username),
        }),
        parent_id: None,
        media: None,
        is_own: false,
        is_test: false,
    })
}

fn message(number: u64, contact: ContactId, text: String) -> EventBody {
    EventBody::MessageReceived(Box::new(Message {
        mid: MessageId::new(format!("aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlE{number:0>120}")),
        contact_id: Some(contact),
        text: Some(text),
        attachments: Vec::new(),
        quick_reply_payload: None,
        reply_to: None,
        referral: None,
        is_self: false,
        is_unsupported: false,
        app_id: None,
        is_test: false,
    }))
}
