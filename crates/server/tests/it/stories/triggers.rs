use hookline_sim::WorldConfig;
use hookline_sim::wire::ProductType;
use hookline_sim::world::accounts::{Login, NewAccount};
use hookline_sim::world::comments::{CommentDraft, MentionDraft};
use hookline_sim::world::messages::{MessageDraft, PostbackDraft};
use serde_json::json;

use crate::stage::{Stage, now};

const DM: &str = "Here it is";

fn dm_on(trigger: &str) -> serde_json::Value {
    json!({
        "trigger": {"on": trigger},
        "match": {"mode": "any"},
        "steps": [{"do": "dm", "text": DM}],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_becomes_one_dm_and_its_echo_confirms_it() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let comment = stage.comment("ada", "LINK please!");
    let story = stage
        .explained(&comment, |story| !story["sends"][0]["echoed_at"].is_null())
        .await;
    assert_eq!(story["sends"][0]["state"], "accepted", "{story:#}");
    assert_eq!(story["runs"][0]["verdict"], "matched");
    assert_eq!(story["sends"][0]["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(stage.reached_exactly(1).await, ["ada: Here it is"]);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_facebook_login_account_sends_through_its_page() {
    let account = NewAccount {
        login: Login::Facebook,
        ..NewAccount::named("acme")
    };
    let stage = Stage::build_with(account, WorldConfig::default()).await;
    stage.publish("link", json!({})).await;
    let comment = stage.comment("ada", "link");
    stage.settled(&comment, "accepted").await;
    let page = stage.account.page_id.clone().unwrap();
    let requests = stage.world().requests();
    let sent = requests
        .iter()
        .find(|request| request.method == "POST")
        .unwrap();
    assert!(sent.path.contains(&page), "sent to {}", sent.path);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_comment_is_answered_while_on_air() {
    let stage = Stage::build().await;
    let changes = json!({"trigger": {"on": "live_comment"}});
    stage.publish("live", changes).await;
    let draft = CommentDraft {
        product_type: ProductType::Live,
        ..CommentDraft::new(stage.account.ig_id.as_str(), "ada", "link")
    };
    let comment = stage.world().comment(now(), draft).unwrap();
    stage.settled(&comment, "accepted").await;
    assert_eq!(stage.reached_exactly(1).await, ["ada: Here it is"]);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_and_a_story_reply_is_no_message() {
    let stage = Stage::build().await;
    stage.publish("hello", dm_on("message")).await;
    let acme = stage.account.ig_id.clone();
    let mid = stage
        .world()
        .message(now(), MessageDraft::text(&acme, "ada", "hi"))
        .unwrap();
    stage.settled(&mid, "accepted").await;
    let reply = stage
        .world()
        .story_reply(now(), &acme, "bob", "hi")
        .unwrap();
    stage.explained(&reply, |_| true).await;
    assert_eq!(stage.reached_exactly(1).await, ["ada: Here it is"]);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_reply_is_answered() {
    let stage = Stage::build().await;
    stage.publish("story", dm_on("story_reply")).await;
    let acme = stage.account.ig_id.clone();
    let mid = stage
        .world()
        .story_reply(now(), &acme, "ada", "wow")
        .unwrap();
    stage.settled(&mid, "accepted").await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_mention_is_answered() {
    let stage = Stage::build().await;
    stage.publish("thanks", dm_on("story_mention")).await;
    let acme = stage.account.ig_id.clone();
    let mid = stage.world().story_mention(now(), &acme, "ada").unwrap();
    stage.settled(&mid, "accepted").await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mention_in_a_comment_is_answered_there() {
    let stage = Stage::build().await;
    let changes = json!({
        "trigger": {"on": "mention"},
        "match": {"mode": "any"},
        "steps": [{"do": "public_reply", "texts": ["Thank you!"]}],
    });
    stage.publish("mention", changes).await;
    let draft = MentionDraft {
        account: stage.account.ig_id.clone(),
        person: "ada".to_owned(),
        text: "look @acme".to_owned(),
        ..MentionDraft::default()
    };
    let (_, comment) = stage.world().mention(now(), draft).unwrap();
    stage.settled(&comment.unwrap(), "accepted").await;
    let requests = stage.world().requests();
    let answers = requests
        .iter()
        .filter(|request| request.endpoint == "reply_to_mention");
    assert_eq!(answers.count(), 1, "{requests:?}");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tap_is_matched_by_its_payload() {
    let stage = Stage::build().await;
    let mut changes = dm_on("postback");
    changes["match"] = json!({"mode": "exact", "any": ["FLOW:START"]});
    stage.publish("tap", changes).await;
    let draft = PostbackDraft {
        account: stage.account.ig_id.clone(),
        person: "ada".to_owned(),
        title: "Start".to_owned(),
        payload: "FLOW:START".to_owned(),
        ..PostbackDraft::default()
    };
    let mid = stage.world().postback(now(), draft).unwrap().unwrap();
    stage.settled(&mid, "accepted").await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_referral_is_answered() {
    let stage = Stage::build().await;
    let mut changes = dm_on("referral");
    changes["match"] = json!({"mode": "exact", "any": ["bio-link"]});
    stage.publish("referral", changes).await;
    let acme = stage.account.ig_id.clone();
    stage
        .world()
        .message(now(), MessageDraft::text(&acme, "ada", "hi"))
        .unwrap();
    stage
        .world()
        .referral(now(), &acme, "ada", "bio-link")
        .unwrap();
    assert_eq!(stage.reached_exactly(1).await, ["ada: Here it is"]);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_is_answered_inside_the_window() {
    let stage = Stage::build().await;
    stage.publish("heart", dm_on("reaction")).await;
    let acme = stage.account.ig_id.clone();
    let mid = stage
        .world()
        .message(now(), MessageDraft::text(&acme, "ada", "hi"))
        .unwrap();
    // Meta may deliver the two in either order; a reaction alone opens no window.
    stage.explained(&mid, |_| true).await;
    let love = hookline_sim::wire::Reaction {
        name: "love".to_owned(),
        emoji: "❤".to_owned(),
    };
    stage.world().react(now(), &mid, Some(love)).unwrap();
    assert_eq!(stage.reached_exactly(1).await, ["ada: Here it is"]);
    stage.clear().await;
}
