//! Who may use the API: whoever has the bearer token.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookline_model::secret::Secret;
use subtle::ConstantTimeEq;

use super::ApiState;
use super::problem::ApiError;

pub(super) async fn require_token(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Response {
    match check(state.admin_token.as_ref(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn check(wanted: Option<&Secret>, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(wanted) = wanted else {
        return Err(ApiError::Unauthorized(
            "the API is closed: no admin.token is configured; set one and restart",
        ));
    };
    if is_bearer(headers, wanted) {
        return Ok(());
    }
    Err(ApiError::Unauthorized(
        if headers.contains_key(header::AUTHORIZATION) {
            "this is not the admin token: send Authorization: Bearer <admin.token>"
        } else {
            "send the admin token: Authorization: Bearer <admin.token>"
        },
    ))
}

/// Whether the request has `Authorization: Basic` with this password, whatever the name before it;
/// else as [`is_bearer`].
pub(crate) fn is_basic(headers: &HeaderMap, wanted: &Secret) -> bool {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, pair)| STANDARD.decode(pair.trim()).ok());
    given.is_some_and(|pair| {
        let colon = pair.iter().position(|byte| *byte == b':');
        let password = colon.and_then(|at| pair.get(at + 1..)).unwrap_or_default();
        bool::from(password.ct_eq(wanted.expose().as_bytes()))
    })
}

/// Whether the request has `Authorization: Bearer <wanted>`. The time this takes tells at most
/// how long the token is.
pub(crate) fn is_bearer(headers: &HeaderMap, wanted: &Secret) -> bool {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    given.is_some_and(|(_, token)| {
        bool::from(token.trim().as_bytes().ct_eq(wanted.expose().as_bytes()))
    })
}
