//! The REST API, asked over its router on a database in a temporary file.

mod accounts;
mod alerts;
mod automations;
mod document;
mod health;
mod queue;
mod records;
pub(crate) mod schema;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use bytes::Bytes;
use hookline_engine::connect::{Connector, LoginApps};
use hookline_engine::keyring::{EncryptionKey, KeyRing};
use hookline_engine::settings::Settings;
use hookline_engine::subscribe::Subscriber;
use hookline_meta::graph::{GraphClient, GraphConfig, OAuthHosts};
use hookline_model::clock::{Clock, Timestamp};
use hookline_model::ids::DeliveryId;
use hookline_model::secret::Secret;
use hookline_server::http::api::{ApiState, router};
use hookline_store::{Ownership, RecordDelivery, Store};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::ServiceExt;

const TOKEN: &str = "admin-token-1";
const NOW: i64 = 1_790_000_000_000;

/// A clock that stands still until it is moved.
struct StandingClock(AtomicI64);

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// An API on a database of its own.
struct Api {
    router: Router,
    store: Arc<Store>,
    keys: Arc<KeyRing>,
    wake: Arc<Notify>,
    _directory: tempfile::TempDir,
}

/// What was answered.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

/// A connector for which there is no Meta.
fn connector(store: &Arc<Store>, keys: &Arc<KeyRing>) -> Connector {
    // Whoever comes first installs it; a second installation is refused without harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let nowhere = "http://127.0.0.1:9".to_owned();
    let graph = GraphClient::new(GraphConfig {
        graph_url: nowhere.clone(),
        instagram_graph_url: nowhere.clone(),
        api_version: "v26.0".to_owned(),
    });
    let graph = Arc::new(graph.unwrap());
    Connector {
        store: Arc::clone(store),
        clock: Arc::new(StandingClock(AtomicI64::new(NOW))),
        graph: Arc::clone(&graph),
        keys: Arc::clone(keys),
        hosts: OAuthHosts {
            facebook_oauth_url: nowhere.clone(),
            instagram_oauth_url: nowhere.clone(),
            instagram_token_url: nowhere,
        },
        apps: LoginApps::default(),
        subscriber: Subscriber::new(graph, None, None),
        nonces: Arc::new(|| [9; 24]),
        wake: Arc::new(Notify::new()),
    }
}

impl Api {
    fn new() -> Self {
        Self::with_token(Some(Secret::new(TOKEN)))
    }

    fn with_token(admin_token: Option<Secret>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("hookline.db").display());
        let store = Arc::new(Store::open(&url, Ownership::Shared).unwrap());
        let keys = Arc::new(KeyRing::new(vec![EncryptionKey::new([7; 32])]).unwrap());
        let wake = Arc::new(Notify::new());
        let router = router(ApiState {
            store: Arc::clone(&store),
            keys: Arc::clone(&keys),
            connector: Arc::new(connector(&store, &keys)),
            clock: Arc::new(StandingClock(AtomicI64::new(NOW))),
            budgets: Settings::default().budgets,
            connect_page: Some("https://hooks.example.com/oauth".to_owned()),
            admin_token,
            wake: Arc::clone(&wake),
            nonces: Arc::new(|| [9; 24]),
        });
        Self {
            router,
            store,
            keys,
            wake,
            _directory: directory,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, Body::empty()).await
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::PUT, path, Body::from(body.to_string()))
            .await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, Body::empty()).await
    }

    async fn ask(&self, method: Method, path: &str, body: Body) -> Answer {
        self.ask_as(Some(&format!("Bearer {TOKEN}")), method, path, body)
            .await
    }

    async fn ask_as(
        &self,
        authorization: Option<&str>,
        method: Method,
        path: &str,
        body: Body,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"));
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let request = request.body(body).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        Answer::read(response).await
    }

    async fn record(&self, body: &'static [u8]) -> DeliveryId {
        let delivery = RecordDelivery {
            received_at: Timestamp::from_millis(NOW),
            secret_index: 0,
            api_version: Some("v26.0".to_owned()),
            body: Bytes::from_static(body),
        };
        self.store.record_delivery(delivery).await.unwrap()
    }
}

impl Answer {
    async fn read(response: axum::response::Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Holds the answer against the form every error has, and answers its detail.
    #[track_caller]
    fn problem(&self, status: u16) -> &str {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["type"], "about:blank");
        assert_eq!(self.body["status"], status);
        assert!(self.body["title"].is_string());
        schema::check("Problem", &self.body);
        self.body["detail"].as_str().unwrap()
    }

    /// The paths of the wrong values of a document.
    #[track_caller]
    fn wrong(&self) -> Vec<&str> {
        self.problem(422);
        let errors = self.body["errors"].as_array().unwrap();
        errors
            .iter()
            .map(|error| error["path"].as_str().unwrap())
            .collect()
    }

    #[track_caller]
    fn ok(&self, status: u16) -> &Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        &self.body
    }
}

#[tokio::test]
async fn without_the_token_nothing_is_told() {
    let api = Api::new();
    let paths = [
        "/accounts",
        "/automations",
        "/deliveries",
        "/events",
        "/sends",
        "/queue",
        "/alerts",
        "/explain/1",
    ];
    for path in paths {
        for authorization in [
            None,
            Some("Bearer wrong"),
            Some("Bearer "),
            Some(TOKEN),
            Some("Basic YTpi"),
        ] {
            let answer = api
                .ask_as(authorization, Method::GET, path, Body::empty())
                .await;
            answer.problem(401);
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
    }
    assert_eq!(api.get("/accounts").await.status, 200);
}

#[tokio::test]
async fn without_a_configured_token_the_api_is_closed() {
    let api = Api::with_token(None);
    let answer = api.get("/accounts").await;
    assert!(answer.problem(401).contains("admin.token"));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let api = Api::new();
    api.get("/nothing").await.problem(404);
    let answer = api.ask(Method::POST, "/accounts", Body::empty()).await;
    answer.problem(405);
    assert!(answer.header("allow").contains("GET"));
}

#[tokio::test]
async fn unknown_and_wrong_parameters_are_refused_with_the_known_ones() {
    let api = Api::new();
    let detail = api.get("/sends?status=held").await;
    let detail = detail.problem(400);
    assert!(
        detail.contains("`status`") && detail.contains("`state`"),
        "{detail}"
    );
    let answer = api.get("/events?mid=1&mid=2").await;
    assert!(answer.problem(400).contains("mid"));
    for limit in ["0", "501", "x", "-1", ""] {
        let answer = api.get(&format!("/deliveries?limit={limit}")).await;
        assert!(answer.problem(400).contains("1 to 500"));
    }
    api.get("/deliveries?limit=500").await.ok(200);
    for cursor in ["x", "YWNjb3VudHM6MQ", "ZGVsaXZlcmllczp4"] {
        let answer = api.get(&format!("/deliveries?cursor={cursor}")).await;
        assert!(answer.problem(400).contains("next_cursor"));
    }
    for (path, known) in [
        ("/deliveries?status=done", "not_interpretable"),
        ("/events?kind=comment", "comment_received"),
        ("/sends?state=sent", "held"),
        ("/queue?class=dm", "live_private_reply"),
    ] {
        let answer = api.get(path).await;
        assert!(answer.problem(400).contains(known));
    }
}

#[tokio::test]
async fn a_closed_store_is_a_503_that_says_when_to_come_back() {
    let api = Api::new();
    api.store.close().await;
    let body = json!({"username": "a", "access_token": "t", "login": "instagram"});
    let answer = api.put("/accounts/1", &body).await;
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test]
async fn answers_are_not_kept_by_caches() {
    let answer = Api::new().get("/accounts").await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}
