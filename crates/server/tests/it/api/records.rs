use std::sync::Arc;

use axum::body::Body;
use axum::http::Method;
use hookline_engine::interpret::Interpreter;
use hookline_engine::settings::Settings;
use hookline_model::clock::Timestamp;
use serde_json::{Value, json};

use super::{Api, NOW, StandingClock, schema};

const COMMENT: &[u8] = br#"{"object":"instagram","entry":[{"id":"1784","time":1790000000,
"changes":[{"field":"comments","value":{"id":"900","text":"LINK please",
"from":{"id":"77","username":"ada.eats"},"media":{"id":"55","media_product_type":"REELS"}}}]}]}"#;

#[tokio::test]
async fn a_delivery_is_listed_and_shown_with_its_bytes() {
    let api = Api::new();
    let text = api.record(b"{\"object\":\"instagram\"}").await;
    let bytes = api.record(b"\xff\xfe").await;
    let listed = api.get("/deliveries").await;
    schema::check("Items_Delivery", listed.ok(200));
    assert_eq!(listed.body["items"][0]["id"], bytes.to_string());
    assert_eq!(listed.body["items"][0]["status"], "recorded");
    let shown = api.get(&format!("/deliveries/{text}")).await;
    schema::check("WholeDelivery", shown.ok(200));
    assert_eq!(shown.body["body"], "{\"object\":\"instagram\"}");
    assert_eq!(shown.body["body_encoding"], "text");
    let shown = api.get(&format!("/deliveries/{}", bytes.0)).await;
    assert_eq!(shown.ok(200)["body"], "//4=");
    assert_eq!(shown.body["body_encoding"], "base64");
    for id in ["dlv_999", "evt_1", "x"] {
        api.get(&format!("/deliveries/{id}")).await.problem(404);
    }
    let page = api.get("/deliveries?limit=1").await;
    let cursor = page.ok(200)["next_cursor"].as_str().unwrap();
    let page = api
        .get(&format!("/deliveries?limit=1&cursor={cursor}"))
        .await;
    assert_eq!(page.ok(200)["items"][0]["id"], text.to_string());
    assert_eq!(page.body["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_replay_is_taken_and_wakes_the_workers() {
    let api = Api::new();
    let id = api.record(COMMENT).await;
    for _ in 0..2 {
        let path = format!("/deliveries/{id}/replay");
        let answer = api.ask(Method::POST, &path, Body::empty()).await;
        assert_eq!(
            answer.ok(202),
            &json!({"id": id.to_string(), "replay": "requested"})
        );
        schema::check("ReplayRequested", &answer.body);
        api.wake.notified().await;
    }
    api.ask(Method::POST, "/deliveries/dlv_999/replay", Body::empty())
        .await
        .problem(404);
}

/// An account, an automation, and a comment that sets it off, routed.
pub(super) async fn routed() -> Api {
    let api = Api::new();
    let account = json!({"username": "ada.bakes", "access_token": "t", "login": "instagram"});
    api.put("/accounts/1784", &account).await.ok(201);
    let automation = json!({
        "accounts": ["*"], "trigger": {"on": "comment"},
        "match": {"mode": "word", "any": ["link"]},
        "steps": [{"do": "private_reply", "text": "here"}]
    });
    api.put("/automations/link-on-comment", &automation)
        .await
        .ok(200);
    interpret(&api).await;
    api
}

/// Records the comment and has it routed.
async fn interpret(api: &Api) {
    api.record(COMMENT).await;
    let clock = Arc::new(StandingClock(NOW.into()));
    let settings = Arc::new(Settings::default());
    let random = rand::SeedableRng::seed_from_u64(1);
    let mut interpreter = Interpreter::new(Arc::clone(&api.store), clock, settings, random);
    interpreter.tick().await.unwrap();
}

#[tokio::test]
async fn events_show_their_kind_once_and_are_filtered() {
    let api = routed().await;
    let listed = api.get("/events").await;
    schema::check("Items_Event", listed.ok(200));
    let event = &listed.body["items"][0];
    assert_eq!(event["kind"], "comment_received");
    assert_eq!(event["details"]["text"], "LINK please");
    assert!(event.get("body").is_none() && event["details"].get("kind").is_none());
    for (query, count) in [
        ("account_id=1784", 1),
        ("account_id=1785", 0),
        ("kind=comment_received", 1),
        ("kind=message_received", 0),
        ("comment_id=900", 1),
        ("mid=m", 0),
    ] {
        let answer = api.get(&format!("/events?{query}")).await;
        assert_eq!(
            answer.ok(200)["items"].as_array().unwrap().len(),
            count,
            "{query}"
        );
    }
}

#[tokio::test]
async fn sends_are_shown_held_with_the_reason_and_filtered() {
    let api = routed().await;
    let listed = api.get("/sends?comment_id=900").await;
    schema::check("Items_Send", listed.ok(200));
    let send = &listed.body["items"][0];
    assert_eq!(send["kind"], "private_reply");
    assert_eq!(send["state"], "planned");
    assert_eq!(send["due_at"], "2026-09-21T14:13:30.000Z");
    for (query, count) in [
        ("state=planned", 1),
        ("state=held", 0),
        ("contact_id=77&automation=link-on-comment", 1),
        ("automation=other", 0),
        ("account_id=1784", 1),
    ] {
        let answer = api.get(&format!("/sends?{query}")).await;
        assert_eq!(
            answer.ok(200)["items"].as_array().unwrap().len(),
            count,
            "{query}"
        );
    }
    let (id, now) = ("1784".to_owned(), Timestamp::from_millis(NOW));
    let id = hookline_model::ids::AccountId::new(id);
    let hold = hookline_store::lanes::NewHold {
        reason: "token_expired".to_owned(),
        until: None,
        token_number: None,
        alert: None,
    };
    api.store.hold_account(id, hold, now).await.unwrap();
    let held = api.get("/sends?state=held").await;
    assert_eq!(held.ok(200)["items"][0]["reason"], "token_expired");
}

#[tokio::test]
async fn only_an_unknown_send_is_settled_by_hand() {
    let api = routed().await;
    let settle = |id: &'static str, body: Value| {
        let body = Body::from(body.to_string());
        let path = format!("/sends/{id}/settle");
        let api = &api;
        async move { api.ask(Method::POST, &path, body).await }
    };
    let landed = json!({"as": "landed"});
    let refused = settle("snd_1", landed.clone()).await;
    assert!(refused.problem(409).contains("planned"));
    assert!(
        settle("snd_9", landed.clone())
            .await
            .problem(404)
            .contains("snd_9")
    );
    assert!(settle("x", landed).await.problem(404).contains("snd_12"));
    for wrong in [
        json!({"as": "sent"}),
        json!({}),
        json!({"as": "landed", "x": 1}),
    ] {
        assert_eq!(settle("snd_1", wrong).await.wrong(), ["as"]);
    }
}

#[tokio::test]
async fn a_comment_is_explained() {
    let api = routed().await;
    let answer = api.get("/explain/900").await;
    schema::check("Explanation", answer.ok(200));
    assert_eq!(answer.body["subject"], "900");
    assert_eq!(answer.body["ignored"], Value::Null);
    assert_eq!(answer.body["runs"][0]["verdict"], "matched");
    assert_eq!(answer.body["runs"][0]["because"]["condition"], "match.any");
    assert_eq!(
        answer.body["summary"],
        "the comment \"LINK please\" by ada.eats matched link-on-comment because match.any asks \
         for the word \"link\" and the text is \"LINK please\"; the private reply is waiting: due \
         at 2026-09-21T14:13:30.000Z (in 10.0 s)"
    );
    let by_event = api.get("/explain/evt_1").await;
    assert_eq!(by_event.ok(200)["event"], answer.body["event"]);
    assert!(api.get("/explain/901").await.problem(404).contains("901"));
}

#[tokio::test]
async fn a_comment_that_waits_for_its_media_says_so() {
    let api = Api::new();
    let account = json!({"username": "ada.bakes", "access_token": "t", "login": "instagram"});
    api.put("/accounts/1784", &account).await.ok(201);
    let automation = json!({
        "accounts": ["*"], "trigger": {"on": "comment", "media": "next"},
        "match": {"mode": "any"}, "steps": [{"do": "private_reply", "text": "here"}]
    });
    api.put("/automations/next", &automation).await.ok(200);
    interpret(&api).await;
    let answer = api.get("/explain/900").await;
    let summary = answer.ok(200)["summary"].as_str().unwrap();
    assert!(summary.contains("by ada.eats is waiting: an automation is for the next media"));
}
