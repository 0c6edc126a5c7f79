//! Sends: what we owe, where it stands, and every try.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hookline_model::automation::Problem as FieldProblem;
use hookline_model::ids::{AccountId, CommentId, ContactId, SendId};
use hookline_model::send::SendState;
use hookline_store::evidence::{Decided, Decision};
use hookline_store::records::{SendFilter, SendRecord};
use serde::Deserialize;
use serde_json::Value;

use super::ApiState;
use super::page::{self, Items};
use super::problem::{
    ApiError, CommonProblems, ConflictProblem, DocumentProblems, NotFoundProblem,
};
use super::request::{Document, Name, Parameters};
use super::schema;

/// The state a planned send is shown in while its account or lane may not send.
const HELD: &str = "held";

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SendsParameters {
    /// Only of this account.
    account_id: Option<String>,
    /// Only answers to this comment.
    comment_id: Option<String>,
    /// Only to this person.
    contact_id: Option<String>,
    /// Only in this state.
    #[param(value_type = Option<schema::SendState>)]
    state: Option<String>,
    /// Only asked for by the automation of this name.
    automation: Option<String>,
    /// Items at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, default = 50)]
    limit: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The sends, newest first, each with its attempts and Meta's answers.
#[utoipa::path(
    get, path = "/sends", tag = "sends", params(SendsParameters),
    responses((status = 200, description = "A page", body = Items<schema::Send>), CommonProblems)
)]
pub(super) async fn list_sends(
    State(state): State<ApiState>,
    Parameters(asked): Parameters<SendsParameters>,
) -> Result<Json<Items<SendRecord>>, ApiError> {
    const LIST: &str = "sends";
    let page = page::by_id(LIST, (asked.limit.as_deref(), asked.cursor.as_deref()))?;
    if let Some(name) = &asked.state
        && name != HELD
        && SendState::from_name(name).is_none()
    {
        let known: Vec<&str> = SendState::ALL.into_iter().map(SendState::as_str).collect();
        let known = known.join(", ");
        return Err(ApiError::BadRequest(format!(
            "state must be one of {known}, {HELD}"
        )));
    }
    let filter = SendFilter {
        account_id: asked.account_id.map(AccountId::new),
        comment_id: asked.comment_id.map(CommentId::new),
        contact_id: asked.contact_id.map(ContactId::new),
        state: asked.state,
        automation: asked.automation,
    };
    let rows = state
        .store
        .list_sends(filter, page, state.clock.now())
        .await?;
    Ok(Json(Items::of_page(LIST, rows, |record| record)))
}

/// Settles a send in state `unknown` by hand: it `landed`; it did `not_landed`, and is tried again
/// within its deadline; or it is `given_up`.
#[utoipa::path(
    post, path = "/sends/{id}/settle", tag = "sends",
    params(("id" = String, Path, description = "The send, as in `snd_12` or `12`")),
    request_body = schema::Settlement,
    responses(
        (status = 204, description = "It is settled"),
        NotFoundProblem, ConflictProblem, CommonProblems, DocumentProblems
    )
)]
pub(super) async fn settle_send(
    State(state): State<ApiState>,
    Name(id): Name,
    Document(body): Document,
) -> Result<StatusCode, ApiError> {
    let decision = read_decision(&body)?;
    let unknown = || ApiError::NotFound(format!("there is no send {id:?}; ids look like snd_12"));
    let send = send_id(&id).ok_or_else(unknown)?;
    let decided = state
        .store
        .decide_send(send, decision, state.clock.now())
        .await?;
    match decided {
        Decided::Done => {
            state.wake.notify_one();
            Ok(StatusCode::NO_CONTENT)
        }
        Decided::NotFound => Err(unknown()),
        Decided::NotUnknown { state } => Err(ApiError::Conflict(format!(
            "{send} is {state}: only a send in state unknown can be settled by hand"
        ))),
    }
}

/// `{"as": …}` and nothing else.
fn read_decision(body: &Value) -> Result<Decision, ApiError> {
    let decision = body
        .as_object()
        .filter(|object| object.len() == 1)
        .and_then(|object| object.get("as"))
        .and_then(Value::as_str)
        .and_then(Decision::from_name);
    decision.ok_or_else(|| {
        let known = Decision::ALL.map(Decision::as_str).join(", ");
        ApiError::Invalid(vec![FieldProblem {
            path: "as".to_owned(),
            message: format!("must be one of {known}, and the only key"),
        }])
    })
}

/// A send as people name it: `snd_12`, or the number alone.
pub(crate) fn send_id(text: &str) -> Option<SendId> {
    let prefixed = || format!("{}{text}", SendId::PREFIX).parse().ok();
    text.parse().ok().or_else(prefixed)
}
