//! Mistakes, and what is said of each.

use serde_json::{Value, json};

/// Documents with one problem: where it is, and how its message begins.
pub(crate) fn all() -> Vec<(Value, &'static str, &'static str)> {
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
