//! From bytes to events: every fixture, every tolerated oddity, and bytes nobody wrote.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::panic, reason = "an event of the wrong kind is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use hookline_meta::webhook::{NotInterpretable, interpret};
use hookline_model::clock::Timestamp;
use hookline_model::event::{Container, Event, EventBody, EventKind, Ignored};
use proptest::prelude::*;
use serde_json::Value;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn fixture_names() -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory().join("fixtures"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .collect();
    names.sort();
    names
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(directory().join("fixtures").join(format!("{name}.json"))).unwrap()
}

fn events(body: &str) -> Vec<Event> {
    interpret(body.as_bytes()).unwrap()
}

/// The one event of a body.
fn event(body: &str) -> Event {
    let mut events = events(body);
    assert_eq!(events.len(), 1, "{body}");
    events.remove(0)
}

fn messaging(event: &str) -> String {
    format!(
        r#"{{"object":"instagram","entry":[{{"time":1790000000523,"id":"17841400000000001","messaging":[{event}]}}]}}"#
    )
}

fn change(field: &str, value: &str) -> String {
    format!(
        r#"{{"object":"instagram","entry":[{{"time":1790000000,"id":"17841400000000001","changes":[{{"field":"{field}","value":{value}}}]}}]}}"#
    )
}

fn reason(event: &Event) -> &str {
    let EventBody::Unknown(unknown) = &event.body else {
        panic!("known: {event:?}");
    };
    &unknown.reason
}

/// `value` with the keys of its objects in order, whatever order this build of the parser keeps.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members.into_iter().collect();
            Value::Object(
                members
                    .into_iter()
                    .map(|(name, value)| (name, sorted(value)))
                    .collect(),
            )
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// All fixtures as the file of expectations writes them: name, then key, account, container, times
/// and verdict, then the body; of message ids only the part that differs.
fn render_fixtures() -> String {
    const MID_PARTS: [&str; 2] = [
        "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQxNDAwMDAwMDAwMDA",
        "OjM0MDI4MjM2Njg0MTcxMDMwMTI0NDIwMDAwMDAwMDAwMDAwMDAwMTozMjQwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA",
    ];
    let mut lines = String::new();
    for name in fixture_names() {
        writeln!(lines, "{name}").unwrap();
        for event in interpret(&fixture(&name)).unwrap() {
            let body = sorted(serde_json::to_value(&event.body).unwrap()).to_string();
            let body = MID_PARTS
                .iter()
                .fold(body, |body, part| body.replace(part, "~"));
            let millis =
                |at: Option<Timestamp>| at.map_or("-".to_owned(), |at| at.as_millis().to_string());
            writeln!(
                lines,
                "  {} account={} container={:?} sent={} occurred={} ignored={}\n    {body}",
                event.key,
                event.account_id,
                event.container,
                millis(event.sent_at),
                millis(event.occurred_at),
                Ignored::of(&event).map_or("-", Ignored::as_str),
            )
            .unwrap();
        }
    }
    lines
}

#[test]
fn every_fixture_gives_the_events_written_down() {
    assert_eq!(fixture_names().len(), 66);
    let expected = std::fs::read_to_string(directory().join("expected.txt")).unwrap();
    let actual = render_fixtures();
    for (actual, expected) in actual.lines().zip(expected.lines()) {
        assert_eq!(actual, expected);
    }
    assert_eq!(actual.lines().count(), expected.lines().count());
}

#[test]
fn events_that_differ_have_keys_that_differ() {
    // The second of these each tells again what another fixture tells: the batch holds the seen
    // mark, both edits are the first of one message, both tests name the one sample comment.
    let again = [
        "dashboard_test_live_comments_v26",
        "message_edit_no_sender",
        "messaging_seen",
    ];
    let mut keys = BTreeSet::new();
    for name in fixture_names() {
        for event in interpret(&fixture(&name)).unwrap() {
            assert_eq!(
                keys.insert(event.key),
                !again.contains(&name.as_str()),
                "{name}"
            );
        }
    }
    assert_eq!(keys.len(), 68);
}

#[test]
fn the_same_thing_delivered_otherwise_has_the_same_key() {
    let value = r#"{"id":"17900000000000011","text":"LINK"}"#;
    let first = event(&change("comments", value));
    let later =
        event(&change("comments", value).replace("\"time\":1790000000", "\"time\":1790000999"));
    let other_key = event(&change(
        "comments",
        r#"{"comment_id":17900000000000011,"text":"x"}"#,
    ));
    let flat = event(&format!(
        r#"[{{"object":"instagram","entry":[{{"id":17841400000000001,"time":"1790000000","field":"comments","value":{value}}}]}}]"#
    ));
    for same in [&later, &other_key, &flat] {
        assert_eq!(same.key, first.key);
        assert_eq!(same.account_id, first.account_id);
    }
    assert_eq!(flat.sent_at, first.sent_at);
}

#[test]
fn an_unsend_is_not_its_message_and_standby_is() {
    let message = r#"{"timestamp":1,"message":{"mid":"m1"}}"#;
    let first = event(&messaging(message));
    let deleted = messaging(r#"{"timestamp":1,"message":{"mid":"m1","is_deleted":"true"}}"#);
    assert_ne!(event(&deleted).key, first.key);
    let standby = event(&messaging(message).replace("\"messaging\"", "\"standby\""));
    assert_eq!(standby.key, first.key);
    assert_eq!(standby.container, Container::Standby);
}

#[test]
fn ids_keep_every_digit_in_either_form() {
    for id in [
        "17900000000000011",
        "99999999999999999999",
        "123456789012345678901234567890",
    ] {
        for written in [id.to_owned(), format!("\"{id}\"")] {
            let event = event(&change("comments", &format!(r#"{{"id":{written}}}"#)));
            assert_eq!(event.comment_id().unwrap().as_str(), id);
        }
    }
}

#[test]
fn ids_that_could_not_be_stored_are_not_taken() {
    let long = "1".repeat(513);
    for id in [
        "\"\"",
        "-1",
        "1.5",
        "1e3",
        "true",
        "{}",
        "\"a\\u0000\"",
        "\"a\\n\"",
        &long,
    ] {
        let event = event(&change("comments", &format!(r#"{{"id":{id}}}"#)));
        assert_eq!(
            reason(&event),
            "the comment has a form this version does not know",
            "{id}"
        );
    }
    let event = event(&change("comments", r#"{"text":"LINK"}"#));
    assert_eq!(reason(&event), "the comment has no id");
}

#[test]
fn odd_forms_beside_an_event_do_not_lose_it() {
    let event = event(&messaging(
        r#"{"sender":{"id":1},"recipient":{"id":"17841400000000001"},"timestamp":"1790000000",
            "message":{"mid":"m1","text":"cut \ud83d here\u0000","is_echo":"no","app_id":null,
            "quick_reply":"x","reply_to":7,"referral":[],"is_unsupported":1,
            "attachments":{"type":"image","payload":{"title":"\ud83d"}},"folder":{"x":1}}}"#,
    ));
    let EventBody::MessageReceived(message) = &event.body else {
        panic!("{event:?}");
    };
    assert_eq!(
        message.text.as_deref(),
        Some("cut \u{fffd}\u{fffd}\u{fffd} here\u{fffd}")
    );
    assert_eq!(message.contact_id.as_ref().unwrap().as_str(), "1");
    assert!(message.is_unsupported);
    assert_eq!(message.attachments.len(), 1);
    assert_eq!(message.attachments[0].kind, "image");
    assert_eq!(message.attachments[0].payload, None);
    assert_eq!(message.reply_to, None);
    assert_eq!(event.occurred_at.unwrap().as_millis(), 1_790_000_000_000);
}

#[test]
fn names_hold_no_character_that_databases_refuse() {
    let event = event(&change(
        "story_insights",
        r#"{"media_id":"1","rea\u0000ch":5,"replies":-1}"#,
    ));
    let EventBody::StoryInsightsReceived(insights) = &event.body else {
        panic!("{event:?}");
    };
    let names: Vec<_> = insights.counts.keys().map(String::as_str).collect();
    assert_eq!(names, ["rea\u{fffd}ch", "replies"]);
}

#[test]
fn what_the_account_sends_is_never_taken_for_a_contact() {
    // An echo that lost its mark.
    let unmarked = event(&messaging(
        r#"{"sender":{"id":17841400000000001},"recipient":{"id":"61"},"message":{"mid":"m1","text":"LINK"}}"#,
    ));
    assert_eq!(unmarked.kind(), EventKind::MessageEchoed);
    assert_eq!(unmarked.contact_id().unwrap().as_str(), "61");
    // Its own comment, known by either mark.
    for from in [
        r#"{"id":17841400000000001}"#,
        r#"{"id":"91","self_ig_scoped_id":"91"}"#,
        r#"{"self_ig_scoped_id":91}"#,
    ] {
        let value = format!(r#"{{"id":"5","text":"LINK","from":{from}}}"#);
        let own = event(&change("comments", &value));
        assert_eq!(Ignored::of(&own), Some(Ignored::OwnComment), "{from}");
    }
    // A tap on its own button.
    let tap = event(&messaging(
        r#"{"sender":{"id":"17841400000000001"},"recipient":{"id":"91"},"postback":{"payload":"A"}}"#,
    ));
    assert_eq!(Ignored::of(&tap), Some(Ignored::SelfMessage));
}

#[test]
fn a_person_called_test_is_no_test() {
    let value = r#"{"id":"5","text":"LINK","from":{"id":"61","username":"test"}}"#;
    assert_eq!(Ignored::of(&event(&change("comments", value))), None);
}

#[test]
fn one_odd_event_leaves_its_neighbours_alone() {
    let odd = [
        r#"{"sender":7,"message":{"mid":"m2"}}"#,
        r#"{"message":{"text":"no mid"}}"#,
        r#"{"message":"gone"}"#,
        r#"{"message":{"mid":"a","mid":"b"}}"#,
        "null",
        "[]",
        "17",
        "{}",
        r#"{"reaction":{"mid":"m1","action":"shrug"}}"#,
    ];
    for odd in odd {
        let good = [r#"{"message":{"mid":"m1"}}"#, r#"{"message":{"mid":"m3"}}"#];
        let body = messaging(&format!("{},{odd},{}", good[0], good[1]));
        let kinds: Vec<_> = events(&body).iter().map(Event::kind).collect();
        let expected = [
            EventKind::MessageReceived,
            EventKind::Unknown,
            EventKind::MessageReceived,
        ];
        assert_eq!(kinds, expected, "{odd}");
    }
    let body = r#"{"object":"instagram","entry":[7,{},{"id":{},"changes":[1]},{"id":"1","messaging":{}},
        {"id":"1","time":2,"messaging":[{"message":{"mid":"m"}}],"changes":[{"field":"mentions","value":{"media_id":3}}]}]}"#;
    let kinds: Vec<_> = events(body).iter().map(Event::kind).collect();
    let unknown = EventKind::Unknown;
    let mixed = [EventKind::MentionReceived, EventKind::MessageReceived];
    assert_eq!(
        kinds,
        [unknown, unknown, unknown, unknown, mixed[0], mixed[1]]
    );
}

#[test]
fn unknown_events_are_kept_when_small_and_say_why() {
    let small = event(&change("new_field", r#"{"z":1,"a":[true]}"#));
    let EventBody::Unknown(unknown) = &small.body else {
        panic!("{small:?}")
    };
    assert_eq!(unknown.object, "instagram");
    assert_eq!(
        unknown.reason,
        "this version does not know this kind of event"
    );
    assert_eq!(unknown.raw["value"]["a"][0], true);

    let large = change(
        "new_field",
        &format!(r#"{{"text":"{}"}}"#, "x".repeat(16 * 1024)),
    );
    let EventBody::Unknown(unknown) = event(&large).body else {
        panic!("known")
    };
    assert!(unknown.raw.is_null());
}

#[test]
fn other_products_leave_nothing_personal() {
    let body = r#"{"object":"page","entry":[{"id":"1","time":1,"messaging":[{"sender":{"id":"2"},"message":{"mid":"m","text":"hi"}}],"changes":[{"field":"feed","value":{"message":"hello"}}]}]}"#;
    let events = events(body);
    assert_eq!(events.len(), 2);
    for event in events {
        let EventBody::Unknown(unknown) = &event.body else {
            panic!("{event:?}")
        };
        assert_eq!(
            (unknown.object.as_str(), unknown.raw.is_null()),
            ("page", true)
        );
        assert_eq!(Ignored::of(&event), Some(Ignored::NotInstagram));
    }
}

#[test]
fn what_is_no_delivery_says_so() {
    let cases: [(&[u8], NotInterpretable); 12] = [
        (b"\xff{}", NotInterpretable::NotText),
        (b"", NotInterpretable::NotJson { line: 1, column: 0 }),
        (
            b"{\"object\":\n",
            NotInterpretable::NotJson { line: 2, column: 0 },
        ),
        (b"{} {}", NotInterpretable::NotJson { line: 1, column: 4 }),
        (b"17", NotInterpretable::NotAnObject),
        (b"\"instagram\"", NotInterpretable::NotAnObject),
        (b"[[]]", NotInterpretable::NotAnObject),
        (b"[\"instagram\",[]]", NotInterpretable::NotAnObject),
        (b"{}", NotInterpretable::NoObject),
        (b"{\"object\":5,\"entry\":[]}", NotInterpretable::NoObject),
        (b"{\"object\":\"instagram\"}", NotInterpretable::NoEntries),
        (
            b"{\"object\":\"instagram\",\"entry\":{}}",
            NotInterpretable::NoEntries,
        ),
    ];
    for (body, problem) in cases {
        assert_eq!(
            interpret(body),
            Err(problem),
            "{}",
            String::from_utf8_lossy(body)
        );
    }
    assert_eq!(
        interpret(b"{\"object\":\"instagram\",\"entry\":[]}"),
        Ok(Vec::new())
    );
}

#[test]
fn a_batch_no_meta_sends_is_turned_away() {
    let batch = |count: usize| {
        let items = vec!["{}"; count].join(",");
        interpret(messaging(&items).as_bytes()).map(|events| events.len())
    };
    assert_eq!(batch(10_000), Ok(10_000));
    assert_eq!(batch(10_001), Err(NotInterpretable::TooManyEvents));
    assert_eq!(batch(500_000), Err(NotInterpretable::TooManyEvents));
}

#[test]
fn depth_does_not_overflow() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(
        interpret(deep.as_bytes()),
        Err(NotInterpretable::NotAnObject)
    );
    let objects = format!("{}1{}", r#"{"a":"#.repeat(200_000), "}".repeat(200_000));
    for body in [
        change("new_field", &deep),
        change("comments", &objects),
        change("comments", &format!(r#"{{"id":{objects}}}"#)),
        messaging(&objects),
        messaging(&deep),
    ] {
        assert!(matches!(&event(&body).body, EventBody::Unknown(unknown) if unknown.raw.is_null()));
    }
    let body = messaging(&format!(
        r#"{{"message":{{"mid":"m","attachments":[{{"type":"x","payload":{deep}}}],"reply_to":{objects},"other":{deep}}}}}"#
    ));
    assert_eq!(event(&body).kind(), EventKind::MessageReceived);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = interpret(&body);
    }

    #[test]
    fn no_damage_to_a_fixture_makes_it_panic(
        pick in any::<prop::sample::Index>(),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6),
    ) {
        let names = fixture_names();
        let mut body = fixture(&names[pick.index(names.len())]);
        for (place, byte, change) in cuts {
            let place = place.index(body.len());
            match change {
                0 => body[place] = byte,
                1 => body.insert(place, byte),
                2 if body.len() > 1 => { body.remove(place); }
                _ => body.truncate(place.max(1)),
            }
        }
        if let Ok(events) = interpret(&body) {
            for event in events {
                prop_assert!(serde_json::to_string(&event).is_ok());
            }
        }
    }

    /// Meta promises neither batches nor order (contract 2.4, 2.7): what makes an event this event
    /// is in the event.
    #[test]
    fn however_entries_are_batched_and_ordered_the_events_are_the_same(
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 1..8),
        cut in any::<prop::sample::Index>(),
        is_list: bool,
    ) {
        let names = fixture_names();
        let mut alone = Vec::new();
        let mut entries = Vec::new();
        for pick in picks {
            let body = fixture(&names[pick.index(names.len())]);
            let whole: Value = serde_json::from_slice(&body).unwrap();
            let object = whole.get(0).unwrap_or(&whole);
            if object["object"] == "instagram" {
                alone.extend(interpret(&body).unwrap());
                entries.extend(object["entry"].as_array().unwrap().iter().rev().cloned());
            }
        }
        entries.reverse();
        let (first, second) = entries.split_at(cut.index(entries.len() + 1));
        let body_of = |entries: &[Value]| {
            serde_json::json!({ "entry": entries, "object": "instagram" })
        };
        let bodies = vec![body_of(second), body_of(first)];
        let told = if is_list {
            interpret(Value::from(bodies).to_string().as_bytes()).unwrap()
        } else {
            let told = bodies.iter().map(|body| interpret(body.to_string().as_bytes()).unwrap());
            told.flatten().collect()
        };
        let keys = |events: &[Event]| {
            let mut keys: Vec<_> = events.iter().map(|event| (event.key, event.kind())).collect();
            keys.sort_unstable();
            keys
        };
        prop_assert_eq!(keys(&told), keys(&alone));
    }

    #[test]
    fn a_comment_has_the_key_of_its_account_and_id_whatever_else_is_said(
        one in "[0-9]{1,3}", other in "[0-9]{1,3}", time: u32, text in ".{0,8}", is_live: bool,
    ) {
        let key = |account: &str, id: &str, text: &str| {
            let value = serde_json::json!({ "id": id, "text": text });
            let field = if is_live { "live_comments" } else { "comments" };
            let entry = serde_json::json!({
                "id": account, "time": time, "changes": [{ "field": field, "value": value }],
            });
            let body = serde_json::json!({ "object": "instagram", "entry": [entry] });
            event(&body.to_string()).key
        };
        prop_assert_eq!(key("1", &one, &text), key("1", &one, ""));
        prop_assert_eq!(key("1", &one, "") == key("1", &other, ""), one == other);
        prop_assert_eq!(key(&one, "1", "") == key(&other, "1", ""), one == other);
        prop_assert_eq!(key(&one, &other, "") == key(&other, &one, ""), one == other);
    }
}
