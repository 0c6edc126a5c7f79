use hookline_model::clock::Timestamp;
use hookline_model::ids::AccountId;
use serde_json::{Value, json};

use super::records::routed;
use super::{Api, NOW, schema};

#[tokio::test]
async fn a_lane_shows_what_waits_and_when_it_goes() {
    let api = routed().await;
    let listed = api.get("/queue").await;
    schema::check("Items_Lane", listed.ok(200));
    assert_eq!(
        listed.body["items"],
        json!([{
            "account_id": "1784", "username": "ada.bakes", "class": "private_reply",
            "waiting": 1, "due": 0, "in_flight": 0, "hold": null,
            "first_deadline_at": "2026-09-28T14:13:20.000Z",
            "next_at": "2026-09-21T14:13:30.000Z", "last_at": "2026-09-21T14:13:30.000Z",
            "will_miss": 0, "failed": []
        }])
    );
    assert_eq!(listed.body["next_cursor"], Value::Null);
    for (query, count) in [
        ("account_id=1784", 1),
        ("account_id=1785", 0),
        ("class=private_reply", 1),
        ("class=text", 0),
        ("account_id=1784&class=private_reply&limit=1", 1),
    ] {
        let answer = api.get(&format!("/queue?{query}")).await;
        let items = answer.ok(200)["items"].as_array().unwrap();
        assert_eq!(items.len(), count, "{query}");
    }
}

#[tokio::test]
async fn a_held_lane_says_why_and_gives_no_time() {
    let api = routed().await;
    let (account, now) = (AccountId::new("1784"), Timestamp::from_millis(NOW));
    let hold = hookline_store::lanes::NewHold {
        reason: "token_expired".to_owned(),
        until: None,
        token_number: None,
        alert: None,
    };
    let held = api.store.hold_account(account, hold, now);
    held.await.unwrap();
    let listed = api.get("/queue").await;
    schema::check("Items_Lane", listed.ok(200));
    let lane = &listed.body["items"][0];
    assert_eq!(lane["hold"]["reason"], "token_expired");
    for field in ["next_at", "last_at", "will_miss"] {
        assert_eq!(lane[field], Value::Null, "{field}");
    }
    assert_eq!(lane["waiting"], 1);
}

#[tokio::test]
async fn what_expired_is_shown_with_its_reason() {
    let api = routed().await;
    let late = Timestamp::from_millis(NOW + 7 * 24 * 3_600_000);
    assert_eq!(api.store.expire_overdue(late, 10).await.unwrap(), 1);
    let listed = api.get("/queue").await;
    schema::check("Items_Lane", listed.ok(200));
    assert_eq!(
        listed.body["items"][0]["failed"],
        json!([{"state": "expired", "reason": "deadline_passed", "count": 1}])
    );
}

#[tokio::test]
async fn an_empty_queue_is_an_empty_list() {
    let answer = Api::new().get("/queue").await;
    assert_eq!(answer.ok(200), &json!({"items": [], "next_cursor": null}));
}
