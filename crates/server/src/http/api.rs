//! The REST API: `/api/v1`, bearer token, problem+json, pages by cursor.
//!
//! - [`router`]: every route, with the document that describes it ([`openapi`])
//! - `problem`: every error answer; `request`: how requests are read
//! - `accounts`, `contacts`, `automations`, `deliveries`, `events`, `sends`, `queue`, `explain`,
//!   `alerts`: one file per noun
//! - `schema`: the shapes of the answers, for the document

pub mod accounts;
mod alerts;
mod auth;
pub mod automations;
mod contacts;
mod deliveries;
mod document;
mod events;
mod explain;
mod page;
pub mod problem;
pub mod queue;
mod request;
pub mod schema;
mod sends;

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use hookline_engine::connect::Connector;
use hookline_engine::keyring::{KeyRing, NONCE_BYTES};
use hookline_model::clock::Clock;
use hookline_model::secret::Secret;
use hookline_store::Store;
use hookline_store::lanes::Budgets;
use tokio::sync::Notify;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use alerts::code_named;
pub(crate) use auth::{is_basic, is_bearer};
pub(crate) use deliveries::delivery_id;
pub use document::openapi;
use problem::ApiError;
pub(crate) use sends::send_id;

/// Largest body of a request: documents and tokens are small.
pub const REQUEST_BODY_BYTES_MAX: usize = 1024 * 1024;

/// Where the API is mounted.
const BASE: &str = "/api/v1";

/// Draws a nonce nobody has seen; the source of all randomness of the API.
pub type Nonces = Arc<dyn Fn() -> [u8; NONCE_BYTES] + Send + Sync>;

/// Everything the API needs.
#[derive(Clone)]
pub struct ApiState {
    /// The durable record.
    pub store: Arc<Store>,
    /// Seals the tokens of accounts.
    pub keys: Arc<KeyRing>,
    /// Has Meta deliver an account's events, and stops it.
    pub connector: Arc<Connector>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// How fast lanes may send; forecasts go by it.
    pub budgets: Budgets,
    /// Where people connect accounts, which some alerts point to.
    pub connect_page: Option<String>,
    /// The bearer token; without one every request is refused.
    pub admin_token: Option<Secret>,
    /// Notified after a replay was asked for or a token was given, so that workers look at once.
    pub wake: Arc<Notify>,
    /// Nonces for tokens, and the ids of failed requests.
    pub nonces: Nonces,
}

/// A code nobody can guess, for a deletion.
pub(crate) fn code(nonces: &Nonces) -> String {
    code_of(nonces())
}

/// The code of a nonce: 32 hexadecimal digits.
pub(crate) fn code_of(nonce: [u8; NONCE_BYTES]) -> String {
    nonce.iter().take(16).fold(String::new(), |mut code, byte| {
        let _ = write!(code, "{byte:02x}");
        code
    })
}

/// The API as a router whose paths begin with `/api/v1`; it can be merged into any other.
pub fn router(state: ApiState) -> Router {
    let (guarded, _) = guarded().split_for_parts();
    let (open, _) = open().split_for_parts();
    let guarded = guarded.route_layer(from_fn_with_state(state.clone(), auth::require_token));
    let api = guarded
        .merge(open)
        .fallback(async || ApiError::NotFound("no such path; see /api/v1/openapi.json".to_owned()))
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(REQUEST_BODY_BYTES_MAX))
        .layer(from_fn_with_state(
            Nonces::clone(&state.nonces),
            problem::finish,
        ))
        .layer(from_fn(async |request, next: axum::middleware::Next| {
            not_stored(next.run(request).await)
        }))
        .with_state(state);
    Router::new().nest(BASE, api)
}

/// The routes that need the bearer token.
fn guarded() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(accounts::list_accounts))
        .routes(routes!(
            accounts::put_account,
            accounts::get_account,
            accounts::delete_account
        ))
        .routes(routes!(contacts::erase_contact))
        .routes(routes!(automations::list_automations))
        .routes(routes!(
            automations::put_automation,
            automations::get_automation,
            automations::delete_automation
        ))
        .routes(routes!(deliveries::list_deliveries))
        .routes(routes!(deliveries::get_delivery))
        .routes(routes!(deliveries::replay_delivery))
        .routes(routes!(events::list_events))
        .routes(routes!(sends::list_sends))
        .routes(routes!(sends::settle_send))
        .routes(routes!(queue::list_queue))
        .routes(routes!(explain::explain_subject))
        .routes(routes!(alerts::list_alerts))
}

/// The routes that are open to everyone.
fn open() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(document::get_openapi))
}

/// Answers hold personal data: no cache may keep them, no browser may guess what they are.
fn not_stored(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );
    response
}
