//! A database full of people, each with marks nobody else has, in deliveries of every form.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookline_engine::erase::{EraseStep, Eraser};
use hookline_engine::interpret::Interpreter;
use hookline_engine::settings::Settings;
use hookline_model::account::Login;
use hookline_model::attempt::{AttemptOutcome, MetaAnswer};
use hookline_model::clock::{Clock, Timestamp};
use hookline_model::ids::{AccountId, AppScopedId, ContactId, MessageId};
use hookline_store::erase::{AskedFor, DeletionState};
use hookline_store::lanes::{
    ClaimRequest, Ending, FinishAttempt, LaneEffect, StartAttempt, StartResult,
};
use hookline_store::{ConnectAccount, Grant, Ownership, RecordDelivery, SealedToken, Store};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;

pub(super) const ACCOUNTS: [&str; 2] = ["17841400000000001", "17841400000000002"];

/// The moment all of it happens in.
const NOW: i64 = 1_790_000_000_000;

pub(super) struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(NOW)
    }
}

/// Every letter as JSON can also write it.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |all, ch| {
        format!("{all}\\u{:04x}", u32::from(ch))
    })
}

/// A person and everything that may tell of them.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) account: &'static str,
    pub(super) id: String,
    pub(super) name: String,
    word: String,
}

impl Person {
    fn new(number: usize) -> Self {
        Self {
            account: ACCOUNTS[number % 2],
            id: format!("61{number:04}90417733"),
            name: format!("person.{number:04}.name"),
            word: format!("Wörd-of-{number:04}-words"),
        }
    }

    /// Everything that must not be found of them, in every spelling.
    pub(super) fn marks(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.name.clone(),
            self.word.clone(),
            self.word.replace('ö', "\\u00f6"),
            // What a quotation that took the rest from elsewhere would hold of it.
            self.word.replace("Wörd", "rd"),
            escaped(&self.id),
        ]
    }

    fn spelled_id(&self, random: &mut StdRng) -> String {
        match random.random_range(0..3) {
            0 => format!("\"{}\"", self.id),
            1 => self.id.clone(),
            _ => {
                let escaped = escaped(&self.id);
                format!("\"{escaped}\"")
            }
        }
    }
}

pub(super) struct Town {
    pub(super) store: Arc<Store>,
    pub(super) people: Vec<Person>,
    directory: tempfile::TempDir,
    random: StdRng,
    written: usize,
}

fn path(directory: &tempfile::TempDir) -> PathBuf {
    directory.path().join("hookline.db")
}

pub(super) fn url(directory: &tempfile::TempDir) -> String {
    format!("sqlite:{}", path(directory).display())
}

impl Town {
    pub(super) async fn build(seed: u64, people: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&url(&directory), Ownership::Exclusive).unwrap());
        let town = Self {
            store,
            people: (0..people).map(Person::new).collect(),
            directory,
            random: StdRng::seed_from_u64(seed),
            written: 0,
        };
        for (place, id) in ACCOUNTS.iter().enumerate() {
            let account = ConnectAccount {
                id: AccountId::new(*id),
                username: format!("acme{place}"),
                login: Login::Instagram,
                app_scoped_id: Some(AppScopedId::new(format!("2490000000000000{place}"))),
                token: SealedToken {
                    key: vec![0; 4],
                    bytes: vec![1; 40],
                },
                grant: Grant {
                    owner_id: Some(AppScopedId::new(format!("2510000000000000{place}"))),
                    exchange_id: Some(AppScopedId::new(format!("2520000000000000{place}"))),
                    ..Grant::default()
                },
            };
            town.store
                .connect_account(account, Standing.now())
                .await
                .unwrap();
        }
        for (name, on, step) in [
            ("link", "comment", "private_reply"),
            ("hello", "message", "dm"),
        ] {
            let document = json!({
                "name": name,
                "trigger": {"on": on, "include_replies": true},
                "match": {"mode": "any"},
                "limit": {"once_per": "person"},
                "steps": [{"do": step, "text": "Here it is"}],
            });
            town.store
                .publish_automation(name.to_owned(), document, Standing.now())
                .await
                .unwrap();
        }
        town
    }

    /// Everyone comments, writes, reacts and is answered, `rounds` times, in deliveries that are
    /// shared at random, come twice, or cannot be read.
    pub(super) async fn live(&mut self, rounds: usize) {
        for _ in 0..rounds {
            let mut events: Vec<(usize, &'static str, String)> = Vec::new();
            for person in 0..self.people.len() {
                events.extend(self.events_of(person));
            }
            for place in (1..events.len()).rev() {
                events.swap(place, self.random.random_range(0..=place));
            }
            let mut rest = events.as_slice();
            while !rest.is_empty() {
                let many = self.random.random_range(1..=6).min(rest.len());
                let (some, others) = rest.split_at(many);
                rest = others;
                let body = self.body(some);
                self.record(&body).await;
                if self.random.random_range(0..8) == 0 {
                    self.record(&body).await;
                }
            }
            let person = self.random.random_range(0..self.people.len());
            let id = self.people[person].spelled_id(&mut self.random);
            self.record(&format!("{{\"object\":\"instagram\",\"entry\":[{{{id}"))
                .await;
            self.interpret().await;
            self.send_all().await;
        }
        let replay = self.random.random_range(1..20);
        let replay = hookline_model::ids::DeliveryId(replay);
        self.store
            .request_replay(replay, Standing.now())
            .await
            .unwrap();
        self.interpret().await;
    }

    fn events_of(&mut self, place: usize) -> Vec<(usize, &'static str, String)> {
        self.written += 1;
        let person = self.people[place].clone();
        let number = self.written;
        let length = [0, 10, 300, 3000, 9000][self.random.random_range(0..5)];
        let filler = "x".repeat(length);
        let id = person.spelled_id(&mut self.random);
        let word = if number.is_multiple_of(2) {
            person.word.clone()
        } else {
            person.word.replace('ö', "\\u00f6")
        };
        let (name, account) = (&person.name, person.account);
        let at = NOW - 1000;
        let sides =
            format!(r#""sender":{{"id":{id}}},"recipient":{{"id":"{account}"}},"timestamp":{at}"#);
        let mut events = vec![
            (
                "changes",
                format!(
                    r#"{{"field":"comments","value":{{"id":"179{number:08}","from":{{"id":{id},"username":"{name}"}},"text":"{word} {filler}","media":{{"id":"5"}}}}}}"#
                ),
            ),
            (
                "messaging",
                format!(
                    r#"{{{sides},"message":{{"mid":"mid.{number}","text":"{filler}{word}"}}}}"#
                ),
            ),
            (
                "messaging",
                format!(
                    r#"{{"timestamp":{at},"message_edit":{{"mid":"mid.{number}","text":"{word}!","num_edit":1}}}}"#
                ),
            ),
            (
                "messaging",
                format!(
                    r#"{{{sides},"reaction":{{"mid":"m.{number}","action":"react","emoji":"x"}}}}"#
                ),
            ),
            (
                "changes",
                format!(r#"{{"field":"future","value":{{"about":["{word}",{{"who":{id}}}]}}}}"#),
            ),
            (
                "changes",
                format!(
                    r#"{{"field":"comments","value":{{"id":"178{number:08}","from":{{"id":"{account}"}},"text":"thanks @{name}"}}}}"#
                ),
            ),
            (
                "messaging",
                format!(r#"{{{sides},"message":{{"mid":"stop.{number}","text":"STOP"}}}}"#),
            ),
        ];
        let some = self.random.random_range(2..=events.len());
        events.truncate(some);
        events
            .into_iter()
            .map(|(list, event)| (place, list, event))
            .collect()
    }

    fn body(&self, events: &[(usize, &'static str, String)]) -> String {
        let mut entries: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for (person, list, event) in events {
            let account = self.people[*person].account;
            entries.entry((account, list)).or_default().push(event);
        }
        let entries: Vec<String> = entries
            .into_iter()
            .map(|((account, list), events)| {
                format!(
                    r#"{{"id":"{account}","time":{NOW},"{list}":[{}]}}"#,
                    events.join(",")
                )
            })
            .collect();
        format!(
            r#"{{"object":"instagram","entry":[{}]}}"#,
            entries.join(",")
        )
    }

    pub(super) async fn record(&self, body: &str) {
        record(&self.store, body).await;
    }

    pub(super) async fn interpret(&self) {
        interpret(&self.store).await;
    }

    /// Everything that is due goes out, and is accepted, refused or lost.
    async fn send_all(&mut self) {
        let budgets = Settings::default().budgets;
        let request = ClaimRequest {
            lease: Duration::from_mins(1),
            lanes: 10,
            sends_per_lane: 8,
            budgets,
        };
        let now = Standing.now().plus(Duration::from_mins(1));
        for _ in 0..4 {
            for lane in self.store.claim_lanes(request, now).await.unwrap() {
                let mut endings = Vec::new();
                for send in &lane.sends {
                    let contact = send.contact_id.clone().unwrap();
                    let name = send.contact_username.clone().unwrap_or_default();
                    let text = format!("Hi {name}, dear {contact}");
                    let budget = budgets.of(lane.claim.class);
                    let attempt = StartAttempt {
                        send: send.id,
                        text,
                        budget,
                        learnt: None,
                    };
                    let asked = vec![(lane.claim.clone(), attempt)];
                    let started = self.store.start_attempts(asked, now).await.remove(0);
                    let StartResult::Started(attempt) = started.unwrap() else {
                        continue;
                    };
                    let outcome = match self.random.random_range(0..3) {
                        0 => AttemptOutcome::Refused {
                            reason: "recipient_unknown".to_owned(),
                        },
                        1 => AttemptOutcome::Unknown {
                            reason: "timeout".to_owned(),
                        },
                        _ => AttemptOutcome::Accepted {
                            message_id: Some(MessageId::new(format!("sent.{}", send.id.0))),
                            recipient_id: Some(contact.clone()),
                        },
                    };
                    let finish = FinishAttempt {
                        attempt,
                        outcome,
                        answer: MetaAnswer {
                            message: Some(format!("user {contact} ({name})")),
                            ..MetaAnswer::default()
                        },
                        retry_at: now.plus(Duration::from_mins(1)),
                        effect: LaneEffect::None,
                    };
                    endings.push(Ending {
                        finish: Some(finish),
                        release: None,
                    });
                }
                endings.push(Ending {
                    finish: None,
                    release: Some(lane.claim),
                });
                for ended in self.store.end_attempts(endings, budgets, now).await {
                    ended.unwrap();
                }
            }
        }
    }

    /// Closes the database and answers the bytes of all its files.
    pub(super) async fn close(self) -> (tempfile::TempDir, Vec<u8>) {
        self.store.close().await;
        let bytes = bytes_of(&self.directory);
        (self.directory, bytes)
    }

    /// Closes the database as a crash would leave it: what is in the log stays there.
    pub(super) fn directory(&self) -> &tempfile::TempDir {
        &self.directory
    }
}

pub(super) fn bytes_of(directory: &tempfile::TempDir) -> Vec<u8> {
    let mut all = Vec::new();
    for ending in ["", "-wal", "-shm"] {
        let path = format!("{}{ending}", path(directory).display());
        all.extend(std::fs::read(path).unwrap_or_default());
    }
    assert!(!all.is_empty());
    all
}

pub(super) fn holds(bytes: &[u8], mark: impl AsRef<[u8]>) -> bool {
    let mark = mark.as_ref();
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == mark[0]) {
        rest = &rest[at..];
        if rest.starts_with(mark) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// The bytes SQLite keeps an id in that is written as a number is: six, or eight when it is large.
pub(super) fn in_columns(id: &str) -> Vec<u8> {
    let bytes = id.parse::<i64>().unwrap().to_be_bytes();
    match bytes {
        [0, 0, first, ..] if first < 0x80 => bytes[2..].to_vec(),
        _ => bytes.to_vec(),
    }
}

pub(super) async fn record(store: &Store, body: &str) {
    let delivery = RecordDelivery {
        received_at: Standing.now(),
        secret_index: 0,
        api_version: None,
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    store.record_delivery(delivery).await.unwrap();
}

pub(super) async fn interpret(store: &Arc<Store>) {
    let mut interpreter = Interpreter::new(
        Arc::clone(store),
        Arc::new(Standing),
        Arc::new(Settings::default()),
        StdRng::seed_from_u64(1),
    );
    loop {
        match interpreter.tick().await {
            Ok(report) if report.deliveries == 0 => return,
            Ok(_) | Err(hookline_store::StoreError::Conflict(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

pub(super) fn contact(person: &Person) -> AskedFor {
    AskedFor::Contact {
        account: AccountId::new(person.account),
        contact: ContactId::new(person.id.as_str()),
    }
}

/// Asks and carries out, to the end.
pub(super) async fn erase(store: &Arc<Store>, asked_for: AskedFor, code: &str) {
    let now = Standing.now();
    let asked = store
        .request_deletion(asked_for, code.to_owned(), now)
        .await;
    let asked = asked.unwrap().unwrap();
    assert_eq!(asked.code, code);
    go_on(store).await;
    let done = store.find_deletion(code.to_owned()).await.unwrap().unwrap();
    assert_eq!(done.state, DeletionState::Done);
    assert!(!done.erased.is_nothing());
}

/// Carries out what is open.
pub(super) async fn go_on(store: &Arc<Store>) {
    let mut eraser = Eraser::new(Arc::clone(store), Arc::new(Standing));
    for _ in 0..100_000 {
        match eraser.tick().await {
            Ok(EraseStep::Idle) => return,
            Ok(_) | Err(hookline_store::StoreError::Conflict(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the erasure has no end");
}
