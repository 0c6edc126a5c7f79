use hookline_sim::world::messages::MessageDraft;
use hookline_sim::world::tokens::TokenEnd;
use hookline_sim::{ErrorSpec, Trouble};
use serde_json::json;

use crate::stage::{Stage, now};

fn error(status: u16, code: i64, subcode: Option<i64>) -> ErrorSpec {
    ErrorSpec {
        status,
        code,
        subcode,
        message: None,
        is_transient: None,
        regain_minutes: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_reply_whose_answer_was_lost_is_settled_without_a_second_dm() {
    for lost in [
        Trouble::DropAfter,
        Trouble::ErrorAfterEffect,
        Trouble::Malformed,
    ] {
        let stage = Stage::build().await;
        stage.publish("link", json!({})).await;
        stage.trouble("private_reply", lost.clone());
        let comment = stage.comment("ada", "link");
        let story = stage.settled(&comment, "accepted").await;
        let first = &story["sends"][0]["attempts"][0];
        assert_eq!(first["outcome"], "unknown", "{lost:?}: {story:#}");
        stage.reached_exactly(1).await;
        stage.clear().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_reply_that_never_left_is_tried_again() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    stage.trouble("private_reply", Trouble::DropBefore);
    let comment = stage.comment("ada", "link");
    stage.settled(&comment, "accepted").await;
    stage.reached_exactly(1).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dm_whose_answer_was_lost_is_known_by_its_echo() {
    let stage = Stage::build().await;
    let changes = json!({
        "trigger": {"on": "message"},
        "match": {"mode": "any"},
        "steps": [{"do": "dm", "text": "Here it is"}],
    });
    stage.publish("hello", changes).await;
    stage.trouble("send_message", Trouble::DropAfter);
    let acme = stage.account.ig_id.clone();
    let mid = stage
        .world()
        .message(now(), MessageDraft::text(&acme, "ada", "hi"))
        .unwrap();
    let story = stage.settled(&mid, "accepted").await;
    assert_eq!(
        story["sends"][0]["attempts"].as_array().unwrap().len(),
        1,
        "{story:#}"
    );
    stage.reached_exactly(1).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_token_holds_and_a_new_one_resumes() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    stage
        .world()
        .end_tokens(&stage.account.ig_id, TokenEnd::Expired)
        .unwrap();
    let comment = stage.comment("ada", "link");
    let story = stage.settled(&comment, "held").await;
    assert_eq!(story["sends"][0]["reason"], "token_expired");
    let token = stage
        .world()
        .replace_token(now(), &stage.account.ig_id)
        .unwrap();
    let account = stage.account.clone();
    stage.connect_account(&account, &token).await;
    stage.settled(&comment, "accepted").await;
    stage.reached_exactly(1).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_parks_the_account_and_only_that_one() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    stage.trouble("private_reply", Trouble::Error(error(400, 368, None)));
    let comment = stage.comment("ada", "link");
    let story = stage.settled(&comment, "held").await;
    assert_eq!(story["sends"][0]["reason"], "account_blocked");
    let account = stage
        .get(&format!("/api/v1/accounts/{}", stage.account.ig_id))
        .await;
    assert_eq!(account["hold"]["reason"], "account_blocked", "{account:#}");
    assert!(stage.reached().is_empty());
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttle_waits_for_metas_minutes() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let throttled = ErrorSpec {
        regain_minutes: Some(7),
        ..error(400, 80002, None)
    };
    stage.trouble("private_reply", Trouble::Error(throttled));
    let comment = stage.comment("ada", "link");
    let story = stage
        .explained(&comment, |story| {
            story["sends"][0]["attempts"][0]["outcome"] == "throttled"
        })
        .await;
    let send = &story["sends"][0];
    assert_eq!(send["state"], "held", "{story:#}");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_meta_end_the_run_with_metas_words() {
    let rows = [
        (10, Some(2_534_022), "outside_window"),
        (100, Some(2_534_025), "comment_invalid"),
        (551, None, "recipient_unavailable"),
    ];
    for (code, subcode, _) in rows {
        let stage = Stage::build().await;
        stage.publish("link", json!({})).await;
        stage.trouble("private_reply", Trouble::Error(error(400, code, subcode)));
        let comment = stage.comment("ada", "link");
        let story = stage.settled(&comment, "refused").await;
        let answer = &story["sends"][0]["attempts"][0]["answer"];
        assert_eq!(answer["code"], code, "{story:#}");
        assert!(!story["sends"][0]["reason"].is_null());
        assert!(stage.reached().is_empty());
        stage.clear().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_while_the_server_was_down_is_sent_after_the_restart() {
    let mut stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    stage.trouble(
        "read_comment",
        Trouble::Error(error(500, 2, Some(1_545_133))),
    );
    let comment = stage.comment("ada", "link");
    stage
        .explained(&comment, |story| !story["sends"][0]["reason"].is_null())
        .await;
    stage.stop().await;
    stage.start().await;
    stage.settled(&comment, "accepted").await;
    stage.reached_exactly(1).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn meta_delivers_again_what_nobody_took_while_the_server_was_down() {
    let mut stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    stage.stop().await;
    let comment = stage.comment("ada", "link");
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    stage.start().await;
    stage.settled(&comment, "accepted").await;
    stage.reached_exactly(1).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_echo_of_one_reply_does_not_settle_another_with_the_same_words() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    // The first reply does not land, the second does; nobody is told which is which.
    stage.trouble("private_reply", Trouble::Error(error(500, 2, None)));
    stage.trouble("private_reply", Trouble::DropAfter);
    let comments = [stage.comment("ada", "link"), stage.comment("ada", "link")];
    for comment in &comments {
        stage.settled(comment, "accepted").await;
    }
    stage.reached_exactly(2).await;
    for comment in &comments {
        let world = stage.world();
        assert!(world.find_comment(comment).unwrap().private_reply.is_some());
    }
    stage.clear().await;
}
