//! Connecting, staying subscribed, and being told to go.

use super::*;
use crate::world::accounts::{AccountKind, OtherApp};
use crate::world::app::AppChange;

const DAY: i64 = 24 * HOUR;

fn facebook() -> Stage {
    Stage::with(NewAccount {
        login: Login::Facebook,
        ..NewAccount::named("acme_store")
    })
}

impl Stage {
    fn change(&mut self, change: AccountChange) {
        self.world.change_account("acme_store", change).unwrap();
    }

    fn app(&mut self, change: AppChange) {
        self.world.change_app(change).unwrap();
    }

    fn policy(&mut self, policy: Policy) {
        self.world.set_policy(policy);
    }

    /// Asks without an `Authorization` header.
    fn without_header(&mut self, url: &str) -> Value {
        let (path, query) = url.split_once('?').unwrap();
        let pairs = form_urlencoded::parse(query.as_bytes());
        let request = SimRequest {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: pairs.into_owned().collect(),
            ..SimRequest::default()
        };
        let answer = self.world.request(self.now, &request);
        assert_eq!(answer.status, 200, "{url}");
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Logs in for these scopes and returns the code.
    fn code(&mut self, page: &str, scopes: &str) -> String {
        let app = self.world.config().app_id.clone();
        let url =
            format!("{page}?client_id={app}&redirect_uri=https%3A%2F%2Fx.test&scope={scopes}");
        let page = self.raw("GET", &url, "", &Value::Null);
        let (_, after) = page.headers[0].1.split_once("code=").unwrap();
        let end = after.find(['&', '#']).unwrap_or(after.len());
        after[..end].to_owned()
    }

    /// A person's token of Facebook Login, long-lived.
    fn log_in_with_facebook(&mut self, scopes: &str) {
        let app = self.world.config().app_id.clone();
        let code = self.code("/v26.0/dialog/oauth", scopes);
        let base = format!("/fb/v26.0/oauth/access_token?client_id={app}&client_secret={SECRET}");
        let user = self.get(&format!(
            "{base}&redirect_uri=https%3A%2F%2Fx.test&code={code}"
        ));
        let user = user["access_token"].as_str().unwrap().to_owned();
        let long = self.get(&format!(
            "{base}&grant_type=fb_exchange_token&fb_exchange_token={user}"
        ));
        long["access_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.account.token);
    }
}

#[test]
fn a_person_has_pages_some_without_an_account() {
    let mut stage = facebook();
    let second = NewAccount {
        login: Login::Facebook,
        page_tasks: Some(vec!["ADVERTISE".to_owned()]),
        ..NewAccount::named("second")
    };
    stage.world.create_account(NOW, second).unwrap();
    let choice = LoginChoice {
        account: Some("acme_store".to_owned()),
        more_accounts: vec!["second".to_owned()],
        bare_pages: vec!["Bare".to_owned()],
        declined_scopes: vec!["pages_messaging".to_owned()],
        ..LoginChoice::default()
    };
    stage.world.set_login(choice).unwrap();
    stage.log_in_with_facebook("instagram_basic,pages_show_list,pages_messaging");
    let permissions = stage.get("/fb/me/permissions");
    assert_eq!(
        permissions["data"],
        json!([
            {"permission": "instagram_basic", "status": "granted"},
            {"permission": "pages_show_list", "status": "granted"},
            {"permission": "pages_messaging", "status": "declined"},
        ])
    );
    let me = stage.get("/fb/me?fields=id");
    assert_eq!(me, json!({"id": stage.account.app_scoped_id}));
    let fields = "id,name,access_token,tasks,instagram_business_account{id,username}";
    let pages = stage.get(&format!("/fb/me/accounts?fields={fields}&limit=2"));
    assert_eq!(
        pages["data"][0]["instagram_business_account"],
        json!({"id": stage.account.ig_id, "username": "acme_store"})
    );
    assert_eq!(pages["data"][1]["tasks"], json!(["ADVERTISE"]));
    let after = pages["paging"]["cursors"]["after"].as_str().unwrap();
    let rest = stage.get(&format!(
        "/fb/me/accounts?fields={fields}&limit=2&after={after}"
    ));
    assert_eq!(rest["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(rest["data"][0].get("instagram_business_account"), None);
    // The person on the second Page may neither subscribe nor send.
    pages["data"][1]["access_token"]
        .as_str()
        .unwrap()
        .clone_into(&mut stage.account.token);
    let fields = json!({"subscribed_fields": ["messages"]});
    assert_eq!(
        stage.refused("POST", "/fb/me/subscribed_apps", &fields),
        (200, None)
    );
    let message = json!({"recipient": {"id": "61"}, "message": {"text": "hi"}});
    assert_eq!(
        stage.refused("POST", "/fb/me/messages", &message),
        (200, None)
    );
}

#[test]
fn what_was_unticked_is_refused() {
    let mut stage = Stage::new();
    let choice = LoginChoice {
        declined_scopes: vec!["instagram_business_manage_comments".to_owned()],
        ..LoginChoice::default()
    };
    stage.world.set_login(choice).unwrap();
    let scopes = "instagram_business_basic,instagram_business_manage_comments";
    let code = stage.code("/oauth/authorize", scopes);
    let app = stage.world.config().app_id.clone();
    let body = json!({
        "client_id": app, "client_secret": SECRET, "grant_type": "authorization_code",
        "redirect_uri": "https://x.test", "code": code,
    });
    let (_, granted) = stage.call("POST", "/oauth/access_token", &body);
    let granted = &granted["data"][0];
    assert_eq!(granted["permissions"], json!("instagram_business_basic"));
    let ids = [&stage.account.ig_id, &stage.account.app_scoped_id];
    assert!(ids.iter().all(|id| granted["user_id"] != json!(id)));
    granted["access_token"]
        .as_str()
        .unwrap()
        .clone_into(&mut stage.account.token);
    // The long-lived token remembers it, with the token in the query as documented.
    let short = stage.account.token.clone();
    let url = format!(
        "/access_token?grant_type=ig_exchange_token&client_secret={SECRET}&access_token={short}"
    );
    let long = stage.without_header(&url);
    long["access_token"]
        .as_str()
        .unwrap()
        .clone_into(&mut stage.account.token);
    let comment = stage.comment("LINK");
    assert_eq!(
        stage.refused("GET", &format!("/{comment}"), &Value::Null),
        (10, None)
    );
    stage.get("/me/media");
}

#[test]
fn a_personal_account_can_be_named_and_nothing_else() {
    let mut stage = Stage::with(NewAccount {
        account_type: AccountKind::Personal,
        ..NewAccount::named("acme_store")
    });
    let me = stage.get("/me?fields=user_id,account_type");
    assert_eq!(me["account_type"], json!("PERSONAL"));
    let fields = json!({"subscribed_fields": ["comments"]});
    assert_eq!(
        stage.refused("POST", "/me/subscribed_apps", &fields),
        (36_103, None)
    );
    stage.comment("nobody hears this");
    assert!(stage.delivered().is_empty());
    stage.policy(Policy {
        wraps_me: true,
        ..Policy::default()
    });
    let wrapped = stage.get("/me?fields=user_id,account_type");
    assert_eq!(wrapped["data"], json!([me]));
}

#[test]
fn a_creator_is_silent_until_the_conversations_were_listed() {
    let mut stage = Stage::with(NewAccount {
        account_type: AccountKind::Creator,
        ..NewAccount::named("acme_store")
    });
    stage.comment("nobody hears this");
    assert!(stage.delivered().is_empty());
    stage.get("/me/conversations?platform=instagram");
    stage.comment("heard");
    assert_eq!(stage.delivered().len(), 1);
}

#[test]
fn a_refresh_takes_a_token_a_day_old_and_alive() {
    let mut stage = Stage::new();
    let url = "/refresh_access_token?grant_type=ig_refresh_token";
    stage.now = NOW + DAY - 1;
    assert_eq!(stage.refused("GET", url, &Value::Null), (100, None));
    stage.now = NOW + DAY;
    // In the query, as documented, and in the header.
    let token = stage.account.token.clone();
    let younger = stage.without_header(&format!("{url}&access_token={token}"));
    assert_ne!(younger["access_token"], json!(token));
    stage.get(url);
    stage.now = NOW + 60 * DAY;
    assert_eq!(stage.refused("GET", url, &Value::Null), (190, Some(463)));
}

#[test]
fn an_app_that_is_dropped_inactive_or_in_development_hears_nothing_of_it_ever() {
    let mut stage = Stage::new();
    stage
        .world
        .set_callback_url(Some("http://x.test/".to_owned()));
    let app = stage.world.config().app_id.clone();
    let read = |stage: &mut Stage| {
        let token = format!("{app}|{SECRET}");
        let answer = stage.raw(
            "GET",
            &format!("/{app}/subscriptions"),
            &token,
            &Value::Null,
        );
        serde_json::from_slice::<Value>(&answer.body).unwrap()["data"].clone()
    };
    stage.app(AppChange {
        is_active: Some(false),
        ..AppChange::default()
    });
    assert_eq!(read(&mut stage)[0]["active"], json!(false));
    stage.comment("inactive");
    stage.app(AppChange {
        is_active: Some(true),
        is_live: Some(false),
        ..AppChange::default()
    });
    stage.comment("in development");
    stage.app(AppChange {
        is_live: Some(true),
        is_dropped: true,
        ..AppChange::default()
    });
    assert_eq!(read(&mut stage), json!([]));
    stage.comment("dropped");
    stage.app(AppChange {
        callback_url: Some("http://x.test/".to_owned()),
        fields: Some(["comments".to_owned()].into()),
        ..AppChange::default()
    });
    assert_eq!(read(&mut stage)[0]["fields"][0]["name"], json!("comments"));
    assert!(stage.delivered().is_empty());
    stage.comment("heard");
    assert_eq!(stage.delivered().len(), 1);
}

#[test]
fn other_apps_are_listed_and_newer_field_names_refused() {
    let mut stage = Stage::new();
    let other = OtherApp {
        id: "77".to_owned(),
        name: "Other".to_owned(),
        subscribed_fields: vec!["messages".to_owned()],
    };
    stage.change(AccountChange {
        other_apps: Some(vec![other]),
        ..AccountChange::default()
    });
    let apps = stage.get("/me/subscribed_apps");
    assert_eq!(apps["data"][0]["id"], json!("77"));
    assert_eq!(apps["data"].as_array().map(Vec::len), Some(2));
    stage.policy(Policy {
        refused_fields: vec!["messaging_referral".to_owned()],
        ..Policy::default()
    });
    let fields = json!({"subscribed_fields": ["comments", "messaging_referral"]});
    let (_, refused) = stage.call("POST", "/me/subscribed_apps", &fields);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("(#100) Param subscribed_fields[1] must be one of {"),
        "{message}"
    );
    assert!(!message.contains("messaging_referral"), "{message}");
}

#[test]
fn replies_within_a_list_go_on_at_their_own_cursor() {
    let mut stage = Stage::new();
    let parent = stage.comment("LINK");
    for number in 0..3 {
        let draft = CommentDraft {
            parent: Some(parent.clone()),
            ..CommentDraft::new("acme_store", "bob", format!("reply {number}"))
        };
        stage.world.comment(NOW, draft).unwrap();
    }
    let media = stage.world.find_comment(&parent).unwrap().media.clone();
    let list = stage.get(&format!(
        "/{media}/comments?fields=id,replies.limit(2){{text}}"
    ));
    let replies = &list["data"][0]["replies"];
    assert_eq!(replies["data"].as_array().map(Vec::len), Some(2));
    assert!(replies["paging"]["next"].is_string());
    let after = replies["paging"]["cursors"]["after"].as_str().unwrap();
    let rest = stage.get(&format!(
        "/{parent}/replies?fields=text&limit=2&after={after}"
    ));
    assert_eq!(rest["data"][0]["text"], json!("reply 2"));
    assert_eq!(rest["paging"].get("next"), None);
    let counted = stage.get("/me/media?fields=comments_count,timestamp");
    assert_eq!(counted["data"][0]["comments_count"], json!(4));
    assert!(counted["data"][0]["timestamp"].is_string());
}

#[test]
fn conversations_are_listed_page_by_page() {
    let mut stage = Stage::new();
    for person in ["ada", "bob", "cyd"] {
        stage.now += 1000;
        let draft = MessageDraft {
            account: "acme_store".to_owned(),
            person: person.to_owned(),
            text: Some("hi".to_owned()),
            ..MessageDraft::default()
        };
        stage.world.message(stage.now, draft).unwrap();
    }
    let first = stage.get("/me/conversations?platform=instagram&limit=2&fields=id,updated_time");
    assert_eq!(first["data"].as_array().map(Vec::len), Some(2));
    assert!(first["data"][0]["updated_time"].is_string());
    let after = first["paging"]["cursors"]["after"].as_str().unwrap();
    let rest = stage.get(&format!(
        "/me/conversations?platform=instagram&limit=2&after={after}"
    ));
    assert_eq!(rest["data"].as_array().map(Vec::len), Some(1));
}

#[test]
fn who_removes_the_app_ends_its_tokens_unless_the_call_is_forged() {
    let mut stage = Stage::new();
    for forged in [Tamper::Payload, Tamper::OtherSecret] {
        stage.world.deauthorize(NOW, "acme_store", forged).unwrap();
        stage.get("/me");
    }
    stage
        .world
        .deauthorize(NOW, "acme_store", Tamper::Padded)
        .unwrap();
    assert_eq!(stage.refused("GET", "/me", &Value::Null), (190, Some(458)));
    let account = stage.world.find_account("acme_store").unwrap();
    assert!(account.subscribed_fields.is_empty());
}
