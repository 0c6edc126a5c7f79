//! Logging in, and who a token is: requests byte for byte, and answers in every documented shape.

use std::time::Duration;

use hookline_meta::graph::{
    AccountKind, AppCredentials, Call, CodeRefusal, ErrorClass, FACEBOOK_SCOPES, GraphConfig,
    LoginKind, LoginRequest, OAuthHosts, RefreshRefusal, RequestProblem, TokenProblem,
    authorize_url, exchange_code, exchange_for_long_lived, list_pages, read_facebook_user,
    read_instagram_identity, read_page_identity, read_permissions, refresh_token,
};
use hookline_model::secret::Secret;

use super::{config, is_unreadable, open_line, reply};

const SECRETS: [&str; 3] = ["app-secret-1", "token-1", "code-1"];

fn hosts() -> OAuthHosts {
    OAuthHosts {
        facebook_oauth_url: "https://www.facebook.com/".to_owned(),
        instagram_oauth_url: "https://www.instagram.com".to_owned(),
        instagram_token_url: "https://api.instagram.com".to_owned(),
    }
}

fn app() -> AppCredentials {
    AppCredentials {
        id: "42".to_owned(),
        secret: Secret::new("app-secret-1"),
    }
}

fn exchange(login: LoginKind) -> Call<hookline_meta::graph::CodeGrant> {
    let code = Secret::new("code-1#_");
    let redirect = "https://hooks.example.com/oauth/callback?a=1";
    exchange_code(&config(), &hosts(), login, &app(), redirect, &code).unwrap()
}

#[test]
fn a_person_is_sent_to_the_page_of_the_login() {
    let request = LoginRequest {
        app_id: "42",
        redirect_uri: "https://hooks.example.com/oauth/callback?a=1",
        state: "s&=#",
        must_log_in_again: true,
    };
    let url = |login| authorize_url(&config(), &hosts(), login, &request).unwrap();
    assert_eq!(
        url(LoginKind::Instagram).as_str(),
        "https://www.instagram.com/oauth/authorize?client_id=42\
         &redirect_uri=https%3A%2F%2Fhooks.example.com%2Foauth%2Fcallback%3Fa%3D1\
         &response_type=code&scope=instagram_business_basic%2Cinstagram_business_manage_messages\
         %2Cinstagram_business_manage_comments&state=s%26%3D%23&force_reauth=true"
    );
    let facebook = url(LoginKind::Facebook);
    assert!(
        facebook
            .as_str()
            .starts_with("https://www.facebook.com/v26.0/dialog/oauth?client_id=42&redirect_uri=")
    );
    let scope = facebook.query_pairs().find(|(name, _)| name == "scope");
    let scope = scope.unwrap().1.into_owned();
    assert!(FACEBOOK_SCOPES.iter().all(|needed| scope.contains(needed)));
    assert!(scope.ends_with(",pages_messaging"), "{scope}");
    assert!(!facebook.as_str().contains("force_reauth"));

    let mut nowhere = hosts();
    nowhere.instagram_oauth_url = "mailto:x".to_owned();
    let problem = authorize_url(&config(), &nowhere, LoginKind::Instagram, &request);
    assert_eq!(problem.unwrap_err(), RequestProblem::UnusableUrl);
}

#[test]
fn a_code_and_the_apps_secret_are_in_no_address_that_can_be_printed() {
    let instagram = exchange(LoginKind::Instagram);
    assert_eq!(
        open_line(&instagram, &SECRETS),
        "POST https://api.instagram.com/oauth/access_token client_id=42 \
         grant_type=authorization_code redirect_uri=https://hooks.example.com/oauth/callback?a=1 \
         [client_secret code]"
    );
    let (_, body) = instagram.request().full_body().unwrap();
    assert!(
        body.ends_with("&client_secret=app-secret-1&code=code-1"),
        "{body}"
    );
    assert_eq!(*instagram.request().full_url(), instagram.request().url);

    let facebook = exchange(LoginKind::Facebook);
    assert_eq!(
        open_line(&facebook, &SECRETS),
        "GET https://graph.facebook.com/v26.0/oauth/access_token?client_id=42\
         &redirect_uri=https%3A%2F%2Fhooks.example.com%2Foauth%2Fcallback%3Fa%3D1 - \
         [client_secret code]"
    );
    let full = facebook.request().full_url();
    assert!(
        full.as_str()
            .ends_with("&client_secret=app-secret-1&code=code-1")
    );
    assert_eq!(facebook.request().full_body(), None);
}

#[test]
fn tokens_are_exchanged_and_refreshed_with_secret_parameters() {
    let token = Secret::new("token-1");
    let long = |login| exchange_for_long_lived(&config(), login, &app(), &token).unwrap();
    let lines = [
        open_line(&long(LoginKind::Instagram), &SECRETS),
        open_line(&long(LoginKind::Facebook), &SECRETS),
        open_line(&refresh_token(&config(), &token).unwrap(), &SECRETS),
    ];
    assert_eq!(
        lines,
        [
            "GET https://graph.instagram.com/access_token?grant_type=ig_exchange_token - [client_secret access_token]",
            "GET https://graph.facebook.com/v26.0/oauth/access_token?grant_type=fb_exchange_token&client_id=42 - [client_secret fb_exchange_token]",
            "GET https://graph.instagram.com/refresh_access_token?grant_type=ig_refresh_token - [access_token]",
        ]
    );
    let refresh = refresh_token(&config(), &token).unwrap();
    let body = r#"{"access_token":"t2","token_type":"bearer","expires_in":5183944}"#;
    let grant = refresh.read(&reply(200, body)).unwrap().value;
    assert_eq!(grant.token.expose(), "t2");
    assert_eq!(grant.expires_in, Some(Duration::from_secs(5_183_944)));
    assert!(!format!("{grant:?}").contains("t2"));
    for (body, expected) in [
        (r#"{"access_token":"t"}"#, None),
        (r#"{"access_token":"t","expires_in":"60"}"#, Some(60)),
        (r#"{"access_token":"t","expires_in":0}"#, None),
        (r#"{"access_token":"t","expires_in":-5}"#, None),
        (r#"{"access_token":"t","expires_in":[1]}"#, None),
    ] {
        let grant = refresh.read(&reply(200, body)).unwrap().value;
        assert_eq!(
            grant.expires_in,
            expected.map(Duration::from_secs),
            "{body}"
        );
    }
    is_unreadable(
        &refresh,
        &[
            "{}",
            r#"{"access_token":""}"#,
            r#"{"access_token":7}"#,
            r#"{"access_token":null}"#,
        ],
    );
}

#[test]
fn a_code_grant_is_read_wrapped_and_bare() {
    let call = exchange(LoginKind::Instagram);
    let documented = r#"{"data":[{"access_token":"t","user_id":"17841499","permissions":"a, b"}]}"#;
    let flat = r#"{"access_token":"t","user_id":17841499,"permissions":["a","b"]}"#;
    let object = r#"{"data":{"access_token":"t","user_id":"17841499","permissions":"a,b,"}}"#;
    for body in [documented, flat, object] {
        let grant = call.read(&reply(200, body)).unwrap().value;
        assert_eq!(grant.token.expose(), "t");
        assert_eq!(grant.user_id.as_deref(), Some("17841499"), "{body}");
        let permissions = grant.permissions.unwrap();
        assert_eq!(permissions, ["a", "b"], "{body}");
        assert_eq!(grant.expires_in, None);
    }
    let facebook = r#"{"access_token":"t","token_type":"bearer","expires_in":5183944}"#;
    let grant = exchange(LoginKind::Facebook).read(&reply(200, facebook));
    let grant = grant.unwrap().value;
    assert_eq!((grant.user_id, grant.permissions), (None, None));
    assert_eq!(grant.expires_in, Some(Duration::from_secs(5_183_944)));
    is_unreadable(
        &call,
        &[
            "{}",
            r#"{"data":[]}"#,
            r#"{"data":[{}]}"#,
            r#"{"data":"x"}"#,
            r#"{"data":{"access_token":[]}}"#,
        ],
    );
}

#[test]
fn a_refused_login_says_what_to_do() {
    let call = exchange(LoginKind::Instagram);
    let of =
        |status: u16, body: &str| CodeRefusal::of(&call.read(&reply(status, body)).unwrap_err());
    let flat = |message: &str| {
        format!(r#"{{"error_type":"OAuthException","code":400,"error_message":"{message}"}}"#)
    };
    let used = flat("Matching code was not found or was already used");
    let failure = call.read(&reply(400, &used)).unwrap_err();
    assert_eq!(
        (failure.class(), failure.reason()),
        (Some(ErrorClass::Content), "oauth_refused")
    );
    assert_eq!(CodeRefusal::of(&failure), CodeRefusal::LogInAgain);
    assert_eq!(of(400, &flat("Qualquer coisa")), CodeRefusal::LogInAgain);
    for message in [
        "Invalid Client ID or Client Secret",
        "Invalid platform app",
        "Error validating verification code. Please make sure your redirect_uri is identical",
    ] {
        assert_eq!(
            of(400, &flat(message)),
            CodeRefusal::AppNotAccepted,
            "{message}"
        );
    }
    let secret = r#"{"error":{"message":"Error validating client secret.","code":1}}"#;
    assert_eq!(of(400, secret), CodeRefusal::AppNotAccepted);
    let spent = r#"{"error":{"message":"This authorization code has been used.","code":100}}"#;
    assert_eq!(of(400, spent), CodeRefusal::LogInAgain);
    for (status, body) in [(502, "<html>"), (200, ""), (400, r#"{"error":{"code":4}}"#)] {
        assert_eq!(of(status, body), CodeRefusal::TryAgain, "{body}");
    }
}

#[test]
fn a_refused_refresh_says_what_to_do() {
    let call = refresh_token(&config(), &Secret::new("token-1")).unwrap();
    let of =
        |status: u16, body: &str| RefreshRefusal::of(&call.read(&reply(status, body)).unwrap_err());
    let young =
        r#"{"error":{"message":"The access token must be at least 24 hours old","code":100}}"#;
    assert_eq!(of(400, young), RefreshRefusal::NotNow);
    assert_eq!(of(403, r#"{"error":{"code":10}}"#), RefreshRefusal::NotNow);
    let expired = r#"{"error":{"code":190,"error_subcode":463}}"#;
    assert_eq!(
        of(400, expired),
        RefreshRefusal::Dead(TokenProblem::Expired)
    );
    for (status, body) in [(500, ""), (200, "{}"), (400, r#"{"error":{"code":4}}"#)] {
        assert_eq!(of(status, body), RefreshRefusal::TryAgain, "{body}");
    }
}

#[test]
fn the_id_of_webhooks_is_the_user_id() {
    let call = read_instagram_identity(&config()).unwrap();
    assert_eq!(
        open_line(&call, &SECRETS),
        "GET https://graph.instagram.com/v26.0/me?fields=user_id%2Cusername%2Cid%2Caccount_type - []"
    );
    let bare = r#"{"user_id":"17841400000000001","username":"acme","id":"24900000000000001","account_type":"MEDIA_CREATOR"}"#;
    for body in [
        bare.to_owned(),
        format!(r#"{{"data":[{bare}]}}"#),
        format!(r#"{{"data":{bare}}}"#),
    ] {
        let found = call.read(&reply(200, &body)).unwrap().value;
        assert_eq!(found.account_id.as_str(), "17841400000000001");
        assert_eq!(found.app_scoped_id.unwrap().as_str(), "24900000000000001");
        assert_eq!(
            (found.username.as_str(), found.kind),
            ("acme", Some(AccountKind::Creator))
        );
    }
    for (word, kind) in [
        ("Business", AccountKind::Business),
        ("PERSONAL", AccountKind::Personal),
        ("BRAND", AccountKind::Other("BRAND".to_owned())),
    ] {
        let body = format!(r#"{{"user_id":1,"username":"a","account_type":"{word}"}}"#);
        let found = call.read(&reply(200, &body)).unwrap().value;
        assert_eq!((found.kind, found.app_scoped_id), (Some(kind), None));
    }
    is_unreadable(
        &call,
        &[
            "{}",
            r#"{"data":[]}"#,
            r#"{"id":"24900000000000001","username":"acme"}"#,
            r#"{"user_id":"1"}"#,
            r#"{"user_id":"1","username":""}"#,
            r#"{"user_id":[],"username":"a"}"#,
        ],
    );
}

#[test]
fn the_pages_of_a_person_are_listed() {
    let line = |after| open_line(&list_pages(&config(), after).unwrap(), &SECRETS);
    let first = "GET https://graph.facebook.com/v26.0/me/accounts?fields=id%2Cname%2Caccess_token\
                 %2Ctasks%2Cinstagram_business_account%7Bid%2Cusername%7D&limit=50";
    assert_eq!(line(None), format!("{first} - []"));
    assert_eq!(line(Some("c&")), format!("{first}&after=c%26 - []"));
    let call = list_pages(&config(), None).unwrap();
    let body = r#"{"data":[{"access_token":"page-token","name":"Acme","id":"1000","tasks":["MODERATE","MESSAGING","MANAGE"],"instagram_business_account":{"id":"17841400000000001","username":"acme"}},{"name":"Empty","id":1001,"tasks":["ADVERTISE"]},{"id":"1002"}],"paging":{"cursors":{"after":"c1"},"next":"https://graph.facebook.com/x?access_token=no"}}"#;
    let list = call.read(&reply(200, body)).unwrap().value;
    assert!(!format!("{list:?}").contains("page-token"));
    assert_eq!(list.after.as_deref(), Some("c1"));
    let [acme, empty, bare] = list.pages.as_slice() else {
        unreachable!("three were given: {list:?}")
    };
    assert_eq!(acme.token.as_ref().unwrap().expose(), "page-token");
    let linked = acme.page.instagram.as_ref().unwrap();
    assert_eq!(linked.account_id.as_str(), "17841400000000001");
    assert!(acme.missing_tasks().is_empty());
    assert_eq!((&empty.token, &empty.page.instagram), (&None, &None));
    assert_eq!(empty.missing_tasks(), ["MODERATE", "MESSAGING"]);
    assert!(bare.missing_tasks().is_empty());
    is_unreadable(
        &call,
        &["{}", r#"{"data":[{"name":"x"}]}"#, r#"{"data":{}}"#],
    );
}

#[test]
fn permissions_person_and_page_are_read() {
    let permissions = read_permissions(&config()).unwrap();
    let body = r#"{"data":[{"permission":"instagram_basic","status":"granted"},{"permission":"pages_show_list","status":"declined"},{"permission":"email","status":"expired"}]}"#;
    let read = permissions.read(&reply(200, body)).unwrap().value;
    assert_eq!(read.granted, ["instagram_basic"]);
    assert_eq!(read.declined, ["pages_show_list", "email"]);
    is_unreadable(&permissions, &["{}", r#"{"data":[{"permission":"x"}]}"#]);

    let user = read_facebook_user(&config()).unwrap();
    let read = user.read(&reply(200, r#"{"id":"218471"}"#)).unwrap().value;
    assert_eq!(read.as_str(), "218471");
    is_unreadable(&user, &["{}", r#"{"id":null}"#, r#"{"id":""}"#]);

    let page = read_page_identity(&config()).unwrap();
    let body = r#"{"id":"1000","name":"Acme","instagram_business_account":{"id":"17841400000000001","username":"acme"}}"#;
    let read = page.read(&reply(200, body)).unwrap().value;
    assert_eq!(
        (read.id.as_str(), read.name.as_deref()),
        ("1000", Some("Acme"))
    );
    assert_eq!(read.instagram.unwrap().username.as_deref(), Some("acme"));
    let unlinked = page.read(&reply(200, r#"{"id":"1000"}"#)).unwrap().value;
    assert_eq!(unlinked.instagram, None);
    is_unreadable(&page, &["{}", r#"{"name":"Acme"}"#]);

    let lines = [
        open_line(&permissions, &SECRETS),
        open_line(&user, &SECRETS),
        open_line(&page, &SECRETS),
    ];
    assert_eq!(
        lines,
        [
            "GET https://graph.facebook.com/v26.0/me/permissions - []",
            "GET https://graph.facebook.com/v26.0/me?fields=id - []",
            "GET https://graph.facebook.com/v26.0/me?fields=id%2Cname%2Cinstagram_business_account%7Bid%2Cusername%7D - []",
        ]
    );
}

#[test]
fn without_a_version_the_paths_have_none() {
    let bare = GraphConfig {
        api_version: String::new(),
        ..config()
    };
    let call = read_permissions(&bare).unwrap();
    assert_eq!(call.request().url.path(), "/me/permissions");
}
