//! Logging in: authorize pages, codes, and the Pages of a person (contract 8.1, 8.2).

use bytes::Bytes;
use rand::RngExt as _;
use serde::Deserialize;

use super::fields::{self, Field};
use super::paging::Page;
use super::{Call, Fate, GraphError, SimResponse};
use crate::json::Json;
use crate::world::accounts::{Account, Login};
use crate::world::tokens::{Consent, Token, TokenKind};
use crate::world::{Refusal, Ring, World};

const HOUR_MS: i64 = 3_600_000;
/// Codes given out and not yet exchanged.
const CODES_MAX: usize = 1000;

/// Who logs in next, and the codes given out.
#[derive(Debug)]
pub(crate) struct LoginPage {
    choice: LoginChoice,
    codes: Ring<Code>,
}

/// Who logs in on the next authorize pages, and what they decide there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginChoice {
    /// The account, by id or username; the first of the login type when not given.
    pub account: Option<String>,
    /// Whether the person says no to all of it.
    pub is_denied: bool,
    /// The scopes the person unticks.
    pub declined_scopes: Vec<String>,
    /// More accounts whose Pages the same person has (Facebook Login).
    pub more_accounts: Vec<String>,
    /// The names of Pages of the person that have no account (Facebook Login).
    pub bare_pages: Vec<String>,
}

impl Default for LoginPage {
    fn default() -> Self {
        Self {
            choice: LoginChoice::default(),
            codes: Ring::new(CODES_MAX),
        }
    }
}

#[derive(Debug)]
struct Code {
    value: String,
    account: String,
    redirect_uri: String,
    consent: Consent,
    issued_ms: i64,
}

impl World {
    /// Decides who logs in on the next authorize pages, or that the person says no.
    pub fn set_login(&mut self, choice: LoginChoice) -> Result<(), Refusal> {
        let id = |account: &String| Ok(self.find_account(account)?.ig_id.clone());
        let account = choice.account.as_ref().map(id).transpose()?;
        let more_accounts = choice.more_accounts.iter().map(id);
        let more_accounts = more_accounts.collect::<Result<_, Refusal>>()?;
        self.login_page.choice = LoginChoice {
            account,
            more_accounts,
            ..choice
        };
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
        if self.login_page.choice.is_denied {
            query
                .append_pair("error", "access_denied")
                .append_pair("error_reason", "user_denied")
                .append_pair("error_description", "The user denied your request");
        } else {
            let chosen = self.login_page.choice.account.clone().or_else(|| {
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
            let consent = self.consent(&account, call.text("scope").unwrap_or_default());
            self.login_page.codes.push(Code {
                value: format!("AQ{code}"),
                account,
                redirect_uri: redirect_uri.clone(),
                consent,
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

    /// What the person decides about the scopes asked for.
    fn consent(&self, account: &str, asked: &str) -> Consent {
        let choice = &self.login_page.choice;
        let asked = asked.split([',', ' ']).filter(|scope| !scope.is_empty());
        let is_declined = |scope: &String| choice.declined_scopes.contains(scope);
        let (declined, granted) = asked.map(str::to_owned).partition(is_declined);
        let mut accounts = vec![account.to_owned()];
        accounts.extend(choice.more_accounts.iter().cloned());
        Consent {
            granted,
            declined,
            accounts,
            bare_pages: choice.bare_pages.clone(),
        }
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
            let permissions = code.consent.granted.join(",");
            let kind = TokenKind::ShortLived;
            let token = self.issue_token_with(now_ms, &code.account, kind, code.consent)?;
            // A third id: neither the one of webhooks nor the one of `/me` (contract section 0).
            let granted = Json::object()
                .with("access_token", token)
                .with("user_id", account.exchange_user_id)
                .with("permissions", permissions);
            return Ok(Json::object().with("data", vec![granted]));
        }
        let token = self.issue_token_with(now_ms, &code.account, TokenKind::User, code.consent)?;
        Ok(Json::object()
            .with("access_token", token)
            .with("token_type", "bearer")
            .with("expires_in", 5_183_944))
    }

    /// The token of a person, if that is what the call was made with and it works.
    pub(super) fn user_token(&self, now_ms: i64, call: &Call) -> Result<&Token, GraphError> {
        let token = call.token.as_ref().and_then(|token| self.tokens.get(token));
        let user = token
            .filter(|token| token.kind == TokenKind::User)
            .ok_or_else(GraphError::bad_token)?;
        match user.end_at(now_ms) {
            Some(end) => Err(GraphError::dead_token(end)),
            None => Ok(user),
        }
    }

    /// `GET /me/permissions`: what the person ticked and unticked.
    pub(super) fn read_permissions(&self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let consent = &self.user_token(now_ms, call)?.consent;
        let line = |scope: &String, status: &'static str| {
            Json::object()
                .with("permission", scope)
                .with("status", status)
        };
        let granted = consent.granted.iter().map(|scope| line(scope, "granted"));
        let declined = consent.declined.iter().map(|scope| line(scope, "declined"));
        Ok(Json::object().with("data", granted.chain(declined).collect::<Vec<_>>()))
    }

    /// `GET /me/accounts`: the Pages of the person a token was made for, with a token for each.
    pub(super) fn list_pages(&mut self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let user = self.user_token(now_ms, call)?;
        let (own, consent) = (user.account.clone(), user.consent.clone());
        // Without the scope Meta lists nothing, and says no word of it.
        if consent.declined.iter().any(|no| no == "pages_show_list") {
            return Ok(Json::object().with("data", Vec::new()));
        }
        let wanted = match call.text("fields") {
            Some(text) => fields::parse(text)?,
            None => Field::named(&["access_token", "name", "id", "tasks"]),
        };
        let mut accounts = consent.accounts.clone();
        if accounts.is_empty() {
            accounts.push(own);
        }
        let mut pages = Vec::new();
        for account in accounts {
            let account = self.find_account(&account)?.clone();
            if let Some(page) = account.page_id.clone() {
                let kind = TokenKind::Account;
                let token = self.issue_token_with(now_ms, &account.ig_id, kind, consent.clone())?;
                pages.push(page_json(&wanted, &page, &account, &token)?);
            }
        }
        for (position, name) in consent.bare_pages.iter().enumerate() {
            let page = format!("1099{position:012}");
            pages.push(bare_page_json(&wanted, &page, name)?);
        }
        let page = Page::of(call, 100);
        let total = pages.len();
        let shown = pages.into_iter().skip(page.start).take(page.len).collect();
        Ok(page.wrap(call, shown, total))
    }
}

fn page_json(
    wanted: &[Field],
    id: &str,
    account: &Account,
    token: &str,
) -> Result<Json, GraphError> {
    fields::select(wanted, id, |field| {
        Ok(match field.name.as_str() {
            "access_token" => Some(Json::from(token)),
            "name" => Some(Json::from(&account.username)),
            "tasks" => {
                let tasks: Vec<Json> = account.page_tasks.iter().map(Json::from).collect();
                Some(Json::from(tasks))
            }
            "instagram_business_account" => Some(linked_account(field, account)?),
            other => return Err(GraphError::no_field(other, "Page")),
        })
    })
}

/// A Page that no professional account is linked to.
fn bare_page_json(wanted: &[Field], id: &str, name: &str) -> Result<Json, GraphError> {
    fields::select(wanted, id, |field| {
        Ok(match field.name.as_str() {
            "access_token" => Some(Json::from(format!("EAAsimbare{id}ZD"))),
            "name" => Some(Json::from(name)),
            "tasks" => Some(Json::from(vec![Json::from("MANAGE")])),
            "instagram_business_account" => None,
            other => return Err(GraphError::no_field(other, "Page")),
        })
    })
}

/// The account linked to a Page.
pub(super) fn linked_account(field: &Field, account: &Account) -> Result<Json, GraphError> {
    fields::select(&field.inner_or(&["id"]), &account.ig_id, |field| {
        Ok(match field.name.as_str() {
            "username" | "name" => Some(Json::from(&account.username)),
            other => return Err(GraphError::no_field(other, "IGUser")),
        })
    })
}
