//! Meta's callbacks about people: an app's leave is taken away, somebody's data is to be deleted
//! (contract 8.3). Outside the API: Meta's signature is what lets a request in.
//!
//! - `pages`: what a person sees who opens one of the addresses

mod pages;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, middleware};
use hookline_meta::signature::Verifier;
use hookline_meta::signed_request::{self, SignedRequest, SignedRequestProblem};
use hookline_model::clock::{Clock, Timestamp};
use hookline_store::erase::AskedFor;
use hookline_store::{Store, StoreError};
use serde_json::json;

use super::api::{Nonces, code};

/// Largest body: a signed request has a few hundred bytes.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// Longest code that is looked for.
const CODE_BYTES_MAX: usize = 64;

/// How often refused requests are told of in the log.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Seconds after which someone who was told 503 may ask again.
const RETRY_AFTER_SECONDS: u32 = 60;

/// The form's only field.
const FIELD: &str = "signed_request";

/// What the callbacks need.
#[derive(Clone)]
pub struct CallbackState {
    /// The durable record.
    pub store: Arc<Store>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Knows the app's secrets.
    pub verifier: Arc<Verifier>,
    /// The address the world reaches this server under, which status pages are named by.
    pub public_url: Option<String>,
    /// Codes nobody can guess are drawn from these.
    pub nonces: Nonces,
    /// Refusals since the log last told of any, and when that was.
    pub refused: Arc<Mutex<Refused>>,
}

/// Refusals that wait to be logged together.
#[derive(Debug, Default)]
pub struct Refused {
    count: u64,
    logged_at: Option<Timestamp>,
}

/// The callbacks and the pages behind them.
pub fn router(state: CallbackState) -> Router {
    Router::new()
        .route(
            "/meta/deauthorize",
            get(async || pages::deauthorize()).post(deauthorize),
        )
        .route(
            "/meta/data-deletion",
            get(async || pages::data_deletion()).post(data_deletion),
        )
        .route("/meta/data-deletion/{code}", get(status))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::map_response(super::page::guarded))
        .with_state(state)
}

/// Why a callback was not taken. Meta tries again.
#[derive(Debug, thiserror::Error)]
enum CallbackError {
    #[error(
        "the body is not a form: Meta sends application/x-www-form-urlencoded with the field {FIELD}"
    )]
    NotAForm,
    #[error("the form does not have the field {FIELD} once")]
    NoField,
    #[error("the body is larger than {BODY_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the body did not arrive")]
    NotRead,
    #[error("{0}")]
    Refused(SignedRequestProblem),
    #[error(
        "this server does not know its own address, which the answer has to name: set \
         server.public_url (or HOOKLINE_SERVER__PUBLIC_URL) and restart it"
    )]
    NoAddress,
    #[error("the request could not be kept; ask again")]
    Store(#[source] StoreError),
}

impl CallbackError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotAForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Refused(SignedRequestProblem::Mismatch | SignedRequestProblem::Expired) => {
                StatusCode::UNAUTHORIZED
            }
            Self::NoField | Self::NotRead | Self::Refused(_) => StatusCode::BAD_REQUEST,
            Self::NoAddress | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for CallbackError {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, format!("{self}\n")).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = HeaderValue::from(RETRY_AFTER_SECONDS);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

impl CallbackState {
    /// The one way in: what Meta signed, and nothing of anything else.
    fn verified(
        &self,
        headers: &HeaderMap,
        body: Result<Bytes, BytesRejection>,
    ) -> Result<SignedRequest, CallbackError> {
        let read = || {
            let signed = form_field(headers, body)?;
            let now = self.clock.now();
            signed_request::verify(&self.verifier, &signed, now).map_err(CallbackError::Refused)
        };
        read().inspect_err(|error| self.log_refusal(error))
    }

    /// Anybody can be refused as often as they like; the log has one line for all of it.
    fn log_refusal(&self, error: &CallbackError) {
        let now = self.clock.now();
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.count += 1;
        let is_recent = |at: Timestamp| at <= now && now.since(at) < LOG_EVERY;
        if refused.logged_at.is_some_and(is_recent) {
            return;
        }
        let count = std::mem::take(&mut refused.count);
        refused.logged_at = Some(now);
        drop(refused);
        tracing::warn!(count, reason = %error, "callbacks were refused");
    }
}

fn form_field(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<String, CallbackError> {
    const FORM: &str = "application/x-www-form-urlencoded";
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(FORM));
    if !is_form {
        return Err(CallbackError::NotAForm);
    }
    let body = body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            CallbackError::TooLarge
        } else {
            CallbackError::NotRead
        }
    })?;
    let mut found = form_urlencoded::parse(&body).filter(|(name, _)| name == FIELD);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Ok(value.into_owned()),
        _ => Err(CallbackError::NoField),
    }
}

async fn deauthorize(
    State(state): State<CallbackState>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, CallbackError> {
    let request = state.verified(&headers, body)?;
    let accounts = state
        .store
        .deauthorize(request.user_id().clone(), state.clock.now())
        .await
        .map_err(kept_not)?;
    tracing::warn!(accounts, "the app's leave was taken away");
    Ok(Json(json!({ "accounts": accounts })).into_response())
}

async fn data_deletion(
    State(state): State<CallbackState>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, CallbackError> {
    let request = state.verified(&headers, body)?;
    let Some(address) = &state.public_url else {
        tracing::error!("a data deletion was asked for, but server.public_url is not set");
        return Err(CallbackError::NoAddress);
    };
    let asked_for = AskedFor::User(request.user_id().clone());
    let deletion = state
        .store
        .request_deletion(asked_for, code(&state.nonces), state.clock.now())
        .await
        .map_err(kept_not)?
        .ok_or_else(|| kept_not(StoreError::Conflict("whom the deletion is about")))?;
    tracing::info!(code = deletion.code, "a data deletion was asked for");
    let url = format!("{address}/meta/data-deletion/{}", deletion.code);
    let answer = json!({ "url": url, "confirmation_code": deletion.code });
    Ok(Json(answer).into_response())
}

fn kept_not(error: StoreError) -> CallbackError {
    tracing::error!(%error, "a callback could not be kept");
    CallbackError::Store(error)
}

async fn status(State(state): State<CallbackState>, Path(code): Path<String>) -> Response {
    if code.len() > CODE_BYTES_MAX {
        return pages::unknown_code();
    }
    match state.store.find_deletion(code).await {
        Ok(Some(deletion)) => pages::status(&deletion),
        Ok(None) => pages::unknown_code(),
        Err(error) => kept_not(error).into_response(),
    }
}
