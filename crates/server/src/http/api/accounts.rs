//! Connected accounts.

mod body;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hookline_engine::caller::CallerProblem;
use hookline_model::account;
use hookline_model::clock::Timestamp;
use hookline_model::ids::AccountId;
use hookline_store::erase::AskedFor;
use hookline_store::{ConnectAccount, Grant, SealedToken};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::page::{self, Items};
use super::problem::{ApiError, CommonProblems, DocumentProblems, NotFoundProblem};
use super::request::{Document, Name, Parameters};
use super::{ApiState, code};

pub use body::{AccountDraft, check_draft};

/// A connected account; its token is never shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct Account {
    /// The id webhooks carry.
    #[schema(value_type = String, example = "17841400000000001")]
    pub id: AccountId,
    /// The handle, without `@`.
    #[schema(example = "ada.bakes")]
    pub username: String,
    /// How it was connected.
    #[schema(value_type = super::schema::Login)]
    pub login: &'static str,
    /// The Facebook Page it is sent through; null with Instagram Login.
    #[schema(required)]
    pub page_id: Option<String>,
    /// The account as the Meta app sees it; null when it is not known.
    #[schema(required)]
    pub app_scoped_id: Option<String>,
    /// When it was first connected.
    #[schema(value_type = String, format = DateTime)]
    pub connected_at: Timestamp,
    /// Why nothing may be sent for it now; null when it may.
    #[schema(required)]
    pub hold: Option<Hold>,
}

/// Why, since when and until when nothing may be sent for an account or lane.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hold {
    /// The stable word.
    #[schema(example = "token_expired")]
    pub reason: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Until when; null means until a new token is given.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub until: Option<Timestamp>,
}

impl From<account::Account> for Account {
    fn from(account: account::Account) -> Self {
        Self {
            id: account.id,
            username: account.username,
            login: account.login.as_str(),
            page_id: account.login.page_id().map(ToString::to_string),
            app_scoped_id: account.app_scoped_id.map(|id| id.to_string()),
            connected_at: account.connected_at,
            hold: account.hold.map(Hold::from),
        }
    }
}

impl From<account::Hold> for Hold {
    fn from(hold: account::Hold) -> Self {
        Self {
            reason: hold.reason,
            since: hold.since,
            until: hold.until,
        }
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AccountsParameters {
    /// Items at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, default = 50)]
    limit: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The connected accounts, by id.
#[utoipa::path(
    get, path = "/accounts", tag = "accounts", params(AccountsParameters),
    responses((status = 200, description = "A page", body = Items<Account>), CommonProblems)
)]
pub(super) async fn list_accounts(
    State(state): State<ApiState>,
    Parameters(asked): Parameters<AccountsParameters>,
) -> Result<Json<Items<Account>>, ApiError> {
    const LIST: &str = "accounts";
    let limit = page::limit(asked.limit.as_deref())?;
    let after = page::place(LIST, asked.cursor.as_deref())?.map(AccountId::new);
    let rows = state
        .store
        .list_accounts(after, limit.saturating_add(1))
        .await?;
    let id = |account: &account::Account| account.id.to_string();
    Ok(Json(Items::by_name(LIST, limit, rows, id, Account::from)))
}

/// One connected account.
#[utoipa::path(
    get, path = "/accounts/{ig_id}", tag = "accounts",
    params(("ig_id" = String, Path, description = "The Instagram account, as webhooks name it")),
    responses(
        (status = 200, description = "The account", body = Account),
        NotFoundProblem, CommonProblems
    )
)]
pub(super) async fn get_account(
    State(state): State<ApiState>,
    Name(id): Name,
) -> Result<Json<Account>, ApiError> {
    shown(&state, AccountId::new(id)).await.map(Json)
}

/// Connects an account, or replaces what is stored of it.
///
/// The token is encrypted before it is stored, and never shown again. A new token releases sends
/// that an expired one held. With `subscribe=true` Meta is asked to deliver the account's events,
/// and kept to it from then on; what Meta says against it is an alert.
#[utoipa::path(
    put, path = "/accounts/{ig_id}", tag = "accounts",
    params(
        ("ig_id" = String, Path, description = "The Instagram account, as webhooks name it"),
        PutParameters
    ),
    request_body = super::schema::AccountDraft,
    responses(
        (status = 201, description = "Connected", body = Account),
        (status = 200, description = "Replaced", body = Account),
        CommonProblems, DocumentProblems
    )
)]
pub(super) async fn put_account(
    State(state): State<ApiState>,
    Name(id): Name,
    Parameters(asked): Parameters<PutParameters>,
    Document(body): Document,
) -> Result<Response, ApiError> {
    let draft = body::read(&id, &body).map_err(ApiError::Invalid)?;
    let sealed = state
        .keys
        .seal(&draft.id, &draft.access_token, (state.nonces)())
        .map_err(|_| ApiError::Internal("the access token could not be encrypted"))?;
    let id = draft.id.clone();
    let account = ConnectAccount {
        id: draft.id,
        username: draft.username,
        login: draft.login,
        app_scoped_id: draft.app_scoped_id,
        token: SealedToken {
            key: sealed.key_id.0.to_vec(),
            bytes: sealed.bytes,
        },
        grant: Grant {
            wants_subscription: asked.subscribe,
            ..Grant::default()
        },
    };
    let is_new = state
        .store
        .connect_account(account, state.clock.now())
        .await?;
    if asked.subscribe {
        subscribe(&state, &id).await?;
    }
    state.wake.notify_one();
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(shown(&state, id).await?)).into_response())
}

/// Erases an account with everything that was received and sent for it.
///
/// Its token and its planned sends are gone at once, the rest is erased in the background.
#[utoipa::path(
    delete, path = "/accounts/{ig_id}", tag = "accounts",
    params(("ig_id" = String, Path, description = "The Instagram account, as webhooks name it")),
    responses((status = 204, description = "Forgotten; the rest is being erased"), NotFoundProblem, CommonProblems)
)]
pub(super) async fn delete_account(
    State(state): State<ApiState>,
    Name(id): Name,
) -> Result<StatusCode, ApiError> {
    let id = AccountId::new(id);
    if state.store.find_account(id.clone()).await?.is_none() {
        return Err(not_connected(&id));
    }
    // While there is still a token to do it with.
    if let Some(problem) = state.connector.leave(&id).await {
        tracing::warn!(account = %id, problem, "meta was not told that the account is forgotten");
    }
    let asked_for = AskedFor::Account(id.clone());
    let asked = state
        .store
        .request_deletion(asked_for, code(&state.nonces), state.clock.now());
    if asked.await?.is_some() {
        state.wake.notify_one();
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(not_connected(&id))
    }
}

/// How an account is connected.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PutParameters {
    /// Whether Meta is asked to deliver the account's events.
    #[serde(default)]
    subscribe: bool,
}

/// Asks Meta to deliver. The account is connected whatever Meta says: the upkeep asks again, and
/// raises what stands against it.
async fn subscribe(state: &ApiState, id: &AccountId) -> Result<(), ApiError> {
    match state.connector.switch_on_stored(id).await {
        Ok(warnings) => {
            for warning in warnings {
                tracing::warn!(account = %id, warning, "connected");
            }
            Ok(())
        }
        Err(CallerProblem::Store(error)) => Err(error.into()),
        Err(CallerProblem::NotConnected | CallerProblem::TokenUnreadable) => Err(
            ApiError::Internal("the access token that was just stored cannot be opened"),
        ),
    }
}

/// A request without query parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParameters {}

async fn shown(state: &ApiState, id: AccountId) -> Result<Account, ApiError> {
    match state.store.find_account(id.clone()).await? {
        Some(stored) => Ok(Account::from(stored.account)),
        None => Err(not_connected(&id)),
    }
}

fn not_connected(id: &AccountId) -> ApiError {
    ApiError::NotFound(format!("account {id} is not connected"))
}
