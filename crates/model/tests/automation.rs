//! Documents of automations: what is read, what is refused, and what they say of it.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(
    clippy::too_many_lines,
    reason = "a table of mistakes is read as a whole"
)]

#[path = "automation/refused.rs"]
mod refused;

use hookline_model::automation::{
    AccountScope, Automation, Limit, Match, MatchMode, MediaScope, OncePer, Problem, Step,
    TriggerKind,
};
use hookline_model::ids::MediaId;
use serde_json::{Value, json};

const LINK_ON_COMMENT: &str = r#"
name = "link-on-comment"
accounts = ["*"]
priority = 0
[trigger]
on = "comment"
media = "any"
include_replies = false
[match]
mode = "word"
any = ["link", "guide"]
none = ["unsubscribe"]
[limit]
once_per = "person-and-media"
[[steps]]
do = "private_reply"
text = "Hi {{ contact.username }}, here it is: https://example.com/guide"
[[steps]]
do = "public_reply"
texts = ["Sent you a DM!", "Check your inbox :)"]
"#;

/// A document with `patch` over a sound one; a null removes the key.
fn patched(patch: &Value) -> Value {
    let mut document = json!({
        "name": "a",
        "trigger": {"on": "comment"},
        "steps": [{"do": "private_reply", "text": "hi"}],
    });
    let fields = document.as_object_mut().unwrap();
    for (key, value) in patch.as_object().unwrap() {
        if value.is_null() {
            fields.remove(key);
        } else {
            fields.insert(key.clone(), value.clone());
        }
    }
    document
}

fn read(patch: &Value) -> Automation {
    Automation::from_json(&patched(patch)).unwrap()
}

fn problems(document: &Value) -> Vec<Problem> {
    Automation::from_json(document).unwrap_err()
}

#[test]
fn the_document_of_the_handbook_is_read_from_toml() {
    let automation = Automation::from_toml(LINK_ON_COMMENT).unwrap();
    assert_eq!(automation.name.as_str(), "link-on-comment");
    assert_eq!(automation.accounts, AccountScope::Every);
    assert_eq!(automation.trigger.on, [TriggerKind::Comment]);
    assert_eq!(automation.trigger.media, MediaScope::Any);
    assert_eq!(automation.matching.mode, MatchMode::Word);
    assert_eq!(automation.matching.any, ["link", "guide"]);
    assert_eq!(automation.matching.none, ["unsubscribe"]);
    assert!(automation.matching.fold_accents);
    assert_eq!(
        automation.limit,
        Limit {
            once_per: OncePer::PersonAndMedia
        }
    );
    assert_eq!(
        automation.steps.get(1),
        Some(&Step::PublicReply {
            texts: vec![
                "Sent you a DM!".to_owned(),
                "Check your inbox :)".to_owned()
            ]
        })
    );
}

#[test]
fn what_is_left_out_has_its_default() {
    let automation = read(&json!({}));
    assert_eq!(automation.accounts, AccountScope::Every);
    assert_eq!(automation.priority, 0);
    assert_eq!(automation.matching, Match::default());
    assert_eq!(automation.limit.once_per, OncePer::Comment);
    assert!(!automation.trigger.include_replies);
    assert_eq!(
        read(&json!({"match": {"any": ["link"]}})).matching.mode,
        MatchMode::Word
    );
    assert_eq!(
        read(&json!({"match": {"none": ["spam"]}})).matching.mode,
        MatchMode::Any
    );
}

#[test]
fn accounts_and_media_take_one_form() {
    let automation = read(&json!({
        "accounts": ["@Ada.Bakes", "17841400000000001"],
        "trigger": {"on": ["comment", "live_comment"], "media": ["18000000000000021"]},
    }));
    let names = vec!["ada.bakes".to_owned(), "17841400000000001".to_owned()];
    assert_eq!(automation.accounts, AccountScope::Only(names));
    let media = vec![MediaId::new("18000000000000021")];
    assert_eq!(automation.trigger.media, MediaScope::Only(media));
    let next = read(&json!({"trigger": {"on": "comment", "media": "next"}}));
    assert_eq!(next.trigger.media, MediaScope::Next);
}

#[test]
fn a_document_reads_back_equal() {
    let dm = json!([{"do": "dm", "text": "hi {{ keyword }}"}]);
    for patch in [
        json!({}),
        json!({"accounts": ["ada", "bob"], "priority": -7}),
        json!({"trigger": {"on": ["comment", "live_comment"], "media": ["1", "2"], "include_replies": true}}),
        json!({"trigger": {"on": ["comment"], "media": "next"}}),
        json!({"match": {"mode": "regex", "any": ["^a+$"], "none": ["no"], "fold_accents": false}}),
        json!({"limit": {"once_per": "person-and-media"}}),
        json!({"trigger": {"on": ["message", "story_reply", "story_mention", "postback", "referral", "reaction"]}, "steps": dm}),
        json!({"steps": [{"do": "private_reply", "text": "hi"}, {"do": "public_reply", "texts": ["a", "b"]}]}),
    ] {
        let automation = read(&patch);
        let document = serde_json::to_value(&automation).unwrap();
        assert_eq!(
            Automation::from_json(&document),
            Ok(automation.clone()),
            "{document}"
        );
        let again: Automation = serde_json::from_value(document).unwrap();
        assert_eq!(again, automation);
    }
}

#[test]
fn the_canonical_document_writes_every_default_out() {
    assert_eq!(
        serde_json::to_value(read(&json!({}))).unwrap(),
        json!({
            "name": "a",
            "accounts": ["*"],
            "priority": 0,
            "trigger": {"on": ["comment"], "media": "any", "include_replies": false},
            "match": {"mode": "any", "any": [], "none": [], "fold_accents": true},
            "limit": {"once_per": "comment"},
            "steps": [{"do": "private_reply", "text": "hi"}],
        })
    );
}

#[test]
fn every_problem_is_found_at_once() {
    let document = json!({
        "name": "Link On Comment",
        "trigger": {"on": ["comment", "coment"], "medai": "any"},
        "match": {"mode": "word", "any": ["link", " "], "none": [7]},
        "limit": {"once_per": "persons"},
        "steps": [
            {"do": "private_reply", "text": "hi {{ contact.name }}"},
            {"do": "public_reply", "texts": []},
            {"do": "dm"},
        ],
        "colour": "red",
    });
    let found = problems(&document);
    let paths: Vec<&str> = found.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "colour",
            "name",
            "trigger.medai",
            "trigger.on[1]",
            "match.any[1]",
            "match.none[0]",
            "limit.once_per",
            "steps[0].text",
            "steps[1].texts",
            "steps[2].text",
        ]
    );
}

#[test]
fn each_mistake_is_named_where_it_is() {
    for (patch, path, message) in refused::all() {
        let found = problems(&patched(&patch));
        let shown = || format!("{patch}: {found:?}");
        assert_eq!(found.len(), 1, "{}", shown());
        let problem = found.first().unwrap();
        assert_eq!(problem.path, path, "{}", shown());
        assert!(problem.message.starts_with(message), "{}", shown());
    }
}

#[test]
fn what_is_no_document_is_one_problem() {
    for document in [json!(null), json!([]), json!("automation")] {
        let found = problems(&document);
        assert_eq!(found.len(), 1);
        assert_eq!(found.first().unwrap().path, "");
    }
    let found = Automation::from_toml("name = \"a\"\n[trigger\n").unwrap_err();
    assert_eq!(found.len(), 1);
    assert!(
        found
            .first()
            .unwrap()
            .message
            .starts_with("this is not TOML: line 2: "),
        "{found:?}"
    );
}

#[test]
fn a_flood_of_problems_is_cut() {
    let keys: serde_json::Map<String, Value> = (0..1000)
        .map(|key| (format!("key{key}"), json!(1)))
        .collect();
    assert_eq!(problems(&Value::Object(keys)).len(), 100);
}
