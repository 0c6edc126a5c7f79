use std::process::Command;
use std::time::Duration;

use hookline_sim::world::tokens::TokenEnd;
use serde_json::{Value, json};

use crate::receivers::{MailServer, Receiver, SECRET};
use crate::stage::{ADMIN_TOKEN, QUIET, Stage, now, wait};

fn told_through(receiver: &Receiver) -> Vec<(&'static str, String)> {
    vec![
        ("HOOKLINE_ALERTS__URLS", receiver.url.clone()),
        ("HOOKLINE_ALERTS__SECRET", SECRET.to_owned()),
    ]
}

impl Stage {
    /// The account's token dies, and a comment finds out.
    async fn let_the_token_die(&self) -> String {
        let account = &self.account.ig_id;
        self.world().end_tokens(account, TokenEnd::Expired).unwrap();
        let comment = self.comment("ada", "link");
        self.settled(&comment, "held").await;
        comment
    }

    async fn connect_anew(&self) {
        let account = self.account.clone();
        let token = self.world().replace_token(now(), &account.ig_id).unwrap();
        self.connect_account(&account, &token).await;
    }

    /// `hookline alerts` beside the running server, and its exit code.
    fn command(&self, arguments: &[&str]) -> (String, i32) {
        let output = Command::new(env!("CARGO_BIN_EXE_hookline"))
            .args(["--store", &format!("sqlite:{}", self.database().display())])
            .arg("alerts")
            .args(arguments)
            .env_clear()
            .current_dir(self.database().parent().unwrap())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        (said, output.status.code().unwrap())
    }
}

/// Waits until so much was heard, and looks on for a while whether more is.
async fn heard_exactly(receiver: &Receiver, wanted: &[&str]) -> Vec<Value> {
    let heard = wait(|| async { (receiver.lines().len() >= wanted.len()).then_some(()) }).await;
    assert!(heard.is_some(), "only {:?} was heard", receiver.lines());
    tokio::time::sleep(QUIET).await;
    assert_eq!(receiver.lines(), wanted);
    receiver.heard()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_token_is_told_once_and_a_new_one_ends_it_once() {
    let receiver = Receiver::listen().await;
    let mut stage = Stage::build().await;
    stage.restart_with(told_through(&receiver)).await;
    stage.publish("link", json!({})).await;
    let comment = stage.let_the_token_die().await;
    let raised = heard_exactly(&receiver, &["raised token_dead"]).await;
    let alert = &raised[0]["alert"];
    assert_eq!(alert["severity"], "critical");
    assert_eq!(alert["account"]["id"], stage.account.ig_id.as_str());
    assert_eq!(alert["account"]["username"], "acme");
    assert_eq!(alert["detail"], "sending waits: token expired");
    assert_eq!(alert["resolved_at"], Value::Null);
    assert!(
        alert["what_to_do"]
            .as_str()
            .unwrap()
            .contains("Connect @acme again")
    );
    assert!(!raised[0].to_string().contains(&stage.account.token));

    // Another comment meets the same trouble.
    let second = stage.comment("bob", "link");
    stage.settled(&second, "held").await;
    heard_exactly(&receiver, &["raised token_dead"]).await;
    let listed = stage.get("/api/v1/alerts").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed:#}");
    crate::api::schema::check("Alert", &listed["items"][0]);
    assert_eq!(listed["items"][0]["notices"]["delivered"], 1, "{listed:#}");
    let (said, code) = stage.command(&["--check"]);
    assert!(said.contains("token_dead  critical  @acme"), "{said}");
    assert!(said.contains("Connect @acme again"), "{said}");
    assert_eq!(code, 1);

    stage.connect_anew().await;
    stage.settled(&comment, "accepted").await;
    let told = ["raised token_dead", "resolved token_dead"];
    let heard = heard_exactly(&receiver, &told).await;
    assert_eq!(heard[1]["alert"]["id"], alert["id"]);
    assert_eq!(heard[1]["alert"]["since"], alert["since"]);
    assert_ne!(heard[1]["alert"]["resolved_at"], Value::Null);
    assert_ne!(heard[0]["id"], heard[1]["id"]);
    assert_eq!(stage.command(&["--check"]), ("no alerts\n".to_owned(), 0));
    let (said, _) = stage.command(&["--all", "--json"]);
    let all: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(all[0]["code"], "token_dead");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_down_is_told_later_once_although_the_server_was_restarted() {
    let receiver = Receiver::listen().await;
    receiver.be_down(true);
    let mut stage = Stage::build().await;
    stage.restart_with(told_through(&receiver)).await;
    stage.publish("link", json!({})).await;
    stage.let_the_token_die().await;
    let refused = wait(|| async { receiver.has_refused().then_some(()) }).await;
    assert!(refused.is_some(), "nobody tried to tell");
    stage.stop().await;
    receiver.be_down(false);
    stage.start().await;
    heard_exactly(&receiver, &["raised token_dead"]).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_arrives_as_mail() {
    let server = MailServer::listen().await;
    let mut stage = Stage::build().await;
    let settings = vec![
        ("HOOKLINE_ALERTS__SMTP_URL", server.url.clone()),
        (
            "HOOKLINE_ALERTS__EMAIL_FROM",
            "Hookline <hookline@example.com>".to_owned(),
        ),
        ("HOOKLINE_ALERTS__EMAIL_TO", "ada@example.com".to_owned()),
    ];
    stage.restart_with(settings).await;
    stage.publish("link", json!({})).await;
    stage.let_the_token_die().await;
    let mail = wait(|| async { server.taken().pop() }).await.unwrap();
    for line in [
        "MAIL FROM:<hookline@example.com>",
        "RCPT TO:<ada@example.com>",
        "Message-ID: <ntc_1.",
        "Subject: [Hookline] critical: ",
        "What to do: Connect @acme again",
        "Code:     token_dead",
    ] {
        assert!(mail.contains(line), "{line} is not in {mail}");
    }
    assert!(!mail.contains(&stage.account.token));
    tokio::time::sleep(QUIET).await;
    assert_eq!(server.taken().len(), 1);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_wrong_signatures_is_told_and_no_digest_with_it() {
    let receiver = Receiver::listen().await;
    let mut stage = Stage::build().await;
    stage.restart_with(told_through(&receiver)).await;
    let digest = "0123456789abcdef".repeat(4);
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    for _ in 0..12 {
        let answer = client
            .post(format!("{}/webhooks/instagram", stage.server))
            .header("X-Hub-Signature-256", format!("sha256={digest}"))
            .body("{}")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 401);
    }
    let heard = heard_exactly(&receiver, &["raised signature_failures"]).await;
    let alert = &heard[0]["alert"];
    assert_eq!(alert["account"], Value::Null);
    assert!(
        alert["detail"]
            .as_str()
            .unwrap()
            .ends_with("were refused within five minutes")
    );
    assert!(!heard[0].to_string().contains(&digest[..16]));
    let metrics = client.get(format!("{}/metrics", stage.server));
    let metrics = metrics.bearer_auth(ADMIN_TOKEN).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let line = "hookline_alerts_open{code=\"signature_failures\",severity=\"critical\"}";
    assert!(metrics.contains(line), "{metrics}");
    stage.clear().await;
}
