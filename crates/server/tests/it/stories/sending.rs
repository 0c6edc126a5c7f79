use std::time::Duration;

use hookline_sim::world::comments::CommentDraft;
use hookline_sim::world::inspect::TokenPlace;
use hookline_sim::world::messages::MessageDraft;
use serde_json::json;

use crate::stage::{Stage, now, wait};

const DAY_MS: i64 = 24 * 3600 * 1000;

#[tokio::test(flavor = "multi_thread")]
async fn steps_run_in_order_each_its_own_send() {
    let stage = Stage::build().await;
    let steps = json!([
        {"do": "private_reply", "text": "Hi {{ contact.username }}, {{ keyword }}: {{ media.caption }}"},
        {"do": "public_reply", "texts": ["Sent you a DM!"]},
    ]);
    stage.publish("link", json!({"steps": steps})).await;
    let comment = stage.comment("ada", "LINK");
    stage.settled(&comment, "accepted").await;
    assert_eq!(
        stage.reached_exactly(2).await,
        ["ada: Hi ada, link: Autumn", "ada: Sent you a DM!"]
    );
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_received_is_kept_and_acted_on_by_the_next_start() {
    let mut stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let receive_only = ("HOOKLINE_SERVER__RECEIVE_ONLY", "true".to_owned());
    stage.restart_with(vec![receive_only]).await;
    stage.comment("ada", "LINK");
    let recorded = wait(|| async {
        let found = stage.get("/api/v1/deliveries?status=recorded").await;
        (found["items"].as_array()?.len() == 1).then_some(())
    });
    recorded.await.expect("the delivery was not recorded");
    // Longer than any stage sleeps before it looks for work by itself.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let waiting = stage.get("/api/v1/deliveries?status=recorded").await;
    assert_eq!(waiting["items"].as_array().unwrap().len(), 1);
    assert!(stage.reached().is_empty());
    stage.restart_with(Vec::new()).await;
    assert_eq!(stage.reached_exactly(1).await.len(), 1);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_older_than_seven_days_is_not_answered() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let draft = CommentDraft {
        created_ms: Some(now() - 7 * DAY_MS - 1000),
        ..CommentDraft::new(stage.account.ig_id.as_str(), "ada", "link")
    };
    let comment = stage.world().comment(now(), draft).unwrap();
    let story = stage.settled(&comment, "expired").await;
    assert_eq!(story["sends"][0]["reason"], "deadline_passed");
    assert_eq!(story["sends"][0]["attempts"], json!([]), "Meta was called");
    assert!(stage.reached().is_empty());
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_comment_is_refused_with_the_reason() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let comment = stage.comment("ada", "link");
    stage.world().delete_comment(&comment).unwrap();
    let story = stage.settled(&comment, "refused").await;
    assert_eq!(story["sends"][0]["reason"], "comment_gone");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_becomes_too_long_is_refused_and_never_shortened() {
    let stage = Stage::build().await;
    let steps = json!([{"do": "private_reply", "text": "You said: {{ comment.text }}"}]);
    stage.publish("link", json!({"steps": steps})).await;
    let comment = stage.comment("ada", &format!("link {}", "ä".repeat(500)));
    let story = stage.settled(&comment, "refused").await;
    assert_eq!(story["sends"][0]["reason"], "text_too_long");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_travels_in_the_header_only() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let comment = stage.comment("ada", "link");
    stage.settled(&comment, "accepted").await;
    let requests = stage.world().requests();
    assert!(!requests.is_empty());
    for request in requests {
        assert_eq!(request.token_in, TokenPlace::Header, "{request:?}");
    }
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn someone_who_answered_stop_before_the_dm_left_does_not_get_it() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let draft = hookline_sim::ErrorSpec {
        status: 500,
        code: 2,
        subcode: Some(1_545_133),
        message: None,
        is_transient: Some(true),
        regain_minutes: None,
    };
    stage.trouble("private_reply", hookline_sim::Trouble::Error(draft));
    let comment = stage.comment("ada", "link");
    stage
        .explained(&comment, |story| {
            story["sends"][0]["attempts"].as_array().unwrap().len() == 1
        })
        .await;
    let acme = stage.account.ig_id.clone();
    stage
        .world()
        .message(now(), MessageDraft::text(&acme, "ada", "stop"))
        .unwrap();
    let story = stage.settled(&comment, "refused").await;
    assert_eq!(story["sends"][0]["reason"], "opted_out");
    assert!(stage.reached().is_empty());
    stage.clear().await;
}
