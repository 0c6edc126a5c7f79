//! Logging in: the page a person is sent to, and from its code to a token (contract 8.1, 8.2).

mod refusal;

use std::borrow::Cow;
use std::time::Duration;

use hookline_model::secret::Secret;
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

pub use refusal::{CodeRefusal, RefreshRefusal};

use super::address::{Address, escaped};
use super::app::AppCredentials;
use super::call::{Call, CallFailure, Reply};
use super::endpoint::{GraphConfig, LoginKind};
use super::request::{RequestProblem, get, post_form};
use crate::wire::{Id, Text, Whole, lenient};

/// The hosts of the two logins that are no Graph hosts (contract section 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthHosts {
    /// Where a person logs in with Facebook, such as `https://www.facebook.com`.
    pub facebook_oauth_url: String,
    /// Where a person logs in with Instagram, such as `https://www.instagram.com`.
    pub instagram_oauth_url: String,
    /// Where Instagram's codes are exchanged, such as `https://api.instagram.com`.
    pub instagram_token_url: String,
}

/// A login about to begin.
#[derive(Debug, Clone, Copy)]
pub struct LoginRequest<'a> {
    /// The id of the app; with Instagram Login the Instagram app's.
    pub app_id: &'a str,
    /// Where Meta sends the person back to; the exchange must name it letter by letter.
    pub redirect_uri: &'a str,
    /// What comes back unchanged beside the code, and proves whose login it was.
    pub state: &'a str,
    /// Whether a person who is logged in already must log in again, to choose another account.
    /// Instagram Login only.
    pub must_log_in_again: bool,
}

/// What a code was worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeGrant {
    /// The token: good for one hour with Instagram Login, a person's and not a Page's with
    /// Facebook Login.
    pub token: Secret,
    /// How long it lives, where Meta says so.
    pub expires_in: Option<Duration>,
    /// The person as the exchange names it. Neither the id of webhooks nor the app-scoped one
    /// (contract section 0), so it is kept apart from both.
    pub user_id: Option<String>,
    /// What the person allowed, where Meta says so.
    pub permissions: Option<Vec<String>>,
}

/// A token that took the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenGrant {
    /// The token.
    pub token: Secret,
    /// How long it lives, where Meta says so.
    pub expires_in: Option<Duration>,
}

/// The page where a person logs in and allows what Hookline needs. Meta sends the person back with
/// `code` and `state`, or with `error`, `error_reason` and `error_description`.
pub fn authorize_url(
    config: &GraphConfig,
    hosts: &OAuthHosts,
    login: LoginKind,
    request: &LoginRequest<'_>,
) -> Result<Url, RequestProblem> {
    let mut url = match login {
        LoginKind::Instagram => escaped(&hosts.instagram_oauth_url, ["oauth", "authorize"])?,
        LoginKind::Facebook => escaped(
            &hosts.facebook_oauth_url,
            config.version().into_iter().chain(["dialog", "oauth"]),
        )?,
    };
    let scopes: Vec<&str> = login.asked_scopes().collect();
    url.query_pairs_mut()
        .append_pair("client_id", request.app_id)
        .append_pair("redirect_uri", request.redirect_uri)
        .append_pair("response_type", "code")
        .append_pair("scope", &scopes.join(","))
        .append_pair("state", request.state);
    if request.must_log_in_again && login == LoginKind::Instagram {
        url.query_pairs_mut().append_pair("force_reauth", "true");
    }
    Ok(url)
}

/// Exchanges a code of either login for a token; each code is good once, for an hour. Authorized by
/// nothing but its parameters. What a refusal asks for is a [`CodeRefusal`].
pub fn exchange_code(
    config: &GraphConfig,
    hosts: &OAuthHosts,
    login: LoginKind,
    app: &AppCredentials,
    redirect_uri: &str,
    code: &Secret,
) -> Result<Call<CodeGrant>, RequestProblem> {
    // Instagram's redirect ends in `#_`, which people paste along with the code (contract 8.1).
    let code = Secret::new(code.expose().trim_end_matches("#_"));
    let request = match login {
        LoginKind::Instagram => post_form(
            Address::new(&hosts.instagram_token_url, ["oauth", "access_token"])?,
            &[
                ("client_id", &app.id),
                ("grant_type", "authorization_code"),
                ("redirect_uri", redirect_uri),
            ],
        ),
        LoginKind::Facebook => get(
            config.at(login, ["oauth", "access_token"])?,
            &[("client_id", &app.id), ("redirect_uri", redirect_uri)],
        ),
    };
    let request = request
        .with_secret("client_secret", &app.secret)
        .with_secret("code", &code);
    Ok(Call::new(request, read_code_grant))
}

/// Exchanges the token of a fresh login for one that lives about 60 days. Authorized by nothing but
/// its parameters: these endpoints are documented with the token as a parameter only.
pub fn exchange_for_long_lived(
    config: &GraphConfig,
    login: LoginKind,
    app: &AppCredentials,
    token: &Secret,
) -> Result<Call<TokenGrant>, RequestProblem> {
    let request = match login {
        LoginKind::Instagram => get(
            Address::new(&config.instagram_graph_url, ["access_token"])?,
            &[("grant_type", "ig_exchange_token")],
        )
        .with_secret("client_secret", &app.secret)
        .with_secret("access_token", token),
        LoginKind::Facebook => get(
            config.at(login, ["oauth", "access_token"])?,
            &[("grant_type", "fb_exchange_token"), ("client_id", &app.id)],
        )
        .with_secret("client_secret", &app.secret)
        .with_secret("fb_exchange_token", token),
    };
    Ok(Call::new(request, read_token_grant))
}

/// Exchanges a long-lived token of Instagram Login for one that lives another 60 days. Meta refuses
/// one that is not 24 hours old yet, and one that has expired. Page tokens do not need it. What a
/// refusal asks for is a [`RefreshRefusal`].
pub fn refresh_token(
    config: &GraphConfig,
    token: &Secret,
) -> Result<Call<TokenGrant>, RequestProblem> {
    let url = Address::new(&config.instagram_graph_url, ["refresh_access_token"])?;
    let request =
        get(url, &[("grant_type", "ig_refresh_token")]).with_secret("access_token", token);
    Ok(Call::new(request, read_token_grant))
}

#[derive(Deserialize)]
struct WireGrant<'a> {
    #[serde(borrow, default, deserialize_with = "lenient")]
    access_token: Option<Text<'a>>,
    #[serde(default)]
    expires_in: Whole,
    #[serde(borrow, default, deserialize_with = "lenient")]
    user_id: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    permissions: Option<WirePermissions<'a>>,
}

/// A comma text, as documented, or a list (contract 8.1).
#[derive(Deserialize)]
#[serde(untagged)]
enum WirePermissions<'a> {
    List(Vec<String>),
    Text(#[serde(borrow)] Cow<'a, str>),
}

impl WirePermissions<'_> {
    fn read(self) -> Vec<String> {
        let names: Vec<String> = match self {
            Self::List(names) => names,
            Self::Text(text) => text.split(',').map(str::to_owned).collect(),
        };
        let names = names.iter().map(|name| name.trim());
        names
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

impl WireGrant<'_> {
    fn token(&self) -> Option<Secret> {
        let token = self.access_token.as_ref()?;
        (!token.0.is_empty()).then(|| Secret::new(&*token.0))
    }

    /// Zero and less say nothing.
    fn expires_in(&self) -> Option<Duration> {
        let seconds = u64::try_from(self.expires_in.0?).ok()?;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }
}

fn read_code_grant(reply: &Reply) -> Result<CodeGrant, CallFailure> {
    let unwrapped = unwrapped(reply)?;
    let wire: WireGrant<'_> =
        serde_json::from_str(unwrapped.get()).map_err(|_| reply.unreadable())?;
    Ok(CodeGrant {
        token: wire.token().ok_or_else(|| reply.unreadable())?,
        expires_in: wire.expires_in(),
        user_id: wire.user_id.map(Id::into_string),
        permissions: wire.permissions.map(WirePermissions::read),
    })
}

fn read_token_grant(reply: &Reply) -> Result<TokenGrant, CallFailure> {
    let wire: WireGrant<'_> = reply.decode()?;
    Ok(TokenGrant {
        token: wire.token().ok_or_else(|| reply.unreadable())?,
        expires_in: wire.expires_in(),
    })
}

/// The object of an answer, which Meta's pages print bare, under `data`, or in a list under `data`
/// (contract 8.1, steps 2 and 5).
pub(super) fn unwrapped(reply: &Reply) -> Result<&RawValue, CallFailure> {
    #[derive(Deserialize)]
    struct Wrapped<'a> {
        #[serde(borrow, default)]
        data: Option<&'a RawValue>,
    }

    let whole: &RawValue = reply.decode()?;
    let wrapped: Wrapped<'_> = serde_json::from_str(whole.get()).map_err(|_| reply.unreadable())?;
    let Some(data) = wrapped.data else {
        return Ok(whole);
    };
    match serde_json::from_str::<Vec<&RawValue>>(data.get()) {
        Ok(list) => list.first().copied().ok_or_else(|| reply.unreadable()),
        Err(_) => Ok(data),
    }
}
