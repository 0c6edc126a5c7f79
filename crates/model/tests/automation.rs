//! Documents of automations: what is read, what is refused, and what they say of it.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(
    clippy::too_many_lines,
    reason = "a table of mistakes is read as a whole"
)]

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

/// Documents with one problem: where it is, and how its message begins.
fn refused() -> Vec<(Value, &'static str, &'static str)> {
    let mut refused = refused_heads();
    refused.extend(refused_conditions());
    refused.extend(refused_steps());
    refused
}

fn refused_heads() -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (
            json!({"name": null}),
            "name",
            "an automation needs its name",
        ),
        (
            json!({"name": ""}),
            "name",
            "a name is 1 to 64 of the characters a-z, 0-9, - and _",
        ),
        (json!({"name": "a".repeat(65)}), "name", "a name is 1 to 64"),
        (json!({"name": "a/b"}), "name", "a name is 1 to 64"),
        (
            json!({"name": 7}),
            "name",
            "expected a string, found a number",
        ),
        (
            json!({"trigger": null}),
            "trigger",
            "an automation needs a trigger",
        ),
        (
            json!({"trigger": "comment"}),
            "trigger",
            "expected a table, found a string",
        ),
        (
            json!({"trigger": {}}),
            "trigger.on",
            "a trigger needs the kind of event",
        ),
        (
            json!({"trigger": {"on": []}}),
            "trigger.on",
            "name at least one kind",
        ),
        (
            json!({"trigger": {"on": 1}}),
            "trigger.on",
            "expected a string or a list of strings",
        ),
        (
            json!({"trigger": {"on": "coment"}}),
            "trigger.on",
            "\"coment\" is not known, did you mean comment? (one of comment, live_comment, ",
        ),
        (
            json!({"trigger": {"on": ["comment", "comment"]}}),
            "trigger.on[1]",
            "comment is named twice",
        ),
        (
            json!({"trigger": {"on": "comment", "medai": "any"}}),
            "trigger.medai",
            "there is no such key, did you mean media? (the keys are on, media, include_replies)",
        ),
        (
            json!({"trigger": {"on": "comment", "media": "first"}}),
            "trigger.media",
            "expected \"any\", \"next\" or a list",
        ),
        (
            json!({"trigger": {"on": "comment", "media": []}}),
            "trigger.media",
            "name at least one media id",
        ),
        (
            json!({"trigger": {"on": "comment", "media": [18]}}),
            "trigger.media[0]",
            "expected a string, found a number",
        ),
        (
            json!({"trigger": {"on": "comment", "media": ["Cxyz"]}}),
            "trigger.media[0]",
            "expected a media id: digits only",
        ),
        (
            json!({"trigger": {"on": "comment", "include_replies": "yes"}}),
            "trigger.include_replies",
            "expected true or false, found a string",
        ),
        (
            json!({"accounts": "*"}),
            "accounts",
            "expected a list, found a string",
        ),
        (
            json!({"accounts": []}),
            "accounts",
            "name at least one account",
        ),
        (
            json!({"accounts": ["*", "ada"]}),
            "accounts",
            "\"*\" means all accounts",
        ),
        (
            json!({"accounts": ["ada bakes"]}),
            "accounts[0]",
            "expected the id of an account",
        ),
        (
            json!({"accounts": vec!["ada"; 501]}),
            "accounts",
            "at most 500 are possible, found 501",
        ),
        (
            json!({"priority": 1.5}),
            "priority",
            "expected a whole number from ",
        ),
        (
            json!({"priority": "high"}),
            "priority",
            "expected a whole number, found a string",
        ),
        (
            json!({"limit": {"once_per": "person_and_media"}}),
            "limit.once_per",
            "\"person_and_media\" is not known, did you mean person-and-media?",
        ),
        (
            json!({"limit": {"per": "person"}}),
            "limit.per",
            "there is no such key (the keys are once_per)",
        ),
        (
            json!({"stepps": []}),
            "stepps",
            "there is no such key, did you mean steps?",
        ),
    ]
}

fn refused_conditions() -> Vec<(Value, &'static str, &'static str)> {
    let matching = |matching: Value| json!({ "match": matching });
    vec![
        (
            matching(json!({"mode": "words", "any": ["a"]})),
            "match.mode",
            "\"words\" is not known, did you mean word?",
        ),
        (
            matching(json!({"mode": "any", "any": ["a"]})),
            "match.any",
            "mode any matches every text",
        ),
        (
            matching(json!({"mode": "word"})),
            "match.any",
            "mode word needs at least one keyword",
        ),
        (
            matching(json!({"mode": "regex", "any": []})),
            "match.any",
            "mode regex needs at least one pattern",
        ),
        (
            matching(json!({"any": [""]})),
            "match.any[0]",
            "a keyword must not be empty",
        ),
        (
            matching(json!({"any": ["a", "\u{200B}"]})),
            "match.any[1]",
            "a keyword needs at least one visible character",
        ),
        (
            matching(json!({"none": ["a", "b", "  "]})),
            "match.none[2]",
            "a keyword must not be empty",
        ),
        (
            matching(json!({"any": ["a".repeat(201)]})),
            "match.any[0]",
            "a keyword has at most 200 characters, this one has 201",
        ),
        (
            matching(json!({"any": vec!["a"; 501]})),
            "match.any",
            "at most 500 are possible",
        ),
        (
            matching(json!({"any": "link"})),
            "match.any",
            "expected a list, found a string",
        ),
        (
            matching(json!({"mode": "regex", "any": ["("]})),
            "match.any[0]",
            "this is not a pattern: unclosed group",
        ),
        (
            matching(json!({"mode": "regex", "any": ["\\w{500}"]})),
            "match.any[0]",
            "this pattern is too large once compiled (over 256 KiB)",
        ),
        (
            matching(json!({"mode": "regex", "any": ["a".repeat(1001)]})),
            "match.any[0]",
            "a pattern has at most 1000 bytes",
        ),
        (
            matching(json!({"mode": "regex", "any": vec!["a"; 51]})),
            "match.any",
            "at most 50 are possible",
        ),
        (
            matching(json!({"fold_accents": 1})),
            "match.fold_accents",
            "expected true or false, found a number",
        ),
        (
            matching(json!({"key": 1})),
            "match.key",
            "there is no such key",
        ),
    ]
}

fn refused_steps() -> Vec<(Value, &'static str, &'static str)> {
    let steps = |steps: Value| json!({ "steps": steps });
    let on = |on: &str, step: &str| {
        let step = match step {
            "public_reply" => json!({"do": step, "texts": ["hi"]}),
            _ => json!({"do": step, "text": "hi"}),
        };
        json!({"trigger": {"on": on}, "steps": [step]})
    };
    let private = json!({"do": "private_reply", "text": "hi"});
    vec![
        (
            steps(json!(null)),
            "steps",
            "an automation needs at least one step",
        ),
        (
            steps(json!([])),
            "steps",
            "an automation needs at least one step",
        ),
        (steps(json!({})), "steps", "expected a list, found a table"),
        (
            steps(json!(["hi"])),
            "steps[0]",
            "expected a table, found a string",
        ),
        (
            steps(json!([{"text": "hi"}])),
            "steps[0].do",
            "a step needs what to do: private_reply, public_reply, dm",
        ),
        (
            steps(json!([{"do": "reply", "text": "hi"}])),
            "steps[0].do",
            "\"reply\" is not known",
        ),
        (
            steps(json!([{"do": "private_reply"}])),
            "steps[0].text",
            "this step needs its text",
        ),
        (
            steps(json!([{"do": "private_reply", "text": ["hi"]}])),
            "steps[0].text",
            "expected a string, found a list",
        ),
        (
            steps(json!([{"do": "private_reply", "text": "hi", "texts": []}])),
            "steps[0].texts",
            "there is no such key, did you mean text?",
        ),
        (
            steps(json!([{"do": "private_reply", "text": "é".repeat(501)}])),
            "steps[0].text",
            "without its variables this text takes 1002 bytes",
        ),
        (
            steps(json!([{"do": "private_reply", "text": "{{ nobody }}"}])),
            "steps[0].text",
            "line 1: there is no variable `nobody`",
        ),
        (
            steps(json!([private, {"do": "public_reply", "texts": ["a", "{{"]}])),
            "steps[1].texts[1]",
            "line 1: this tag has no end",
        ),
        (
            steps(json!([private, private])),
            "steps[1].do",
            "Meta allows one private reply per comment, and steps[0] is one already",
        ),
        (
            steps(json!(vec![
                json!({"do": "public_reply", "texts": ["a"]});
                11
            ])),
            "steps",
            "at most 10 are possible",
        ),
        (
            steps(json!([{"do": "public_reply", "texts": vec!["a"; 21]}])),
            "steps[0].texts",
            "at most 20 are possible",
        ),
        (
            on("message", "private_reply"),
            "steps[0].do",
            "private_reply is not possible on message: it answers a comment, use dm",
        ),
        (
            on("mention", "private_reply"),
            "steps[0].do",
            "private_reply is not possible on mention",
        ),
        (
            on("live_comment", "public_reply"),
            "steps[0].do",
            "public_reply is not possible on live_comment: Meta takes no public replies on live",
        ),
        (
            on("message", "public_reply"),
            "steps[0].do",
            "public_reply is not possible on message",
        ),
        (
            on("comment", "dm"),
            "steps[0].do",
            "dm is not possible on comment: a comment does not open the 24 hours in which Meta takes messages, use private_reply",
        ),
        (
            on("live_comment", "dm"),
            "steps[0].do",
            "dm is not possible on live_comment",
        ),
        (
            on("mention", "dm"),
            "steps[0].do",
            "dm is not possible on mention",
        ),
        (
            json!({"trigger": {"on": ["comment", "message"]}}),
            "steps[0].do",
            "private_reply is not possible on message",
        ),
        (
            json!({"trigger": {"on": "message", "media": ["1"]}, "steps": [{"do": "dm", "text": "hi"}]}),
            "trigger.media",
            "an event of kind message is not on media",
        ),
        (
            json!({"trigger": {"on": "message", "media": "next"}, "steps": [{"do": "dm", "text": "hi"}]}),
            "trigger.media",
            "an event of kind message is not on media the account publishes",
        ),
        (
            json!({"trigger": {"on": "message", "include_replies": true}, "steps": [{"do": "dm", "text": "hi"}]}),
            "trigger.include_replies",
            "only comments have replies",
        ),
    ]
}

#[test]
fn each_mistake_is_named_where_it_is() {
    for (patch, path, message) in refused() {
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
