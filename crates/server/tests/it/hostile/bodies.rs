//! Deliveries of every size and form, each correctly signed, to a whole server.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookline_model::clock::Timestamp;
use hookline_model::limits::DELIVERY_BODY_BYTES_MAX;
use serde_json::{Value, json};

use super::odd::{self, Odd};
use crate::site::{Client, post_with, sign};
use crate::stage::{Stage, wait};

/// The secret of the simulated app.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn address(stage: &Stage) -> SocketAddr {
    stage
        .server
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap()
}

fn signed(body: &[u8]) -> Vec<u8> {
    post_with(&[&sign(SECRET, body)], body)
}

/// The same without saying how long it is.
fn chunked(body: &[u8]) -> Vec<u8> {
    let signature = sign(SECRET, body);
    let mut request = format!(
        "POST /webhooks/instagram HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\
         X-Hub-Signature-256: {signature}\r\n\r\n"
    )
    .into_bytes();
    for chunk in body.chunks(100_000) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

/// The status of the answer; the server may refuse before it has read everything.
async fn status(stage: &Stage, request: &[u8]) -> u16 {
    let mut client = Client::connect(address(stage)).await;
    client.try_send(request).await;
    client.answer().await.status
}

/// An empty delivery of so many bytes.
fn of_size(bytes: usize) -> Vec<u8> {
    let (before, behind) = (r#"{"object":"instagram","entry":[],"t":""#, r#""}"#);
    let filler = "x".repeat(bytes - before.len() - behind.len());
    format!("{before}{filler}{behind}").into_bytes()
}

/// All items of a list, page by page.
async fn all(stage: &Stage, list: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = stage
            .get(&format!("/api/v1/{list}?limit=500{cursor}"))
            .await;
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else {
            return items;
        };
        cursor = format!("&cursor={next}");
    }
}

/// Waits until every delivery has been interpreted, or found not to be interpretable; answers
/// them, oldest first.
async fn interpreted(stage: &Stage) -> Vec<Value> {
    let done = wait(|| async {
        let recorded = stage.get("/api/v1/deliveries?status=recorded").await;
        recorded["items"]
            .as_array()
            .unwrap()
            .is_empty()
            .then_some(())
    });
    done.await
        .unwrap_or_else(|| panic!("a delivery stands in the way"));
    let mut deliveries = all(stage, "deliveries").await;
    deliveries.reverse();
    deliveries
}

#[tokio::test]
async fn four_mebibytes_are_taken_and_one_byte_more_is_not() {
    let stage = Stage::build().await;
    let whole = of_size(DELIVERY_BODY_BYTES_MAX);
    let larger = of_size(DELIVERY_BODY_BYTES_MAX + 1);
    assert_eq!(status(&stage, &signed(&whole)).await, 200);
    assert_eq!(status(&stage, &signed(&larger)).await, 413);
    assert_eq!(status(&stage, &chunked(&whole)).await, 200);
    assert_eq!(status(&stage, &chunked(&larger)).await, 413);
    assert_eq!(status(&stage, &signed(b"{}")).await, 200);
    let sizes: Vec<_> = interpreted(&stage)
        .await
        .iter()
        .map(|delivery| delivery["body_bytes"].as_u64().unwrap())
        .collect();
    let most = u64::try_from(DELIVERY_BODY_BYTES_MAX).unwrap();
    assert_eq!(sizes, [most, most, 2]);
    stage.clear().await;
}

#[tokio::test]
async fn a_thousand_events_in_one_delivery_are_all_interpreted_once() {
    let stage = Stage::build().await;
    let account = stage.account.ig_id.as_str();
    let comment = |number: usize| (17_900_000_000_000_000 + number).to_string();
    let change = |number: usize| {
        json!({"field": "comments", "value": {
            "id": comment(number),
            "text": format!("number {number}"),
            "from": {"id": (6_100_000_000_000_000 + number).to_string(), "username": "ada"},
            "media": {"id": "18000000000000021", "media_product_type": "FEED"},
        }})
    };
    let changes: Vec<Value> = (0..1000).map(change).collect();
    let entry = json!({"id": account, "time": 1_790_000_000, "changes": changes});
    let body = json!({"object": "instagram", "entry": [entry]}).to_string();
    for _ in 0..2 {
        assert_eq!(status(&stage, &signed(body.as_bytes())).await, 200);
    }
    interpreted(&stage).await;
    let events = all(&stage, "events").await;
    assert_eq!(events.len(), 1000);
    let comments: BTreeSet<_> = events
        .iter()
        .map(|event| event["comment_id"].as_str().unwrap().to_owned())
        .collect();
    let expected: BTreeSet<_> = (0..1000).map(comment).collect();
    assert_eq!(comments, expected);
    stage.clear().await;
}

#[tokio::test]
async fn no_signed_body_stands_in_the_way_of_the_next() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let bodies = odd::bodies(stage.account.ig_id.as_str());
    for odd in &bodies {
        assert_eq!(
            status(&stage, &signed(&odd.body)).await,
            200,
            "{}",
            odd.name
        );
    }
    let deliveries = interpreted(&stage).await;
    assert_eq!(deliveries.len(), bodies.len());
    for (odd, delivery) in bodies.iter().zip(&deliveries) {
        is_kept(&stage, odd, delivery).await;
    }
    for event in all(&stage, "events").await {
        can_be_shown(&stage, &event).await;
    }
    stage.comment("ada", "link");
    assert_eq!(stage.reached_exactly(1).await, ["ada: Here it is"]);
    stage.clear().await;
}

/// The delivery stands as it came, with its verdict.
async fn is_kept(stage: &Stage, odd: &Odd, delivery: &Value) {
    let expected = if odd.is_interpretable {
        "interpreted"
    } else {
        "not_interpretable"
    };
    assert_eq!(delivery["status"], expected, "{}: {delivery}", odd.name);
    let id = delivery["id"].as_str().unwrap();
    let whole = stage.get(&format!("/api/v1/deliveries/{id}")).await;
    let kept = whole["body"].as_str().unwrap();
    let kept = match whole["body_encoding"].as_str().unwrap() {
        "text" => kept.as_bytes().to_vec(),
        _ => BASE64_STANDARD.decode(kept).unwrap(),
    };
    assert!(kept == odd.body, "{} was not kept as it came", odd.name);
}

/// An event can be explained, and its times are times.
async fn can_be_shown(stage: &Stage, event: &Value) {
    for time in ["received_at", "sent_at", "occurred_at"] {
        if let Some(text) = event[time].as_str() {
            assert!(Timestamp::from_graph(text).is_some(), "{event}");
        }
    }
    let id = event["id"].as_str().unwrap();
    let story = stage.get(&format!("/api/v1/explain/{id}")).await;
    assert!(!story["summary"].as_str().unwrap().is_empty(), "{story}");
}
