//! Sends: what we owe, where it stands, and every try.

use axum::Json;
use axum::extract::State;
use hookline_model::ids::{AccountId, CommentId, ContactId};
use hookline_model::send::SendState;
use hookline_store::records::{SendFilter, SendRecord};
use serde::Deserialize;

use super::ApiState;
use super::page::{self, Items};
use super::problem::{ApiError, CommonProblems};
use super::request::Parameters;
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
