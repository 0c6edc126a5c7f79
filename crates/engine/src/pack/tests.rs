//! Whatever is asked of a delivery after it was packed is answered as before.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use futures_util::FutureExt as _;
use hookline_model::account::Login;
use hookline_model::attempt::{AttemptOutcome, MetaAnswer};
use hookline_model::budget::Budget;
use hookline_model::ids::{AccountId, ContactId, DeliveryId, MessageId};
use hookline_store::erase::AskedFor;
use hookline_store::lanes::{
    Budgets, ClaimRequest, Ending, FinishAttempt, LaneEffect, Learnt, StartAttempt, StartResult,
    StartedAttempt,
};
use hookline_store::records::{EventFilter, SendFilter, SendRecord, Story};
use hookline_store::{ConnectAccount, Gate, Grant, PageRequest, Pass, RecordDelivery, SealedToken};
use rand::SeedableRng as _;

use super::*;
use crate::erase::{EraseStep, Eraser};
use crate::interpret::Interpreter;

mod left;

const START: i64 = 1_790_000_000_000;

/// More than three packs hold.
const DELIVERIES: u64 = 150;

struct Stopped(AtomicI64);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// Lets so many steps pass, and no more.
struct Heart(AtomicI64);

impl Heart {
    fn beat(&self) -> Pass {
        if self.0.fetch_sub(1, Ordering::Relaxed) > 0 {
            Pass::Go
        } else {
            Pass::Stop
        }
    }
}

impl Gate for Heart {
    fn before(&self) -> Pass {
        self.beat()
    }

    fn after(&self) -> Pass {
        self.beat()
    }
}

/// A database with a day of deliveries that were interpreted.
struct Attic {
    directory: tempfile::TempDir,
    clock: Arc<Stopped>,
}

fn body(number: u64) -> String {
    format!(
        concat!(
            r#"{{"entry":[{{"id":"17841400000000001","time":1790000000,"changes":[{{"value":"#,
            r#"{{"from":{{"id":"{}","username":"guest.{}"}},"media":{{"id":"18000000000000021","#,
            r#""media_product_type":"REELS"}},"id":"{}","text":"LINK \u00e4 {} \/"}},"#,
            r#""field":"comments"}}]}}],"object":"instagram"}}"#
        ),
        6_100_000_000_000_000 + number,
        number,
        17_900_000_000_000_000 + number,
        number * 7919,
    )
}

fn mid(send: i64) -> String {
    format!("mid.of.what.was.sent.{send:04}")
}

/// What Meta said of an attempt.
fn finish(attempt: StartedAttempt) -> FinishAttempt {
    let send = attempt.send.0;
    let (outcome, status) = match send % 20 {
        3 | 6 | 13 => {
            let reason = "recipient_unknown".to_owned();
            (AttemptOutcome::Refused { reason }, 400)
        }
        7 | 17 => {
            let reason = "timeout".to_owned();
            (AttemptOutcome::Unknown { reason }, 504)
        }
        _ => (
            AttemptOutcome::Accepted {
                message_id: Some(MessageId::new(mid(send))),
                recipient_id: None,
            },
            200,
        ),
    };
    FinishAttempt {
        attempt,
        outcome,
        answer: MetaAnswer {
            http_status: Some(status),
            message: (status == 400).then(|| format!("no such user {send}")),
            ..MetaAnswer::default()
        },
        retry_at: Timestamp::FAR_FUTURE,
        effect: LaneEffect::None,
    }
}

impl Attic {
    fn build() -> Self {
        let steps = serde_json::json!([{"do": "private_reply", "text": "Here it is"}]);
        Self::of((0..DELIVERIES).map(body), &steps)
    }

    fn of(bodies: impl Iterator<Item = String>, steps: &serde_json::Value) -> Self {
        let attic = Self {
            directory: tempfile::tempdir().unwrap(),
            clock: Arc::new(Stopped(AtomicI64::new(START))),
        };
        let store = attic.open(i64::MAX);
        for (id, username) in [("17841400000000001", "acme"), ("17841400000000002", "beta")] {
            let account = ConnectAccount {
                id: AccountId::new(id),
                username: username.to_owned(),
                login: Login::Instagram,
                app_scoped_id: None,
                token: SealedToken {
                    key: vec![0; 4],
                    bytes: vec![1; 40],
                },
                grant: Grant::default(),
            };
            done(store.connect_account(account, attic.clock.now()));
        }
        let document = serde_json::json!({
            "name": "link", "accounts": ["*"], "trigger": {"on": "comment"},
            "match": {"mode": "word", "any": ["link"]},
            "steps": steps,
        });
        done(store.publish_automation("link".to_owned(), document, attic.clock.now()));
        for body in bodies {
            attic.record(&store, &body);
        }
        attic.interpret(&store);
        attic.answer(&store);
        attic.clock.0.fetch_add(25 * 3_600_000, Ordering::Relaxed);
        attic
    }

    /// Everything that is due goes out. Meta takes it; of twenty three are refused, and of two nobody knows.
    fn answer(&self, store: &Store) {
        self.clock.0.fetch_add(60_000, Ordering::Relaxed);
        let now = self.clock.now();
        let budget = Budget::new(1_000_000, Duration::from_hours(1), 100_000);
        let budgets = Budgets {
            private_reply: budget,
            public_reply: budget,
            ..Settings::default().budgets
        };
        let request = ClaimRequest {
            lease: Duration::from_mins(5),
            lanes: 10,
            sends_per_lane: 200,
            budgets,
        };
        loop {
            let lanes = done(store.claim_lanes(request, now));
            if lanes.is_empty() {
                return;
            }
            for lane in lanes {
                for send in lane.sends {
                    let attempt = StartAttempt {
                        send: send.id,
                        text: format!("Dear guest {}", send.id.0),
                        budget,
                        learnt: Some(Learnt {
                            context: serde_json::json!({"of": send.id.0}),
                            deadline_at: None,
                        }),
                    };
                    let asked = vec![(lane.claim.clone(), attempt)];
                    let started = store.start_attempts(asked, now).now_or_never().unwrap();
                    let Ok(StartResult::Started(attempt)) = &started[0] else {
                        panic!("{started:?}")
                    };
                    let ended = vec![Ending {
                        finish: Some(finish(attempt.clone())),
                        release: None,
                    }];
                    let ended = store.end_attempts(ended, budgets, now);
                    assert!(matches!(ended.now_or_never().unwrap()[..], [Ok(true)]));
                }
                let given_back = vec![Ending {
                    finish: None,
                    release: Some(lane.claim),
                }];
                let given_back = store.end_attempts(given_back, budgets, now);
                assert!(given_back.now_or_never().unwrap()[0].is_ok());
            }
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("hookline.db")
    }

    fn open(&self, steps: i64) -> Arc<Store> {
        let url = format!("sqlite:{}", self.path().display());
        let heart = Arc::new(Heart(AtomicI64::new(steps)));
        Arc::new(Store::open_stepwise(&url, heart).unwrap())
    }

    fn record(&self, store: &Store, body: &str) -> DeliveryId {
        done(store.record_delivery(RecordDelivery {
            received_at: self.clock.now(),
            secret_index: 0,
            api_version: Some("v26.0".to_owned()),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }))
    }

    /// How many events were new, and how many known.
    fn interpret(&self, store: &Arc<Store>) -> (usize, usize) {
        let mut interpreter = Interpreter::new(
            Arc::clone(store),
            Arc::<Stopped>::clone(&self.clock),
            Arc::new(Settings::default()),
            rand::rngs::StdRng::seed_from_u64(1),
        );
        let mut found = (0, 0);
        loop {
            let report = done(interpreter.tick());
            if report.deliveries == 0 {
                return found;
            }
            found.0 += report.events;
            found.1 += report.duplicates;
        }
    }

    /// Packs all there is and says how many deliveries that were; none when the process died.
    fn pack(&self, store: &Arc<Store>) -> Option<usize> {
        self.pack_as(store, Settings::default())
    }

    fn pack_as(&self, store: &Arc<Store>, settings: Settings) -> Option<usize> {
        let clock: Arc<dyn Clock> = Arc::<Stopped>::clone(&self.clock);
        let packer = Packer::new(Arc::clone(store), clock, Arc::new(settings));
        let mut deliveries = 0;
        loop {
            let report = packer.tick().now_or_never()?.unwrap();
            deliveries += report.deliveries;
            if report.pause.is_none() {
                return Some(deliveries);
            }
        }
    }

    fn stories(&self, store: &Store) -> Vec<Story> {
        let now = self.clock.now();
        let story = |number: u64| {
            let comment = (17_900_000_000_000_000 + number).to_string();
            done(store.find_story(comment, now)).unwrap()
        };
        (0..DELIVERIES).map(story).collect()
    }
}

/// What a list shows of all sends.
fn sends(store: &Store, now: Timestamp) -> Vec<SendRecord> {
    let page = PageRequest {
        before: None,
        limit: 500,
    };
    done(store.list_sends(SendFilter::default(), page, now)).items
}

/// Without threads everything is done at once.
fn done<T>(work: impl Future<Output = Result<T, StoreError>>) -> T {
    work.now_or_never().unwrap().unwrap()
}

fn bytes_of(store: &Store, number: u64) -> Option<Vec<u8>> {
    let id = DeliveryId(i64::try_from(number).unwrap() + 1);
    done(store.find_delivery(id)).map(|(record, body)| {
        assert_eq!(usize::try_from(record.body_bytes).unwrap(), body.len());
        body
    })
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|bytes| bytes == needle)
}

#[test]
fn what_was_packed_is_shown_byte_by_byte_and_explained_as_before() {
    let attic = Attic::build();
    let store = attic.open(i64::MAX);
    let now = attic.clock.now();
    let before = attic.stories(&store);
    let sent = sends(&store, now);
    assert!(sent[0].attempts[0].answer.is_some());
    assert_eq!(attic.pack(&store), Some(144));
    assert!(done(store.empty_log()));
    let on_disk = std::fs::read(attic.path()).unwrap();
    for gone in ["guest.77\"", "Dear guest 78", &mid(78), "no such user 73"] {
        assert!(!holds(&on_disk, gone.as_bytes()), "{gone}");
    }
    assert!(holds(&on_disk, b"Dear guest 67"), "nobody knows of it yet");
    assert_eq!(sends(&store, now), sent);
    for number in 0..DELIVERIES {
        assert_eq!(bytes_of(&store, number).unwrap(), body(number).as_bytes());
    }
    assert_eq!(
        format!("{:?}", attic.stories(&store)),
        format!("{before:?}")
    );
    assert_eq!(attic.pack(&store), Some(0), "and nothing is packed twice");
}

#[test]
fn a_packed_send_is_known_by_its_message_and_confirmed_by_its_echo() {
    let attic = Attic::build();
    let store = attic.open(i64::MAX);
    attic.pack(&store).unwrap();
    let is_known = |mid: &str| done(store.is_attributed(MessageId::new(mid)));
    assert!(is_known(&mid(5)) && !is_known("mid.of.nobody"));
    let story = done(store.find_story(mid(5), attic.clock.now())).unwrap();
    assert_eq!(story.sends[0].echoed_at, None);
    attic.record(
        &store,
        &format!(
            concat!(
                r#"{{"object":"instagram","entry":[{{"id":"17841400000000001","time":1790000000,"#,
                r#""messaging":[{{"sender":{{"id":"17841400000000001"}},"recipient":{{"id":"6100000000000004"}},"#,
                r#""timestamp":1790000000000,"message":{{"mid":"{}","text":"Dear","is_echo":true}}}}]}}]}}"#
            ),
            mid(5)
        ),
    );
    attic.interpret(&store);
    let confirmed = sends(&store, attic.clock.now())
        .into_iter()
        .filter(|send| send.echoed_at.is_some())
        .map(|send| send.id)
        .collect::<Vec<_>>();
    assert_eq!(confirmed, [story.sends[0].id]);
}

#[test]
fn what_a_budget_still_counts_is_not_packed() {
    let attic = Attic::build();
    attic.clock.0.fetch_sub(24 * 3_600_000, Ordering::Relaxed);
    let store = attic.open(i64::MAX);
    let settings = Settings {
        compress_after: Duration::ZERO,
        ..Settings::default()
    };
    assert_eq!(attic.pack_as(&store, settings), Some(144));
    done(store.empty_log());
    let on_disk = std::fs::read(attic.path()).unwrap();
    assert!(!holds(&on_disk, b"guest.77\""));
    assert!(holds(&on_disk, mid(78).as_bytes()));
}

#[test]
fn what_is_young_is_not_packed() {
    let attic = Attic::build();
    attic.clock.0.fetch_sub(2 * 3_600_000, Ordering::Relaxed);
    assert_eq!(attic.pack(&attic.open(i64::MAX)), Some(0));
}

#[test]
fn a_packed_delivery_can_be_replayed_and_tells_what_it_told() {
    let attic = Attic::build();
    let store = attic.open(i64::MAX);
    attic.pack(&store).unwrap();
    let asked = store.request_replay(DeliveryId(7), attic.clock.now());
    assert!(done(asked));
    let sent = sends(&store, attic.clock.now());
    assert_eq!(attic.interpret(&store), (0, 1));
    assert_eq!(bytes_of(&store, 6).unwrap(), body(6).as_bytes());
    assert_eq!(sends(&store, attic.clock.now()), sent);
}

#[test]
fn what_is_to_be_replayed_or_forgotten_is_left_as_it_is() {
    let attic = Attic::build();
    let store = attic.open(i64::MAX);
    done(store.request_replay(DeliveryId(7), attic.clock.now()));
    assert_eq!(attic.pack(&store), Some(144));
    // One of the second pack is in the first instead.
    let on_disk = std::fs::read(attic.path()).unwrap();
    drop(store);
    let log = attic.directory.path().join("hookline.db-wal");
    let log = std::fs::read(log).unwrap_or_default();
    assert!(holds(&on_disk, b"guest.6\"") || holds(&log, b"guest.6\""));
}

#[test]
fn a_process_that_dies_at_any_step_of_packing_loses_and_changes_nothing() {
    for steps in 0.. {
        let attic = Attic::build();
        let now = attic.clock.now();
        let sent = sends(&attic.open(i64::MAX), now);
        let survived = attic.pack(&attic.open(steps)).is_some();
        let store = attic.open(i64::MAX);
        assert_eq!(sends(&store, now), sent);
        for number in 0..DELIVERIES {
            assert_eq!(bytes_of(&store, number).unwrap(), body(number).as_bytes());
        }
        attic.pack(&store).unwrap();
        for number in 0..DELIVERIES {
            assert_eq!(bytes_of(&store, number).unwrap(), body(number).as_bytes());
        }
        assert_eq!(sends(&store, now), sent);
        if survived {
            assert!(steps >= 6, "three packs, each with a step before and after");
            return;
        }
    }
}

fn erase(attic: &Attic, store: &Arc<Store>, person: u64) {
    let asked_for = AskedFor::Contact {
        account: AccountId::new("17841400000000001"),
        contact: ContactId::new((6_100_000_000_000_000 + person).to_string()),
    };
    let code = "code".to_owned();
    assert!(done(store.request_deletion(asked_for, code, attic.clock.now())).is_some());
    let clock: Arc<dyn Clock> = Arc::<Stopped>::clone(&attic.clock);
    let mut eraser = Eraser::new(Arc::clone(store), clock);
    for _ in 0..1000 {
        if done(eraser.tick()) == EraseStep::Done {
            return;
        }
    }
    panic!("erasing does not end");
}

#[test]
fn who_is_erased_is_in_no_pack_and_in_no_byte_of_what_was_one() {
    let attic = Attic::build();
    let store = attic.open(i64::MAX);
    attic.pack(&store).unwrap();
    let sent = sends(&store, attic.clock.now());
    drop(store);
    let store = attic.open(i64::MAX);
    done(store.empty_log());
    let before = std::fs::read(attic.path()).unwrap();
    let magic = [0x28, 0xB5, 0x2F, 0xFD];
    let packs: Vec<usize> = (0..before.len() - 200)
        .filter(|place| before[*place..].starts_with(&magic))
        .collect();
    assert_eq!(packs.len(), 3);
    erase(&attic, &store, 20);
    let after = std::fs::read(attic.path()).unwrap();
    let is_left = |place: usize| holds(&after, &before[place + 20..place + 120]);
    let left = packs.iter().filter(|place| is_left(**place)).count();
    assert_eq!(
        left, 2,
        "the pack of the one who was erased is gone, the others stay"
    );
    assert!(!holds(&after, b"6100000000000020"));
    assert!(!holds(&after, &6_100_000_000_000_020_i64.to_be_bytes()));
    assert!(!holds(&after, mid(21).as_bytes()));
    assert!(holds(&after, mid(22).as_bytes()), "it is in its row again");
    let others = sent.into_iter().filter(|send| send.id.0 != 21);
    assert_eq!(sends(&store, attic.clock.now()), others.collect::<Vec<_>>());
    for number in 0..DELIVERIES {
        let bytes = bytes_of(&store, number).unwrap();
        if number == 20 {
            assert!(
                !holds(&bytes, b"guest.20"),
                "{}",
                String::from_utf8_lossy(&bytes)
            );
        } else {
            assert_eq!(bytes, body(number).as_bytes());
        }
    }
    let events = done(store.list_events(
        EventFilter::default(),
        PageRequest {
            before: None,
            limit: 500,
        },
    ));
    assert_eq!(events.items.len(), 149);
    assert_eq!(attic.pack(&store), Some(48), "the others are packed again");
    assert!(bytes_of(&store, 21).is_some());
}

#[test]
fn who_is_erased_while_a_pack_is_made_is_not_in_it() {
    let attic = Attic::build();
    let store = attic.open(i64::MAX);
    let before = attic.clock.now().minus(Duration::from_hours(24));
    let NextPack::Pack(pack) = done(store.next_pack(before, before)) else {
        panic!("there is nothing to pack");
    };
    erase(&attic, &store, 20);
    let refused = store.commit_pack(pack).now_or_never().unwrap();
    assert!(
        matches!(refused, Err(StoreError::Conflict(_))),
        "{refused:?}"
    );
    let bytes = bytes_of(&store, 20).unwrap();
    assert!(!holds(&bytes, b"guest.20"));
}
