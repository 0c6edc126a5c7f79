//! Tokens, logins, and what an account is subscribed to.

use super::*;

#[test]
fn a_token_dies_in_its_own_way() {
    let ends = [
        (TokenEnd::AppRemoved, Some(458)),
        (TokenEnd::PasswordChanged, Some(460)),
        (TokenEnd::Expired, Some(463)),
        (TokenEnd::LoggedOut, Some(467)),
    ];
    for (end, subcode) in ends {
        let mut stage = Stage::new();
        stage.world.end_tokens("acme_store", end).unwrap();
        assert_eq!(stage.refused("GET", "/me", &Value::Null), (190, subcode));
        stage.account.token = stage.world.issue_token(NOW, "acme_store").unwrap();
        stage.get("/me");
    }
    let mut stage = Stage::new();
    stage.now = NOW + 60 * 24 * HOUR;
    assert_eq!(stage.refused("GET", "/me", &Value::Null), (190, Some(463)));
}

#[test]
fn a_token_is_refreshed_after_a_day() {
    let mut stage = Stage::new();
    let url = "/refresh_access_token?grant_type=ig_refresh_token";
    assert_eq!(stage.refused("GET", url, &Value::Null), (100, None));
    stage.now = NOW + 24 * HOUR;
    let fresh = stage.get(url);
    assert_eq!(fresh["expires_in"], json!(60 * 24 * 3600));
    assert_ne!(fresh["access_token"], json!(stage.account.token));
    stage.get("/me");
    stage.account.token = fresh["access_token"].as_str().unwrap().to_owned();
    stage.now = NOW + 61 * 24 * HOUR - 1;
    stage.get("/me");
}

#[test]
fn an_instagram_login_ends_with_a_long_lived_token() {
    let mut stage = Stage::new();
    let app = stage.world.config().app_id.clone();
    let url = format!(
        "/oauth/authorize?client_id={app}&redirect_uri=https%3A%2F%2Fx.test%2Fcb&response_type=code&scope=a,b&state=s1"
    );
    let page = stage.raw("GET", &url, "", &Value::Null);
    let location = &page.headers[0].1;
    assert_eq!(
        (page.status, location.ends_with("&state=s1#_")),
        (302, true),
        "{location}"
    );
    let code = location
        .split_once("code=")
        .unwrap()
        .1
        .split_once('&')
        .unwrap()
        .0
        .to_owned();
    let body = json!({
        "client_id": app, "client_secret": SECRET, "grant_type": "authorization_code",
        "redirect_uri": "https://x.test/cb", "code": code,
    });
    let (status, granted) = stage.call("POST", "/oauth/access_token", &body);
    assert_eq!(
        (status, &granted["data"][0]["permissions"]),
        (200, &json!("a,b"))
    );
    let (status, refused) = stage.call("POST", "/oauth/access_token", &body);
    assert_eq!(
        (status, &refused["error_type"]),
        (400, &json!("OAuthException"))
    );
    stage.account.token = granted["data"][0]["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let url = format!("/access_token?grant_type=ig_exchange_token&client_secret={SECRET}");
    let long = stage.get(&url);
    stage.now = NOW + 2 * HOUR;
    assert_eq!(stage.refused("GET", "/me", &Value::Null), (190, Some(463)));
    stage.account.token = long["access_token"].as_str().unwrap().to_owned();
    stage.get("/me");
    let no = LoginChoice {
        is_denied: true,
        ..LoginChoice::default()
    };
    stage.world.set_login(no).unwrap();
    let url = format!("/oauth/authorize?client_id={app}&redirect_uri=https%3A%2F%2Fx.test");
    let page = stage.raw("GET", &url, "", &Value::Null);
    assert!(page.headers[0].1.contains("error=access_denied"));
}

#[test]
fn a_facebook_login_ends_with_a_page_token() {
    let new = NewAccount {
        login: Login::Facebook,
        ..NewAccount::named("acme_store")
    };
    let mut stage = Stage::with(new);
    let app = stage.world.config().app_id.clone();
    let url =
        format!("/v26.0/dialog/oauth?client_id={app}&redirect_uri=https%3A%2F%2Fx.test&state=s");
    let page = stage.raw("GET", &url, "", &Value::Null);
    let location = page.headers[0].1.clone();
    let code = location
        .split_once("code=")
        .unwrap()
        .1
        .split_once('&')
        .unwrap()
        .0;
    let base = format!("/fb/v26.0/oauth/access_token?client_id={app}&client_secret={SECRET}");
    let user = stage.get(&format!(
        "{base}&redirect_uri=https%3A%2F%2Fx.test&code={code}"
    ));
    let user = user["access_token"].as_str().unwrap().to_owned();
    let long = stage.get(&format!(
        "{base}&grant_type=fb_exchange_token&fb_exchange_token={user}"
    ));
    stage.account.token = long["access_token"].as_str().unwrap().to_owned();
    let pages = stage.get("/fb/v26.0/me/accounts");
    let page_id = stage.account.page_id.clone().unwrap();
    assert_eq!(pages["data"][0]["id"], json!(page_id));
    stage.account.token = pages["data"][0]["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let page = stage.get(&format!("/fb/{page_id}?fields=instagram_business_account"));
    assert_eq!(
        page["instagram_business_account"]["id"],
        json!(stage.account.ig_id)
    );
    stage.now = NOW + 400 * 24 * HOUR;
    stage.get(&format!("/fb/{page_id}"));
}

#[test]
fn an_account_is_subscribed_by_field_names_meta_knows() {
    let mut stage = Stage::new();
    let url = "/me/subscribed_apps?subscribed_fields=comments,nonsense";
    assert_eq!(stage.refused("POST", url, &Value::Null), (100, None));
    assert_eq!(
        stage.call("DELETE", "/me/subscribed_apps", &Value::Null).0,
        200
    );
    assert_eq!(stage.get("/me/subscribed_apps")["data"], json!([]));
    stage.comment("nobody hears this");
    assert!(stage.delivered().is_empty());
    let fields = json!({"subscribed_fields": ["messages"]});
    assert_eq!(stage.call("POST", "/me/subscribed_apps", &fields).0, 200);
    let listed = stage.get("/me/subscribed_apps");
    assert_eq!(listed["data"][0]["subscribed_fields"], json!(["messages"]));
    // Once subscribed to anything, the app gets every field it asked for itself.
    stage.comment("heard");
    assert_eq!(stage.delivered().len(), 1);
    let policy = Policy {
        fields_per_account: true,
        ..Policy::default()
    };
    stage.world.set_policy(policy);
    stage.comment("not heard");
    assert!(stage.delivered().is_empty());
}
