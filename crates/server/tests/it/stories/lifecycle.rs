//! Staying connected: what Meta drops is asked for again, what was missed is read back, tokens are
//! refreshed, and people are told.

use std::time::Duration;

use hookline_sim::world::comments::CommentDraft;
use hookline_sim::world::messages::MessageDraft;
use hookline_sim::world::tokens::TokenEnd;
use hookline_sim::world::{EndPolicy, NewAccount, Policy};
use hookline_sim::{FaultRule, Trouble, WorldConfig};
use serde_json::{Value, json};

use crate::stage::{Stage, now, pass, wait};

/// After this every subscription was looked at again.
const PERIOD: Duration = Duration::from_mins(16);

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// A server that keeps its subscription, and a Meta that unsubscribes after an hour of failures.
async fn kept() -> Stage {
    kept_with(&[]).await
}

async fn kept_with(more: &[(&'static str, &str)]) -> Stage {
    let policy = Policy {
        end: EndPolicy::UnsubscribeAfter1Hour,
        ..Policy::default()
    };
    let config = WorldConfig {
        policy,
        ..WorldConfig::default()
    };
    let mut stage = Stage::build_with(NewAccount::named("acme"), config).await;
    let managed = ("HOOKLINE_META__MANAGE_SUBSCRIPTION", "true");
    let settings: Vec<_> = more.iter().copied().chain([managed]).collect();
    stage.move_to_public(&settings).await;
    stage.publish("link", json!({})).await;
    pass(PERIOD);
    // Everything was seen to be as wanted once.
    let looked = wait(|| async { is_watched(&stage).then_some(()) }).await;
    assert!(looked.is_some(), "nobody looked at the subscription");
    stage
}

fn calls(stage: &Stage, endpoint: &str) -> usize {
    let world = stage.world();
    let requests = world.requests();
    requests
        .iter()
        .filter(|call| call.endpoint == endpoint)
        .count()
}

fn is_watched(stage: &Stage) -> bool {
    calls(stage, "subscribed_apps") > 0 && calls(stage, "subscriptions") > 0
}

fn is_subscribed(stage: &Stage) -> bool {
    let world = stage.world();
    !world
        .find_account("acme")
        .unwrap()
        .subscribed_fields
        .is_empty()
}

async fn alerts(stage: &Stage, code: &str) -> Vec<Value> {
    let answer = stage
        .get(&format!("/api/v1/alerts?state=all&code={code}"))
        .await;
    answer["items"].as_array().unwrap().clone()
}

/// People comment while nobody can be told of it; each is to get one reply.
fn comment_by(stage: &Stage, people: std::ops::Range<u32>) {
    for person in people {
        let name = format!("person{person}");
        let draft = CommentDraft::new(stage.account.ig_id.as_str(), name, "link please");
        stage.world().comment(now(), draft).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn meta_unsubscribes_after_an_hour_and_events_flow_again_by_themselves() {
    let mut stage = kept().await;
    stage.stop().await;
    // An hour of failures: Meta's tries fail one after the other.
    comment_by(&stage, 0..1);
    for _ in 0..14 {
        pass(Duration::from_mins(5));
        tokio::time::sleep(Duration::from_millis(60)).await;
        comment_by(&stage, 1..2);
    }
    let dropped = wait(|| async { (!is_subscribed(&stage)).then_some(()) }).await;
    assert!(dropped.is_some(), "Meta dropped nothing");
    stage.start().await;
    let again = wait(|| async { is_subscribed(&stage).then_some(()) }).await;
    assert!(again.is_some(), "nobody asked Meta again");
    let live = stage.comment("later", "link please");
    stage.settled(&live, "accepted").await;
    let raised = wait(|| async {
        let found = alerts(&stage, "account_not_subscribed").await;
        (!found.is_empty()).then_some(())
    })
    .await;
    assert!(raised.is_some(), "nobody was told");
    // The next look finds everything as wanted.
    pass(HOUR);
    let resolved = wait(|| async {
        let found = alerts(&stage, "account_not_subscribed").await;
        found
            .iter()
            .all(|alert| !alert["resolved_at"].is_null())
            .then_some(())
    })
    .await;
    assert!(resolved.is_some(), "the alert stays open");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_meta_drops_beside_a_running_server_is_asked_for_again() {
    let stage = kept().await;
    let change = serde_json::from_value(json!({"subscribed_fields": []})).unwrap();
    stage.world().change_account("acme", change).unwrap();
    assert!(!is_subscribed(&stage));
    pass(PERIOD);
    let again = wait(|| async { is_subscribed(&stage).then_some(()) }).await;
    assert!(again.is_some(), "nobody asked Meta again within a period");
    let live = stage.comment("ada", "link please");
    stage.settled(&live, "accepted").await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hours_of_downtime_lose_nobody_and_answer_nobody_twice() {
    let mut stage = kept().await;
    let hello = json!({
        "trigger": {"on": "message"},
        "match": {"mode": "any"},
        "steps": [{"do": "dm", "text": "Hello"}],
    });
    stage.publish("hello", hello).await;
    // Known before the downtime.
    let known = stage.comment("early", "link please");
    stage.settled(&known, "accepted").await;
    stage.stop().await;
    pass(Duration::from_mins(5));
    // Meta tells of nothing that happens in these two hours, now or later.
    let tells = |is_live: bool| {
        let change = serde_json::from_value(json!({"is_live": is_live})).unwrap();
        stage.world().change_app(change).unwrap();
    };
    tells(false);
    comment_by(&stage, 0..10);
    pass(HOUR);
    let acme = stage.account.ig_id.clone();
    let reply_to = known.clone();
    let mut reply = CommentDraft::new(acme.as_str(), "replier", "link please");
    reply.parent = Some(reply_to);
    stage.world().comment(now(), reply).unwrap();
    let message = MessageDraft::text(&acme, "writer", "hello there");
    stage.world().message(now(), message).unwrap();
    pass(HOUR);
    tells(true);
    stage.start().await;
    // Meta's own repeats have a minute before anything is read back.
    pass(Duration::from_mins(2));
    // One before, 10 comments and a message; the reply is missed too, and answers no automation.
    let reached = wait(|| async {
        let reached = stage.reached();
        (reached.len() >= 12).then_some(reached)
    })
    .await;
    let mut reached = reached.unwrap_or_else(|| panic!("only {:?}", stage.reached()));
    reached.sort();
    for person in 0..10 {
        let line = format!("person{person}: Here it is");
        assert_eq!(
            reached.iter().filter(|found| **found == line).count(),
            1,
            "{reached:?}"
        );
    }
    assert!(reached.contains(&"writer: Hello".to_owned()), "{reached:?}");
    let events = stage.get("/api/v1/events?kind=comment_received").await;
    let of = |is_backfilled: bool| {
        let events = events["items"].as_array().unwrap();
        events
            .iter()
            .filter(|event| event["backfilled"] == is_backfilled)
            .count()
    };
    assert_eq!((of(true), of(false)), (11, 1), "{events:#}");
    let told = wait(|| async {
        let found = alerts(&stage, "events_missed").await;
        found.first().cloned()
    })
    .await;
    let detail = told.expect("nobody was told")["detail"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        detail.contains("11 comments and 1 messages missed"),
        "{detail}"
    );
    stage.reached_exactly(12).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_whose_events_never_came_are_noticed_and_answered() {
    let stage = kept_with(&[("HOOKLINE_WATCH__SILENCE_EVERY", "10s")]).await;
    let first = stage.comment("ada", "link please");
    stage.settled(&first, "accepted").await;
    // The first look counts, the second compares. The clock is not moved: what it jumps over is
    // read back anyway, as a downtime.
    let counted = wait(|| async { (calls(&stage, "list_media") > 0).then_some(()) }).await;
    assert!(counted.is_some(), "nobody counted");
    let mut draft = CommentDraft::new(stage.account.ig_id.as_str(), "unheard", "link please");
    draft.is_silent = true;
    // Its event is no longer on its way.
    draft.created_ms = Some(now() - 210_000);
    stage.world().comment(now(), draft).unwrap();
    let reached = wait(|| async {
        let line = "unheard: Here it is".to_owned();
        stage.reached().contains(&line).then_some(())
    })
    .await;
    assert!(reached.is_some(), "{:?}", stage.reached());
    assert!(
        !alerts(&stage, "account_silent").await.is_empty(),
        "nobody was told"
    );
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_refreshed_before_it_ends() {
    let stage = kept().await;
    let policy = Policy {
        refresh_keeps_old_token: false,
        ..stage.world().config().policy.clone()
    };
    stage.world().set_policy(policy);
    // Nobody said when it ends, so it is refreshed as soon as it may be; then in the middle of each
    // life. In the end the first two tokens are dead for long.
    for (count, days, person) in [(1, 2, "ada"), (2, 31, "bob"), (3, 31, "eve")] {
        pass(DAY * days);
        let refreshed = wait(|| async { (calls(&stage, "refresh_token") >= count).then_some(()) });
        assert!(
            refreshed.await.is_some(),
            "it was not refreshed the {count}. time"
        );
        // Meta takes the new one only, so the refresh is over when this is sent.
        let live = stage.comment(person, "link please");
        stage.settled(&live, "accepted").await;
    }
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_holds_and_a_new_one_resumes() {
    let stage = kept().await;
    stage
        .world()
        .end_tokens("acme", TokenEnd::PasswordChanged)
        .unwrap();
    let waiting = stage.comment("ada", "link please");
    stage.settled(&waiting, "held").await;
    let raised =
        wait(|| async { (!alerts(&stage, "token_dead").await.is_empty()).then_some(()) }).await;
    assert!(raised.is_some(), "nobody was told");
    let told = &alerts(&stage, "token_dead").await[0];
    let what_to_do = told["what_to_do"].as_str().unwrap();
    assert!(
        what_to_do.ends_with(&format!("{}/oauth", stage.server)),
        "{what_to_do}"
    );
    let token = stage.world().replace_token(now(), "acme").unwrap();
    let account = stage.account.clone();
    stage.connect_account(&account, &token).await;
    stage.settled(&waiting, "accepted").await;
    let found = alerts(&stage, "token_dead").await;
    assert!(!found[0]["resolved_at"].is_null(), "{found:?}");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_meta_does_not_know_are_done_without_and_told() {
    let stage = kept().await;
    let policy = Policy {
        refused_fields: ["message_edit".to_owned(), "messaging_seen".to_owned()].into(),
        ..stage.world().config().policy.clone()
    };
    stage.world().set_policy(policy);
    let change = serde_json::from_value(json!({"subscribed_fields": []})).unwrap();
    stage.world().change_account("acme", change).unwrap();
    let change = serde_json::from_value(json!({"is_dropped": true})).unwrap();
    stage.world().change_app(change).unwrap();
    pass(PERIOD);
    let again = wait(|| async {
        let is_kept = stage.world().app().fields.contains("comments");
        (is_kept && is_subscribed(&stage)).then_some(())
    })
    .await;
    assert!(again.is_some(), "two names made Meta refuse everything");
    let fields = stage
        .world()
        .find_account("acme")
        .unwrap()
        .subscribed_fields
        .clone();
    assert!(
        fields.contains("comments") && !fields.contains("message_edit"),
        "{fields:?}"
    );
    let raised = wait(|| async {
        alerts(&stage, "subscription_refused")
            .await
            .first()
            .cloned()
    })
    .await;
    let detail = raised.expect("nobody was told")["detail"].to_string();
    assert!(
        detail.contains("message_edit") && detail.contains("messaging_seen"),
        "{detail}"
    );
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_signatures_in_numbers_have_the_subscriptions_looked_at() {
    let stage = kept().await;
    let looked = calls(&stage, "subscribed_apps");
    for _ in 0..12 {
        let body = "{\"object\":\"instagram\",\"entry\":[]}".to_owned();
        let (status, _) = stage
            .plain(
                "POST",
                "/webhooks/instagram",
                Some(("application/json", body)),
            )
            .await;
        assert_eq!(status, 401);
    }
    let again = wait(|| async { (calls(&stage, "subscribed_apps") > looked).then_some(()) }).await;
    assert!(again.is_some(), "nobody looked whether Meta gave up on us");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_removed_is_unsubscribed_first() {
    let stage = kept().await;
    let path = format!("/api/v1/accounts/{}", stage.account.ig_id);
    assert_eq!(stage.call("DELETE", &path, None).await.0, 204);
    assert!(!is_subscribed(&stage), "Meta goes on delivering");
    assert_eq!(stage.call("DELETE", &path, None).await.0, 404);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_stored_over_the_api_is_subscribed_when_asked_for() {
    let stage = Stage::build().await;
    let change = serde_json::from_value(json!({"subscribed_fields": []})).unwrap();
    stage.world().change_account("acme", change).unwrap();
    stage.connect().await;
    assert!(!is_subscribed(&stage), "nobody asked for it");
    let path = format!("/api/v1/accounts/{}?subscribe=true", stage.account.ig_id);
    let body =
        json!({"username": "acme", "access_token": stage.account.token, "login": "instagram"});
    let (status, answer) = stage.call("PUT", &path, Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    assert!(is_subscribed(&stage));
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_refreshed_is_told_of_again_and_again() {
    let stage = kept().await;
    let mut rule = FaultRule::once("refresh_token", Trouble::Html);
    rule.times = 0;
    stage.world().script_fault(rule).unwrap();
    // Sixty days, of which Meta refuses every refresh; each step is told of once it is reached.
    let mut days_left = 60;
    for step in [13, 6, 2, 0] {
        let whole = DAY * (days_left - step);
        pass(whole.saturating_sub(HOUR));
        days_left = step;
        let words = format!("in {step} days");
        // The try that told of the last step may not have been over when all that time passed, and
        // then the next one waits from here.
        let mut left = HOUR;
        let told = wait(|| {
            if left > HOUR / 2 {
                left -= MINUTE;
                pass(MINUTE);
            }
            async {
                let found = alerts(&stage, "token_expiring").await;
                let detail = found.first()?["detail"].as_str()?.to_owned();
                detail.contains(&words).then_some(())
            }
        });
        assert!(told.await.is_some(), "nobody was told {words}");
        pass(left);
    }
    assert_eq!(
        alerts(&stage, "token_expiring").await.len(),
        1,
        "one alert, renewed"
    );
    stage.clear().await;
}
