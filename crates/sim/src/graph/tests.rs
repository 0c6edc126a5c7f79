//! Reads, writes and logins through the Graph API.

mod lifecycle;
mod logins;

use serde_json::{Value, json};

use super::*;
use crate::delivery::Answered;
use crate::faults::FaultRule;
use crate::wire::ProductType;
use crate::world::accounts::{Account, AccountChange, Login, NewAccount};
use crate::world::comments::{CommentDraft, MentionDraft};
use crate::world::media::NewMedia;
use crate::world::messages::MessageDraft;
use crate::world::people::NewPerson;
use crate::world::platform::Tamper;
use crate::world::tokens::TokenEnd;
use crate::world::{EchoTiming, Policy, WorldConfig};

const NOW: i64 = 1_790_000_000_000;
const HOUR: i64 = 3_600_000;
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A world with one account, and a client that calls with its token.
struct Stage {
    world: World,
    account: Account,
    now: i64,
}

impl Stage {
    fn new() -> Self {
        Self::with(NewAccount::named("acme_store"))
    }

    fn with(new: NewAccount) -> Self {
        let mut world = World::new(WorldConfig::default());
        let account = world.create_account(NOW, new).unwrap();
        Self {
            world,
            account,
            now: NOW,
        }
    }

    fn raw(&mut self, method: &str, url: &str, token: &str, body: &Value) -> SimResponse {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let request = SimRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: form_urlencoded::parse(query.as_bytes())
                .map(|(key, value)| (key.into_owned(), value.into_owned()))
                .collect(),
            headers: vec![
                ("Authorization".to_owned(), format!("Bearer {token}")),
                ("Host".to_owned(), "localhost:1".to_owned()),
            ],
            body: if body.is_null() {
                Bytes::new()
            } else {
                Bytes::from(body.to_string())
            },
        };
        self.world.request(self.now, &request)
    }

    fn call(&mut self, method: &str, url: &str, body: &Value) -> (u16, Value) {
        let token = self.account.token.clone();
        let response = self.raw(method, url, &token, body);
        (
            response.status,
            serde_json::from_slice(&response.body).unwrap(),
        )
    }

    fn get(&mut self, url: &str) -> Value {
        let (status, value) = self.call("GET", url, &Value::Null);
        assert_eq!(status, 200, "{url}: {value}");
        value
    }

    fn refused(&mut self, method: &str, url: &str, body: &Value) -> (i64, Option<i64>) {
        let (status, value) = self.call(method, url, body);
        assert_ne!(status, 200, "{url}: {value}");
        assert!(
            value["error"]["fbtrace_id"]
                .as_str()
                .unwrap()
                .starts_with('A')
        );
        (
            value["error"]["code"].as_i64().unwrap(),
            value["error"]["error_subcode"].as_i64(),
        )
    }

    fn comment(&mut self, text: &str) -> String {
        self.world
            .comment(self.now, CommentDraft::new("acme_store", "ada", text))
            .unwrap()
    }

    /// Everything due now, answered with 200.
    fn delivered(&mut self) -> Vec<Value> {
        let due = self.world.deliveries_due(self.now);
        for delivery in &due {
            self.world
                .delivery_answered(self.now, delivery.id, Answered::Status(200));
        }
        due.iter()
            .map(|delivery| serde_json::from_slice(&delivery.body).unwrap())
            .collect()
    }
}

#[test]
fn me_tells_the_app_scoped_id_and_the_id_of_webhooks_apart() {
    let mut stage = Stage::new();
    let me = stage.get("/v26.0/me?fields=user_id,username");
    assert_eq!(me["user_id"], json!(stage.account.ig_id));
    assert_eq!(me["id"], json!(stage.account.app_scoped_id));
    assert_ne!(me["id"], me["user_id"]);
    assert_eq!(
        stage.refused("GET", "/me?fields=nonsense", &Value::Null),
        (100, None)
    );
    assert_eq!(
        stage.refused("GET", "/17841499999999999", &Value::Null),
        (100, Some(33))
    );
}

#[test]
fn a_comment_answers_only_the_fields_asked_for() {
    let mut stage = Stage::new();
    let comment = stage.comment("LINK");
    let default = stage.get(&format!("/{comment}"));
    let keys: Vec<_> = default.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "text", "timestamp"]);
    let draft = CommentDraft {
        parent: Some(comment.clone()),
        text: None,
        ..CommentDraft::new("acme_store", "bob", "")
    };
    let reply = stage.world.comment(NOW, draft).unwrap();
    let read = stage.get(&format!(
        "/{reply}?fields=text,parent_id,media{{id,media_product_type}}"
    ));
    assert_eq!(read["parent_id"], json!(comment));
    assert_eq!(read["media"]["media_product_type"], json!("FEED"));
    assert!(read.get("text").is_none());
    let replies = stage.get(&format!("/{comment}/replies?fields=id,username"));
    assert_eq!(replies["data"], json!([{"id": reply, "username": "bob"}]));
    let nested = stage.get(&format!("/{comment}?fields=replies.limit(1){{id}}"));
    assert_eq!(nested["replies"]["data"][0]["id"], json!(reply));
    stage.world.delete_comment(&comment).unwrap();
    let url = format!("/{comment}");
    assert_eq!(stage.refused("GET", &url, &Value::Null), (100, Some(33)));
}

#[test]
fn a_public_reply_is_a_comment_of_our_own() {
    let mut stage = Stage::new();
    let comment = stage.comment("LINK");
    stage.delivered();
    let url = format!("/{comment}/replies?message=Sent%20you%20a%20DM");
    let (status, answer) = stage.call("POST", &url, &Value::Null);
    assert_eq!(status, 200);
    let event = &stage.delivered()[0]["entry"][0]["changes"][0]["value"];
    assert_eq!(event["id"], answer["id"]);
    assert_eq!(event["from"]["id"], json!(stage.account.ig_id));
    assert_eq!(
        event["from"]["self_ig_scoped_id"],
        json!(stage.account.own_igsid)
    );
    assert_eq!(event["parent_id"], json!(comment));
    // Asking for fields fails the call after the comment was made.
    let url = format!("/{comment}/replies?message=again&fields=id");
    assert_eq!(
        stage.refused("POST", &url, &Value::Null),
        (20, Some(1_772_107))
    );
    assert_eq!(stage.world.sent().len(), 2);
    assert_eq!(
        stage
            .call("POST", &format!("/{comment}?hide=true"), &Value::Null)
            .0,
        200
    );
    let url = format!("/{comment}/replies?message=more");
    assert_eq!(stage.refused("POST", &url, &Value::Null), (100, None));
    assert_eq!(
        stage.call("DELETE", &format!("/{comment}"), &Value::Null).0,
        200
    );
    assert!(stage.world.find_comment(&comment).unwrap().is_deleted);
    assert_eq!(
        stage.delivered().len(),
        1,
        "hiding and deleting produce no event"
    );
}

#[test]
fn lists_are_paged_newest_first() {
    let mut stage = Stage::new();
    for number in 0..3 {
        stage.comment(&format!("comment {number}"));
    }
    let media = stage.get("/me/media?fields=id,caption,permalink")["data"][0]["id"].clone();
    let media = media.as_str().unwrap();
    let first = stage.get(&format!("/{media}/comments?fields=text&limit=2"));
    assert_eq!(first["data"][0]["text"], json!("comment 2"));
    let next = first["paging"]["next"].as_str().unwrap();
    assert!(!next.contains("access_token"));
    let next = next.strip_prefix("http://localhost:1").unwrap().to_owned();
    let second = stage.get(&next);
    assert_eq!(second["data"].as_array().unwrap().len(), 1);
    assert!(second["paging"].get("next").is_none());
    let ad = NewMedia {
        account: "acme_store".to_owned(),
        product_type: ProductType::Ad,
        ..NewMedia::default()
    };
    stage.world.create_media(NOW, ad).unwrap();
    assert_eq!(stage.get("/me/media")["data"].as_array().unwrap().len(), 1);
}

#[test]
fn a_profile_needs_consent() {
    let mut stage = Stage::new();
    stage.comment("hi");
    let ada = stage.world.igsid("acme_store", "ada").unwrap();
    let url = format!("/{ada}?fields=name,username,is_user_follow_business");
    assert_eq!(stage.refused("GET", &url, &Value::Null), (230, None));
    stage
        .world
        .message(NOW, MessageDraft::text("acme_store", "ada", "hi"))
        .unwrap();
    let profile = stage.get(&url);
    assert_eq!(profile["username"], json!("ada"));
    assert_eq!(profile["name"], Value::Null);
}

#[test]
fn each_account_sees_its_own_id_of_a_person() {
    let mut stage = Stage::new();
    stage
        .world
        .create_account(NOW, NewAccount::named("other"))
        .unwrap();
    let here = stage.world.igsid("acme_store", "ada").unwrap();
    let there = stage.world.igsid("other", "ada").unwrap();
    assert_ne!(here, there);
    stage
        .world
        .message(NOW, MessageDraft::text("other", "ada", "hi"))
        .unwrap();
    let body = json!({"recipient": {"id": there}, "message": {"text": "hi"}});
    assert_eq!(
        stage.refused("POST", "/me/messages", &body),
        (100, Some(2_534_014))
    );
}

#[test]
fn a_conversation_tells_what_was_sent() {
    let mut stage = Stage::new();
    for number in 0..25 {
        let draft = MessageDraft::text("acme_store", "ada", format!("message {number}"));
        stage.world.message(NOW + number, draft).unwrap();
    }
    stage.now = NOW + 1_000;
    let ada = stage.world.igsid("acme_store", "ada").unwrap();
    let body = json!({"recipient": {"id": ada}, "message": {"text": "here you are"}});
    let (_, sent) = stage.call("POST", "/me/messages", &body);
    let list = stage.get(&format!(
        "/me/conversations?platform=instagram&user_id={ada}"
    ));
    let conversation = list["data"][0]["id"].as_str().unwrap().to_owned();
    let fields = "messages.limit(30){id,message,from,to,created_time}";
    let read = stage.get(&format!("/{conversation}?fields={fields}"));
    let messages = read["messages"]["data"].as_array().unwrap();
    assert_eq!(messages.len(), 26);
    assert_eq!(messages[0]["id"], sent["message_id"]);
    assert_eq!(messages[0]["message"], json!("here you are"));
    assert_eq!(messages[0]["from"]["id"], json!(stage.account.ig_id));
    assert!(
        messages[20].get("message").is_none(),
        "details end after 20 messages"
    );
    stage.now += 1_000;
    let oldest = messages[25]["id"].as_str().unwrap();
    let url = format!("/{oldest}?fields=message");
    assert_eq!(stage.refused("GET", &url, &Value::Null), (9_000_001, None));
    let newest = format!(
        "/{}?fields=id,message",
        sent["message_id"].as_str().unwrap()
    );
    assert_eq!(stage.get(&newest)["message"], json!("here you are"));
}

#[test]
fn quiet_requests_vanish_from_the_list_after_30_days() {
    let mut stage = Stage::new();
    let follower = NewPerson {
        username: "fan".to_owned(),
        follows: vec!["acme_store".to_owned()],
        ..NewPerson::default()
    };
    stage.world.create_person(follower).unwrap();
    for person in ["fan", "stranger"] {
        stage
            .world
            .message(NOW, MessageDraft::text("acme_store", person, "hi"))
            .unwrap();
    }
    assert_eq!(
        stage.get("/me/conversations")["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    stage.now = NOW + 30 * 24 * HOUR;
    assert_eq!(
        stage.get("/me/conversations")["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn mentions_are_read_through_the_account() {
    let mut stage = Stage::new();
    let draft = MentionDraft {
        account: "acme_store".to_owned(),
        person: "ada".to_owned(),
        text: "look @acme_store".to_owned(),
        ..MentionDraft::default()
    };
    let (media, comment) = stage.world.mention(NOW, draft).unwrap();
    let comment = comment.unwrap();
    let event = &stage.delivered()[0]["entry"][0]["changes"][0];
    assert_eq!(
        event["value"],
        json!({"comment_id": comment, "media_id": media})
    );
    let url = format!("/{comment}");
    assert_eq!(stage.refused("GET", &url, &Value::Null), (100, Some(33)));
    let fields = format!("mentioned_comment.comment_id({comment}){{text,username}}");
    let read = stage.get(&format!("/{}?fields={fields}", stage.account.ig_id));
    assert_eq!(read["mentioned_comment"]["text"], json!("look @acme_store"));
}

#[test]
fn the_owner_can_shut_the_door() {
    let mut stage = Stage::new();
    let comment = stage.comment("LINK");
    let body = json!({"recipient": {"comment_id": comment}, "message": {"text": "x"}});
    let shut = AccountChange {
        allows_message_access: Some(false),
        ..AccountChange::default()
    };
    stage.world.change_account("acme_store", shut).unwrap();
    assert_eq!(
        stage.refused("POST", "/me/messages", &body),
        (200, Some(2_534_041))
    );
    let blocked = AccountChange {
        allows_message_access: Some(true),
        is_blocked: Some(true),
        ..AccountChange::default()
    };
    stage.world.change_account("acme_store", blocked).unwrap();
    assert_eq!(stage.refused("POST", "/me/messages", &body), (368, None));
    let free = AccountChange {
        is_blocked: Some(false),
        ..AccountChange::default()
    };
    stage.world.change_account("acme_store", free).unwrap();
    stage.world.set_blocks("ada", "acme_store", true).unwrap();
    assert_eq!(
        stage.refused("POST", "/me/messages", &body),
        (551, Some(1_545_041))
    );
    stage.world.set_blocks("ada", "acme_store", false).unwrap();
    stage
        .world
        .set_thread_owner(NOW, "acme_store", "ada", Some("42"))
        .unwrap();
    assert_eq!(
        stage.refused("POST", "/me/messages", &body),
        (100, Some(2_534_037))
    );
}

#[test]
fn another_apps_thread_is_heard_on_standby() {
    let mut stage = Stage::new();
    stage
        .world
        .set_thread_owner(NOW, "acme_store", "ada", Some("42"))
        .unwrap();
    stage
        .world
        .message(NOW, MessageDraft::text("acme_store", "ada", "hi"))
        .unwrap();
    let delivered = stage.delivered();
    let taken = &delivered[0]["entry"][0]["messaging"][0]["take_thread_control"];
    assert_eq!(taken["new_owner_app_id"], json!("42"));
    assert_eq!(
        delivered[1]["entry"][0]["standby"][0]["message"]["text"],
        json!("hi")
    );
    stage
        .world
        .set_thread_owner(NOW, "acme_store", "ada", None)
        .unwrap();
    stage
        .world
        .message(NOW, MessageDraft::text("acme_store", "ada", "hi"))
        .unwrap();
    assert!(stage.delivered()[1]["entry"][0].get("messaging").is_some());
}

#[test]
fn an_echo_comes_before_the_answer_late_or_never() {
    let mut stage = Stage::new();
    stage
        .world
        .message(NOW, MessageDraft::text("acme_store", "ada", "hi"))
        .unwrap();
    stage.delivered();
    let ada = stage.world.igsid("acme_store", "ada").unwrap();
    let body = json!({"recipient": {"id": ada}, "message": {"text": "hello"}});
    let token = stage.account.token.clone();
    let cases = [
        (EchoTiming::BeforeAnswerMs(250), 250, Some(NOW)),
        (EchoTiming::AfterMs(900), 0, Some(NOW + 900)),
        (EchoTiming::Never, 0, None),
    ];
    for (echo, delay_ms, due) in cases {
        stage.world.set_policy(Policy {
            echo,
            ..Policy::default()
        });
        let answer = stage.raw("POST", "/me/messages", &token, &body);
        assert_eq!((answer.status, answer.delay_ms), (200, delay_ms));
        assert_eq!(stage.world.next_due(), due);
        stage.now = NOW + 900;
        stage.delivered();
        stage.now = NOW;
    }
    assert_eq!(stage.world.sent()[0].calls, 3);
}

#[test]
fn scripted_faults_are_taken_in_order_and_only_where_they_apply() {
    let mut stage = Stage::new();
    let spec = |code| ErrorSpec {
        status: 500,
        code,
        subcode: None,
        message: None,
        is_transient: Some(true),
        regain_minutes: Some(7),
    };
    let first = FaultRule {
        times: 2,
        ..FaultRule::once("read_comment", Trouble::Error(spec(2)))
    };
    stage.world.script_fault(first).unwrap();
    let other = FaultRule {
        account: Some("someone else".to_owned()),
        ..FaultRule::once("any", Trouble::DropBefore)
    };
    stage.world.script_fault(other).unwrap();
    stage
        .world
        .script_fault(FaultRule::once("read_comment", Trouble::Html))
        .unwrap();
    let comment = stage.comment("LINK");
    let url = format!("/{comment}");
    stage.get("/me");
    assert_eq!(stage.refused("GET", &url, &Value::Null), (2, None));
    assert_eq!(stage.refused("GET", &url, &Value::Null), (2, None));
    let token = stage.account.token.clone();
    let page = stage.raw("GET", &url, &token, &Value::Null);
    assert_eq!(
        (page.status, page.body.starts_with(b"<!DOCTYPE")),
        (502, true)
    );
    stage.get(&url);
    let faults: Vec<_> = stage
        .world
        .requests()
        .iter()
        .map(|request| request.fault)
        .collect();
    assert_eq!(
        faults,
        [None, Some("error"), Some("error"), Some("html"), None]
    );
}

#[test]
fn signed_requests_match_the_published_vector() {
    let new = NewAccount {
        app_scoped_id: Some("24900000000000001".to_owned()),
        ..NewAccount::named("acme_store")
    };
    let stage = Stage::with(new);
    let signed = |tamper| {
        stage
            .world
            .signed_request(NOW, "acme_store", tamper)
            .unwrap()
    };
    let vector = "P3JVholgjyQ19wuJGRgl_DRjrG7PB4TcEkZ5ucbj9qg.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImV4cGlyZXMiOjE3OTAwMDM2MDAsImlzc3VlZF9hdCI6MTc5MDAwMDAwMCwidXNlcl9pZCI6IjI0OTAwMDAwMDAwMDAwMDAxIn0";
    assert_eq!(signed(Tamper::None), vector);
    assert_eq!(
        signed(Tamper::Payload).split('.').next(),
        vector.split('.').next()
    );
    assert_ne!(signed(Tamper::Payload), vector);
    assert!(signed(Tamper::Padded).contains('='));
    assert_eq!(
        signed(Tamper::OtherSecret).split('.').nth(1),
        vector.split('.').nth(1)
    );
}
