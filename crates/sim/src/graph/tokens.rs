//! Refreshing and exchanging tokens (contract 8.1).

use super::{Call, GraphError};
use crate::json::Json;
use crate::world::World;
use crate::world::tokens::{TokenEnd, TokenKind};

const DAY_MS: i64 = 24 * 3_600_000;

impl World {
    /// `GET /refresh_access_token`: the token must work and be at least 24 hours old.
    pub(super) fn refresh_token(&mut self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        if call.text("grant_type") != Some("ig_refresh_token") {
            return Err(GraphError::invalid(
                "The parameter grant_type must be ig_refresh_token",
            ));
        }
        let account = self.authorized_account(now_ms, call)?.ig_id.clone();
        let old = call.token.clone().unwrap_or_default();
        let issued_ms = self
            .tokens
            .get(&old)
            .map_or(now_ms, |token| token.issued_ms);
        if now_ms < issued_ms.saturating_add(DAY_MS) {
            return Err(GraphError::invalid(
                "The access token must be at least 24 hours old",
            ));
        }
        self.answer_with_new_token(now_ms, &account, &old)
    }

    /// `GET /access_token`: a short-lived token becomes a long-lived one.
    pub(super) fn exchange_token(&mut self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let grant = call.text("grant_type").unwrap_or_default();
        if !matches!(grant, "ig_exchange_token" | "fb_exchange_token") {
            return Err(GraphError::invalid(
                "The parameter grant_type is not supported",
            ));
        }
        let secret = call.text("client_secret").unwrap_or_default();
        if !self.config.app_secrets.iter().any(|known| known == secret) {
            return Err(GraphError::new(
                400,
                1,
                None,
                "Error validating client secret.",
            ));
        }
        if grant == "fb_exchange_token" {
            return self.exchange_user_token(now_ms, call);
        }
        let account = self.authorized_account(now_ms, call)?.ig_id.clone();
        let old = call.token.clone().unwrap_or_default();
        self.answer_with_new_token(now_ms, &account, &old)
    }

    /// A user token of Facebook Login becomes a long-lived one (contract 8.2).
    fn exchange_user_token(&mut self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let old = call
            .text("fb_exchange_token")
            .and_then(|token| self.tokens.get(token));
        let old = old.filter(|token| token.kind == TokenKind::User);
        let old = old.ok_or_else(GraphError::bad_token)?;
        if let Some(end) = old.end_at(now_ms) {
            return Err(GraphError::dead_token(end));
        }
        let (account, consent) = (old.account.clone(), old.consent.clone());
        let token = self.issue_token_with(now_ms, &account, TokenKind::User, consent)?;
        let seconds = self.config.policy.token_lifetime_ms.div_euclid(1000);
        Ok(Json::object()
            .with("access_token", token)
            .with("token_type", "bearer")
            .with("expires_in", seconds))
    }

    fn answer_with_new_token(
        &mut self,
        now_ms: i64,
        account: &str,
        old: &str,
    ) -> Result<Json, GraphError> {
        let consent = self.tokens.get(old).map(|old| old.consent.clone());
        let consent = consent.unwrap_or_default();
        let token = self.issue_token_with(now_ms, account, TokenKind::Account, consent)?;
        if !self.config.policy.refresh_keeps_old_token
            && let Some(old) = self.tokens.get_mut(old)
        {
            old.ended = Some(TokenEnd::Replaced);
        }
        let seconds = self.config.policy.token_lifetime_ms.div_euclid(1000);
        Ok(Json::object()
            .with("access_token", token)
            .with("token_type", "bearer")
            .with("expires_in", seconds))
    }
}
