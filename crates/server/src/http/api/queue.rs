//! The queue: what waits in each lane, when it goes out, and what will not.

use axum::Json;
use axum::extract::State;
use hookline_model::clock::Timestamp;
use hookline_model::ids::{AccountId, LaneId};
use hookline_model::send::SendClass;
use hookline_store::queue::{FailedSends, QueueFilter, QueuePageRequest, QueuedLane};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiState;
use super::accounts::Hold;
use super::page::{self, Items};
use super::problem::{ApiError, CommonProblems};
use super::request::Parameters;
use super::schema;

/// What waits for one account and class of send, and what becomes of it.
///
/// The forecast takes for granted that nothing is added and that every call is accepted at the
/// first try. It is exact for sends that are due; where some are not due yet, it is too early by
/// no more than their due times lie apart.
#[derive(Debug, Serialize, ToSchema)]
pub struct Lane {
    /// The account.
    #[schema(value_type = String, example = "17841400000000001")]
    pub account_id: AccountId,
    /// Its handle; null if it is not connected any more.
    #[schema(required, example = "ada.bakes")]
    pub username: Option<String>,
    /// What is sent.
    #[schema(value_type = schema::SendClass)]
    pub class: SendClass,
    /// Sends that wait for their time or their turn. A later step is counted once the step before
    /// it was accepted.
    pub waiting: u32,
    /// Those of them whose time has come.
    pub due: u32,
    /// Sends that are on their way now.
    pub in_flight: u32,
    /// Why nothing goes out now; null when it does.
    #[schema(required)]
    pub hold: Option<Hold>,
    /// The earliest deadline of what waits.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub first_deadline_at: Option<Timestamp>,
    /// When the next one goes out; null when none does, or nobody knows when the hold ends.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub next_at: Option<Timestamp>,
    /// When the last one goes out; null when none does, or nobody knows when the hold ends.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub last_at: Option<Timestamp>,
    /// How many of those that wait will miss their deadline; null when nobody knows when the hold
    /// ends.
    #[schema(required)]
    pub will_miss: Option<u32>,
    /// What was refused or expired in the last 24 hours, by reason, and what is unknown now.
    pub failed: Vec<Failed>,
}

/// So many sends that did not go out, or may not have, for one reason.
#[derive(Debug, Serialize, ToSchema)]
pub struct Failed {
    /// `refused`, `expired` or `unknown`.
    #[schema(value_type = schema::SendState)]
    pub state: &'static str,
    /// The stable word.
    #[schema(required, example = "comment_gone")]
    pub reason: Option<String>,
    /// How many.
    pub count: u32,
}

impl From<QueuedLane> for Lane {
    fn from(lane: QueuedLane) -> Self {
        Self {
            account_id: lane.account_id,
            username: lane.username,
            class: lane.class,
            waiting: lane.waiting,
            due: lane.due,
            in_flight: lane.in_flight,
            hold: lane.hold.map(Hold::from),
            first_deadline_at: lane.first_deadline_at,
            next_at: lane.forecast.and_then(|forecast| forecast.next_at),
            last_at: lane.forecast.and_then(|forecast| forecast.last_at),
            will_miss: lane.forecast.map(|forecast| forecast.will_miss),
            failed: lane.failed.into_iter().map(Failed::from).collect(),
        }
    }
}

impl From<FailedSends> for Failed {
    fn from(failed: FailedSends) -> Self {
        Self {
            state: failed.state.as_str(),
            reason: failed.reason,
            count: failed.count,
        }
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct QueueParameters {
    /// Only of this account; then also lanes with nothing to show.
    account_id: Option<String>,
    /// Only of this class.
    #[param(value_type = Option<schema::SendClass>)]
    class: Option<String>,
    /// Items at most; a page may be shorter and still have a `next_cursor`.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, default = 50)]
    limit: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The lanes in which something waits or failed in the last 24 hours: how many wait, when the
/// next and the last go out, how many will miss their deadline, and why others did not go out.
#[utoipa::path(
    get, path = "/queue", tag = "queue", params(QueueParameters),
    responses((status = 200, description = "A page", body = Items<Lane>), CommonProblems)
)]
pub(super) async fn list_queue(
    State(state): State<ApiState>,
    Parameters(asked): Parameters<QueueParameters>,
) -> Result<Json<Items<Lane>>, ApiError> {
    const LIST: &str = "queue";
    let class = asked.class.as_deref().map(class_named).transpose()?;
    let filter = QueueFilter {
        account_id: asked.account_id.map(AccountId::new),
        class,
    };
    let page = page::by_id(LIST, (asked.limit.as_deref(), asked.cursor.as_deref()))?;
    let page = QueuePageRequest {
        after: page.before.map(LaneId),
        limit: page.limit,
    };
    let now = state.clock.now();
    let page = state
        .store
        .list_queue(filter, page, state.budgets, now)
        .await?;
    Ok(Json(Items {
        items: page.lanes.into_iter().map(Lane::from).collect(),
        next_cursor: page
            .next_after
            .map(|lane| page::cursor(LIST, &lane.0.to_string())),
    }))
}

fn class_named(name: &str) -> Result<SendClass, ApiError> {
    SendClass::from_name(name).ok_or_else(|| {
        let known = SendClass::ALL.map(SendClass::as_str).join(", ");
        ApiError::BadRequest(format!("class must be one of {known}"))
    })
}
