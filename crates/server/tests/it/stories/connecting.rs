//! Connecting an account in a browser, and everything that can go wrong with it.

use hookline_sim::graph::LoginChoice;
use hookline_sim::world::accounts::{Account, AccountKind, Login, NewAccount};
use serde_json::json;

use crate::stage::{Page, Stage, now};

async fn public() -> Stage {
    let mut stage = Stage::build().await;
    stage.move_to_public(&[]).await;
    stage
}

/// An account that nobody has connected, and that is to log in next.
fn newcomer(stage: &Stage, account: NewAccount, choice: LoginChoice) -> Account {
    let mut world = stage.world();
    let account = NewAccount {
        subscribed_fields: Some([].into()),
        ..account
    };
    let account = world.create_account(now(), account).unwrap();
    let choice = LoginChoice {
        account: Some(account.username.clone()),
        ..choice
    };
    world.set_login(choice).unwrap();
    account
}

/// The first click, and Meta's page: answers where Meta sends the person back to, and the cookie.
async fn log_in(stage: &Stage, login: &str) -> (String, String) {
    let start = format!("{}/oauth/{login}/start", stage.server);
    let page = stage.browse(&start, None).await;
    assert_eq!(page.status, 303, "{page:?}");
    let cookie = page.cookie.unwrap();
    let at_meta = stage.browse(&page.location.unwrap(), None).await;
    assert_eq!(at_meta.status, 302, "{at_meta:?}");
    let back = at_meta.location.unwrap();
    // A browser keeps the fragment to itself.
    let back = back.split('#').next().unwrap().to_owned();
    (back, cookie)
}

async fn connect(stage: &Stage, login: &str) -> Page {
    let (back, cookie) = log_in(stage, login).await;
    stage.browse(&back, Some(&cookie)).await
}

async fn is_connected(stage: &Stage, account: &Account) -> bool {
    let path = format!("/api/v1/accounts/{}", account.ig_id);
    stage.call("GET", &path, None).await.0 == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clicks_connect_an_account_and_its_events_flow() {
    // Creator accounts get nothing before their conversations were read once.
    for (login, kind, account_type) in [
        ("instagram", Login::Instagram, AccountKind::Business),
        ("instagram", Login::Instagram, AccountKind::Creator),
        ("facebook", Login::Facebook, AccountKind::Business),
    ] {
        let stage = public().await;
        let new = NewAccount {
            login: kind,
            account_type,
            ..NewAccount::named("bakery")
        };
        let account = newcomer(&stage, new, LoginChoice::default());
        let page = connect(&stage, login).await;
        assert_eq!(page.status, 200, "{page:?}");
        assert!(page.text.contains("@bakery"), "{page:?}");
        let path = format!("/api/v1/accounts/{}", account.ig_id);
        let shown = stage.get(&path).await;
        assert_eq!(shown["login"], login);
        if kind == Login::Instagram {
            assert_eq!(shown["app_scoped_id"], account.app_scoped_id.as_str());
        }
        let fields = stage
            .world()
            .find_account("bakery")
            .unwrap()
            .subscribed_fields
            .clone();
        assert!(!fields.is_empty(), "Meta was asked to deliver");

        stage.publish("link", json!({})).await;
        let comment = {
            let mut world = stage.world();
            let media = hookline_sim::world::media::NewMedia {
                account: account.ig_id.clone(),
                ..Default::default()
            };
            world.create_media(now(), media).unwrap();
            let draft = hookline_sim::world::comments::CommentDraft::new(
                account.ig_id.as_str(),
                "ada",
                "link please",
            );
            world.comment(now(), draft).unwrap()
        };
        stage.settled(&comment, "accepted").await;
        stage.clear().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_finished_once_and_in_the_browser_that_began_it() {
    let stage = public().await;
    let account = newcomer(&stage, NewAccount::named("bakery"), LoginChoice::default());
    let (back, cookie) = log_in(&stage, "instagram").await;
    let stolen = stage.browse(&back, None).await;
    assert_eq!(stolen.status, 400, "{stolen:?}");
    assert!(stolen.text.contains("another browser"), "{stolen:?}");
    let forged = back.replace("state=", "state=f");
    let forged = stage.browse(&forged, Some(&cookie)).await;
    assert_eq!(forged.status, 400, "{forged:?}");
    assert!(!is_connected(&stage, &account).await);

    let page = stage.browse(&back, Some(&cookie)).await;
    assert_eq!(page.status, 200, "{page:?}");
    let again = stage.browse(&back, Some(&cookie)).await;
    assert_eq!(again.status, 400, "{again:?}");
    assert!(again.text.contains("Begin again"), "{again:?}");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_used_once() {
    let stage = public().await;
    newcomer(&stage, NewAccount::named("bakery"), LoginChoice::default());
    let (back, cookie) = log_in(&stage, "instagram").await;
    let code_of = |back: &str| {
        let (_, rest) = back.split_once("code=").unwrap();
        rest.split('&').next().unwrap().to_owned()
    };
    assert_eq!(stage.browse(&back, Some(&cookie)).await.status, 200);
    let (other, cookie) = log_in(&stage, "instagram").await;
    let used = other.replace(&code_of(&other), &code_of(&back));
    let page = stage.browse(&used, Some(&cookie)).await;
    assert_eq!(page.status, 400, "{page:?}");
    assert!(page.text.contains("can be used once"), "{page:?}");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_says_what_to_do_and_stores_nothing() {
    let declined = LoginChoice {
        declined_scopes: vec!["instagram_business_manage_comments".to_owned()],
        ..LoginChoice::default()
    };
    let denied = LoginChoice {
        is_denied: true,
        ..LoginChoice::default()
    };
    let personal = NewAccount {
        account_type: AccountKind::Personal,
        ..NewAccount::named("bakery")
    };
    let plain = || NewAccount::named("bakery");
    for (account, choice, status, words) in [
        (plain(), declined, 400, "instagram_business_manage_comments"),
        (plain(), denied, 403, "You did not allow it"),
        (personal, LoginChoice::default(), 400, "professional"),
    ] {
        let stage = public().await;
        let account = newcomer(&stage, account, choice);
        let page = connect(&stage, "instagram").await;
        assert_eq!(page.status, status, "{page:?}");
        assert!(page.text.contains(words), "{words}: {page:?}");
        assert!(!is_connected(&stage, &account).await);
        stage.clear().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_page_that_has_an_account_facebook_login_says_which_ones_it_saw() {
    let stage = public().await;
    let choice = LoginChoice {
        bare_pages: vec!["Bread & <b>Butter</b>".to_owned()],
        ..LoginChoice::default()
    };
    let new = NewAccount {
        login: Login::Facebook,
        page_tasks: Some(vec!["ANALYZE".to_owned()]),
        ..NewAccount::named("bakery")
    };
    let account = newcomer(&stage, new, choice);
    let page = connect(&stage, "facebook").await;
    assert_eq!(page.status, 400, "{page:?}");
    assert!(page.text.contains("MODERATE"), "{page:?}");
    assert!(!page.text.contains("<b>"), "others' words are no markup");
    assert!(!is_connected(&stage, &account).await);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_apps_of_an_account_are_told() {
    let stage = public().await;
    let account = newcomer(&stage, NewAccount::named("bakery"), LoginChoice::default());
    let change = serde_json::from_value(
        json!({"other_apps": [{"id": "900000000000002", "name": "Rival Replies"}]}),
    )
    .unwrap();
    stage
        .world()
        .change_account(&account.ig_id, change)
        .unwrap();
    let page = connect(&stage, "instagram").await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.text.contains("Rival Replies"), "{page:?}");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_configured_is_named() {
    let stage = Stage::build().await;
    let page = stage
        .browse(&format!("{}/oauth/instagram/start", stage.server), None)
        .await;
    assert_eq!(page.status, 503, "{page:?}");
    assert!(page.text.contains("meta.app_id"), "{page:?}");
    let page = stage
        .browse(&format!("{}/oauth/twitter/start", stage.server), None)
        .await;
    assert_eq!(page.status, 404, "{page:?}");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_alone_connects_from_the_command_line() {
    let stage = public().await;
    let account = newcomer(&stage, NewAccount::named("bakery"), LoginChoice::default());
    let token = account.token.clone();
    let (code, said) = stage.run(&format!("accounts connect --token {token}"));
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains(&format!("connected bakery ({})", account.ig_id)),
        "{said}"
    );
    assert!(is_connected(&stage, &account).await);
    let fields = stage
        .world()
        .find_account("bakery")
        .unwrap()
        .subscribed_fields
        .clone();
    assert!(!fields.is_empty(), "Meta was not asked to deliver");

    let (code, said) = stage.run("accounts connect --token IGAAnothing");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("not connected"), "{said}");
    assert!(said.contains("get a new token"), "{said}");
    assert!(
        !said.contains("IGAAnothing"),
        "a token is nobody's to read: {said}"
    );
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribing_says_what_was_missing_and_is_safe_to_repeat() {
    let stage = public().await;
    {
        let mut world = stage.world();
        let none = serde_json::from_value(json!({"subscribed_fields": []})).unwrap();
        world.change_account("acme", none).unwrap();
        let dropped = serde_json::from_value(json!({"is_dropped": true})).unwrap();
        world.change_app(dropped).unwrap();
    }
    let (code, said) = stage.run("subscribe");
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("the app: subscribed; before: there was no subscription"),
        "{said}"
    );
    assert!(said.contains("@acme"), "{said}");
    assert!(stage.world().app().fields.contains("messages"));
    let fields = stage
        .world()
        .find_account("acme")
        .unwrap()
        .subscribed_fields
        .clone();
    assert!(fields.contains("comments"), "{fields:?}");
    let (code, said) = stage.run("subscribe");
    assert_eq!(code, 0, "{said}");
    assert_eq!(
        said.matches("everything was as wanted").count(),
        2,
        "{said}"
    );
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribing_without_the_configuration_names_what_is_missing() {
    let stage = Stage::build().await;
    let (code, said) = stage.run("subscribe");
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("meta.app_id"), "{said}");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_keeps_strangers_from_connecting() {
    let mut stage = Stage::build().await;
    stage
        .move_to_public(&[("HOOKLINE_CONNECT__PASSWORD", "open:sesame")])
        .await;
    let start = format!("{}/oauth/instagram/start", stage.server);
    let shut = stage.browse(&start, None).await;
    assert_eq!(shut.status, 401, "{shut:?}");
    let with = |password: &str| start.replace("http://", &format!("http://any:{password}@"));
    assert_eq!(stage.browse(&with("guess"), None).await.status, 401);
    let page = stage.browse(&with("open%3Asesame"), None).await;
    assert_eq!(page.status, 303, "{page:?}");
    stage.clear().await;
}
