//! Contacts: erasing one, which its person may ask the owner for.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookline_model::ids::{AccountId, ContactId};
use hookline_store::erase::{AskedFor, Deletion};

use super::ApiState;
use super::problem::{ApiError, CommonProblems};
use super::request::Parameters;
use super::{accounts::NoParameters, code, schema};

/// Longest id of Meta's that is taken.
const ID_BYTES_MAX: usize = 512;

/// Erases a contact with everything that was received from them and sent to them.
///
/// It is carried out in the background; the answer says under which code. A contact nobody heard
/// of is looked for all the same: deliveries may tell of people who are no contacts yet.
#[utoipa::path(
    delete, path = "/accounts/{ig_id}/contacts/{contact_id}", tag = "accounts",
    params(
        ("ig_id" = String, Path, description = "The Instagram account, as webhooks name it"),
        ("contact_id" = String, Path, description = "The person's id or handle")
    ),
    responses(
        (status = 202, description = "It will be erased", body = schema::Deletion),
        CommonProblems
    )
)]
pub(super) async fn erase_contact(
    State(state): State<ApiState>,
    Path((account, contact)): Path<(String, String)>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
) -> Result<(StatusCode, Json<Deletion>), ApiError> {
    let is_id = |id: &str| !id.is_empty() && id.len() <= ID_BYTES_MAX;
    if !is_id(&account) || !is_id(&contact) {
        return Err(ApiError::BadRequest(
            "an account and a contact have to be named".to_owned(),
        ));
    }
    let account = AccountId::new(account);
    let contact = state
        .store
        .find_contact(account.clone(), contact.clone())
        .await?
        .unwrap_or_else(|| ContactId::new(contact));
    let deletion = state
        .store
        .request_deletion(
            AskedFor::Contact { account, contact },
            code(&state.nonces),
            state.clock.now(),
        )
        .await?
        .ok_or(ApiError::Internal("the deletion names nobody"))?;
    Ok((StatusCode::ACCEPTED, Json(deletion)))
}
