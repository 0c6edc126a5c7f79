//! A backlog of several portions, read ahead and handed over in pieces while those before them are
//! committed.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use futures_util::FutureExt as _;
use hookline_model::account::Login;
use hookline_model::clock::Timestamp;
use hookline_model::ids::{AccountId, ContactId};
use hookline_store::erase::{AskedFor, Redacted};
use hookline_store::planning::Verdict;
use hookline_store::records::{DeliveryStatus, SendFilter};
use hookline_store::{ConnectAccount, Gate, Grant, PageRequest, Pass, RecordDelivery, SealedToken};
use rand::SeedableRng as _;

use super::*;

/// More than one portion of those that are read while deliveries come, and so many pieces.
const DELIVERIES: u64 = 140;

const NEVER: i64 = i64::MAX;

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000)
    }
}

/// Lets so many steps pass, and no more.
struct Heart(AtomicI64);

impl Gate for Heart {
    fn before(&self) -> Pass {
        if self.0.fetch_sub(1, Ordering::Relaxed) > 0 {
            Pass::Go
        } else {
            Pass::Stop
        }
    }

    fn after(&self) -> Pass {
        self.before()
    }
}

struct Office(tempfile::TempDir);

impl Office {
    /// An account, an automation for every comment with a link, and comments to be interpreted.
    fn build() -> Self {
        let office = Self(tempfile::tempdir().unwrap());
        let store = office.open(NEVER);
        done(store.connect_account(
            ConnectAccount {
                id: AccountId::new("17841400000000001"),
                username: "acme".to_owned(),
                login: Login::Instagram,
                app_scoped_id: None,
                token: SealedToken {
                    key: vec![0; 4],
                    bytes: vec![1; 40],
                },
                grant: Grant::default(),
            },
            Stopped.now(),
        ));
        publish(&store, "Here it is");
        for number in 0..DELIVERIES {
            record(&store, number);
        }
        office
    }

    /// One in which the same has happened.
    fn copy(&self) -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        fs::copy(self.database(), copy.database()).unwrap();
        copy
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("hookline.db")
    }

    fn open(&self, steps: i64) -> Arc<Store> {
        let url = format!("sqlite:{}", self.database().display());
        let heart = Arc::new(Heart(AtomicI64::new(steps)));
        Arc::new(Store::open_stepwise(&url, heart).unwrap())
    }
}

fn done<T>(doing: impl Future<Output = Result<T, StoreError>>) -> T {
    doing.now_or_never().unwrap().unwrap()
}

fn publish(store: &Store, text: &str) {
    publish_once_per(store, text, "comment");
}

fn publish_once_per(store: &Store, text: &str, noun: &str) {
    let document = serde_json::json!({
        "name": "link", "accounts": ["*"], "trigger": {"on": "comment"},
        "match": {"mode": "word", "any": ["link"]},
        "limit": {"once_per": noun},
        "steps": [{"do": "private_reply", "text": text}],
    });
    done(store.publish_automation("link".to_owned(), document, Stopped.now()));
}

fn record(store: &Store, number: u64) -> DeliveryId {
    record_of(store, number, number)
}

fn record_of(store: &Store, number: u64, person: u64) -> DeliveryId {
    record_all(store, &[comment(number, person)])
}

fn comment(number: u64, person: u64) -> String {
    format!(
        concat!(
            r#"{{"value":{{"from":{{"id":"{}","username":"guest"}},"id":"{}","text":"LINK"}},"#,
            r#""field":"comments"}}"#
        ),
        6_100_000_000_000_000 + person,
        17_900_000_000_000_000 + number,
    )
}

/// Records one delivery that tells of all these comments.
fn record_all(store: &Store, comments: &[String]) -> DeliveryId {
    let body = format!(
        r#"{{"entry":[{{"id":"17841400000000001","time":1790000000,"changes":[{}]}}],"object":"instagram"}}"#,
        comments.join(","),
    );
    done(store.record_delivery(RecordDelivery {
        received_at: Stopped.now(),
        secret_index: 0,
        api_version: None,
        body: Bytes::from(body),
    }))
}

/// Erases what a comment's delivery says of the person.
fn cut(store: &Store, number: u64) {
    let id = DeliveryId(i64::try_from(number).unwrap() + 1);
    let person = AskedFor::Contact {
        account: AccountId::new("17841400000000001"),
        contact: ContactId::new((6_100_000_000_000_000 + number).to_string()),
    };
    done(store.request_deletion(person, "code".to_owned(), Stopped.now()));
    let deletion = done(store.open_deletion()).unwrap();
    let (_, before) = done(store.find_delivery(id)).unwrap();
    let cut = Redacted {
        id,
        before,
        after: Some(b"{}".to_vec()),
    };
    done(store.commit_redactions(deletion.id, vec![cut], Vec::new(), None, Stopped.now()));
}

fn interpreter(store: &Arc<Store>) -> Interpreter {
    Interpreter::new(
        Arc::clone(store),
        Arc::new(Stopped),
        Arc::new(Settings::default()),
        StdRng::seed_from_u64(1),
    )
}

/// Ticks until nothing is left, and what they did; none once the process has died.
fn work_off(interpreter: &mut Interpreter) -> Option<(usize, usize)> {
    let mut found = (0, 0);
    loop {
        let report = interpreter.tick().now_or_never()?.unwrap();
        found.0 += report.events;
        found.1 += report.duplicates;
        if !report.has_more {
            return Some(found);
        }
    }
}

/// The comments that have their private reply, in order.
fn answered(store: &Store) -> Vec<String> {
    let page = PageRequest {
        before: None,
        limit: 500,
    };
    let sends = done(store.list_sends(SendFilter::default(), page, Stopped.now()));
    let comments = sends.items.into_iter().rev();
    comments
        .map(|send| send.comment_id.unwrap().to_string())
        .collect()
}

fn everyone() -> Vec<String> {
    let numbers = 17_900_000_000_000_000..17_900_000_000_000_000 + DELIVERIES;
    numbers.map(|number| number.to_string()).collect()
}

#[test]
fn a_death_before_or_after_any_commit_forgets_and_doubles_nothing() {
    let built = Office::build();
    for steps in 0.. {
        let office = built.copy();
        let first = office.open(steps);
        let has_lived = work_off(&mut interpreter(&first)).is_some();
        drop(first);
        let second = office.open(NEVER);
        work_off(&mut interpreter(&second)).unwrap();
        assert_eq!(answered(&second), everyone(), "after {steps} steps");
        if has_lived {
            assert!(steps > 30, "many pieces were committed");
            return;
        }
    }
}

#[test]
fn a_comment_told_again_in_the_batch_that_was_read_ahead_is_known() {
    let office = Office::build();
    let store = office.open(NEVER);
    for number in 0..DELIVERIES {
        record(&store, number);
    }
    let found = work_off(&mut interpreter(&store)).unwrap();
    let each = usize::try_from(DELIVERIES).unwrap();
    assert_eq!(found, (each, each));
    assert_eq!(answered(&store), everyone());
}

#[test]
fn what_was_read_ahead_is_refused_when_somebody_else_was_faster() {
    let office = Office::build();
    let store = office.open(NEVER);
    let (mut one, mut other) = (interpreter(&store), interpreter(&store));
    assert!(done(one.tick()).has_more);
    done(other.tick());
    let refused = one.tick().now_or_never().unwrap().unwrap_err();
    assert!(matches!(refused, StoreError::Conflict(_)), "{refused}");
    work_off(&mut one).unwrap();
    assert_eq!(answered(&store), everyone());
}

#[test]
fn a_replay_is_not_put_off_by_a_backlog() {
    let office = Office::build();
    let store = office.open(NEVER);
    for number in 0..700 {
        record(&store, number);
    }
    let mut interpreter = interpreter(&store);
    assert!(done(interpreter.tick()).has_more);
    let first = DeliveryId(1);
    assert!(done(store.request_replay(first, Stopped.now())));
    let status = || done(store.find_delivery(first)).unwrap().0.status;
    while status() != DeliveryStatus::Replayed {
        assert!(
            done(interpreter.tick()).has_more,
            "the replay waits for all the rest"
        );
    }
}

#[test]
fn what_was_cut_before_it_was_handed_over_does_not_come_back() {
    let office = Office::build();
    let store = office.open(NEVER);
    let mut interpreter = interpreter(&store);
    // All of the first portion is handed over then, and of the second all but its last piece.
    for _ in 0..2 {
        assert!(done(interpreter.tick()).has_more);
    }
    let last = DELIVERIES - 1;
    cut(&store, last);
    let refused = std::iter::repeat_with(|| interpreter.tick().now_or_never().unwrap())
        .find(|report| !matches!(report, Ok(report) if report.has_more))
        .unwrap();
    assert!(
        matches!(refused, Err(StoreError::Conflict(_))),
        "{refused:?}"
    );
    work_off(&mut interpreter).unwrap();
    let mut others = everyone();
    others.pop();
    assert_eq!(answered(&store), others);
}

#[test]
fn a_piece_is_bounded_by_its_events() {
    let office = Office::build();
    let store = office.open(NEVER);
    let mut interpreter = interpreter(&store);
    work_off(&mut interpreter).unwrap();
    let numbers = DELIVERIES..DELIVERIES + 40;
    let numbers: Vec<u64> = numbers.collect();
    for five in numbers.chunks(5) {
        let comments: Vec<_> = five
            .iter()
            .map(|number| comment(*number, *number))
            .collect();
        record_all(&store, &comments);
    }
    let told: Vec<(usize, usize)> = std::iter::from_fn(|| {
        let report = done(interpreter.tick());
        (report.deliveries > 0).then_some((report.deliveries, report.events))
    })
    .collect();
    assert_eq!(
        told,
        [(2, 10); 4],
        "a piece ends with the delivery that fills it"
    );
    assert_eq!(answered(&store).len(), numbers.len() + everyone().len());
}

#[test]
fn a_comment_that_came_after_a_version_was_published_is_answered_by_it() {
    let office = Office::build();
    let store = office.open(NEVER);
    let mut interpreter = interpreter(&store);
    assert!(done(interpreter.tick()).has_more);
    publish(&store, "Here is another");
    record(&store, DELIVERIES);
    work_off(&mut interpreter).unwrap();
    let page = PageRequest {
        before: None,
        limit: 1,
    };
    let newest = done(store.list_sends(SendFilter::default(), page, Stopped.now())).items;
    assert_eq!(newest[0].version, 2);
}

#[test]
fn a_comment_that_is_skipped_says_why() {
    let office = Office::build();
    let store = office.open(NEVER);
    publish_once_per(&store, "Here it is", "person");
    record_of(&store, DELIVERIES, 0);
    work_off(&mut interpreter(&store)).unwrap();
    let verdict_of = |number: u64| {
        let comment = 17_900_000_000_000_000 + number;
        let story = done(store.find_story(comment.to_string(), Stopped.now())).unwrap();
        let run = story.runs.into_iter().next().unwrap();
        (run.verdict, run.because.condition)
    };
    assert_eq!(verdict_of(0), (Verdict::Matched, "match.any".to_owned()));
    let skipped = (Verdict::Skipped, "limit.once_per".to_owned());
    assert_eq!(verdict_of(DELIVERIES), skipped);
}
