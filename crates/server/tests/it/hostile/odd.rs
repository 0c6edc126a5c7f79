//! Bodies nobody should write.

/// One of them.
pub(super) struct Odd {
    pub(super) name: &'static str,
    pub(super) body: Vec<u8>,
    /// Whether events can be taken from it, be they of no kind we know.
    pub(super) is_interpretable: bool,
}

const DEEP: usize = 100_000;

fn lists() -> String {
    format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP))
}

fn objects() -> String {
    format!("{}1{}", r#"{"a":"#.repeat(DEEP), "}".repeat(DEEP))
}

/// One delivery with this list of messaging events.
fn messaging(account: &str, events: &str) -> String {
    format!(
        r#"{{"object":"instagram","entry":[{{"id":"{account}","time":1790000000523,"messaging":[{events}]}}]}}"#
    )
}

/// One delivery with this value of a field.
fn change(account: &str, field: &str, value: &str) -> String {
    format!(
        r#"{{"object":"instagram","entry":[{{"id":"{account}","time":1790000000,"changes":[{{"field":"{field}","value":{value}}}]}}]}}"#
    )
}

/// No events can be taken from these.
fn without_events() -> Vec<(&'static str, Vec<u8>)> {
    let texts = [
        ("nothing", String::new()),
        ("a lone bracket", "[".to_owned()),
        ("a lone brace", "{".to_owned()),
        ("a word", "instagram".to_owned()),
        ("null", "null".to_owned()),
        ("a number", "1e999".to_owned()),
        ("spaces", " ".repeat(100_000)),
        ("an empty object", "{}".to_owned()),
        ("lists in lists", lists()),
        ("objects in objects", objects()),
        ("lists that do not end", "[".repeat(DEEP)),
        ("a mark before the text", "\u{feff}{}".to_owned()),
        (
            "no list of entries",
            r#"{"object":"instagram","entry":5}"#.to_owned(),
        ),
        (
            "one name twice",
            r#"{"object":"instagram","object":"page","entry":[]}"#.to_owned(),
        ),
        (
            "more behind it",
            r#"{"object":"instagram","entry":[]}]"#.to_owned(),
        ),
        (
            "more events than Meta sends",
            messaging("1", &vec!["{}"; 10_001].join(",")),
        ),
    ];
    let bytes = [
        ("bytes that are no text", b"\xff\xfe\x00\x80".to_vec()),
        ("text cut in a character", b"{\"object\":\"\xc3".to_vec()),
        ("zero bytes", vec![0; 1000]),
        (
            "a zero byte inside",
            b"{\"object\":\"instagram\",\x00\"entry\":[]}".to_vec(),
        ),
        (
            "two bytes a character",
            "{}".encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
    ];
    let texts = texts.map(|(name, text)| (name, text.into_bytes()));
    texts.into_iter().chain(bytes).collect()
}

type Named = (&'static str, String);

/// Deeper than any reader may go.
fn depths(account: &str) -> Vec<Named> {
    let (lists, objects) = (lists(), objects());
    let attachment = format!(r#"[{{"type":"x","payload":{objects}}}]"#);
    let message = format!(r#"{{"message":{{"mid":"deep","attachments":{attachment}}}}}"#);
    vec![
        ("a deep value", change(account, "comments", &objects)),
        (
            "a deep id",
            change(account, "comments", &format!(r#"{{"id":{lists}}}"#)),
        ),
        (
            "a deep field nobody knows",
            change(account, "new_field", &lists),
        ),
        ("a deep attachment", messaging(account, &message)),
    ]
}

/// Ids and times beyond what numbers hold.
fn numbers(account: &str) -> Vec<Named> {
    let digits = "9".repeat(400);
    let million = format!("\"{}\"", "1".repeat(1_000_000));
    let ids = [
        ("an id of 400 digits", digits.as_str()),
        ("an id of a million", &million),
        ("an id beyond floats", "1e999"),
        ("an id below zero", "-9223372036854775808"),
        ("the largest id", "9223372036854775807"),
        ("an id with zero characters", r#""a\u0000b""#),
    ];
    let times = [
        ("the last time", "9223372036854775807"),
        ("the first time", "-9223372036854775808"),
        ("a time beyond numbers", digits.as_str()),
        ("a time beyond floats", "1e999"),
    ];
    let ids = ids.map(|(name, id)| {
        let value = format!(r#"{{"id":{id},"text":"not the word"}}"#);
        (name, change(account, "comments", &value))
    });
    let times = times.map(|(name, time)| {
        let mid = name.replace(' ', "-");
        let event = format!(r#"{{"timestamp":{time},"message":{{"mid":"{mid}"}}}}"#);
        (
            name,
            messaging(account, &event).replace("1790000000523", time),
        )
    });
    ids.into_iter().chain(times).collect()
}

/// Characters that databases and readers refuse.
fn characters(account: &str) -> Vec<Named> {
    let words = r#"{"id":"6","text":"a\u0000b","from":{"id":"7","username":"\u0000"}}"#;
    let names = r#"{"media_id":"8","re\u0000ach":1}"#;
    let zeros = r#"{"a\u0000":"\u0000"}"#;
    let half = r#"{"message":{"mid":"half","text":"\ud83d"}}"#;
    vec![
        (
            "zero characters in words",
            change(account, "comments", words),
        ),
        (
            "zero characters in names",
            change(account, "story_insights", names),
        ),
        (
            "zero characters nobody knows",
            change(account, "new_field", zeros),
        ),
        ("half a pair", messaging(account, half)),
        (
            "half a pair nobody knows",
            change(account, "new_field", r#"{"a":"\udc51"}"#),
        ),
    ]
}

/// Lists and names as they should not be.
fn shapes(account: &str) -> Vec<Named> {
    let entries = r#"{"object":"instagram","entry":[null,1,"x",[],{},true,1e999]}"#;
    let twice = r#"{"message":{"mid":"a","mid":"b"}},{"timestamp":1,"timestamp":2}"#;
    let words = format!(
        r#"{{"message":{{"mid":"long","text":"{}"}}}}"#,
        "words ".repeat(200_000)
    );
    let page = r#"{"object":"page","entry":[{"id":"1","messaging":[{"message":{"mid":"m"}}]}]}"#;
    let without_account = messaging(account, r#"{"message":{"mid":"m"}}"#)
        .replace(&format!(r#""id":"{account}","#), "");
    let empty = r#"{"object":"instagram","entry":[]}"#;
    let signs = change("a:b/../%3A' OR 1=1", "comments", r#"{"id":"9"}"#);
    vec![
        ("no events", empty.to_owned()),
        ("entries of every type", entries.to_owned()),
        ("one name twice inside", messaging(account, twice)),
        ("a mebibyte of words", messaging(account, &words)),
        (
            "ten thousand events",
            messaging(account, &vec!["{}"; 10_000].join(",")),
        ),
        ("another product", page.to_owned()),
        ("no account", without_account),
        ("an account with signs", signs),
    ]
}

pub(super) fn bodies(account: &str) -> Vec<Odd> {
    let odd = |is_interpretable: bool| {
        move |(name, body): (&'static str, Vec<u8>)| Odd {
            name,
            body,
            is_interpretable,
        }
    };
    let with_events = [
        depths(account),
        numbers(account),
        characters(account),
        shapes(account),
    ]
    .into_iter()
    .flatten()
    .map(|(name, text)| (name, text.into_bytes()));
    let without_events = without_events().into_iter().map(odd(false));
    without_events.chain(with_events.map(odd(true))).collect()
}
