//! Logging in: authorize pages, codes, and the Pages of a person (contract 8.1, 8.2).

use bytes::Bytes;
use rand::RngExt as _;

use super::{Call, Fate, GraphError, SimResponse};
use crate::json::Json;
use crate::world::accounts::Login;
use crate::world::tokens::TokenKind;
use crate::world::{Refusal, Ring, World};

const HOUR_MS: i64 = 3_600_000;
/// Codes given out and not yet exchanged.
const CODES_MAX: usize = 1000;

/// Who logs in next, and the codes given out.
#[derive(Debug)]
pub(crate) struct LoginPage {
    account: Option<String>,
    is_denied: bool,
    codes: Ring<Code>,
}

impl Default for LoginPage {
    fn default() -> Self {
        Self {
            account: None,
            is_denied: false,
            codes: Ring::new(CODES_MAX),
        }
    }
}

#[derive(Debug)]
struct Code {
    value: String,
    account: String,
    redirect_uri: String,
    scopes: String,
    issued_ms: i64,
}

impl World {
    /// Decides who logs in on the next authorize pages, or that the person says no.
    pub fn set_login(&mut self, account: Option<&str>, is_denied: bool) -> Result<(), Refusal> {
        self.login_page.account = account
            .map(|account| {
                self.find_account(account)
                    .map(|account| account.ig_id.clone())
            })
            .transpose()?;
        self.login_page.is_denied = is_denied;
        Ok(())
    }

    /// `/oauth/authorize` and `/dialog/oauth`: a redirect back with a code, or with a refusal.
    pub(super) fn authorize(
        &mut self,
        now_ms: i64,
        call: &Call,
    ) -> Result<SimResponse, GraphError> {
        let redirect_uri = call.text("redirect_uri").unwrap_or_default().to_owned();
        if call.text("client_id") != Some(self.config.app_id.as_str()) || redirect_uri.is_empty() {
            return Err(GraphError::invalid("Invalid platform app or redirect_uri"));
        }
        if call
            .text("response_type")
            .is_some_and(|kind| kind != "code")
        {
            return Err(GraphError::invalid(
                "The parameter response_type must be code",
            ));
        }
        let login = if call.subject() == "dialog" {
            Login::Facebook
        } else {
            Login::Instagram
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        if self.login_page.is_denied {
            query
                .append_pair("error", "access_denied")
                .append_pair("error_reason", "user_denied")
                .append_pair("error_description", "The user denied your request");
        } else {
            let chosen = self.login_page.account.clone().or_else(|| {
                self.accounts
                    .values()
                    .find(|account| account.login == login)
                    .map(|account| account.ig_id.clone())
            });
            let account =
                chosen.ok_or_else(|| GraphError::invalid("There is no account to log in with"))?;
            let code: String = (0..48)
                .map(|_| char::from(self.rng.random_range(b'a'..=b'z')))
                .collect();
            query.append_pair("code", &format!("AQ{code}"));
            self.login_page.codes.push(Code {
                value: format!("AQ{code}"),
                account,
                redirect_uri: redirect_uri.clone(),
                scopes: call.text("scope").unwrap_or_default().to_owned(),
                issued_ms: now_ms,
            });
        }
        if let Some(state) = call.text("state") {
            query.append_pair("state", state);
        }
        let separator = if redirect_uri.contains('?') { '&' } else { '?' };
        // Instagram appends a fragment that is no part of the code (contract 8.1).
        let fragment = if login == Login::Instagram { "#_" } else { "" };
        let location = format!("{redirect_uri}{separator}{}{fragment}", query.finish());
        Ok(SimResponse {
            status: 302,
            headers: vec![("Location".to_owned(), location)],
            body: Bytes::new(),
            fate: Fate::Answer,
            delay_ms: 0,
        })
    }

    /// A code becomes a token: a short-lived one for Instagram, a user token for Facebook.
    pub(super) fn exchange_code(&mut self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let is_instagram = call.method == "POST";
        let refused = |message: &str| {
            let mut error = GraphError::new(400, 400, None, message);
            error.is_flat = is_instagram;
            if !is_instagram {
                error.code = 100;
            }
            error
        };
        let secret = call.text("client_secret").unwrap_or_default();
        let is_app = call.text("client_id") == Some(self.config.app_id.as_str())
            && self.config.app_secrets.iter().any(|known| known == secret);
        if !is_app {
            return Err(refused("Invalid Client ID or Client Secret"));
        }
        let wanted = call.text("code").unwrap_or_default().trim_end_matches("#_");
        let redirect_uri = call.text("redirect_uri").unwrap_or_default();
        let code = self
            .login_page
            .codes
            .remove_where(|code| code.value == wanted && code.redirect_uri == redirect_uri)
            .filter(|code| now_ms < code.issued_ms.saturating_add(HOUR_MS))
            .ok_or_else(|| refused("Matching code was not found or was already used"))?;
        let account = self.find_account(&code.account)?.clone();
        if is_instagram {
            let token = self.issue_token_of(now_ms, &code.account, TokenKind::ShortLived)?;
            let granted = Json::object()
                .with("access_token", token)
                .with("user_id", account.app_scoped_id)
                .with("permissions", code.scopes);
            return Ok(Json::object().with("data", vec![granted]));
        }
        let token = self.issue_token_of(now_ms, &code.account, TokenKind::User)?;
        Ok(Json::object()
            .with("access_token", token)
            .with("token_type", "bearer")
            .with("expires_in", 5_183_944))
    }

    /// `GET /me/accounts`: the Page of the account a user token was made for.
    pub(super) fn list_pages(&mut self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let token = call.token.as_ref().and_then(|token| self.tokens.get(token));
        let user = token
            .filter(|token| token.kind == TokenKind::User)
            .ok_or_else(GraphError::bad_token)?;
        if let Some(end) = user.end_at(now_ms) {
            return Err(GraphError::dead_token(end));
        }
        let account = self.find_account(&user.account.clone())?.clone();
        let Some(page) = account.page_id else {
            return Ok(Json::object().with("data", Vec::new()));
        };
        let token = self.issue_token(now_ms, &account.ig_id)?;
        let tasks = ["MODERATE", "MESSAGING", "MANAGE"].map(Json::from).to_vec();
        let page = Json::object()
            .with("access_token", token)
            .with("name", account.username)
            .with("id", page)
            .with("tasks", tasks)
            .with("instagram_business_account", Json::id(account.ig_id));
        Ok(Json::object().with("data", vec![page]))
    }
}
