//! Signed comment deliveries as Meta would post them (contract 2.1, 2.3, 4.1).

use std::fmt::Write as _;

use bytes::Bytes;
use ring::hmac;

use crate::epoch_ms;

/// The app secret every generated delivery is signed with.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Size of a typical comment delivery.
pub const BODY_BYTES: usize = 700;

/// What people write below a Reel; Meta escapes what is not ASCII (contract 2.3).
const COMMENT: &str = r"LINK please \ud83d\ude4f I tried this at home and it was l\u00f6vely, ";

/// Text that fills a comment up to the wanted size; plain ASCII, so it can be cut anywhere.
const FILLER: &str =
    "could you send me the recipe, the list of tools and the place you got them from? ";

/// The first account; the others have the numbers after it.
const ACCOUNT: u64 = 17_841_400_000_000_001;

/// When the comments of bodies made alone were written, in seconds since 1970: a constant, so that
/// they are the same bytes whenever they are made.
const WRITTEN_S: i64 = 1_790_000_000;

/// One POST, ready to go.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The body, byte for byte.
    pub body: Bytes,
    /// The value of `X-Hub-Signature-256`.
    pub signature: String,
}

/// `count` deliveries of about `bytes` each; no two have a comment id or a commenter in common.
pub fn deliveries(first: u64, count: usize, bytes: usize) -> Vec<Delivery> {
    batches(first, count, 1, bytes)
}

/// The same of `events` comments each, of about `bytes` for each comment.
pub fn batches(first: u64, count: usize, events: usize, bytes: usize) -> Vec<Delivery> {
    let shape = Shape {
        events,
        bytes,
        accounts: 1,
    };
    shaped(first, count, shape)
}

/// What deliveries are like.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Comments in each.
    pub events: usize,
    /// Bytes of each, or of each comment in it where there are several.
    pub bytes: usize,
    /// Accounts they are for, in turn.
    pub accounts: u32,
}

/// Deliveries of any shape. Their comments were written now: what is older than a week may not be
/// answered any more (contract 5.8).
pub fn shaped(first: u64, count: usize, shape: Shape) -> Vec<Delivery> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let written_s = epoch_ms() / 1000;
    let accounts = (0..u64::from(shape.accounts)).cycle();
    (first..)
        .step_by(shape.events.max(1))
        .zip(accounts)
        .take(count)
        .map(|(number, account)| {
            let entry = Entry {
                account: ACCOUNT + account,
                written_s,
            };
            let body = body(number, shape.events, shape.bytes, entry);
            let signature = signature_with(&key, body.as_bytes());
            Delivery {
                body: body.into(),
                signature,
            }
        })
        .collect()
}

/// The value of `X-Hub-Signature-256` for these bytes (contract 2.3).
pub fn sign(secret: &str, body: &[u8]) -> String {
    signature_with(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body)
}

fn signature_with(key: &hmac::Key, body: &[u8]) -> String {
    format!("sha256={}", hex::encode(hmac::sign(key, body)))
}

/// The body for one comment, filled up to `bytes` where it is shorter.
pub fn comment_body(number: u64, bytes: usize) -> String {
    batch_body(number, 1, bytes)
}

/// The body for `count` comments in one delivery, each of about `bytes_each`.
pub fn batch_body(first: u64, count: usize, bytes_each: usize) -> String {
    let entry = Entry {
        account: ACCOUNT,
        written_s: WRITTEN_S,
    };
    body(first, count, bytes_each, entry)
}

/// Whose comments a delivery is about, and when they were written.
#[derive(Clone, Copy)]
struct Entry {
    account: u64,
    written_s: i64,
}

fn body(first: u64, count: usize, bytes_each: usize, entry: Entry) -> String {
    let Entry { account, written_s } = entry;
    let mut body = format!(r#"{{"entry":[{{"id":"{account}","time":{written_s},"changes":["#);
    let tail = r#"]}],"object":"instagram"}"#;
    let around = if count == 1 {
        body.len() + tail.len()
    } else {
        0
    };
    for (position, number) in (first..).take(count).enumerate() {
        if position > 0 {
            body.push(',');
        }
        push_change(&mut body, number, bytes_each.saturating_sub(around));
    }
    body.push_str(tail);
    body
}

fn push_change(body: &mut String, number: u64, bytes: usize) {
    let before = body.len();
    // Writing to a string cannot fail.
    let _ = write!(
        body,
        concat!(
            r#"{{"value":{{"from":{{"id":"{}","username":"guest.{}"}},"#,
            r#""media":{{"id":"18000000000000021","media_product_type":"REELS"}},"#,
            r#""id":"{}","text":"{}"#,
        ),
        6_100_000_000_000_000 + number,
        number,
        17_900_000_000_000_000 + number,
        COMMENT,
    );
    let end = r#""},"field":"comments"}"#;
    let missing = bytes.saturating_sub(body.len() - before + end.len());
    body.extend(FILLER.chars().cycle().take(missing));
    body.push_str(end);
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn signatures_are_those_of_the_contract() {
        let vectors = [
            (
                r#"{"object":"instagram","entry":[]}"#,
                "sha256=8912de8ce2cf02fdf72be5dee010dc1bf8145745d177db4fb80b628f8bccf8de",
            ),
            (
                r#"{"object":"instagram","entry":[],"t":"\u00e4\u00f6\u00e5"}"#,
                "sha256=f9fa4f4d7c0bc541dda3d050a74abbdbcc141d6efaae140f436d376d90fdab56",
            ),
        ];
        for (body, signature) in vectors {
            assert_eq!(sign(SECRET, body.as_bytes()), signature, "{body}");
        }
    }

    #[test]
    fn bodies_have_the_size_asked_for_and_are_json() {
        for bytes in [700, 4096] {
            let body = comment_body(42, bytes);
            assert_eq!(body.len(), bytes);
            let json: serde_json::Value = serde_json::from_str(&body).unwrap();
            let value = &json["entry"][0]["changes"][0]["value"];
            assert_eq!(value["id"], "17900000000000042");
            assert!(
                value["text"]
                    .as_str()
                    .unwrap()
                    .starts_with("LINK please 🙏")
            );
        }
        let batch: serde_json::Value = serde_json::from_str(&batch_body(0, 100, 600)).unwrap();
        assert_eq!(batch["entry"][0]["changes"].as_array().unwrap().len(), 100);
    }

    #[test]
    fn no_comment_comes_twice() {
        let all = deliveries(7, 500, BODY_BYTES);
        let bodies: HashSet<_> = all.iter().map(|delivery| delivery.body.clone()).collect();
        assert_eq!(bodies.len(), 500);
        for delivery in &all {
            assert_eq!(delivery.signature, sign(SECRET, &delivery.body));
        }
    }
    #[test]
    fn deliveries_are_of_today_and_can_be_answered() {
        let all = deliveries(0, 1, BODY_BYTES);
        let json: serde_json::Value = serde_json::from_slice(&all[0].body).unwrap();
        let written_s = json["entry"][0]["time"].as_i64().unwrap();
        assert!((0..60).contains(&(epoch_ms() / 1000 - written_s)), "{json}");
        assert_eq!(all[0].body.len(), BODY_BYTES);
    }

    #[test]
    fn deliveries_are_for_accounts_in_turn() {
        let shape = Shape {
            events: 1,
            bytes: BODY_BYTES,
            accounts: 3,
        };
        let ids = shaped(5, 4, shape).into_iter().map(|delivery| {
            let json: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
            json["entry"][0]["id"].as_str().unwrap().to_owned()
        });
        let first = "17841400000000001";
        assert_eq!(
            ids.collect::<Vec<_>>(),
            [first, "17841400000000002", "17841400000000003", first]
        );
    }

    #[test]
    fn no_comment_comes_twice_in_batches_either() {
        let all = batches(0, 3, 10, 400);
        let ids: Vec<_> = all
            .iter()
            .flat_map(|delivery| {
                let json: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
                let changes = json["entry"][0]["changes"].as_array().unwrap().clone();
                changes
                    .into_iter()
                    .map(|change| change["value"]["id"].clone())
            })
            .collect();
        let texts: HashSet<_> = ids.iter().map(ToString::to_string).collect();
        assert_eq!((ids.len(), texts.len()), (30, 30));
    }
}
