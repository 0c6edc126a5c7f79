use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hookline_model::secret::Secret;
use hookline_server::http::health::{HealthState, health_router};
use hookline_server::metrics::Metrics;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::{Answer, Api, NOW, StandingClock};

fn health(api: &Api, token: Option<&str>) -> Router {
    let clock = Arc::new(StandingClock(NOW.into()));
    let (store, metrics) = (Arc::clone(&api.store), Arc::new(Metrics::new()));
    health_router(HealthState::new(
        store,
        clock,
        metrics,
        token.map(Secret::new),
    ))
}

async fn get(router: &Router, path: &str) -> Answer {
    let request = Request::get(path).body(Body::empty()).unwrap();
    Answer::read(router.clone().oneshot(request).await.unwrap()).await
}

#[tokio::test]
async fn a_working_store_is_ready_and_ok() {
    let api = Api::new();
    let router = health(&api, None);
    assert_eq!(get(&router, "/readyz").await.ok(200)["status"], "ready");
    assert_eq!(get(&router, "/healthz").await.ok(200)["status"], "ok");
}

#[tokio::test]
async fn a_closed_store_is_alive_and_not_ready() {
    let api = Api::new();
    api.store.close().await;
    let router = health(&api, None);
    let answer = get(&router, "/readyz").await;
    assert_eq!(
        answer.ok(503)["reason"],
        "the database is closed: hookline is stopping"
    );
    assert_eq!(answer.header("retry-after"), "1");
    let answer = get(&router, "/healthz").await;
    assert_eq!(answer.ok(200)["status"], "degraded");
}

#[tokio::test]
async fn an_answer_about_readiness_holds_for_a_second() {
    let api = Api::new();
    let router = health(&api, None);
    get(&router, "/readyz").await.ok(200);
    api.store.close().await;
    get(&router, "/readyz").await.ok(200);
}

#[tokio::test]
async fn metrics_show_the_gauges_and_may_be_guarded() {
    let api = Api::new();
    api.record(b"{}").await;
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = health(&api, None).oneshot(request).await.unwrap();
    assert!(
        response.headers()["content-type"]
            .to_str()
            .unwrap()
            .contains("openmetrics")
    );
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&text).contains("hookline_backlog 1\n"));
    let guarded = health(&api, Some("m"));
    get(&guarded, "/metrics").await.ok(401);
    let request = Request::get("/metrics")
        .header("authorization", "Bearer m")
        .body(Body::empty())
        .unwrap();
    assert_eq!(guarded.oneshot(request).await.unwrap().status(), 200);
}
