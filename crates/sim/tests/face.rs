//! The HTTP face against a tiny receiver, over real sockets on port 0.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::panic, reason = "a wait that never ends is a failed test")]
#![expect(clippy::expect_used, reason = "a broken expectation is a failed test")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hookline_sim::wire::sha256_hex;
use hookline_sim::{World, WorldConfig, http};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const NOW: i64 = 1_790_000_000_000;

/// What the receiver got, and the statuses it answers with before it settles on 200.
#[derive(Default)]
struct Received {
    posts: Vec<(Vec<(String, String)>, Bytes)>,
    statuses: VecDeque<u16>,
}

struct Stage {
    sim: String,
    callback: String,
    received: Arc<Mutex<Received>>,
    client: reqwest::Client,
    shutdown: CancellationToken,
    tracker: TaskTracker,
}

impl Stage {
    async fn set(subscribed: bool) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let shutdown = CancellationToken::new();
        let tracker = TaskTracker::new();
        let received = Arc::new(Mutex::new(Received::default()));
        let endpoint = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let callback = format!("http://{}/webhooks", endpoint.local_addr().unwrap());
        tracker.spawn(receive(
            endpoint,
            Arc::clone(&received),
            shutdown.clone(),
            tracker.clone(),
        ));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sim = format!("http://{}", listener.local_addr().unwrap());
        let world = Arc::new(Mutex::new(World::new(WorldConfig::default())));
        let url = subscribed.then(|| callback.clone());
        let stop = shutdown.clone();
        tracker.spawn(async move {
            let clock = Arc::new(|| NOW);
            http::serve(listener, world, clock, url, stop)
                .await
                .expect("the face serves");
        });
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        Self {
            sim,
            callback,
            received,
            client,
            shutdown,
            tracker,
        }
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/_sim/{path}", self.sim);
        let answer = self.client.post(url).json(&body).send().await.unwrap();
        let status = answer.status();
        let value: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{path}: {value}");
        value
    }

    async fn look(&self, path: &str) -> Value {
        let url = format!("{}/_sim/{path}", self.sim);
        self.client
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// Waits until the receiver has as many posts, and returns their bodies.
    async fn posts(&self, wanted: usize) -> Vec<Value> {
        for _ in 0..500 {
            {
                let received = self.received.lock().unwrap();
                if received.posts.len() >= wanted {
                    return received
                        .posts
                        .iter()
                        .map(|(_, body)| serde_json::from_slice(body).unwrap())
                        .collect();
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "{wanted} posts were expected: {}",
            self.look("deliveries").await
        );
    }

    async fn end(self) {
        self.shutdown.cancel();
        self.tracker.close();
        tokio::time::timeout(Duration::from_secs(5), self.tracker.wait())
            .await
            .unwrap();
    }
}

async fn receive(
    listener: TcpListener,
    received: Arc<Mutex<Received>>,
    shutdown: CancellationToken,
    tracker: TaskTracker,
) {
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted.unwrap(),
            () = shutdown.cancelled() => return,
        };
        let received = Arc::clone(&received);
        let shutdown = shutdown.clone();
        tracker.spawn(async move {
            let service = service_fn(move |request| note(Arc::clone(&received), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                _ = connection => {}
                () = shutdown.cancelled() => {}
            }
        });
    }
}

async fn note(
    received: Arc<Mutex<Received>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    if parts.method == hyper::Method::GET {
        let query = parts.uri.query().unwrap_or_default();
        let value = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        let is_known = value("hub.verify_token").as_deref() == Some("verify-me");
        let challenge = value("hub.challenge").unwrap_or_default();
        let answer = if is_known { challenge } else { "no".to_owned() };
        return Ok(Response::new(Full::new(Bytes::from(answer))));
    }
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let mut received = received.lock().unwrap();
    received.posts.push((headers, body));
    let status = received.statuses.pop_front().unwrap_or(200);
    Ok(Response::builder()
        .status(status)
        .body(Full::new(Bytes::new()))
        .unwrap())
}

#[tokio::test]
async fn a_comment_becomes_a_signed_post_a_private_reply_and_an_echo() {
    let stage = Stage::set(true).await;
    let account = stage
        .control("accounts", json!({"username": "acme_store"}))
        .await;
    let token = account["access_token"].as_str().unwrap();
    let ig_id = account["ig_id"].as_str().unwrap();
    let draft = json!({"account": "acme_store", "person": "zoë", "text": "LINK 🙏"});
    let comment = stage.control("comments", draft).await["comment_id"].clone();
    let post = stage.posts(1).await.remove(0);
    assert_eq!(post["entry"][0]["changes"][0]["value"]["id"], comment);
    {
        let received = stage.received.lock().unwrap();
        let (headers, body) = &received.posts[0];
        let header = |name: &str| &headers.iter().find(|(key, _)| key == name).unwrap().1;
        let digest = sha256_hex("0123456789abcdef0123456789abcdef", body);
        assert_eq!(*header("x-hub-signature-256"), format!("sha256={digest}"));
        assert_eq!(header("user-agent"), "facebookexternalua");
        assert!(body.is_ascii());
    }
    let url = format!("{}/ig/v26.0/{ig_id}/messages", stage.sim);
    let message = json!({"recipient": {"comment_id": comment}, "message": {"text": "here"}});
    let answer = stage
        .client
        .post(url)
        .bearer_auth(token)
        .json(&message)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("x-business-use-case-usage"));
    let answer: Value = answer.json().await.unwrap();
    let echo = stage.posts(2).await.remove(1);
    assert_eq!(
        echo["entry"][0]["messaging"][0]["message"]["mid"],
        answer["message_id"]
    );
    let sent = stage.look("sent?person=zo%C3%AB").await;
    assert_eq!(sent["total"], json!(1));
    assert_eq!(sent["sent"][0]["comment_id"], comment);
    let requests = stage.look("requests?endpoint=private_reply").await;
    assert_eq!(requests[0]["token_in"], json!("header"));
    assert!(!requests.to_string().contains(token));
    stage.end().await;
}

#[tokio::test]
async fn dropped_connections_keep_or_lose_their_effect() {
    let stage = Stage::set(true).await;
    let account = stage
        .control("accounts", json!({"username": "acme_store"}))
        .await;
    let token = account["access_token"].as_str().unwrap();
    for (then, effects) in [("drop_before", 0), ("drop_after", 1), ("malformed", 2)] {
        let draft = json!({"account": "acme_store", "person": "ada", "text": "LINK"});
        let comment = stage.control("comments", draft).await["comment_id"].clone();
        stage
            .control("faults", json!([{"on": "private_reply", "then": then}]))
            .await;
        let url = format!("{}/v26.0/me/messages", stage.sim);
        let message = json!({"recipient": {"comment_id": comment}, "message": {"text": "here"}});
        let answer = stage
            .client
            .post(url)
            .bearer_auth(token)
            .json(&message)
            .send()
            .await;
        match answer {
            Ok(answer) => assert!(answer.json::<Value>().await.is_err(), "{then}"),
            Err(error) => assert!(!error.is_connect() && !error.is_timeout(), "{then}"),
        }
        assert_eq!(stage.look("sent").await["total"], json!(effects), "{then}");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_refused_delivery_is_tried_again_and_time_can_be_moved() {
    let stage = Stage::set(true).await;
    stage
        .control("accounts", json!({"username": "acme_store"}))
        .await;
    stage.received.lock().unwrap().statuses = [503, 500].into();
    let draft = json!({"account": "acme_store", "person": "ada", "text": "LINK"});
    stage.control("comments", draft).await;
    stage.posts(2).await;
    let clock = stage.control("clock", json!({"advance_ms": 5_000})).await;
    assert_eq!(clock["now_ms"], json!(NOW + 5_000));
    let posts = stage.posts(3).await;
    assert_eq!(posts[0], posts[2]);
    for _ in 0..500 {
        let deliveries = stage.look("deliveries").await;
        if deliveries[0]["state"] == json!("succeeded") {
            let statuses: Vec<_> = deliveries[0]["attempts"]
                .as_array()
                .unwrap()
                .iter()
                .map(|attempt| attempt["status"].clone())
                .collect();
            assert_eq!(statuses, [json!(503), json!(500), json!(200)]);
            stage.end().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the delivery did not succeed");
}

#[tokio::test]
async fn a_subscription_takes_effect_after_its_handshake() {
    let stage = Stage::set(false).await;
    stage
        .control("accounts", json!({"username": "acme_store"}))
        .await;
    let app = "900000000000001";
    let url = format!("{}/fb/v26.0/{app}/subscriptions", stage.sim);
    let app_token = format!("{app}|0123456789abcdef0123456789abcdef");
    let subscribe = |verify_token: &'static str| {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("object", "instagram")
            .append_pair("callback_url", &stage.callback)
            .append_pair("fields", "comments,messages")
            .append_pair("verify_token", verify_token)
            .finish();
        stage
            .client
            .post(&url)
            .bearer_auth(&app_token)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
    };
    let refused = subscribe("wrong").await.unwrap();
    assert_eq!(refused.status(), 400);
    let listed = stage
        .client
        .get(&url)
        .bearer_auth(&app_token)
        .send()
        .await
        .unwrap();
    assert_eq!(listed.json::<Value>().await.unwrap()["data"], json!([]));
    let accepted = subscribe("verify-me").await.unwrap();
    assert_eq!(
        accepted.json::<Value>().await.unwrap(),
        json!({"success": true})
    );
    let draft = json!({"account": "acme_store", "person": "ada", "text": "LINK"});
    stage.control("comments", draft).await;
    stage.posts(1).await;
    stage.end().await;
}

#[tokio::test]
async fn the_owner_removes_the_app_and_asks_for_deletion() {
    let stage = Stage::set(true).await;
    let account = json!({"username": "acme_store"});
    let account = stage.control("accounts", account).await;
    let callback = json!({"account": "acme_store", "url": stage.callback});
    stage.received.lock().unwrap().statuses.push_back(503);
    let refused = stage
        .control("callbacks/data_deletion", callback.clone())
        .await;
    assert_eq!(refused, json!({"status": 503, "body": ""}));
    let done = stage.control("callbacks/deauthorize", callback).await;
    assert_eq!(done, json!({"status": 200, "body": ""}));
    {
        let received = stage.received.lock().unwrap();
        assert_eq!(received.posts.len(), 2);
        for (headers, body) in &received.posts {
            let is_form = headers.iter().any(|(name, value)| {
                name == "content-type" && value == "application/x-www-form-urlencoded"
            });
            assert!(is_form, "{headers:?}");
            assert!(body.starts_with(b"signed_request="), "{body:?}");
        }
    }
    let me = stage.client.get(format!("{}/me", stage.sim));
    let token = account["access_token"].as_str().unwrap();
    let me = me.bearer_auth(token).send().await.unwrap();
    let me: Value = me.json().await.unwrap();
    assert_eq!(me["error"]["error_subcode"], json!(458));
    let nowhere = json!({"account": "acme_store", "url": "http://127.0.0.1:1/"});
    let lost = stage.control("callbacks/deauthorize", nowhere).await;
    assert_eq!(lost, json!({"status": null, "body": null}));
    stage.end().await;
}

#[tokio::test]
async fn control_says_what_is_wrong() {
    let stage = Stage::set(true).await;
    let post = |path: &str, body: Value| {
        stage
            .client
            .post(format!("{}/_sim/{path}", stage.sim))
            .json(&body)
            .send()
    };
    let cases = [
        (
            "comments",
            json!({"account": "nobody", "person": "ada"}),
            404,
        ),
        ("comments", json!({"acount": "nobody"}), 400),
        (
            "faults",
            json!({"on": "no_such", "then": "drop_before"}),
            400,
        ),
        ("clock", json!({"advance_ms": -1}), 400),
        ("nothing", json!({}), 404),
        ("raw", json!({}), 400),
        ("app", json!({"fields": ["nonsense"]}), 400),
        ("oauth", json!({"more_accounts": ["nobody"]}), 404),
        (
            "callbacks/deauthorize",
            json!({"account": "nobody", "url": "http://x"}),
            404,
        ),
        ("callbacks/deauthorize", json!({"account": "nobody"}), 400),
        (
            "callbacks/other",
            json!({"account": "x", "url": "http://x"}),
            404,
        ),
    ];
    for (path, body, status) in cases {
        let answer = post(path, body).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert!(answer.json::<Value>().await.unwrap()["error"].is_string());
    }
    stage.end().await;
}
