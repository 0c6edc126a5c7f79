//! Explain: everything known of one comment, message, event or send.

use axum::Json;
use axum::extract::State;
use hookline_engine::explain::{Explanation, explain};

use super::ApiState;
use super::problem::{ApiError, CommonProblems, NotFoundProblem};
use super::request::Name;
use super::schema;

/// What was received and when, each automation considered with the condition that decided, each
/// try with Meta's answer, and one sentence that sums it up.
#[utoipa::path(
    get, path = "/explain/{subject}", tag = "explain",
    params((
        "subject" = String, Path,
        description = "A comment id, a `mid`, or an event id such as `evt_17`"
    )),
    responses(
        (status = 200, description = "The explanation", body = schema::Explanation),
        NotFoundProblem, CommonProblems
    )
)]
pub(super) async fn explain_subject(
    State(state): State<ApiState>,
    Name(subject): Name,
) -> Result<Json<Explanation>, ApiError> {
    match explain(&state.store, &subject, state.clock.now()).await? {
        Some(explanation) => Ok(Json(explanation)),
        None => Err(ApiError::NotFound(format!(
            "nothing is known of {subject:?}: it is no comment, message or event that was \
             received, and nothing that was sent"
        ))),
    }
}
