//! Access tokens: whose they are, how long they live, and how they die (contract sections 8, 10).

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::{Refusal, World};

/// Why a token no longer works (contract section 10, code 190).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenEnd {
    /// The user removed the app: subcode 458.
    AppRemoved,
    /// The user must log in at Meta first: subcode 459.
    Checkpointed,
    /// The password was changed: subcode 460.
    PasswordChanged,
    /// Its time is over: subcode 463.
    Expired,
    /// The session was logged out: subcode 467.
    LoggedOut,
    /// The token was replaced by another: no subcode.
    Replaced,
}

impl TokenEnd {
    pub(crate) fn subcode(self) -> Option<i64> {
        match self {
            Self::AppRemoved => Some(458),
            Self::Checkpointed => Some(459),
            Self::PasswordChanged => Some(460),
            Self::Expired => Some(463),
            Self::LoggedOut => Some(467),
            Self::Replaced => None,
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::AppRemoved => {
                "Error validating access token: The user has not authorized application."
            }
            Self::Checkpointed => {
                "Error validating access token: The user is enrolled in a blocking checkpoint."
            }
            Self::PasswordChanged => {
                "Error validating access token: The session has been invalidated because the user changed their password or Facebook has changed the session for security reasons."
            }
            Self::Expired => "Error validating access token: Session has expired.",
            Self::LoggedOut => {
                "Error validating access token: The session is invalid because the user logged out."
            }
            Self::Replaced => "Invalid OAuth access token.",
        }
    }
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// An Instagram User token or a Page token: what accounts call with.
    Account,
    /// The first token of an Instagram login: the same for one hour.
    ShortLived,
    /// The token of a Facebook person: only lists and exchanges.
    User,
}

/// One access token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) account: String,
    pub(crate) kind: TokenKind,
    pub(crate) issued_ms: i64,
    /// Page tokens carry no scheduled expiry.
    pub(crate) expires_ms: Option<i64>,
    pub(crate) ended: Option<TokenEnd>,
    /// What the person decided at the login it comes from; nothing for tokens from nowhere.
    pub(crate) consent: Consent,
}

/// What a person decided at a login.
#[derive(Debug, Clone, Default)]
pub(crate) struct Consent {
    /// The scopes allowed.
    pub(crate) granted: Vec<String>,
    /// The scopes asked for and unticked.
    pub(crate) declined: Vec<String>,
    /// The accounts whose Pages the person has, for Facebook Login.
    pub(crate) accounts: Vec<String>,
    /// The person's Pages without an account, by name.
    pub(crate) bare_pages: Vec<String>,
}

impl Token {
    /// Why the token does not work at `now_ms`, if it does not.
    pub(crate) fn end_at(&self, now_ms: i64) -> Option<TokenEnd> {
        let is_expired = self.expires_ms.is_some_and(|expires| now_ms >= expires);
        self.ended.or(is_expired.then_some(TokenEnd::Expired))
    }
}

impl World {
    /// Gives an account one more token and returns it; older ones stay as they are.
    pub fn issue_token(&mut self, now_ms: i64, account: &str) -> Result<String, Refusal> {
        self.issue_token_of(now_ms, account, TokenKind::Account)
    }

    pub(crate) fn issue_token_of(
        &mut self,
        now_ms: i64,
        account: &str,
        kind: TokenKind,
    ) -> Result<String, Refusal> {
        let account = self.find_account(account)?;
        let (ig_id, is_page) = (account.ig_id.clone(), account.page_id.is_some());
        let prefix = if is_page { "EAA" } else { "IGAA" };
        let noise: String = (0..40)
            .map(|_| char::from(self.rng.random_range(b'a'..=b'z')))
            .collect();
        let token = format!("{prefix}sim{noise}ZD");
        let lifetime_ms = match kind {
            TokenKind::ShortLived => 3_600_000,
            TokenKind::Account | TokenKind::User => self.config.policy.token_lifetime_ms,
        };
        let is_endless = is_page && kind == TokenKind::Account;
        self.tokens.insert(
            token.clone(),
            Token {
                account: ig_id.clone(),
                kind,
                issued_ms: now_ms,
                expires_ms: (!is_endless).then(|| now_ms.saturating_add(lifetime_ms)),
                ended: None,
                consent: Consent::default(),
            },
        );
        if kind == TokenKind::Account
            && let Some(account) = self.accounts.get_mut(&ig_id)
        {
            account.token.clone_from(&token);
        }
        Ok(token)
    }

    /// The token a login leads to, or one that takes the place of such a token.
    pub(crate) fn issue_token_with(
        &mut self,
        now_ms: i64,
        account: &str,
        kind: TokenKind,
        consent: Consent,
    ) -> Result<String, Refusal> {
        let token = self.issue_token_of(now_ms, account, kind)?;
        if let Some(issued) = self.tokens.get_mut(&token) {
            issued.consent = consent;
        }
        Ok(token)
    }

    /// Ends every token of an account, as a password change or a removed app would.
    pub fn end_tokens(&mut self, account: &str, end: TokenEnd) -> Result<(), Refusal> {
        let ig_id = self.find_account(account)?.ig_id.clone();
        for token in self
            .tokens
            .values_mut()
            .filter(|token| token.account == ig_id)
        {
            token.ended = Some(end);
        }
        Ok(())
    }

    /// Ends every token of an account and returns a new one.
    pub fn replace_token(&mut self, now_ms: i64, account: &str) -> Result<String, Refusal> {
        self.end_tokens(account, TokenEnd::Replaced)?;
        self.issue_token(now_ms, account)
    }
}
