//! Error answers: `application/problem+json` (RFC 9457), one enum for all of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hookline_model::automation::Problem as FieldProblem;
use hookline_store::StoreError;
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use super::Nonces;

/// The media type of every error answer.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Seconds after which a request that met a full disk or a closing store may come back.
const RETRY_AFTER_SECONDS: u32 = 5;

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The request cannot be read: broken JSON, an unknown or wrong query parameter.
    #[error("{0}")]
    BadRequest(String),
    /// The bearer token is missing or wrong.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// There is nothing of that name.
    #[error("{0}")]
    NotFound(String),
    /// It is not as the request takes it to be.
    #[error("{0}")]
    Conflict(String),
    /// The path has no such method.
    #[error("this path does not have that method")]
    MethodNotAllowed,
    /// The body is larger than any document can be.
    #[error("the body is larger than {} bytes", super::REQUEST_BODY_BYTES_MAX)]
    TooLarge,
    /// The JSON is well-formed, its values are not right.
    #[error("{} wrong: see errors", values(.0.len()))]
    Invalid(Vec<FieldProblem>),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fault of ours that is not the store's.
    #[error("{0}")]
    Internal(&'static str),
}

fn values(count: usize) -> String {
    match count {
        1 => "1 value is".to_owned(),
        count => format!("{count} values are"),
    }
}

/// An error answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the status and the title say what kind of error it is.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    pub kind: &'static str,
    /// The status in words.
    #[schema(example = "Unprocessable Entity")]
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// What is wrong with this request and how to put it right.
    pub detail: String,
    /// Every wrong value of a document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<super::schema::FieldError>, required = false)]
    pub errors: Vec<FieldProblem>,
    /// What to look for in the log after an internal error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The error answers every guarded route may give.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers; it is never built")]
pub(super) enum CommonProblems {
    /// The request cannot be read: an unknown or wrong query parameter, broken JSON.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
    /// The bearer token is missing or wrong.
    #[response(
        status = 401,
        content_type = "application/problem+json",
        headers(("WWW-Authenticate" = String, description = "`Bearer`"))
    )]
    Unauthorized(Problem),
    /// A fault of ours; `request_id` says what to look for in the log.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(Problem),
    /// The store cannot do it now, such as when the disk is full.
    #[response(
        status = 503,
        content_type = "application/problem+json",
        headers(("Retry-After" = u32, description = "Seconds"))
    )]
    Unavailable(Problem),
}

/// There is nothing of that name.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json")]
#[expect(dead_code, reason = "describes an answer; it is never built")]
pub(super) struct NotFoundProblem(Problem);

/// It is not as the request takes it to be.
#[derive(IntoResponses)]
#[response(status = 409, content_type = "application/problem+json")]
#[expect(dead_code, reason = "describes an answer; it is never built")]
pub(super) struct ConflictProblem(Problem);

/// The error answers of routes that read a document.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers; it is never built")]
pub(super) enum DocumentProblems {
    /// The body is larger than 1 MiB.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// Values are not right; `errors` names each.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(Problem),
}

impl ApiError {
    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Store(
                StoreError::Full
                | StoreError::Unsynced
                | StoreError::Closed
                | StoreError::Conflict(_),
            ) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(
                StoreError::Database { .. } | StoreError::Corrupt { .. } | StoreError::Commit(_),
            )
            | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// An error with everything that caused it, for the log.
#[derive(Debug, Clone)]
struct Cause(Arc<str>);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            // Only the middleware can give it an id to be found by.
            let mut response = status.into_response();
            response.extensions_mut().insert(Cause(chain(&self).into()));
            return response;
        }
        let detail = self.to_string();
        let errors = match self {
            Self::Invalid(errors) => errors,
            Self::BadRequest(_)
            | Self::Unauthorized(_)
            | Self::NotFound(_)
            | Self::Conflict(_)
            | Self::MethodNotAllowed
            | Self::TooLarge
            | Self::Store(_)
            | Self::Internal(_) => Vec::new(),
        };
        let mut response = answer(status, detail, errors, None);
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"hookline\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        response
    }
}

fn answer(
    status: StatusCode,
    detail: String,
    errors: Vec<FieldProblem>,
    request_id: Option<String>,
) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let kind = "about:blank";
    let problem = Problem {
        kind,
        title,
        status: status.as_u16(),
        detail,
        errors,
        request_id,
    };
    let mut response = (status, Json(problem)).into_response();
    let content_type = HeaderValue::from_static(PROBLEM_JSON);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

/// Gives every internal error an id, logs it under that id, and shows only the id.
pub(super) async fn finish(State(nonces): State<Nonces>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let Some(Cause(cause)) = response.extensions().get::<Cause>().cloned() else {
        return response;
    };
    let nonce = nonces();
    let id = nonce
        .first_chunk()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let id = format!("{id:016x}");
    tracing::error!(request_id = id, %method, path, error = &*cause, "a request failed");
    let detail = "an internal error: look for the request id in the log of hookline".to_owned();
    answer(
        StatusCode::INTERNAL_SERVER_ERROR,
        detail,
        Vec::new(),
        Some(id),
    )
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn an_internal_error_shows_only_its_id() {
        let nonces: Nonces = Arc::new(|| [0xab; 24]);
        let fails = async || ApiError::Internal("the secret of the house");
        let router = Router::new()
            .route("/", get(fails))
            .layer(from_fn_with_state(nonces, finish));
        let request = Request::get("/").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let expected = json!({
            "type": "about:blank", "title": "Internal Server Error", "status": 500,
            "detail": "an internal error: look for the request id in the log of hookline",
            "request_id": "abababababababab"
        });
        assert_eq!(body, expected);
    }
}
