//! Answers that were lost, and where the truth is found instead.

use hookline_sim::world::messages::MessageDraft;
use hookline_sim::world::{EchoTiming, Policy};
use hookline_sim::{FaultRule, Trouble, WorldConfig};
use serde_json::{Value, json};

use crate::stage::{Stage, now, pass};
use hookline_model::limits::LANDS_WITHIN;
use hookline_sim::world::accounts::NewAccount;

/// A stage on which nothing is ever echoed: only reading back tells.
async fn without_echoes() -> Stage {
    let policy = Policy {
        echo: EchoTiming::Never,
        ..Policy::default()
    };
    let config = WorldConfig {
        policy,
        ..WorldConfig::default()
    };
    Stage::build_with(NewAccount::named("acme"), config).await
}

async fn greet(stage: &Stage) {
    let changes = json!({
        "trigger": {"on": "message"},
        "match": {"mode": "any"},
        "steps": [{"do": "dm", "text": "Here it is"}],
    });
    stage.publish("hello", changes).await;
}

fn write(stage: &Stage, text: &str) -> String {
    let acme = stage.account.ig_id.clone();
    let draft = MessageDraft::text(&acme, "ada", text);
    stage.world().message(now(), draft).unwrap()
}

fn is_unknown(story: &Value) -> bool {
    story["sends"][0]["state"] == "unknown"
}

fn outcomes(story: &Value) -> Vec<&str> {
    story["sends"][0]["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["outcome"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dm_that_landed_unheard_is_found_in_the_conversation() {
    let stage = without_echoes().await;
    greet(&stage).await;
    stage.trouble("send_message", Trouble::DropAfter);
    let mid = write(&stage, "hi");
    let story = stage.settled(&mid, "accepted").await;
    assert_eq!(outcomes(&story), ["unknown"], "{story:#}");
    assert!(story["sends"][0]["message_id"].is_string());
    stage.reached_exactly(1).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dm_that_is_provably_absent_is_sent_again_once() {
    let stage = without_echoes().await;
    greet(&stage).await;
    stage.trouble("send_message", Trouble::Html);
    let mid = write(&stage, "hi");
    stage.explained(&mid, is_unknown).await;
    pass(LANDS_WITHIN);
    let story = stage.settled(&mid, "accepted").await;
    assert_eq!(outcomes(&story), ["unknown", "accepted"], "{story:#}");
    stage.reached_exactly(1).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_full_of_newer_messages_proves_nothing() {
    let stage = without_echoes().await;
    greet(&stage).await;
    stage.trouble("send_message", Trouble::Html);
    let mid = write(&stage, "hi");
    stage.explained(&mid, is_unknown).await;
    let acme = stage.account.ig_id.clone();
    for number in 0..25 {
        let text = format!("the owner writes {number}");
        let mut world = stage.world();
        world.owner_message(now(), &acme, "ada", &text).unwrap();
    }
    stage
        .explained(&mid, |story| {
            is_unknown(story) && story["sends"][0]["reason"] == "looking_for_evidence"
        })
        .await;
    assert!(
        !stage.reached().contains(&"ada: Here it is".to_owned()),
        "it was sent on a guess"
    );
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_reply_meta_never_confirms_is_found_in_the_conversation() {
    let stage = without_echoes().await;
    stage.publish("link", json!({})).await;
    stage.trouble("private_reply", Trouble::DropAfter);
    let gone = hookline_sim::ErrorSpec {
        status: 400,
        code: 100,
        subcode: Some(33),
        message: None,
        is_transient: None,
        regain_minutes: None,
    };
    stage.trouble("private_reply", Trouble::Error(gone));
    let comment = stage.comment("ada", "link");
    let story = stage.settled(&comment, "accepted").await;
    assert_eq!(outcomes(&story), ["unknown", "refused"], "{story:#}");
    stage.reached_exactly(1).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_reply_is_read_back_and_not_posted_twice() {
    for (lost, outcomes_expected) in [
        (Trouble::DropAfter, vec!["unknown"]),
        (Trouble::Html, vec!["unknown", "accepted"]),
    ] {
        let stage = Stage::build().await;
        let steps = json!({"steps": [{"do": "public_reply", "texts": ["Check your inbox"]}]});
        stage.publish("link", steps).await;
        stage.trouble("public_reply", lost.clone());
        let comment = stage.comment("ada", "link");
        stage.explained(&comment, is_unknown).await;
        pass(LANDS_WITHIN);
        let story = stage.settled(&comment, "accepted").await;
        assert_eq!(outcomes(&story), outcomes_expected, "{lost:?}: {story:#}");
        stage.reached_exactly(1).await;
        stage.clear().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_reply_is_found_behind_the_first_page() {
    let stage = Stage::build().await;
    let steps = json!({"steps": [{"do": "public_reply", "texts": ["Check your inbox"]}]});
    stage.publish("link", steps).await;
    stage.trouble("public_reply", Trouble::DropAfter);
    let comment = stage.comment("ada", "link");
    stage.explained(&comment, is_unknown).await;
    // Whichever end the list begins with, ours is behind sixty others or before them.
    for person in 0..60 {
        let mut draft = hookline_sim::world::comments::CommentDraft::new(
            stage.account.ig_id.as_str(),
            format!("person{person}"),
            "Check your inbox",
        );
        draft.parent = Some(comment.clone());
        stage.world().comment(now(), draft).unwrap();
    }
    let story = stage.settled(&comment, "accepted").await;
    assert_eq!(outcomes(&story), ["unknown"], "{story:#}");
    stage.reached_exactly(1).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_whose_token_died_keeps_its_unknown_sends_for_later() {
    let stage = without_echoes().await;
    greet(&stage).await;
    stage.trouble("send_message", Trouble::DropAfter);
    let ended = hookline_sim::ErrorSpec {
        status: 400,
        code: 190,
        subcode: Some(463),
        message: None,
        is_transient: None,
        regain_minutes: None,
    };
    let mut rule = FaultRule::once("list_conversations", Trouble::Error(ended));
    rule.times = 0;
    stage.world().script_fault(rule).unwrap();
    let mid = write(&stage, "hi");
    stage
        .explained(&mid, |story| story["sends"][0]["state"] == "unknown")
        .await;
    let path = format!("/api/v1/accounts/{}", stage.account.ig_id);
    let held = crate::stage::wait(|| async {
        let account = stage.get(&path).await;
        (account["hold"]["reason"] == "token_expired").then_some(())
    })
    .await;
    assert!(held.is_some(), "a dead token found by a read holds too");
    let story = stage.explained(&mid, |_| true).await;
    assert_eq!(story["sends"][0]["state"], "unknown", "{story:#}");
    stage.clear().await;
}
