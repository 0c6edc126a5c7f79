//! From the bytes of a delivery to events: no bytes end the process, and what comes out can be
//! stored, read back, and told apart.
//!
//! An input is a delivery's body.

#![no_main]

use hookline_meta::webhook::{NotInterpretable, interpret};
use hookline_model::event::{Event, Ignored};
use hookline_model::routing::{media_of, text_of, trigger_of};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Most events of one delivery.
const EVENTS_MAX: usize = 10_000;

fn can_be_stored(event: &Event) {
    assert!(!event.account_id.as_str().is_empty());
    let ids = [
        Some(event.account_id.as_str()),
        event
            .comment_id()
            .map(hookline_model::ids::CommentId::as_str),
        event
            .message_id()
            .map(hookline_model::ids::MessageId::as_str),
        event
            .contact_id()
            .map(hookline_model::ids::ContactId::as_str),
        event.media_id().map(hookline_model::ids::MediaId::as_str),
    ];
    for id in ids.into_iter().flatten() {
        let is_sound = !id.is_empty() && id.len() <= 512 && !id.contains(char::is_control);
        assert!(is_sound, "{id:?}");
    }
    let stored = serde_json::to_string(event).expect("an event can be written");
    // Databases refuse it.
    assert!(!holds_zero_character(&stored), "{stored}");
    let read: Event = serde_json::from_str(&stored).expect("what was written can be read");
    // Events of unknown kinds keep Meta's own numbers; a fraction may read back a last digit off.
    let value = serde_json::to_value(event).expect("an event can be written");
    if !holds_fraction(&value) {
        assert_eq!(&read, event);
    }
}

fn holds_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(holds_fraction),
        Value::Object(members) => members.values().any(holds_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Whether the JSON holds the escape of a zero character, and not an escaped backslash before it.
fn holds_zero_character(json: &str) -> bool {
    json.match_indices(r"\u0000").any(|(at, _)| {
        let before = &json[..at];
        let backslashes = before.len() - before.trim_end_matches('\\').len();
        backslashes.is_multiple_of(2)
    })
}

/// The events, or which problem there was, whatever the place.
fn outcome(body: &[u8]) -> Result<Vec<Event>, NotInterpretable> {
    interpret(body).map_err(|problem| match problem {
        NotInterpretable::NotJson { .. } => NotInterpretable::NotJson { line: 0, column: 0 },
        other => other,
    })
}

fuzz_target!(|body: &[u8]| {
    let first = outcome(body);
    assert_eq!(first, outcome(body), "two readings of one body differ");
    if let Ok(events) = &first {
        assert!(events.len() <= EVENTS_MAX);
        for event in events {
            can_be_stored(event);
            // None of these may panic, whatever the event holds.
            let _ = (Ignored::of(event), trigger_of(event), text_of(event));
            let _ = (media_of(event).count(), event.opens_window());
        }
    }
    // What is not JSON may become JSON in brackets: `{},{}`.
    let is_json = !matches!(
        first,
        Err(NotInterpretable::NotText | NotInterpretable::NotJson { .. })
    );
    if is_json && body.trim_ascii_start().starts_with(b"{") {
        let alone = [&b"["[..], body, b"]"].concat();
        assert_eq!(outcome(&alone), first, "a list of one is another thing");
        if let Ok(events) = first
            && events.len() <= EVENTS_MAX / 2
        {
            let twice = [&b"[ "[..], body, b" ,\n", body, b"]"].concat();
            let doubled = [&events[..], &events].concat();
            assert_eq!(outcome(&twice), Ok(doubled), "a list of two is another");
        }
    }
});
