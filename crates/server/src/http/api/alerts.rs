//! Alerts: what is wrong, since when, and what to do.

use axum::Json;
use axum::extract::State;
use hookline_model::alert::AlertCode;
use hookline_model::ids::AccountId;
use hookline_store::alerts::{AlertFilter, AlertRecord};
use serde::Deserialize;

use super::ApiState;
use super::page::{self, Items};
use super::problem::{ApiError, CommonProblems};
use super::request::Parameters;
use super::schema;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AlertsParameters {
    /// Those that last (`open`), or those that are over too (`all`).
    #[param(value_type = Option<schema::AlertState>, inline)]
    state: Option<String>,
    /// Only of this account.
    account_id: Option<String>,
    /// Only of this code.
    #[param(value_type = Option<schema::AlertCode>)]
    code: Option<String>,
    /// Items at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, default = 50)]
    limit: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The alerts, newest first; without `state` those that are open.
#[utoipa::path(
    get, path = "/alerts", tag = "alerts", params(AlertsParameters),
    responses((status = 200, description = "A page", body = Items<schema::Alert>), CommonProblems)
)]
pub(super) async fn list_alerts(
    State(state): State<ApiState>,
    Parameters(asked): Parameters<AlertsParameters>,
) -> Result<Json<Items<AlertRecord>>, ApiError> {
    const LIST: &str = "alerts";
    let page = page::by_id(LIST, (asked.limit.as_deref(), asked.cursor.as_deref()))?;
    let is_open = match asked.state.as_deref() {
        None | Some("open") => true,
        Some("all") => false,
        Some(_) => {
            let problem = "state must be one of open, all";
            return Err(ApiError::BadRequest(problem.to_owned()));
        }
    };
    let code = match asked.code.as_deref() {
        None => None,
        Some(name) => Some(
            code_named(name)
                .map_err(|known| ApiError::BadRequest(format!("code must be one of {known}")))?,
        ),
    };
    let filter = AlertFilter {
        is_open,
        account_id: asked.account_id.map(AccountId::new),
        code,
    };
    let rows = state.store.list_alerts(filter, page).await?;
    let shown = |mut record: AlertRecord| {
        if let Some(page) = &state.connect_page {
            record.alert.point_to(page);
        }
        record
    };
    Ok(Json(Items::of_page(LIST, rows, shown)))
}

/// The code of that name, or the names there are.
pub(crate) fn code_named(name: &str) -> Result<AlertCode, String> {
    AlertCode::from_name(name).ok_or_else(|| AlertCode::ALL.map(AlertCode::as_str).join(", "))
}
