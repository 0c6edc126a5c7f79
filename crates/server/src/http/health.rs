//! Whether the process lives, whether it can do its work, and what it counts.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hookline_model::alert::AlertCode;
use hookline_model::clock::{Clock, Timestamp};
use hookline_model::secret::Secret;
use hookline_store::{Stats, Store, StoreError};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::api::is_bearer;
use crate::metrics::{CONTENT_TYPE, Metrics};

/// How long an answer about readiness holds, so that many askers cost one probe.
const READINESS_AGE_MAX: Duration = Duration::from_secs(1);

/// How long the database may take to prove that it works.
const PROBE_WAIT_MAX: Duration = Duration::from_secs(2);

/// Seconds after which someone who was told 503 may ask again.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Less room than this and the largest delivery may not fit: small ones still would, and hide it.
pub(crate) const ROOM_MIN: u64 = 6 * 1024 * 1024;

/// What the health routes need.
#[derive(Clone)]
pub struct HealthState {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    metrics_token: Option<Secret>,
    readiness: Arc<Mutex<Option<Readiness>>>,
}

/// What the last probe found.
#[derive(Debug, Clone)]
struct Readiness {
    probed_at: Timestamp,
    /// The counts, or why the database cannot be worked with.
    stats: Result<Stats, &'static str>,
}

impl HealthState {
    /// `metrics_token`, if there is one, is the bearer token of `/metrics`.
    pub fn new(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        metrics_token: Option<Secret>,
    ) -> Self {
        Self {
            store,
            clock,
            metrics,
            metrics_token,
            readiness: Arc::default(),
        }
    }

    /// What is known of the database, at most a second old.
    async fn readiness(&self) -> Readiness {
        let mut known = self.readiness.lock().await;
        let now = self.clock.now();
        // A clock that was set back must not make an old answer hold for long.
        if let Some(readiness) = known.as_ref()
            && readiness.probed_at <= now
            && now.since(readiness.probed_at) < READINESS_AGE_MAX
        {
            return readiness.clone();
        }
        let readiness = Readiness {
            probed_at: now,
            stats: self.probe(now).await,
        };
        *known = Some(readiness.clone());
        readiness
    }

    async fn probe(&self, now: Timestamp) -> Result<Stats, &'static str> {
        if room_of(self.store.path()).is_some_and(|bytes| bytes < ROOM_MIN) {
            tracing::error!(
                room_min_bytes = ROOM_MIN,
                "the disk that holds the database is nearly full"
            );
            return Err("the disk that holds the database has no room for a large delivery");
        }
        let probe = async {
            self.store.probe_write().await?;
            self.store.stats(now).await
        };
        match timeout(PROBE_WAIT_MAX, probe).await {
            Ok(Ok(stats)) => Ok(stats),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the database cannot be read and written");
                Err(reason(&error))
            }
            Err(_) => Err("the database did not answer in time"),
        }
    }
}

/// Bytes left for us on the disk of `database`; none when the system does not say.
pub(crate) fn room_of(database: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(database).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

/// Why the database cannot be worked with, for everyone to read: nothing of the machine.
fn reason(error: &StoreError) -> &'static str {
    match error {
        StoreError::Full => "the disk that holds the database is full",
        StoreError::Unsynced => {
            "the disk did not keep what was written: restart hookline once the disk is sound"
        }
        StoreError::Closed => "the database is closed: hookline is stopping",
        StoreError::Database { .. } | StoreError::Commit(_) => {
            "the database refused a read or a write"
        }
        StoreError::Corrupt { .. } => "the database holds something that cannot be read",
        StoreError::Conflict(_) => "the database changed meanwhile",
    }
}

/// `/healthz`, `/readyz` and `/metrics`.
pub fn health_router(state: HealthState) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(state)
}

/// 200 while the process lives; `degraded` with the reasons when it lives and cannot do all of
/// its work.
async fn healthz(State(state): State<HealthState>) -> Response {
    let reasons: Vec<String> = match state.readiness().await.stats {
        Err(reason) => vec![reason.to_owned()],
        Ok(counts) => held_accounts(counts.accounts_held).into_iter().collect(),
    };
    if reasons.is_empty() {
        Json(json!({"status": "ok"})).into_response()
    } else {
        Json(json!({"status": "degraded", "reasons": reasons})).into_response()
    }
}

fn held_accounts(count: i64) -> Option<String> {
    match count {
        0 => None,
        1 => Some("1 account may not send now".to_owned()),
        count => Some(format!("{count} accounts may not send now")),
    }
}

/// 200 when the database can be read and written, else 503 with the reason.
async fn readyz(State(state): State<HealthState>) -> Response {
    match state.readiness().await.stats {
        Ok(_) => Json(json!({"status": "ready"})).into_response(),
        Err(reason) => (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS))],
            Json(json!({"status": "not_ready", "reason": reason})),
        )
            .into_response(),
    }
}

/// Everything that is counted, with the gauges as of now.
async fn metrics(State(state): State<HealthState>, headers: HeaderMap) -> Response {
    if let Some(token) = &state.metrics_token
        && !is_bearer(&headers, token)
    {
        let challenge = HeaderValue::from_static("Bearer realm=\"hookline metrics\"");
        return (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, challenge)],
            "send the metrics token: Authorization: Bearer <metrics.token>\n",
        )
            .into_response();
    }
    // Without the database the counters are still worth having.
    if let Ok(stats) = state.readiness().await.stats {
        set_gauges(&state.metrics, &stats);
    }
    match state.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn set_gauges(metrics: &Metrics, stats: &Stats) {
    let lanes = &stats.lanes;
    metrics.set_backlog(stats.backlog);
    metrics.set_lanes("due", lanes.due);
    metrics.set_lanes("waiting", lanes.waiting);
    metrics.set_lanes("leased", lanes.leased);
    metrics.set_lanes("paused", lanes.paused);
    metrics.set_lanes("idle", lanes.idle);
    for state in ["planned", "leased", "unknown"] {
        metrics.set_sends(state, stats.sends.get(state).copied().unwrap_or(0));
    }
    for code in AlertCode::ALL {
        metrics.set_alerts(code, stats.alerts.get(&code).copied().unwrap_or(0));
    }
}
