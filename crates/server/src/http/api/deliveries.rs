//! Deliveries: what Meta sent, byte for byte, and asking for one again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookline_model::ids::DeliveryId;
use hookline_store::records::{DeliveryFilter, DeliveryRecord, DeliveryStatus};
use serde::{Deserialize, Serialize};

use super::ApiState;
use super::page::{self, Items};
use super::problem::{ApiError, CommonProblems, NotFoundProblem};
use super::request::{Name, Parameters};
use super::schema;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveriesParameters {
    /// Only of this status.
    #[param(value_type = Option<schema::DeliveryStatus>)]
    status: Option<String>,
    /// Items at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, default = 50)]
    limit: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A delivery with its bytes.
#[derive(Serialize)]
pub(super) struct WholeDelivery {
    #[serde(flatten)]
    record: DeliveryRecord,
    body: String,
    body_encoding: &'static str,
}

/// What was asked for.
#[derive(Serialize)]
pub(super) struct ReplayRequested {
    id: DeliveryId,
    replay: &'static str,
}

/// The deliveries, newest first, without their bytes.
#[utoipa::path(
    get, path = "/deliveries", tag = "deliveries", params(DeliveriesParameters),
    responses(
        (status = 200, description = "A page", body = Items<schema::Delivery>),
        CommonProblems
    )
)]
pub(super) async fn list_deliveries(
    State(state): State<ApiState>,
    Parameters(asked): Parameters<DeliveriesParameters>,
) -> Result<Json<Items<DeliveryRecord>>, ApiError> {
    const LIST: &str = "deliveries";
    let page = page::by_id(LIST, (asked.limit.as_deref(), asked.cursor.as_deref()))?;
    let status = match asked.status {
        Some(name) => Some(DeliveryStatus::from_name(&name).ok_or_else(|| {
            let known = "recorded, interpreted, not_interpretable, replayed";
            ApiError::BadRequest(format!("status must be one of {known}"))
        })?),
        None => None,
    };
    let rows = state
        .store
        .list_deliveries(DeliveryFilter { status }, page)
        .await?;
    Ok(Json(Items::of_page(LIST, rows, |record| record)))
}

/// One delivery with its bytes, as text if they are UTF-8, else as base64.
#[utoipa::path(
    get, path = "/deliveries/{id}", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery, as in `dlv_12` or `12`")),
    responses(
        (status = 200, description = "The delivery", body = schema::WholeDelivery),
        NotFoundProblem, CommonProblems
    )
)]
pub(super) async fn get_delivery(
    State(state): State<ApiState>,
    Name(id): Name,
) -> Result<Json<WholeDelivery>, ApiError> {
    let Some((record, bytes)) = state.store.find_delivery(read_id(&id)?).await? else {
        return Err(unknown(&id));
    };
    let (body, body_encoding) = match String::from_utf8(bytes) {
        Ok(text) => (text, "text"),
        Err(error) => (STANDARD.encode(error.as_bytes()), "base64"),
    };
    Ok(Json(WholeDelivery {
        record,
        body,
        body_encoding,
    }))
}

/// Asks for a delivery to be interpreted again. Events that already took effect do not take
/// effect again; asking twice is asking once.
#[utoipa::path(
    post, path = "/deliveries/{id}/replay", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery, as in `dlv_12` or `12`")),
    responses(
        (status = 202, description = "It will be interpreted again", body = schema::ReplayRequested),
        NotFoundProblem, CommonProblems
    )
)]
pub(super) async fn replay_delivery(
    State(state): State<ApiState>,
    Name(id): Name,
) -> Result<(StatusCode, Json<ReplayRequested>), ApiError> {
    let delivery = read_id(&id)?;
    if !state
        .store
        .request_replay(delivery, state.clock.now())
        .await?
    {
        return Err(unknown(&id));
    }
    state.wake.notify_one();
    Ok((
        StatusCode::ACCEPTED,
        Json(ReplayRequested {
            id: delivery,
            replay: "requested",
        }),
    ))
}

/// A delivery as people name it: `dlv_12`, or the number alone.
pub(crate) fn delivery_id(text: &str) -> Option<DeliveryId> {
    let prefixed = || format!("{}{text}", DeliveryId::PREFIX).parse().ok();
    text.parse().ok().or_else(prefixed)
}

fn read_id(text: &str) -> Result<DeliveryId, ApiError> {
    delivery_id(text).ok_or_else(|| unknown(text))
}

fn unknown(id: &str) -> ApiError {
    ApiError::NotFound(format!("there is no delivery {id:?}; ids look like dlv_12"))
}
