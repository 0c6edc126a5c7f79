//! Events: what happened, as it was taken from deliveries.

use axum::Json;
use axum::extract::State;
use hookline_engine::explain::ShownEvent;
use hookline_model::event::EventKind;
use hookline_model::ids::{AccountId, CommentId, MessageId};
use hookline_store::records::EventFilter;
use serde::Deserialize;

use super::ApiState;
use super::page::{self, Items};
use super::problem::{ApiError, CommonProblems};
use super::request::Parameters;
use super::schema;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsParameters {
    /// Only of this account.
    account_id: Option<String>,
    /// Only of this kind.
    #[param(value_type = Option<schema::EventKind>)]
    kind: Option<String>,
    /// Only about this comment.
    comment_id: Option<String>,
    /// Only about this message.
    mid: Option<String>,
    /// Items at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, default = 50)]
    limit: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The events, newest first.
#[utoipa::path(
    get, path = "/events", tag = "events", params(EventsParameters),
    responses((status = 200, description = "A page", body = Items<schema::Event>), CommonProblems)
)]
pub(super) async fn list_events(
    State(state): State<ApiState>,
    Parameters(asked): Parameters<EventsParameters>,
) -> Result<Json<Items<ShownEvent>>, ApiError> {
    const LIST: &str = "events";
    let page = page::by_id(LIST, (asked.limit.as_deref(), asked.cursor.as_deref()))?;
    let kind = match asked.kind {
        Some(name) => Some(EventKind::from_name(&name).ok_or_else(|| {
            let known: Vec<&str> = EventKind::ALL.into_iter().map(EventKind::as_str).collect();
            ApiError::BadRequest(format!("kind must be one of {}", known.join(", ")))
        })?),
        None => None,
    };
    let filter = EventFilter {
        account_id: asked.account_id.map(AccountId::new),
        kind,
        comment_id: asked.comment_id.map(CommentId::new),
        mid: asked.mid.map(MessageId::new),
    };
    let rows = state.store.list_events(filter, page).await?;
    Ok(Json(Items::of_page(LIST, rows, ShownEvent::from)))
}
