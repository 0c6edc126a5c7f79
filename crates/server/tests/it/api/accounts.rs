use axum::body::Body;
use axum::http::Method;
use hookline_engine::keyring::{KeyId, SealedToken};
use hookline_model::clock::Timestamp;
use hookline_model::ids::AccountId;
use serde_json::{Value, json};

use super::{Api, NOW, schema};

fn draft(token: &str) -> Value {
    json!({"username": "ada.bakes", "access_token": token, "login": "instagram"})
}

#[tokio::test]
async fn an_account_is_connected_shown_replaced_and_forgotten() {
    let api = Api::new();
    let connected = api.put("/accounts/1784", &draft("token-1")).await;
    let expected = json!({
        "id": "1784", "username": "ada.bakes", "login": "instagram", "page_id": null,
        "app_scoped_id": null, "connected_at": "2026-09-21T14:13:20.000Z", "hold": null
    });
    assert_eq!(connected.ok(201), &expected);
    schema::check("Account", &connected.body);
    assert_eq!(
        api.put("/accounts/1784", &draft("token-2")).await.ok(200),
        &expected
    );
    assert_eq!(api.get("/accounts/1784").await.ok(200), &expected);
    let listed = api.get("/accounts").await;
    assert_eq!(
        listed.ok(200),
        &json!({"items": [expected], "next_cursor": null})
    );
    api.delete("/accounts/1784").await.ok(204);
    api.delete("/accounts/1784").await.problem(404);
    api.get("/accounts/1784").await.problem(404);
}

#[tokio::test]
async fn the_token_is_stored_sealed_and_never_shown() {
    let api = Api::new();
    let secret = "token-nobody-may-see";
    let put = api.put("/accounts/1784", &draft(secret)).await;
    let get = api.get("/accounts").await;
    assert!(!put.body.to_string().contains(secret) && !get.body.to_string().contains(secret));
    let id = AccountId::new("1784");
    let stored = api
        .store
        .find_account(id.clone())
        .await
        .unwrap()
        .unwrap()
        .token;
    let sealed = SealedToken {
        key_id: KeyId(stored.key.try_into().unwrap()),
        bytes: stored.bytes,
    };
    assert_eq!(api.keys.open(&id, &sealed).unwrap().expose(), secret);
}

#[tokio::test]
async fn a_new_token_releases_a_held_account_and_wakes_the_workers() {
    let api = Api::new();
    api.put("/accounts/1784", &draft("token-1")).await.ok(201);
    api.wake.notified().await;
    let (id, now) = (AccountId::new("1784"), Timestamp::from_millis(NOW));
    let hold = hookline_store::lanes::NewHold {
        reason: "token_expired".to_owned(),
        until: None,
        token_number: None,
        alert: None,
    };
    api.store.hold_account(id, hold, now).await.unwrap();
    let held = api.get("/accounts/1784").await;
    let since = "2026-09-21T14:13:20.000Z";
    assert_eq!(
        held.body["hold"],
        json!({"reason": "token_expired", "since": since, "until": null})
    );
    schema::check("Account", &held.body);
    let replaced = api.put("/accounts/1784", &draft("token-2")).await;
    assert_eq!(replaced.ok(200)["hold"], Value::Null);
    api.wake.notified().await;
}

#[tokio::test]
async fn facebook_login_needs_its_page() {
    let api = Api::new();
    let mut body = draft("t");
    body["login"] = json!("facebook");
    assert_eq!(api.put("/accounts/1784", &body).await.wrong(), ["page_id"]);
    body["page_id"] = json!("102");
    let answer = api.put("/accounts/1784", &body).await;
    assert_eq!(answer.ok(201)["page_id"], "102");
    assert_eq!(answer.body["login"], "facebook");
}

#[tokio::test]
async fn wrong_values_are_named_and_broken_json_is_refused() {
    let api = Api::new();
    assert_eq!(
        api.put("/accounts/ada", &json!({"usrname": "a"}))
            .await
            .wrong(),
        ["usrname", "ig_id", "username", "access_token", "login"]
    );
    let broken = api
        .ask(Method::PUT, "/accounts/1784", Body::from("{\"username\":"))
        .await;
    assert!(broken.problem(400).contains("JSON"));
    api.ask(Method::PUT, "/accounts/1784", Body::empty())
        .await
        .problem(400);
    let large = Body::from(vec![b' '; 1024 * 1024 + 1]);
    api.ask(Method::PUT, "/accounts/1784", large)
        .await
        .problem(413);
    let unknown = api.put("/accounts/1784?subscrbe=true", &draft("t")).await;
    assert!(unknown.problem(400).contains("subscrbe"));
}

#[tokio::test]
async fn accounts_come_in_pages() {
    let api = Api::new();
    for id in ["10", "11", "12"] {
        api.put(&format!("/accounts/{id}"), &draft("t"))
            .await
            .ok(201);
    }
    let ids = |answer: &Value| -> Vec<String> {
        let items = answer["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = api.get("/accounts?limit=2").await;
    schema::check("Items_Account", first.ok(200));
    assert_eq!(ids(&first.body), ["10", "11"]);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = api.get(&format!("/accounts?limit=2&cursor={cursor}")).await;
    assert_eq!(ids(second.ok(200)), ["12"]);
    assert_eq!(second.body["next_cursor"], Value::Null);
}
