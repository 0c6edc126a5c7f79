use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

use super::{Api, schema};

fn document() -> Value {
    json!({
        "accounts": ["*"],
        "trigger": {"on": "comment"},
        "match": {"mode": "word", "any": ["link"]},
        "steps": [{"do": "private_reply", "text": "Hi, here it is: https://example.com"}]
    })
}

#[tokio::test]
async fn publishing_answers_the_version_and_an_equal_document_makes_none() {
    let api = Api::new();
    let first = api.put("/automations/link", &document()).await;
    assert_eq!(first.ok(200)["name"], "link");
    assert_eq!(first.body["version"], 1);
    assert_eq!(first.body["created"], true);
    assert_eq!(first.body["match"]["any"], json!(["link"]));
    assert_eq!(first.body["priority"], 0, "defaults are written out");
    schema::check("AutomationPublication", &first.body);
    let again = api.put("/automations/link", &document()).await;
    assert_eq!(
        (&again.body["version"], &again.body["created"]),
        (&json!(1), &json!(false))
    );
    let mut changed = document();
    changed["name"] = json!("link");
    changed["priority"] = json!(5);
    let second = api.put("/automations/link", &changed).await;
    assert_eq!(
        (&second.body["version"], &second.body["created"]),
        (&json!(2), &json!(true))
    );
}

#[tokio::test]
async fn what_was_published_can_be_published_again_as_it_is_shown() {
    let api = Api::new();
    api.put("/automations/link", &document()).await.ok(200);
    let shown = api.get("/automations/link").await;
    schema::check("PublishedAutomation", shown.ok(200));
    let mut body = shown.body;
    for field in ["version", "published_at", "first_published_at"] {
        body.as_object_mut().unwrap().remove(field);
    }
    let again = api.put("/automations/link", &body).await;
    assert_eq!(again.ok(200)["created"], false);
}

#[tokio::test]
async fn automations_are_listed_in_pages_and_taken_out_of_use() {
    let api = Api::new();
    for name in ["a", "b", "c"] {
        api.put(&format!("/automations/{name}"), &document())
            .await
            .ok(200);
    }
    let first = api.get("/automations?limit=2").await;
    schema::check("Items_PublishedAutomation", first.ok(200));
    assert_eq!(first.body["items"][1]["name"], "b");
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = api.get(&format!("/automations?cursor={cursor}")).await;
    assert_eq!(second.ok(200)["items"].as_array().unwrap().len(), 1);
    assert_eq!(second.body["next_cursor"], Value::Null);
    api.delete("/automations/b").await.ok(204);
    api.delete("/automations/b").await.problem(404);
    api.get("/automations/b").await.problem(404);
}

#[tokio::test]
async fn every_problem_of_a_document_is_named() {
    let api = Api::new();
    let mut body = document();
    body["name"] = json!("other");
    let answer = api.put("/automations/link", &body).await;
    assert_eq!(answer.wrong(), ["name"]);
    let mut body = document();
    body["steps"][0]["text"] = json!("{{ broken");
    body["trigger"]["on"] = json!("coment");
    let answer = api.put("/automations/link", &body).await;
    let wrong = answer.wrong();
    assert!(wrong.contains(&"steps[0].text"), "{wrong:?}");
    assert!(
        wrong.iter().any(|path| path.starts_with("trigger.on")),
        "{wrong:?}"
    );
    assert!(
        !api.put("/automations/link", &json!([]))
            .await
            .wrong()
            .is_empty()
    );
    assert!(
        !api.put("/automations/Not%20A%20Name", &document())
            .await
            .wrong()
            .is_empty()
    );
    api.ask(Method::PUT, "/automations/link", Body::from("name = 1"))
        .await
        .problem(400);
}
