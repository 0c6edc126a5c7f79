//! `hookline doctor` beside a server and without one: what it finds, and its exit code.

use std::process::Command;

use hookline_sim::world::tokens::TokenEnd;
use hookline_sim::world::{AccountChange, AccountKind, AppChange, Login, NewAccount, OtherApp};
use hookline_sim::{ErrorSpec, Trouble, WorldConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::stage::{self, Stage};

/// What the doctor said, as JSON.
struct Report {
    code: i32,
    said: Value,
}

impl Report {
    /// Whether a check has a finding of this verdict with these words.
    #[track_caller]
    fn expect(&self, check: &str, verdict: &str, words: &str) {
        let findings = self.said["findings"].as_array().unwrap();
        let mut of_check = findings.iter().filter(|it| it["check"] == check);
        let is_there =
            of_check.any(|it| it["verdict"] == verdict && it.to_string().contains(words));
        assert!(
            is_there,
            "{check}, {verdict}, {words:?} is not in {:#}",
            self.said
        );
        assert_eq!(self.code, i32::from(self.said["counts"]["fail"] != 0));
    }

    /// Whether nothing but these checks failed.
    #[track_caller]
    fn fails_only(&self, checks: &[&str]) {
        let findings = self.said["findings"].as_array().unwrap();
        let failed = findings.iter().filter(|it| it["verdict"] == "fail");
        let failed: Vec<_> = failed.map(|it| it["check"].as_str().unwrap()).collect();
        assert_eq!(failed, checks, "{:#}", self.said);
        assert_eq!(self.code, i32::from(!checks.is_empty()));
    }
}

/// The real binary on the stage's database, told of its server, and of these settings.
fn command(stage: &Stage, settings: &[(&str, &str)]) -> Command {
    let config = WorldConfig::default();
    let database = stage.database();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookline"));
    command
        .current_dir(database.parent().unwrap())
        .env_clear()
        .env(
            "HOOKLINE_SERVER__LISTEN",
            stage.server.trim_start_matches("http://"),
        )
        .env("HOOKLINE_SERVER__PUBLIC_URL", &stage.server)
        .env(
            "HOOKLINE_STORE__URL",
            format!("sqlite:{}", database.display()),
        )
        .env("HOOKLINE_META__APP_ID", &config.app_id)
        .env("HOOKLINE_META__APP_SECRETS", config.app_secrets.join(","))
        .env("HOOKLINE_META__VERIFY_TOKEN", &config.verify_token)
        .env("HOOKLINE_META__GRAPH_URL", format!("{}/fb", stage.meta))
        .env(
            "HOOKLINE_META__INSTAGRAM_GRAPH_URL",
            format!("{}/ig", stage.meta),
        )
        .env("HOOKLINE_ADMIN__TOKEN", stage::ADMIN_TOKEN)
        .envs(settings.iter().copied())
        .arg("doctor");
    command
}

/// Runs it, and sees that it tells no secret.
async fn said(stage: &Stage, mut command: Command) -> (i32, String) {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let complained = String::from_utf8(output.stderr).unwrap();
    let config = WorldConfig::default();
    for secret in [
        &stage.account.token,
        &config.app_secrets[0],
        &config.verify_token,
        stage::ADMIN_TOKEN,
    ] {
        assert!(!said.contains(secret), "{secret} is in {said}");
        assert!(!complained.contains(secret), "{secret} is in {complained}");
    }
    let code = output.status.code().unwrap();
    (code, format!("{said}{complained}"))
}

async fn doctor(stage: &Stage, settings: &[(&str, &str)]) -> Report {
    let mut command = command(stage, settings);
    command.arg("--json");
    let (code, text) = said(stage, command).await;
    let said = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{code}: {text}"));
    Report { code, said }
}

fn change(stage: &Stage, change: AccountChange) {
    let account = stage.account.ig_id.clone();
    stage.world().change_account(&account, change).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_works_is_ok_and_the_exit_code_says_so() {
    let stage = Stage::build().await;
    stage.comment("ada", "hello");
    let arrived = stage::wait(|| async {
        let events = stage.get("/api/v1/events").await;
        (events["items"] != json!([])).then_some(())
    });
    arrived.await.unwrap();
    let report = doctor(&stage, &[]).await;
    report.fails_only(&[]);
    for check in [
        "database",
        "server",
        "public_url",
        "handshake",
        "meta_reached",
        "clock_skew",
        "app_credentials",
        "app_subscription",
        "token",
        "account_subscription",
        "message_access",
    ] {
        report.expect(check, "ok", "");
    }
    report.expect("events", "ok", "Last events: comments");
    report.expect("app_mode", "skipped", "App mode: Live");
    report.expect("scopes", "skipped", "pasted");
    let (code, text) = said(&stage, command(&stage, &[])).await;
    assert_eq!(code, 0, "{text}");
    for words in ["This machine\n  ", "\n@acme (", "  ok    ", " 0 failed, "] {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_meta_dropped_is_found_on_both_levels() {
    let stage = Stage::build().await;
    let is_dropped = AppChange {
        is_dropped: true,
        ..AppChange::default()
    };
    stage.world().change_app(is_dropped).unwrap();
    let nothing = AccountChange {
        subscribed_fields: Some([].into()),
        other_apps: Some(vec![OtherApp {
            id: "42".to_owned(),
            name: "Another Tool".to_owned(),
            subscribed_fields: vec!["comments".to_owned()],
        }]),
        ..AccountChange::default()
    };
    change(&stage, nothing);
    let report = doctor(&stage, &[]).await;
    report.fails_only(&["app_subscription", "account_subscription"]);
    report.expect("app_subscription", "fail", "hookline subscribe");
    report.expect("other_apps", "warn", "Another Tool");
    report.expect("events", "warn", "Advanced Access");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ended_is_told_with_how_to_connect_again() {
    let stage = Stage::build().await;
    let account = stage.account.ig_id.clone();
    stage
        .world()
        .end_tokens(&account, TokenEnd::Expired)
        .unwrap();
    let report = doctor(&stage, &[]).await;
    report.expect("token", "fail", "/oauth/instagram/start");
    report.expect("token", "fail", "token_expired");
    report.expect("message_access", "skipped", "");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_under_its_app_scoped_id_is_told_its_right_one() {
    let stage = Stage::build().await;
    let mut swapped = stage.account.clone();
    swapped.ig_id.clone_from(&stage.account.app_scoped_id);
    swapped.username = "swapped".to_owned();
    stage.connect_account(&swapped, &stage.account.token).await;
    let right = format!("--id {} --username acme", stage.account.ig_id);
    let report = doctor(&stage, &[]).await;
    report.fails_only(&["token"]);
    report.expect("token", "fail", &right);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_personal_account_and_a_switch_that_is_off_are_told() {
    let stage = Stage::build().await;
    let off = ErrorSpec {
        status: 403,
        code: 200,
        subcode: Some(2_534_041),
        message: None,
        is_transient: None,
        regain_minutes: None,
    };
    stage.trouble("list_conversations", Trouble::Error(off));
    let report = doctor(&stage, &[]).await;
    report.expect("message_access", "fail", "Connected tools");
    let personal = AccountChange {
        account_type: Some(AccountKind::Personal),
        ..AccountChange::default()
    };
    change(&stage, personal);
    let report = doctor(&stage, &[]).await;
    report.expect("token", "fail", "personal account");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_tests_of_the_dashboard_mean_that_the_app_is_in_development() {
    let stage = Stage::build().await;
    stage
        .world()
        .dashboard_test(stage::now(), "comments")
        .unwrap();
    let arrived = stage::wait(|| async {
        let events = stage.get("/api/v1/events").await;
        (events["items"] != json!([])).then_some(())
    });
    arrived.await.unwrap();
    let report = doctor(&stage, &[]).await;
    report.fails_only(&[]);
    report.expect("app_mode", "warn", "development");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_verify_token_and_a_wrong_secret_are_told_apart() {
    let stage = Stage::build().await;
    let settings = [("HOOKLINE_META__VERIFY_TOKEN", "another-word")];
    let report = doctor(&stage, &settings).await;
    report.fails_only(&["handshake"]);
    report.expect("handshake", "fail", "refuses the verify token");
    let settings = [(
        "HOOKLINE_META__APP_SECRETS",
        "ffffffffffffffffffffffffffffffff",
    )];
    let report = doctor(&stage, &settings).await;
    report.fails_only(&["app_credentials"]);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_the_rest_is_looked_at_all_the_same() {
    let mut stage = Stage::build().await;
    stage.stop().await;
    let report = doctor(&stage, &[]).await;
    report.fails_only(&["server", "public_url"]);
    report.expect("server", "fail", "hookline serve");
    report.expect("public_url", "fail", "refused");
    report.expect("handshake", "skipped", "");
    report.expect("token", "ok", "@acme");
    // Offline, what is stored is judged.
    let nowhere = "http://127.0.0.1:1";
    let settings = [
        ("HOOKLINE_META__GRAPH_URL", nowhere),
        ("HOOKLINE_META__INSTAGRAM_GRAPH_URL", nowhere),
    ];
    let report = doctor(&stage, &settings).await;
    report.expect("meta_reached", "fail", "refused");
    report.expect("token", "skipped", "");
    report.expect("events", "warn", "Nothing has ever arrived");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_a_page_is_looked_at_through_the_page() {
    let shop = NewAccount {
        login: Login::Facebook,
        ..NewAccount::named("shop")
    };
    let stage = Stage::build_with(shop, WorldConfig::default()).await;
    let report = doctor(&stage, &[]).await;
    report.fails_only(&[]);
    report.expect("token", "ok", "through the Page");
    report.expect("token_time", "ok", "no scheduled end");
    report.expect("account_subscription", "ok", "");
    let account = stage.account.ig_id.clone();
    stage
        .world()
        .end_tokens(&account, TokenEnd::AppRemoved)
        .unwrap();
    let report = doctor(&stage, &[]).await;
    report.fails_only(&["token"]);
    report.expect("token", "fail", "--login facebook --page-id");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_time_than_metas_is_told() {
    let stage = Stage::build().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let early = format!("http://{}", listener.local_addr().unwrap());
    let tracker = TaskTracker::new();
    tracker.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let answer = "HTTP/1.1 400 Bad Request\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
                          Content-Length: 2\r\nConnection: close\r\n\r\n{}";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let report = doctor(&stage, &[("HOOKLINE_META__GRAPH_URL", &early)]).await;
    report.expect("clock_skew", "fail", "time synchronisation");
    report.expect("token", "ok", "@acme");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_and_what_people_were_told_of_is_told_again() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let account = stage.account.ig_id.clone();
    let ended = stage.world().end_tokens(&account, TokenEnd::AppRemoved);
    ended.unwrap();
    let comment = stage.comment("ada", "link");
    stage.settled(&comment, "held").await;
    let report = doctor(&stage, &[]).await;
    report.expect("hold", "fail", "until it has a new token (app_removed)");
    report.expect("alert", "fail", "token_dead");
    report.expect("events", "ok", "comments");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_than_the_tokens_were_sealed_with_is_told() {
    let stage = Stage::build().await;
    let other = format!("{}=", "A".repeat(43));
    let report = doctor(&stage, &[("HOOKLINE_ENCRYPTION__KEYS", &other)]).await;
    report.fails_only(&["token"]);
    report.expect("token", "fail", "None of the keys opens");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apps_secret_is_tried_even_without_a_public_address() {
    let stage = Stage::build().await;
    let mut command = command(&stage, &[]);
    command
        .env_remove("HOOKLINE_SERVER__PUBLIC_URL")
        .arg("--json");
    let (code, text) = said(&stage, command).await;
    let said = serde_json::from_str(&text).unwrap();
    let report = Report { code, said };
    report.fails_only(&[]);
    report.expect("app_credentials", "ok", "");
    report.expect("app_subscription", "warn", "server.public_url");
    report.expect("public_url", "warn", "is not set");
    report.expect("handshake", "ok", "");
    stage.clear().await;
}
