//! Every call of the control API, made once in process: none is unknown, none is refused.

use bytes::Bytes;
use hookline_sim::{Answered, SimRequest, World, WorldConfig, control};
use serde_json::{Value, json};

const NOW: i64 = 1_790_000_000_000;

/// The control API of one world.
struct Control {
    world: World,
}

impl Control {
    fn ask(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let request = SimRequest {
            method: method.to_owned(),
            path: format!("/_sim/{path}"),
            query: form_urlencoded::parse(query.as_bytes())
                .map(|(key, value)| (key.into_owned(), value.into_owned()))
                .collect(),
            body: if body.is_null() {
                Bytes::new()
            } else {
                Bytes::from(body.to_string())
            },
            ..SimRequest::default()
        };
        let (status, value) = control::handle(&mut self.world, NOW, &request);
        assert_eq!(status, 200, "{method} {path}: {value}");
        value
    }

    fn post(&mut self, path: &str, body: &Value) -> Value {
        self.ask("POST", path, body)
    }

    fn get(&mut self, path: &str) -> Value {
        self.ask("GET", path, &Value::Null)
    }

    /// The fields of everything delivered since the last look.
    fn delivered(&mut self) -> Vec<&'static str> {
        let ids: Vec<_> = self
            .world
            .deliveries_due(NOW)
            .iter()
            .map(|due| due.id)
            .collect();
        for id in &ids {
            self.world
                .delivery_answered(NOW, *id, Answered::Status(200));
        }
        let records = self.world.deliveries().into_iter();
        records
            .filter(|record| ids.contains(&record.id))
            .flat_map(|record| record.kinds)
            .collect()
    }
}

fn stage() -> Control {
    let mut control = Control {
        world: World::new(WorldConfig::default()),
    };
    control.post("accounts", &json!({"username": "acme_store"}));
    control
}

#[test]
fn the_stage_is_set() {
    let mut control = stage();
    let shop = json!({"username": "shop", "login": "facebook", "page_id": "104", "ig_id": "17841400000000009"});
    let shop = control.post("accounts", &shop);
    assert_eq!(
        (&shop["page_id"], &shop["ig_id"]),
        (&json!("104"), &json!("17841400000000009"))
    );
    control.post("accounts/shop", &json!({"is_private": true}));
    let accounts = control.get("accounts");
    assert_eq!(accounts.as_array().map(Vec::len), Some(2));
    let fresh = control.post(
        "accounts/shop/tokens",
        &json!({"end": "expired", "issue": true}),
    );
    assert!(fresh["access_token"].is_string());
    let people = json!([{"username": "ada", "follows": ["shop"], "igsids": {"shop": "61"}}, {"username": "bob"}]);
    assert_eq!(
        control.post("people", &people)[0]["igsids"]["17841400000000009"],
        json!("61")
    );
    control.post(
        "people/bob",
        &json!({"account": "shop", "follows": true, "blocks": true}),
    );
    let live = control.post("media", &json!({"account": "shop", "product_type": "LIVE"}));
    let path = format!("media/{}", live["id"].as_str().unwrap_or_default());
    assert_eq!(
        control.post(&path, &json!({"is_on_air": false}))["is_on_air"],
        json!(false)
    );
    let other = json!({"other_apps": [{"id": "77", "name": "Other"}], "account_type": "creator", "page_tasks": []});
    assert_eq!(
        control.post("accounts/shop", &other)["account_type"],
        json!("creator")
    );
    let app = control.post("app", &json!({"is_live": false, "fields": ["comments"]}));
    assert_eq!(control.get("app"), app);
    assert_eq!(app["is_live"], json!(false));
    control.post("app", &json!({"is_live": true}));
    let choice =
        json!({"account": "shop", "declined_scopes": ["pages_show_list"], "bare_pages": ["Bare"]});
    control.post("oauth", &choice);
    control.post("clock", &json!({"advance_ms": 5}));
    assert_eq!(control.get("clock")["offset_ms"], json!(5));
    let policy = control.post(
        "policy",
        &json!({"end": "unsubscribe_after1_hour", "echo": {"after_ms": 3}}),
    );
    assert_eq!(policy["echo"], json!({"after_ms": 3}));
    assert_eq!(control.get("policy"), policy);
    control.post("limits", &json!({"texts_per_second": 1}));
    assert_eq!(control.get("limits")["texts_per_second"], json!(1));
    control.post("callback", &json!({"url": "http://127.0.0.1:1/"}));
    control.post("oauth", &json!({"account": "shop"}));
    assert_eq!(control.get("state?objects=1")["counts"]["people"], json!(2));
}

#[test]
fn people_act() {
    let mut control = stage();
    let who = |more: Value| {
        let mut body = json!({"account": "acme_store", "person": "ada"});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        body
    };
    let comment = control.post("comments", &who(json!({"text": "LINK"})));
    let list = json!([
        who(json!({})),
        who(json!({"product_type": "LIVE", "text": "hi"}))
    ]);
    control.post("comments", &list);
    assert_eq!(
        control.delivered(),
        ["comments", "comments", "live_comments"]
    );
    let id = comment["comment_id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    control.post(&format!("comments/{id}/repeat"), &Value::Null);
    control.ask("DELETE", &format!("comments/{id}"), &Value::Null);
    control.post("mentions", &who(json!({"text": "@acme_store"})));
    control.post(
        "mentions",
        &who(json!({"text": "@acme_store", "in_caption": true})),
    );
    assert_eq!(control.delivered(), ["comments", "mentions", "mentions"]);

    let image = json!({"attachments": [{"type": "image"}], "referral": {"product": {"id": "5"}}});
    control.post("messages", &who(image));
    let mid = control.post("messages", &who(json!({"text": "Yes", "quick_reply": "Y"})));
    let mid = mid["mid"].as_str().unwrap_or_default().to_owned();
    let answer = json!({"text": "this", "reply_to": {"mid": mid}});
    control.post("messages", &json!([who(answer)]));
    control.post("story_replies", &who(json!({"text": "want it"})));
    control.post("story_mentions", &who(json!({})));
    assert_eq!(control.delivered(), ["messages"; 5]);
    control.post("postbacks", &who(json!({"title": "Start", "payload": "S"})));
    control.post(
        "postbacks",
        &who(json!({"title": "Q", "payload": "Q", "is_ice_breaker": true})),
    );
    control.post("referrals", &who(json!({"ref": "bio"})));
    control.post(&format!("messages/{mid}/edit"), &json!({"text": "No"}));
    control.post(&format!("messages/{mid}/phantom_edit"), &Value::Null);
    control.post(&format!("messages/{mid}/seen"), &Value::Null);
    let love = json!({"reaction": {"name": "love", "emoji": "❤️"}});
    control.post(&format!("messages/{mid}/react"), &love);
    control.post(&format!("messages/{mid}/react"), &json!({"reaction": null}));
    control.post(&format!("messages/{mid}/unsend"), &Value::Null);
    let kinds = [
        "messaging_postbacks",
        "messaging_postbacks",
        "messaging_referral",
        "message_edit",
        "message_edit",
        "messaging_seen",
        "message_reactions",
        "message_reactions",
        "messages",
    ];
    assert_eq!(control.delivered(), kinds);
}

#[test]
fn owners_and_meta_act() {
    let mut control = stage();
    let comment = control.post(
        "comments",
        &json!({"account": "acme_store", "person": "ada"}),
    );
    control.delivered();
    let words = json!({"account": "acme_store", "person": "ada", "text": "by hand"});
    control.post("owner/messages", &words);
    let reply = json!({"comment_id": comment["comment_id"], "text": "by hand"});
    control.post("owner/private_replies", &reply);
    control.post(
        "owner/self_messages",
        &json!({"account": "acme_store", "text": "preview"}),
    );
    let public =
        json!({"media": comment["media_id"], "parent": comment["comment_id"], "text": "x"});
    control.post("owner/comments", &public);
    let echoes = [
        "message_echoes",
        "message_echoes",
        "message_echoes",
        "comments",
    ];
    assert_eq!(control.delivered(), echoes);
    let sent = control.get("sent?account=acme_store&person=ada&limit=2");
    assert_eq!(
        (&sent["total"], &sent["per_person"]["ada"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(sent["sent"].as_array().map(Vec::len), Some(2));
    let pair = json!({"account": "acme_store", "person": "ada", "app_id": "42"});
    control.post("thread_owner", &pair);
    let counts = json!({"impressions": 9, "reach": 8, "taps_forward": 7, "taps_back": -1, "exits": 6, "replies": 5});
    control.post(
        "story_insights",
        &json!({"media": comment["media_id"], "counts": counts}),
    );
    assert_eq!(
        control.delivered(),
        ["messaging_handover", "story_insights"]
    );
    control.post("dashboard_test", &json!({"field": "comments"}));
    assert_eq!(control.delivered(), ["raw"]);
    let signed = json!({"account": "acme_store", "tamper": "payload"});
    assert!(control.post("signed_requests", &signed)["signed_request"].is_string());
}

#[test]
fn trouble_is_scripted_and_what_happened_is_told() {
    let mut control = stage();
    let rules = json!([
        {"on": "private_reply", "times": 2, "then": {"error": {"code": 2, "is_transient": true}}},
        {"on": "any", "one_in": 3, "then": {"delay_ms": 5}},
        {"on": "send_message", "then": {"after_effect": {"status": 500, "code": 1, "regain_minutes": 3}}},
        {"on": "read_comment", "then": "html_after_effect"},
    ]);
    assert_eq!(
        control.post("faults", &rules)["calls"]
            .as_array()
            .map(Vec::len),
        Some(4)
    );
    let rules = json!([
        {"kind": "comments", "then": {"duplicate": 1}},
        {"then": {"signing": "sha1_only"}},
        {"kind": "messages", "then": "drop"},
    ]);
    control.post("delivery_faults", &rules);
    control.post(
        "comments",
        &json!({"account": "acme_store", "person": "ada", "text": "é"}),
    );
    assert_eq!(control.delivered(), ["comments"]);
    assert_eq!(control.delivered(), ["comments"], "the duplicate");
    assert_eq!(
        control.get("faults")["deliveries"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(
        control.ask("DELETE", "faults", &Value::Null)["calls"],
        json!([])
    );
    let one = control.get("deliveries/1");
    assert!(
        one["body"]
            .as_str()
            .is_some_and(|body| body.contains("\\u00e9"))
    );
    assert_eq!(
        control.get("deliveries")[0]["attempts"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    control.post("deliveries/1/redeliver", &Value::Null);
    control.post(
        "raw",
        &json!({"body_base64": "AAE=", "headers": {"X-Hub-Signature-256": "sha256="}}),
    );
    assert_eq!(control.delivered(), ["comments", "raw"]);
    assert_eq!(control.get("requests?limit=5"), json!([]));
    assert_eq!(control.get("alerts"), json!([]));
}
