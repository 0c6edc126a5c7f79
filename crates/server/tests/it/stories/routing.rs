use hookline_sim::world::accounts::NewAccount;
use hookline_sim::world::comments::CommentDraft;
use hookline_sim::world::media::NewMedia;
use hookline_sim::world::messages::MessageDraft;
use serde_json::json;

use crate::stage::{Stage, now, wait};

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivery_and_a_retry_have_no_effect() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let comment = stage.comment("ada", "link");
    stage.settled(&comment, "accepted").await;
    for _ in 0..3 {
        stage.world().repeat_comment_event(now(), &comment).unwrap();
    }
    let story = stage
        .explained(&comment, |story| {
            story["deliveries"].as_array().unwrap().len() == 4
        })
        .await;
    assert_eq!(story["sends"].as_array().unwrap().len(), 1);
    stage.reached_exactly(1).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_highest_priority_wins_and_the_other_says_to_whom_it_lost() {
    let stage = Stage::build().await;
    stage.publish("first", json!({})).await;
    stage.publish("urgent", json!({"priority": 5})).await;
    let comment = stage.comment("ada", "link");
    let story = stage.settled(&comment, "accepted").await;
    assert_eq!(story["sends"][0]["automation"], "urgent");
    let lost = story["runs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|run| run["automation"] == "first")
        .unwrap();
    assert_eq!(lost["verdict"], "lost");
    assert!(
        lost["because"]["actual"]
            .as_str()
            .unwrap()
            .contains("urgent"),
        "{lost}"
    );
    stage.reached_exactly(1).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn among_equals_the_first_published_wins() {
    let stage = Stage::build().await;
    stage.publish("older", json!({})).await;
    stage.publish("newer", json!({})).await;
    stage
        .publish("older", json!({"limit": {"once_per": "comment"}}))
        .await;
    let comment = stage.comment("ada", "link");
    let story = stage.settled(&comment, "accepted").await;
    assert_eq!(story["sends"][0]["automation"], "older");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn own_comments_and_echoes_trigger_nothing() {
    let stage = Stage::build().await;
    stage
        .publish(
            "link",
            json!({"steps": [
                {"do": "private_reply", "text": "the link"},
                {"do": "public_reply", "texts": ["link sent"]},
            ]}),
        )
        .await;
    let comment = stage.comment("ada", "link");
    let story = stage.settled(&comment, "accepted").await;
    let reply = story["sends"][1]["message_id"].as_str().unwrap().to_owned();
    let own = stage.explained(&reply, |_| true).await;
    assert_eq!(own["subject"], reply);
    let told = wait(|| async {
        let events = stage.get("/api/v1/events?limit=100").await;
        let items = events["items"].as_array().unwrap();
        let has = |reason: &str| items.iter().any(|event| event["ignored"] == reason);
        (has("own_comment") && has("echo")).then_some(())
    })
    .await;
    assert!(told.is_some(), "Meta told of neither");
    stage.reached_exactly(2).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_account_is_kept_without_the_person_and_answered_once_connected() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let stranger = stage
        .world()
        .create_account(now(), NewAccount::named("other"))
        .unwrap();
    let media = NewMedia {
        account: stranger.ig_id.clone(),
        ..NewMedia::default()
    };
    stage.world().create_media(now(), media).unwrap();
    let draft = CommentDraft::new(stranger.ig_id.as_str(), "ada", "link");
    let comment = stage.world().comment(now(), draft).unwrap();
    let story = stage.explained(&comment, |_| true).await;
    assert_eq!(story["ignored"], "account_unknown");
    assert!(!story["event"].to_string().contains("ada"), "{story:#}");
    stage.connect_account(&stranger, &stranger.token).await;
    let delivery = story["deliveries"][0]["id"].as_str().unwrap();
    let (status, _) = stage
        .call(
            "POST",
            &format!("/api/v1/deliveries/{delivery}/replay"),
            None,
        )
        .await;
    assert_eq!(status, 202);
    stage.settled(&comment, "accepted").await;
    stage.reached_exactly(1).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_served_once_when_the_limit_says_so() {
    let stage = Stage::build().await;
    stage
        .publish("link", json!({"limit": {"once_per": "person"}}))
        .await;
    let first = stage.comment("ada", "link");
    stage.settled(&first, "accepted").await;
    let second = stage.comment("ada", "link");
    assert_eq!(stage.verdicts(&second).await, ["link: skipped"]);
    let other = stage.comment("bob", "link");
    stage.settled(&other, "accepted").await;
    stage.reached_exactly(2).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_comments_count_only_when_asked_for() {
    let stage = Stage::build().await;
    stage.publish("tops", json!({})).await;
    let top = stage.comment("ada", "nice");
    let draft = || CommentDraft {
        parent: Some(top.clone()),
        ..CommentDraft::new(stage.account.ig_id.as_str(), "bob", "link")
    };
    let reply = stage.world().comment(now(), draft()).unwrap();
    assert_eq!(stage.verdicts(&reply).await, ["tops: not_matched"]);
    stage
        .publish(
            "tops",
            json!({"trigger": {"on": "comment", "include_replies": true}}),
        )
        .await;
    let reply = stage.world().comment(now(), draft()).unwrap();
    assert_eq!(stage.verdicts(&reply).await, ["tops: matched"]);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_named_media_and_accounts_count() {
    let stage = Stage::build().await;
    stage
        .publish(
            "elsewhere",
            json!({"trigger": {"on": "comment", "media": ["1"]}}),
        )
        .await;
    stage
        .publish("others", json!({"accounts": ["someone_else"]}))
        .await;
    stage.publish("ours", json!({"accounts": ["acme"]})).await;
    let comment = stage.comment("ada", "link");
    let verdicts = stage.verdicts(&comment).await;
    assert_eq!(verdicts, ["ours: matched", "elsewhere: not_matched"]);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn next_is_the_first_media_after_the_version() {
    let stage = Stage::build().await;
    stage
        .publish(
            "next",
            json!({"trigger": {"on": "comment", "media": "next"}}),
        )
        .await;
    let old = stage.comment("ada", "link");
    assert_eq!(stage.verdicts(&old).await, ["next: not_matched"]);
    // Meta tells times to the second.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let media = NewMedia {
        account: stage.account.ig_id.clone(),
        ..NewMedia::default()
    };
    let first = stage.world().create_media(now(), media.clone()).unwrap().id;
    let on = |media: &str, person: &str| CommentDraft {
        media: Some(media.to_owned()),
        ..CommentDraft::new(stage.account.ig_id.as_str(), person, "link")
    };
    let comment = stage.world().comment(now(), on(&first, "bob")).unwrap();
    stage.settled(&comment, "accepted").await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let second = stage.world().create_media(now(), media).unwrap().id;
    let comment = stage.world().comment(now(), on(&second, "eve")).unwrap();
    assert_eq!(stage.verdicts(&comment).await, ["next: not_matched"]);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_ends_automation_for_the_contact_until_start() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let acme = stage.account.ig_id.clone();
    let say = |text: &str| {
        stage
            .world()
            .message(now(), MessageDraft::text(&acme, "ada", text))
            .unwrap()
    };
    let stop = say("Stop!");
    stage.explained(&stop, |_| true).await;
    let comment = stage.comment("ada", "link");
    assert_eq!(stage.verdicts(&comment).await, ["link: skipped"]);
    let start = say("START");
    stage.explained(&start, |_| true).await;
    let comment = stage.comment("ada", "link");
    stage.settled(&comment, "accepted").await;
    stage.reached_exactly(1).await;
    stage.clear().await;
}
