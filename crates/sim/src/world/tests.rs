//! Stories of the world itself, called in process.

use serde_json::{Value, json};

use super::accounts::{Account, Login, NewAccount};
use super::comments::CommentDraft;
use super::config::{SecondReply, WorldConfig};
use super::inspect::SentKind;
use super::media::NewMedia;
use super::messages::MessageDraft;
use super::*;
use crate::delivery::Answered;
use crate::graph::{SimRequest, SimResponse};
use crate::wire::ProductType;
use bytes::Bytes;

const NOW: i64 = 1_790_000_000_000;
const HOUR: i64 = 3_600_000;

fn world() -> (World, Account) {
    let mut world = World::new(WorldConfig::default());
    let account = world
        .create_account(NOW, NewAccount::named("acme_store"))
        .unwrap();
    (world, account)
}

fn call(
    world: &mut World,
    now: i64,
    method: &str,
    path: &str,
    token: &str,
    body: &Value,
) -> SimResponse {
    let request = SimRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        query: Vec::new(),
        headers: vec![("authorization".to_owned(), format!("Bearer {token}"))],
        body: if body.is_null() {
            Bytes::new()
        } else {
            Bytes::from(body.to_string())
        },
    };
    world.request(now, &request)
}

fn get(world: &mut World, now: i64, path: &str, fields: &str, token: &str) -> (u16, Value) {
    let request = SimRequest {
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: vec![
            ("fields".to_owned(), fields.to_owned()),
            ("access_token".to_owned(), token.to_owned()),
        ],
        ..SimRequest::default()
    };
    let response = world.request(now, &request);
    (
        response.status,
        serde_json::from_slice(&response.body).unwrap(),
    )
}

fn body(response: &SimResponse) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

fn private_reply(world: &mut World, now: i64, account: &Account, comment: &str) -> SimResponse {
    let path = format!("/v26.0/{}/messages", account.ig_id);
    let message = json!({"recipient": {"comment_id": comment}, "message": {"text": "here"}});
    call(world, now, "POST", &path, &account.token, &message)
}

fn error_of(response: &SimResponse) -> (u16, i64, Option<i64>) {
    let error = &body(response)["error"];
    (
        response.status,
        error["code"].as_i64().unwrap(),
        error["error_subcode"].as_i64(),
    )
}

/// Delivers everything that is due and answers 200; returns the bodies.
fn deliver(world: &mut World, now: i64) -> Vec<Value> {
    let due = world.deliveries_due(now);
    let bodies = due
        .iter()
        .map(|delivery| serde_json::from_slice(&delivery.body).unwrap())
        .collect();
    for delivery in due {
        world.delivery_answered(now, delivery.id, Answered::Status(200));
    }
    bodies
}

#[test]
fn a_comment_is_delivered_read_answered_and_echoed() {
    let (mut world, account) = world();
    let comment = world
        .comment(NOW, CommentDraft::new("acme_store", "ada", "LINK"))
        .unwrap();
    let delivered = deliver(&mut world, NOW);
    let value = &delivered[0]["entry"][0]["changes"][0]["value"];
    assert_eq!(value["id"], json!(comment));
    assert_eq!(value["text"], json!("LINK"));
    assert_eq!(delivered[0]["entry"][0]["time"], json!(1_790_000_000));

    let path = format!("/{comment}");
    let (status, read) = get(
        &mut world,
        NOW,
        &path,
        "id,text,timestamp,from,media{id}",
        &account.token,
    );
    assert_eq!(status, 200);
    assert_eq!(read["timestamp"], json!("2026-09-21T14:13:20+0000"));
    assert_eq!(read["from"]["username"], json!("ada"));

    let answer = private_reply(&mut world, NOW + 10_000, &account, &comment);
    assert_eq!(answer.status, 200);
    let answered = body(&answer);
    assert_eq!(answered["recipient_id"], value["from"]["id"]);

    let echo = &deliver(&mut world, NOW + 10_000)[0]["entry"][0]["messaging"][0];
    assert_eq!(echo["message"]["mid"], answered["message_id"]);
    assert_eq!(echo["message"]["is_echo"], json!(true));
    assert_eq!(echo["sender"]["id"], json!(account.ig_id));

    let sent = world.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].kind, SentKind::PrivateReply);
    assert_eq!(sent[0].person.as_deref(), Some("ada"));
    assert_eq!(sent[0].calls, 1);
    assert!(world.is_settled());
}

#[test]
fn a_comment_gets_one_private_reply() {
    let (mut world, account) = world();
    let comment = world
        .comment(NOW, CommentDraft::new("acme_store", "ada", "LINK"))
        .unwrap();
    assert_eq!(
        private_reply(&mut world, NOW, &account, &comment).status,
        200
    );
    let second = private_reply(&mut world, NOW, &account, &comment);
    assert_eq!(error_of(&second), (400, 100, Some(2_534_023)));
    world.set_policy(Policy {
        second_reply: SecondReply::ServerError,
        ..Policy::default()
    });
    let third = private_reply(&mut world, NOW, &account, &comment);
    assert_eq!(error_of(&third), (500, -1, Some(2_534_023)));
    assert_eq!(world.sent().len(), 1);
    assert_eq!(world.sent()[0].calls, 3);
}

#[test]
fn a_private_reply_is_possible_for_seven_days_after_the_comment_was_written() {
    let (mut world, account) = world();
    let week = 7 * 24 * HOUR;
    let draft = CommentDraft {
        created_ms: Some(NOW - week + 1),
        ..CommentDraft::new("acme_store", "ada", "LINK")
    };
    let young = world.comment(NOW, draft.clone()).unwrap();
    let old = world
        .comment(
            NOW,
            CommentDraft {
                created_ms: Some(NOW - week),
                ..draft
            },
        )
        .unwrap();
    assert_eq!(private_reply(&mut world, NOW, &account, &young).status, 200);
    assert_eq!(
        error_of(&private_reply(&mut world, NOW, &account, &old)),
        (400, 10, Some(2_534_022))
    );
}

#[test]
fn a_live_comment_is_answered_only_while_on_air() {
    let (mut world, account) = world();
    let draft = CommentDraft {
        product_type: ProductType::Live,
        ..CommentDraft::new("acme_store", "ada", "LINK")
    };
    let first = world.comment(NOW, draft.clone()).unwrap();
    let second = world.comment(NOW, draft).unwrap();
    assert_eq!(private_reply(&mut world, NOW, &account, &first).status, 200);
    let media = world.find_comment(&second).unwrap().media.clone();
    world.set_on_air(&media, false).unwrap();
    assert_eq!(
        error_of(&private_reply(&mut world, NOW, &account, &second)).1,
        10
    );
}

#[test]
fn deleted_own_and_foreign_comments_get_no_private_reply() {
    let (mut world, account) = world();
    let other = world
        .create_account(NOW, NewAccount::named("other"))
        .unwrap();
    let deleted = world
        .comment(NOW, CommentDraft::new("acme_store", "ada", "LINK"))
        .unwrap();
    world.delete_comment(&deleted).unwrap();
    let foreign = world
        .comment(NOW, CommentDraft::new("other", "ada", "LINK"))
        .unwrap();
    let media = world.create_media(
        NOW,
        NewMedia {
            account: account.ig_id.clone(),
            ..NewMedia::default()
        },
    );
    let own = world
        .owner_comment(NOW, &media.unwrap().id, None, "LINK")
        .unwrap();
    for comment in [deleted, own, foreign.clone()] {
        let refused = private_reply(&mut world, NOW, &account, &comment);
        assert_eq!(error_of(&refused), (400, 100, Some(2_534_025)));
    }
    assert_eq!(private_reply(&mut world, NOW, &other, &foreign).status, 200);
}

fn dm(world: &mut World, now: i64, account: &Account, to: &str, message: &Value) -> SimResponse {
    let body = json!({"recipient": {"id": to}, "message": message});
    call(world, now, "POST", "/me/messages", &account.token, &body)
}

#[test]
fn the_window_is_opened_by_messages_and_not_by_comments() {
    let (mut world, account) = world();
    world
        .comment(NOW, CommentDraft::new("acme_store", "ada", "hi"))
        .unwrap();
    let ada = world.igsid("acme_store", "ada").unwrap();
    let refused = dm(&mut world, NOW, &account, &ada, &json!({"text": "hi"}));
    assert_eq!(error_of(&refused), (400, 10, Some(2_534_022)));
    world
        .message(NOW, MessageDraft::text("acme_store", "ada", "hello"))
        .unwrap();
    let day = 24 * HOUR;
    assert_eq!(
        dm(
            &mut world,
            NOW + day - 1,
            &account,
            &ada,
            &json!({"text": "hi"})
        )
        .status,
        200
    );
    let refused = dm(
        &mut world,
        NOW + day,
        &account,
        &ada,
        &json!({"text": "hi"}),
    );
    assert_eq!(error_of(&refused).1, 10);
    let stranger = dm(
        &mut world,
        NOW,
        &account,
        "6199999999999999",
        &json!({"text": "hi"}),
    );
    assert_eq!(error_of(&stranger), (400, 100, Some(2_534_014)));
}

#[test]
fn message_content_is_checked_in_bytes_and_counts() {
    let (mut world, account) = world();
    world
        .message(NOW, MessageDraft::text("acme_store", "ada", "hello"))
        .unwrap();
    let ada = world.igsid("acme_store", "ada").unwrap();
    let quick = |count: usize| {
        let one = json!({"content_type": "text", "title": "Yes", "payload": "Y"});
        json!({"text": "?", "quick_replies": vec![one; count]})
    };
    let template = |elements: usize| {
        let element = json!({"title": "a", "subtitle": "b"});
        json!({"attachment": {"type": "template", "payload":
            {"template_type": "generic", "elements": vec![element; elements]}}})
    };
    let cases = [
        (json!({"text": "é".repeat(500)}), 200),
        (json!({"text": "é".repeat(500) + "a"}), 400),
        (quick(13), 200),
        (quick(14), 400),
        (template(10), 200),
        (template(11), 400),
        (
            json!({"text": "x", "attachment": {"type": "image", "payload": {"url": "u"}}}),
            400,
        ),
        (
            json!({"attachment": {"type": "image", "payload": {"url": "u"}}}),
            200,
        ),
        (json!({}), 400),
    ];
    for (message, status) in cases {
        let answer = dm(&mut world, NOW, &account, &ada, &message);
        assert_eq!(answer.status, status, "{message}");
    }
}

#[test]
fn the_hourly_limit_of_private_replies_is_per_account_and_names_the_minutes() {
    let (mut world, account) = world();
    let limits = Limits {
        private_replies_per_hour: 2,
        ..Limits::default()
    };
    world.set_limits(limits);
    let mut comments = Vec::new();
    for person in ["a", "b", "c"] {
        comments.push(
            world
                .comment(NOW, CommentDraft::new("acme_store", person, "LINK"))
                .unwrap(),
        );
    }
    assert_eq!(
        private_reply(&mut world, NOW, &account, &comments[0]).status,
        200
    );
    assert_eq!(
        private_reply(&mut world, NOW, &account, &comments[1]).status,
        200
    );
    let refused = private_reply(&mut world, NOW + 60_000, &account, &comments[2]);
    assert_eq!(error_of(&refused), (400, 80_002, None));
    let usage = refused
        .headers
        .iter()
        .find(|(name, _)| name == "X-Business-Use-Case-Usage")
        .unwrap();
    let usage: Value = serde_json::from_str(&usage.1).unwrap();
    assert_eq!(usage[&account.ig_id][0]["call_count"], json!(100));
    assert_eq!(
        usage[&account.ig_id][0]["estimated_time_to_regain_access"],
        json!(59)
    );
    assert_eq!(
        private_reply(&mut world, NOW + HOUR, &account, &comments[2]).status,
        200
    );
}

#[test]
fn conversation_reads_are_limited_by_the_second() {
    let (mut world, account) = world();
    for _ in 0..2 {
        let read = call(
            &mut world,
            NOW,
            "GET",
            "/me/conversations",
            &account.token,
            &Value::Null,
        );
        assert_eq!(read.status, 200);
    }
    let third = call(
        &mut world,
        NOW,
        "GET",
        "/me/conversations",
        &account.token,
        &Value::Null,
    );
    assert_eq!(error_of(&third), (400, 613, Some(2_534_040)));
}

#[test]
fn facebook_login_sends_on_the_page_node_only() {
    let mut world = World::new(WorldConfig::default());
    let new = NewAccount {
        login: Login::Facebook,
        ..NewAccount::named("acme_store")
    };
    let account = world.create_account(NOW, new).unwrap();
    let page = account.page_id.clone().unwrap();
    let comment = world
        .comment(NOW, CommentDraft::new("acme_store", "ada", "LINK"))
        .unwrap();
    let message = json!({"recipient": {"comment_id": comment}, "message": {"text": "x"}});
    let on_ig_node = format!("/fb/v26.0/{}/messages", account.ig_id);
    let refused = call(
        &mut world,
        NOW,
        "POST",
        &on_ig_node,
        &account.token,
        &message,
    );
    assert_eq!(error_of(&refused), (400, 3, None));
    let on_ig_host = format!("/ig/v26.0/{}/messages", account.ig_id);
    let refused = call(
        &mut world,
        NOW,
        "POST",
        &on_ig_host,
        &account.token,
        &message,
    );
    assert_eq!(error_of(&refused).1, 190);
    let on_page_node = format!("/fb/v26.0/{page}/messages");
    assert_eq!(
        call(
            &mut world,
            NOW,
            "POST",
            &on_page_node,
            &account.token,
            &message
        )
        .status,
        200
    );
}
