//! The bodies of the dashboard's test button, constants included (contract 4.17).

use super::{CommentEvent, Container, Entry, Event, MediaRef, ProductType, body};
use crate::json::{Escaping, Json};

/// The test body for a field, or none when no capture of it is known.
pub fn dashboard_test(field: &str, sent_at_ms: i64) -> Option<Vec<u8>> {
    let event = match field {
        "comments" => Event::Comment(comment(ProductType::Feed, None, Some("1231231234"))),
        "live_comments" => Event::LiveComment(comment(ProductType::Live, Some("232323232"), None)),
        "messages" => return Some(message(sent_at_ms)),
        _ => return None,
    };
    let entry = Entry {
        id: "0".to_owned(),
        container: Container::TestChanges,
        events: vec![event],
    };
    Some(body(&[entry], sent_at_ms, false, Escaping::Captured))
}

fn comment(
    product_type: ProductType,
    self_ig_scoped_id: Option<&str>,
    parent_id: Option<&str>,
) -> CommentEvent {
    CommentEvent {
        from_id: "232323232".to_owned(),
        username: "test".to_owned(),
        self_ig_scoped_id: self_ig_scoped_id.map(str::to_owned),
        media: MediaRef {
            id: "123123123".to_owned(),
            product_type,
            ad: None,
        },
        id: "17865799348089039".to_owned(),
        parent_id: parent_id.map(str::to_owned),
        text: Some("This is an example.".to_owned()),
    }
}

/// Messaging fields are tested in the form of a change, with the time as text.
fn message(sent_at_ms: i64) -> Vec<u8> {
    let value = Json::object()
        .with("sender", Json::id("12334"))
        .with("recipient", Json::id("23245"))
        .with("timestamp", "1527459824")
        .with(
            "message",
            Json::object()
                .with("mid", "random_mid")
                .with("text", "random_text"),
        );
    let change = Json::object()
        .with("field", "messages")
        .with("value", value);
    let entry = Json::id("0")
        .with("time", sent_at_ms.div_euclid(1000))
        .with("changes", vec![change]);
    Json::object()
        .with("entry", vec![entry])
        .with("object", "instagram")
        .to_bytes(Escaping::Captured)
}
