//! Connecting an account in a browser: `/oauth` names both logins, each with `/start` and
//! `/callback` (contract 8.1, 8.2).
//!
//! The state that travels to Meta and back is good once, for ten minutes, and in the browser that
//! began: another site cannot have somebody finish a login that it began.
//!
//! - `states`: logins under way
//! - `pages`: what the person sees

mod pages;
mod states;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use hookline_engine::connect::{ConnectProblem, Connector, LOGIN_MAX, Nonces};
use hookline_meta::graph::LoginKind;
use hookline_model::clock::Clock;
use hookline_model::secret::Secret;
use serde::Deserialize;

use super::api::is_basic;
use states::{Finish, States};

/// What the browser keeps of a login under way.
const COOKIE: &str = "hookline_login";

/// What the pages need.
#[derive(Clone)]
pub struct OAuthState {
    /// Connects.
    pub connector: Arc<Connector>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The address browsers reach this server under.
    pub public_url: Option<String>,
    /// States nobody can guess are drawn from these.
    pub nonces: Nonces,
    /// What is asked for before a login begins; none when anybody may begin one.
    pub password: Option<Secret>,
}

#[derive(Clone)]
struct Site {
    shared: OAuthState,
    states: Arc<States>,
}

/// The pages of both logins.
pub fn router(state: OAuthState) -> Router {
    Router::new()
        .route("/oauth", get(async || pages::both_logins()))
        .route("/oauth/{login}/start", get(start))
        .route("/oauth/{login}/callback", get(callback))
        .layer(middleware::map_response(super::page::guarded))
        .with_state(Site {
            shared: state,
            states: Arc::default(),
        })
}

fn login_of(name: &str) -> Option<LoginKind> {
    match name {
        "instagram" => Some(LoginKind::Instagram),
        "facebook" => Some(LoginKind::Facebook),
        _ => None,
    }
}

fn name_of(login: LoginKind) -> &'static str {
    match login {
        LoginKind::Instagram => "instagram",
        LoginKind::Facebook => "facebook",
    }
}

impl Site {
    /// Where Meta sends the person back to; letter by letter the same in both steps.
    fn redirect_uri(&self, login: LoginKind) -> Option<String> {
        let public = self.shared.public_url.as_deref()?.trim_end_matches('/');
        Some(format!("{public}/oauth/{}/callback", name_of(login)))
    }

    /// 24 random bytes as hex.
    fn draw(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        for byte in (self.shared.nonces)() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    fn cookie(&self, value: &str, seconds: u64) -> HeaderValue {
        let is_https = self
            .shared
            .public_url
            .as_deref()
            .is_some_and(|url| url.starts_with("https://"));
        let secure = if is_https { "; Secure" } else { "" };
        let text = format!(
            "{COOKIE}={value}; Path=/oauth; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"
        );
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

/// Sends the browser to Meta.
async fn start(State(site): State<Site>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(login) = login_of(&name) else {
        return pages::no_such_login();
    };
    let password = site.shared.password.as_ref();
    if password.is_some_and(|password| !is_basic(&headers, password)) {
        let asks = HeaderValue::from_static("Basic realm=\"Hookline\", charset=\"UTF-8\"");
        return ([(header::WWW_AUTHENTICATE, asks)], pages::no_password()).into_response();
    }
    let Some(redirect_uri) = site.redirect_uri(login) else {
        return pages::no_address();
    };
    let (state, browser) = (site.draw(), site.draw());
    let url = match site
        .shared
        .connector
        .authorize_url(login, &redirect_uri, &state)
    {
        Ok(url) => url,
        Err(problem) => return failed(login, &problem),
    };
    let now = site.shared.clock.now();
    site.states.begin(&state, login, &browser, now);
    let cookie = site.cookie(&browser, LOGIN_MAX.as_secs());
    ([(header::SET_COOKIE, cookie)], Redirect::to(&url)).into_response()
}

/// What Meta sends the person back with.
#[derive(Deserialize)]
struct Returned {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    error_reason: Option<String>,
}

/// Where Meta sends the person back to.
async fn callback(
    State(site): State<Site>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Query(returned): Query<Returned>,
) -> Response {
    let Some(login) = login_of(&name) else {
        return pages::no_such_login();
    };
    let Some(redirect_uri) = site.redirect_uri(login) else {
        return pages::no_address();
    };
    let browser = cookie_of(&headers).unwrap_or_default();
    let state = returned.state.as_deref().unwrap_or_default();
    let now = site.shared.clock.now();
    match site.states.finish(state, login, browser, now) {
        Finish::Good => {}
        Finish::Unknown => return pages::state_unknown(login),
        Finish::OtherBrowser => return pages::other_browser(login),
    }
    let mut response = match (returned.code, returned.error) {
        (_, Some(error)) => {
            let reason = returned.error_reason.unwrap_or_default();
            tracing::info!(login = name_of(login), error, reason, "a login was denied");
            pages::denied(login)
        }
        (Some(code), None) => {
            // Instagram appends a fragment that is no part of the code (contract 8.1).
            let code = Secret::new(code.trim_end_matches("#_"));
            let connected = site
                .shared
                .connector
                .by_code(login, &redirect_uri, &code)
                .await;
            match connected {
                Ok(connected) => pages::connected(&connected),
                Err(problem) => failed(login, &problem),
            }
        }
        (None, None) => pages::no_code(login),
    };
    let gone = site.cookie("", 0);
    response.headers_mut().insert(header::SET_COOKIE, gone);
    response
}

fn failed(login: LoginKind, problem: &ConnectProblem) -> Response {
    tracing::warn!(login = name_of(login), %problem, "no account was connected");
    let status = match problem {
        ConnectProblem::AppNotConfigured(_) | ConnectProblem::Store(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        ConnectProblem::AppRefused(_) | ConnectProblem::Call(_) => StatusCode::BAD_GATEWAY,
        ConnectProblem::CodeRefused(_)
        | ConnectProblem::MissingScopes(_)
        | ConnectProblem::NotProfessional(_)
        | ConnectProblem::NoPages
        | ConnectProblem::NoInstagram(_)
        | ConnectProblem::MissingTasks(_)
        | ConnectProblem::TokenTooLong => StatusCode::BAD_REQUEST,
    };
    pages::not_connected(status, login, problem)
}

fn cookie_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter();
    cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
}
