use hookline_sim::Trouble;
use hookline_sim::world::platform::Tamper;
use serde_json::{Value, json};

use crate::stage::{Stage, now, wait};

const FORM: &str = "application/x-www-form-urlencoded";
const DELETION: &str = "/meta/data-deletion";
const DEAUTHORIZE: &str = "/meta/deauthorize";

fn form(signed: &str) -> String {
    format!("signed_request={signed}")
}

impl Stage {
    /// Tells the account's id as Meta's callbacks name it.
    async fn know_the_app_scoped_id(&self) {
        let account = &self.account;
        let body = json!({
            "username": account.username,
            "access_token": account.token,
            "login": account.login,
            "app_scoped_id": account.app_scoped_id,
        });
        let path = format!("/api/v1/accounts/{}", account.ig_id);
        let (status, answer) = self.call("PUT", &path, Some(body)).await;
        assert_eq!(status, 200, "{answer}");
    }

    fn signed(&self, at: i64, tamper: Tamper) -> String {
        let account = self.account.ig_id.clone();
        self.world().signed_request(at, &account, tamper).unwrap()
    }

    async fn page_says(&self, path: &str, words: &str) -> String {
        let found = wait(|| async {
            let (status, page) = self.plain("GET", path, None).await;
            (status == 200 && page.contains(words)).then_some(page)
        });
        found
            .await
            .unwrap_or_else(|| panic!("{path} never said {words:?}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_answered_with_a_code_and_carried_out() {
    let stage = Stage::build().await;
    stage.know_the_app_scoped_id().await;
    stage.publish("link", json!({})).await;
    let comment = stage.comment("ada", "link");
    let is_echoed = |story: &Value| !story["sends"][0]["echoed_at"].is_null();
    stage.explained(&comment, is_echoed).await;
    for tamper in [Tamper::None, Tamper::Padded] {
        let body = form(&stage.signed(now(), tamper));
        let (status, answer) = stage.plain("POST", DELETION, Some((FORM, body))).await;
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let code = answer["confirmation_code"].as_str().unwrap();
        assert!(code.len() == 32 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let path = format!("{DELETION}/{code}");
        assert_eq!(answer["url"], format!("https://hooks.example.com{path}"));
        let page = stage.page_says(&path, "The deletion is done").await;
        for secret in [
            &stage.account.ig_id,
            &stage.account.app_scoped_id,
            "ada",
            "acme",
        ] {
            assert!(!page.contains(secret), "{page}");
        }
    }
    let path = format!("/api/v1/accounts/{}", stage.account.ig_id);
    assert_eq!(stage.call("GET", &path, None).await.0, 404);
    for list in ["events", "sends", "deliveries"] {
        let found = stage.get(&format!("/api/v1/{list}")).await;
        assert_eq!(found["items"], json!([]), "{list}");
    }
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_meta_did_not_sign_now_is_refused_and_nothing_is_kept() {
    let stage = Stage::build().await;
    stage.know_the_app_scoped_id().await;
    let good = form(&stage.signed(now(), Tamper::None));
    let old = form(&stage.signed(now() - 2 * 3_600_000, Tamper::None));
    let twice = format!("{good}&{good}");
    let rows = [
        (
            FORM,
            form(&stage.signed(now(), Tamper::Payload)),
            401,
            "not signed",
        ),
        (
            FORM,
            form(&stage.signed(now(), Tamper::OtherSecret)),
            401,
            "not signed",
        ),
        (FORM, old, 401, "expired"),
        (
            FORM,
            "signed_request=nothing".to_owned(),
            400,
            "not of the form",
        ),
        (FORM, "other=1".to_owned(), 400, "signed_request"),
        (FORM, twice, 400, "once"),
        (FORM, String::new(), 400, "signed_request"),
        ("application/json", good, 415, "x-www-form-urlencoded"),
        (FORM, "x".repeat(20 * 1024), 413, "larger"),
    ];
    for path in [DELETION, DEAUTHORIZE] {
        for (kind, body, status, words) in rows.clone() {
            let (answered, text) = stage.plain("POST", path, Some((kind, body))).await;
            assert_eq!(answered, status, "{path} {text}");
            assert!(text.contains(words), "{path} {text}");
        }
    }
    let path = format!("/api/v1/accounts/{}", stage.account.ig_id);
    assert_eq!(stage.get(&path).await["hold"], Value::Null);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_addresses_say_what_they_are_for() {
    let stage = Stage::build().await;
    stage.page_says(DELETION, "data deletion request URL").await;
    stage
        .page_says(DEAUTHORIZE, "deauthorize callback URL")
        .await;
    let unknown = [
        format!("{DELETION}/{}", "0".repeat(32)),
        format!("{DELETION}/%20x"),
    ];
    for path in unknown {
        let (status, page) = stage.plain("GET", &path, None).await;
        assert_eq!(status, 404);
        assert!(page.contains("No such deletion"), "{page}");
    }
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_address_of_its_own_the_server_says_which_key_to_set() {
    let mut stage = Stage::build().await;
    stage.know_the_app_scoped_id().await;
    stage.stop().await;
    stage.has_public_url = false;
    stage.start().await;
    let body = form(&stage.signed(now(), Tamper::None));
    let (status, text) = stage.plain("POST", DELETION, Some((FORM, body))).await;
    assert_eq!(status, 503);
    assert!(text.contains("server.public_url"), "{text}");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deauthorized_account_is_held_and_owes_nothing_when_it_comes_back() {
    let stage = Stage::build().await;
    stage.know_the_app_scoped_id().await;
    stage.publish("link", json!({})).await;
    let error = hookline_sim::ErrorSpec {
        status: 500,
        code: 2,
        subcode: Some(1_545_133),
        message: None,
        is_transient: None,
        regain_minutes: None,
    };
    for _ in 0..3 {
        stage.trouble("read_comment", Trouble::Error(error.clone()));
    }
    let comment = stage.comment("ada", "link");
    stage
        .explained(&comment, |story| !story["sends"][0]["reason"].is_null())
        .await;
    let body = form(&stage.signed(now(), Tamper::None));
    let (status, answer) = stage.plain("POST", DEAUTHORIZE, Some((FORM, body))).await;
    assert_eq!(status, 200, "{answer}");
    let story = stage.settled(&comment, "cancelled").await;
    assert_eq!(story["sends"][0]["reason"], "deauthorized", "{story:#}");
    let path = format!("/api/v1/accounts/{}", stage.account.ig_id);
    assert_eq!(stage.get(&path).await["hold"]["reason"], "deauthorized");
    stage.know_the_app_scoped_id().await;
    assert_eq!(stage.get(&path).await["hold"], Value::Null);
    let next = stage.comment("bob", "link");
    stage.settled(&next, "accepted").await;
    let reached = stage.reached_exactly(1).await;
    assert!(reached[0].starts_with("bob"), "{reached:?}");
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_can_erase_one_contact() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let (ada, bob) = (stage.comment("ada", "link"), stage.comment("bob", "link"));
    stage.settled(&ada, "accepted").await;
    stage.settled(&bob, "accepted").await;
    let path = format!("/api/v1/accounts/{}/contacts/ada", stage.account.ig_id);
    let (status, answer) = stage.call("DELETE", &path, None).await;
    assert_eq!(status, 202, "{answer}");
    let code = answer["code"].as_str().unwrap();
    stage
        .page_says(&format!("{DELETION}/{code}"), "Your data was deleted")
        .await;
    assert_eq!(
        stage
            .call("GET", &format!("/api/v1/explain/{ada}"), None)
            .await
            .0,
        404
    );
    let story = stage.get(&format!("/api/v1/explain/{bob}")).await;
    assert_eq!(story["sends"][0]["state"], "accepted");
    let deliveries = stage.get("/api/v1/deliveries").await;
    let cut = deliveries["items"].as_array().unwrap().iter();
    assert!(
        cut.clone()
            .any(|delivery| !delivery["redacted_at"].is_null())
    );
    stage.clear().await;
}
