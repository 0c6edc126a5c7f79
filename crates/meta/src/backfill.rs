//! Comments and messages read back, as the body of a delivery we write ourselves.
//!
//! What was missed goes the way everything goes: recorded, interpreted, deduplicated by the same
//! natural keys, routed and explained. The body has the form of Meta's, with a list of our own in
//! the entry, so that the bytes alone say that nobody delivered it.

use hookline_model::clock::Timestamp;
use hookline_model::ids::{AccountId, CommentId, ContactId};
use serde_json::{Value, json};

use crate::graph::{CommentRead, ConversationMessage};

/// Something that was missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// A comment (contract 6.3).
    Comment(Box<CommentRead>),
    /// A message of a contact (contract 7). What the conversation does not tell (a tapped button, a
    /// story answered) is lost: it counts as a plain message.
    Message {
        /// Who wrote it.
        contact: ContactId,
        /// The message.
        message: ConversationMessage,
    },
}

/// The body of a delivery that tells of what an account missed, read at `read_at`.
///
/// [`crate::webhook::interpret`] takes one event out of it for each item, with the key the event
/// would have had and the time at which it happened.
pub fn delivery_body(account: &AccountId, read_at: Timestamp, missed: &[Missed]) -> Vec<u8> {
    let items: Vec<Value> = missed.iter().map(|item| item_of(account, item)).collect();
    let body = json!({
        "object": "instagram",
        "entry": [{
            "id": account.as_str(),
            "time": read_at.as_millis(),
            "backfill": items,
        }],
    });
    body.to_string().into_bytes()
}

fn item_of(account: &AccountId, missed: &Missed) -> Value {
    match missed {
        Missed::Comment(comment) => json!({ "field": "comments", "value": comment_of(comment) }),
        Missed::Message { contact, message } => json!({
            "field": "messages",
            "value": {
                "sender": { "id": contact.as_str() },
                "recipient": { "id": account.as_str() },
                "timestamp": message.created_at.as_millis(),
                "message": { "mid": message.id.as_str(), "text": message.text },
            },
        }),
    }
}

fn comment_of(comment: &CommentRead) -> Value {
    let from = comment.from.as_ref().map(|person| {
        let username = person.username.as_ref().or(comment.username.as_ref());
        json!({ "id": person.id.as_str(), "username": username })
    });
    let media = comment.media_id.as_ref().map(
        |media| json!({ "id": media.as_str(), "media_product_type": comment.media_product_type }),
    );
    json!({
        "id": comment.id.as_str(),
        "text": comment.text,
        "from": from,
        "media": media,
        "parent_id": comment.parent_id.as_ref().map(CommentId::as_str),
        "created_at": comment.created_at.as_millis(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookline_model::event::{Container, EventBody, Person};
    use hookline_model::ids::{MediaId, MessageId};

    fn written_at() -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000)
    }

    fn account() -> AccountId {
        AccountId::new("17841400000000001")
    }

    fn comment() -> CommentRead {
        CommentRead {
            id: CommentId::new("17900000000000001"),
            text: Some("LINK, \u{1F600} \"please\"".to_owned()),
            created_at: written_at(),
            from: Some(Person {
                id: ContactId::new("123"),
                username: Some("ada".to_owned()),
            }),
            username: Some("ada".to_owned()),
            parent_id: Some(CommentId::new("17900000000000000")),
            media_id: Some(MediaId::new("18000000000000001")),
            media_product_type: Some("REELS".to_owned()),
        }
    }

    fn message() -> Missed {
        Missed::Message {
            contact: ContactId::new("456"),
            message: ConversationMessage {
                id: MessageId::new("aWdf-mid"),
                created_at: written_at(),
                from_id: Some("456".to_owned()),
                from_username: Some("ada".to_owned()),
                to_id: Some(account().as_str().to_owned()),
                text: Some("hello".to_owned()),
            },
        }
    }

    fn events(missed: &[Missed]) -> Vec<hookline_model::event::Event> {
        crate::webhook::interpret(&delivery_body(
            &account(),
            Timestamp::from_millis(1_790_000_100_000),
            missed,
        ))
        .unwrap()
    }

    /// The event that Meta would have delivered for the same thing.
    fn live(body: &str) -> hookline_model::event::Event {
        let mut events = crate::webhook::interpret(body.as_bytes()).unwrap();
        assert_eq!(events.len(), 1);
        events.remove(0)
    }

    #[test]
    fn a_comment_read_back_is_the_event_that_never_came() {
        let events = events(&[Missed::Comment(Box::new(comment()))]);
        let [event] = events.as_slice() else {
            panic!("{events:?}")
        };
        let live = live(
            r#"{"object":"instagram","entry":[{"id":"17841400000000001","time":1790000001,
                "changes":[{"field":"comments","value":{"id":"17900000000000001",
                "text":"LINK, \ud83d\ude00 \"please\"","from":{"id":"123","username":"ada"},
                "parent_id":"17900000000000000","media":{"id":"18000000000000001",
                "media_product_type":"REELS"}}}]}]}"#,
        );
        assert_eq!((event.key, &event.body), (live.key, &live.body));
        assert_eq!(event.container, Container::Backfill);
        assert_eq!(event.occurred_at, Some(written_at()));
    }

    #[test]
    fn a_message_read_back_is_the_event_that_never_came() {
        let events = events(&[message()]);
        let [event] = events.as_slice() else {
            panic!("{events:?}")
        };
        let live = live(
            r#"{"object":"instagram","entry":[{"id":"17841400000000001","time":1790000000001,
                "messaging":[{"sender":{"id":"456"},"recipient":{"id":"17841400000000001"},
                "timestamp":1790000000000,"message":{"mid":"aWdf-mid","text":"hello"}}]}]}"#,
        );
        assert_eq!((event.key, &event.body), (live.key, &live.body));
        assert_eq!(event.occurred_at, Some(written_at()));
    }

    #[test]
    fn our_own_comment_stays_our_own() {
        let mut own = comment();
        own.from = Some(Person {
            id: ContactId::new(account().as_str()),
            username: None,
        });
        let events = events(&[Missed::Comment(Box::new(own)), message()]);
        assert_eq!(events.len(), 2);
        let EventBody::CommentReceived(comment) = &events[0].body else {
            panic!("{events:?}")
        };
        assert!(comment.is_own);
    }

    #[test]
    fn what_meta_left_out_is_left_out() {
        let bare = CommentRead {
            text: None,
            from: None,
            username: None,
            parent_id: None,
            media_id: None,
            media_product_type: None,
            ..comment()
        };
        let events = events(&[Missed::Comment(Box::new(bare))]);
        let EventBody::CommentReceived(comment) = &events[0].body else {
            panic!("{events:?}")
        };
        assert_eq!((&comment.text, &comment.from), (&None, &None));
    }
}
