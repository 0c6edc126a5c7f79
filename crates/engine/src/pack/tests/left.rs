//! Rows that left their tables are told of as before, beside those that did not.

use hookline_model::event::{EventKind, EventName};
use hookline_model::ids::{AutomationId, CommentId};
use hookline_model::once::OnceScope;
use hookline_model::send::SendKey;
use hookline_store::Page;
use hookline_store::planning::TakenQuery;
use hookline_store::records::{DeliveryFilter, DeliveryStatus};

use super::*;

const ACCOUNTS: [&str; 2] = ["17841400000000001", "17841400000000002"];

fn account_of(number: u64) -> &'static str {
    ACCOUNTS[usize::from(number.is_multiple_of(9))]
}

fn person(number: u64) -> String {
    (6_100_000_000_000_000 + number % 40).to_string()
}

fn comment_id(number: u64) -> String {
    (17_900_000_000_000_000 + number).to_string()
}

fn message(number: u64) -> String {
    format!("aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQxMDAwMDAwMDAwMD{number:04}ZD")
}

/// Comments of two accounts, mentions in them, messages, echoes, reactions, and what nobody knows.
fn any_kind(number: u64) -> String {
    let (account, person) = (account_of(number), person(number));
    let change = |field: &str, value: String| {
        format!(
            r#"{{"object":"instagram","entry":[{{"id":"{account}","time":1790000000,"changes":[{{"field":"{field}","value":{value}}}]}}]}}"#
        )
    };
    let messaging = |from: &str, to: &str, rest: String| {
        format!(
            concat!(
                r#"{{"object":"instagram","entry":[{{"id":"{}","time":1790000000,"messaging":[{{"sender":{{"id":"{}"}},"#,
                r#""recipient":{{"id":"{}"}},"timestamp":17900000{:05},{}}}]}}]}}"#
            ),
            account, from, to, number, rest
        )
    };
    let mid = message(number);
    match number % 8 {
        0 => messaging(
            &person,
            account,
            format!(r#""message":{{"mid":"{mid}","text":"hello {number}"}}"#),
        ),
        1 => messaging(
            account,
            &person,
            format!(r#""message":{{"mid":"{mid}","text":"hi {number}","is_echo":true}}"#),
        ),
        2 => change(
            "mentions",
            format!(
                r#"{{"media_id":"18000000000000021","comment_id":"{}"}}"#,
                comment_id(number + 1)
            ),
        ),
        3 => messaging(
            &person,
            account,
            format!(
                r#""reaction":{{"mid":"{}","action":"react","reaction":"love"}}"#,
                message(number - 3)
            ),
        ),
        4 => change("what_nobody_knows", format!("[{number}]")),
        _ => change(
            "comments",
            format!(
                concat!(
                    r#"{{"from":{{"id":"{}","username":"guest.{}"}},"media":{{"id":"18000000000000021","#,
                    r#""media_product_type":"REELS"}},"id":"{}","text":"LINK {}"}}"#
                ),
                person,
                number % 40,
                comment_id(number),
                number
            ),
        ),
    }
}

/// All pages of a list, a few at a time.
fn pages<T: std::fmt::Debug>(list: impl Fn(PageRequest) -> Page<T>) -> String {
    let mut told = String::new();
    let mut before = None;
    loop {
        let page = list(PageRequest { before, limit: 7 });
        told = format!("{told}{page:#?}\n");
        before = page.next_before;
        if before.is_none() {
            return told;
        }
    }
}

fn event_filters() -> Vec<EventFilter> {
    let account_id = || Some(AccountId::new(ACCOUNTS[1]));
    let mut filters = vec![
        EventFilter::default(),
        EventFilter {
            account_id: account_id(),
            ..EventFilter::default()
        },
        EventFilter {
            account_id: account_id(),
            kind: Some(EventKind::CommentReceived),
            ..EventFilter::default()
        },
        EventFilter {
            account_id: Some(AccountId::new("1")),
            ..EventFilter::default()
        },
    ];
    filters.extend(EventKind::ALL.map(|kind| EventFilter {
        kind: Some(kind),
        ..EventFilter::default()
    }));
    for number in 0..20 {
        filters.push(EventFilter {
            comment_id: Some(CommentId::new(comment_id(number))),
            ..EventFilter::default()
        });
        filters.push(EventFilter {
            mid: Some(MessageId::new(message(number))),
            account_id: account_id().filter(|_| number > 9),
            ..EventFilter::default()
        });
    }
    filters
}

fn send_filters() -> Vec<SendFilter> {
    let mut filters = vec![
        SendFilter::default(),
        SendFilter {
            account_id: Some(AccountId::new(ACCOUNTS[1])),
            ..SendFilter::default()
        },
        SendFilter {
            comment_id: Some(CommentId::new(comment_id(5))),
            ..SendFilter::default()
        },
    ];
    for state in ["accepted", "refused", "unknown", "planned", "held"] {
        filters.push(SendFilter {
            state: Some(state.to_owned()),
            ..SendFilter::default()
        });
    }
    for number in 0..40 {
        filters.push(SendFilter {
            contact_id: Some(ContactId::new(person(number))),
            account_id: (number > 20).then(|| AccountId::new(ACCOUNTS[0])),
            ..SendFilter::default()
        });
    }
    for automation in ["link", "no such"] {
        filters.push(SendFilter {
            automation: Some(automation.to_owned()),
            ..SendFilter::default()
        });
    }
    filters
}

/// Everything the store tells, in words.
fn everything(attic: &Attic, store: &Store) -> Vec<String> {
    let now = attic.clock.now();
    let mut told = Vec::new();
    let statuses = [
        None,
        Some(DeliveryStatus::Recorded),
        Some(DeliveryStatus::Interpreted),
        Some(DeliveryStatus::NotInterpretable),
        Some(DeliveryStatus::Replayed),
    ];
    for status in statuses {
        told.push(pages(|page| {
            done(store.list_deliveries(DeliveryFilter { status }, page))
        }));
    }
    for filter in event_filters() {
        told.push(pages(|page| done(store.list_events(filter.clone(), page))));
    }
    for filter in send_filters() {
        told.push(pages(|page| {
            done(store.list_sends(filter.clone(), page, now))
        }));
    }
    for number in 0..DELIVERIES {
        let subjects = [
            comment_id(number),
            message(number),
            mid(i64::try_from(number).unwrap()),
            format!("evt_{number}"),
        ];
        for subject in subjects {
            let story = done(store.find_story(subject.clone(), now));
            told.push(format!("{subject} {story:#?}"));
        }
        let message = MessageId::new(mid(i64::try_from(number).unwrap()));
        let is_known = done(store.is_attributed(message));
        told.push(format!("{is_known} {:?}", bytes_of(store, number)));
    }
    for id in ACCOUNTS {
        let account = || AccountId::new(id);
        for limit in [1, 5, 60, 500] {
            let newest = done(store.newest_events(account(), limit));
            let kinds = done(store.newest_event_of_each_kind(account(), limit));
            told.push(format!("{newest:?} {kinds:?}"));
        }
        let comments = (0..DELIVERIES).map(|number| CommentId::new(comment_id(number)));
        let messages = (0..DELIVERIES).map(|number| MessageId::new(message(number)));
        let comments = done(store.known_comments(account(), comments.collect()));
        let messages = done(store.known_messages(account(), messages.collect()));
        let mut known: Vec<String> = comments.iter().map(ToString::to_string).collect();
        known.extend(messages.iter().map(ToString::to_string));
        known.sort();
        told.push(format!("{known:?}"));
        for number in 0..40 {
            let person = ContactId::new(person(number));
            let text = format!("hi {number}");
            let since = Timestamp::from_millis(START - 3_600_000_000);
            told.push(format!(
                "{:?}",
                done(store.find_echo(account(), person, text, since))
            ));
        }
    }
    told
}

fn assert_same(now: &[String], before: &[String]) {
    assert_eq!(now.len(), before.len());
    for (now, before) in now.iter().zip(before) {
        assert!(now == before, "before:\n{before}\nnow:\n{now}");
    }
}

/// Some of everything, one delivery of which was interpreted twice and one of which nobody can read.
fn furnished() -> Attic {
    let bodies = (0..DELIVERIES).map(|number| match number {
        70 => "not JSON".to_owned(),
        // Tells of an event again.
        80 => any_kind(5),
        number => any_kind(number),
    });
    let steps = serde_json::json!([
        {"do": "private_reply", "text": "Here it is"},
        {"do": "public_reply", "texts": ["Sent you a DM!"]},
    ]);
    let attic = Attic::of(bodies, &steps);
    let store = attic.open(i64::MAX);
    done(store.request_replay(DeliveryId(22), attic.clock.now()));
    attic.interpret(&store);
    attic
}

#[test]
fn what_left_its_tables_is_told_of_as_before_and_comes_back_as_it_was() {
    let attic = furnished();
    let store = attic.open(i64::MAX);
    let before = everything(&attic, &store);
    assert!(attic.pack(&store).unwrap() >= 128);
    done(store.empty_log());
    let on_disk = std::fs::read(attic.path()).unwrap();
    let number = 17_900_000_000_000_000_i64 + 5;
    assert!(
        !holds(&on_disk, &number.to_be_bytes()),
        "a row of it is left"
    );
    assert_same(&everything(&attic, &store), &before);
    let all = (1..=128).map(DeliveryId).collect();
    done(store.unpack(all));
    done(store.empty_log());
    let on_disk = std::fs::read(attic.path()).unwrap();
    assert!(holds(&on_disk, &number.to_be_bytes()), "it came back");
    assert_same(&everything(&attic, &store), &before);
    attic.pack(&store).unwrap();
    assert_same(&everything(&attic, &store), &before);
}

#[test]
fn what_comes_again_long_after_it_left_takes_no_effect_again() {
    let attic = Attic::build();
    let store = attic.open(i64::MAX);
    attic.pack(&store).unwrap();
    let sent = sends(&store, attic.clock.now());
    let again = attic.record(&store, &body(4));
    assert_eq!(attic.interpret(&store), (0, 1));
    assert_eq!(sends(&store, attic.clock.now()), sent);
    let story = done(store.find_story(comment_id(4), attic.clock.now())).unwrap();
    let told_by: Vec<DeliveryId> = story.deliveries.iter().map(|told| told.id).collect();
    assert_eq!(told_by, [DeliveryId(5), again]);
    assert_eq!(story.sends.len(), 1);
    assert_eq!(story.sends[0].state, "accepted", "a refused one stays");
}

#[test]
fn a_mention_of_a_comment_that_was_answered_long_ago_is_not_answered_again() {
    let attic = Attic::build();
    let store = attic.open(i64::MAX);
    attic.pack(&store).unwrap();
    let story = done(store.find_story(comment_id(4), attic.clock.now())).unwrap();
    assert_eq!(story.sends[0].state, "accepted", "a refused one stays");
    let key = SendKey::private_reply(&AccountId::new(ACCOUNTS[0]), &CommentId::new(comment_id(4)));
    let limit_of = |automation, number| {
        let (account, comment) = (ACCOUNTS[0], comment_id(number));
        let scope = OnceScope::Comment {
            account: AccountId::new(account),
            comment: CommentId::new(comment),
        };
        (automation, scope)
    };
    let name = story.sends[0].automation.clone();
    let automation = done(store.find_automation(name)).unwrap().id;
    let used = limit_of(automation, 4);
    let asked = TakenQuery {
        sends: vec![key.clone()],
        limits: vec![
            used.clone(),
            limit_of(AutomationId(automation.0 + 1), 4),
            limit_of(automation, 1_000_000),
        ],
    };
    let taken = done(store.find_taken(asked));
    assert_eq!(taken.sends, [key].into());
    assert_eq!(taken.limits, [used].into());
}

#[test]
fn a_step_of_an_event_that_left_is_not_planned_again() {
    let steps = serde_json::json!([
        {"do": "private_reply", "text": "Here it is"},
        {"do": "public_reply", "texts": ["Sent you a DM!"]},
    ]);
    let attic = Attic::of((0..DELIVERIES).map(body), &steps);
    let store = attic.open(i64::MAX);
    attic.pack(&store).unwrap();
    done(store.empty_log());
    let on_disk = std::fs::read(attic.path()).unwrap();
    let has_row = |number: u64| holds(&on_disk, &(17_900_000_000_000_000 + number).to_be_bytes());
    let number = (0..DELIVERIES).find(|number| !has_row(*number));
    let number = number.expect("nothing left");
    let story = done(store.find_story(comment_id(number), attic.clock.now())).unwrap();
    let name = story.sends[0].automation.clone();
    let automation = done(store.find_automation(name)).unwrap().id.0;
    let events = hookline_meta::webhook::interpret(body(number).as_bytes()).unwrap();
    let event = EventName::of(&events[0]);
    let step = |step| SendKey::step(event.clone(), automation, step);
    let asked = TakenQuery {
        sends: vec![step(1), step(2)],
        ..TakenQuery::default()
    };
    assert_eq!(done(store.find_taken(asked)).sends, [step(1)].into());
}

#[test]
fn a_replay_of_what_left_brings_it_back_and_is_noted() {
    let attic = furnished();
    let store = attic.open(i64::MAX);
    attic.pack(&store).unwrap();
    assert!(done(store.request_replay(DeliveryId(6), attic.clock.now())));
    assert!(!done(
        store.request_replay(DeliveryId(600), attic.clock.now())
    ));
    assert_eq!(attic.interpret(&store), (0, 1));
    let (record, _) = done(store.find_delivery(DeliveryId(6))).unwrap();
    assert_eq!(record.status, DeliveryStatus::Replayed);
    let before = everything(&attic, &store);
    attic.pack(&store).unwrap();
    assert_same(&everything(&attic, &store), &before);
}

#[test]
fn who_wrote_messages_is_erased_from_what_left() {
    let attic = furnished();
    let store = attic.open(i64::MAX);
    attic.pack(&store).unwrap();
    erase(&attic, &store, 8);
    let on_disk = std::fs::read(attic.path()).unwrap();
    assert!(!holds(&on_disk, person(8).as_bytes()));
    let number = 6_100_000_000_000_008_i64;
    assert!(!holds(&on_disk, &number.to_be_bytes()));
    let is_known = |number: u64| {
        let story = store.find_story(message(number), attic.clock.now());
        done(story).is_some()
    };
    // What the other account was told by the same person stays.
    assert!(!is_known(8) && !is_known(48) && is_known(16));
    attic.pack(&store).unwrap();
    let on_disk = std::fs::read(attic.path()).unwrap();
    assert!(!holds(&on_disk, message(8).as_bytes()));
    for number in [8, 48, 88, 128] {
        let bytes = bytes_of(&store, number).unwrap();
        if account_of(number) == ACCOUNTS[0] {
            assert!(!holds(&bytes, person(8).as_bytes()), "{number}");
        }
    }
}
