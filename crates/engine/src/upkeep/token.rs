//! Tokens of Instagram Login: refreshed long before they end, never before they may be
//! (contract 8.1). Tokens of Pages have no end of their own.

use std::time::Duration;

use hookline_meta::graph::{RefreshRefusal, TokenGrant};
use hookline_model::account::Login;
use hookline_model::alert::{AlertCode, token_step};
use hookline_model::clock::Timestamp;
use hookline_store::upkeep::DueTask;
use hookline_store::{NewToken, SealedToken, StoreError};

use super::{Next, Upkeep};
use crate::caller::Caller;

/// Before this age Meta refuses to refresh (contract 8.1), with an hour for clocks that differ.
const AGE_MIN: Duration = Duration::from_hours(25);

/// How long a token lives whose end nobody told.
const LIFE: Duration = Duration::from_hours(60 * 24);

/// How often a token is thought of that need not be refreshed.
const LOOK_EVERY: Duration = Duration::from_hours(24);

const DAY: Duration = Duration::from_hours(24);

/// When a token is refreshed: in the middle of its life, and not before it may be.
fn refresh_at(issued_at: Timestamp, expires_at: Option<Timestamp>) -> Timestamp {
    let earliest = issued_at.plus(AGE_MIN);
    match expires_at {
        Some(expires_at) => earliest.max(issued_at.plus(expires_at.since(issued_at) / 2)),
        // Refreshing tells when it ends.
        None => earliest,
    }
}

impl Upkeep {
    /// Refreshes the account's token when its time has come.
    pub(super) async fn token(&self, task: &DueTask, caller: &Caller) -> Result<Next, StoreError> {
        if !matches!(caller.login(), Login::Instagram) {
            return Ok(Next::After(LOOK_EVERY, None));
        }
        let now = self.clock.now();
        let grant = caller.grant();
        let issued_at = grant.issued_at.unwrap_or(caller.connected_at());
        let refresh_at = refresh_at(issued_at, grant.expires_at);
        if now < refresh_at {
            let next = now.plus(LOOK_EVERY).min(refresh_at);
            return Ok(Next::At(next, None));
        }
        match self.graph.refresh_token(caller.token()).await {
            Ok(answer) => self.take_token(caller, answer.value, now).await,
            Err(failure) => {
                let expires_at = grant.expires_at.unwrap_or(issued_at.plus(LIFE));
                let reason = failure.reason();
                match RefreshRefusal::of(&failure) {
                    RefreshRefusal::Dead(_) => self.failed(caller, &failure).await,
                    RefreshRefusal::NotNow => {
                        self.warn_of_end(caller, expires_at, now, reason).await?;
                        Ok(Next::After(LOOK_EVERY, None))
                    }
                    RefreshRefusal::TryAgain => {
                        self.warn_of_end(caller, expires_at, now, reason).await?;
                        tracing::warn!(
                            failures = task.failures,
                            reason,
                            "a token was not refreshed"
                        );
                        Ok(Next::Failed(reason))
                    }
                }
            }
        }
    }

    async fn take_token(
        &self,
        caller: &Caller,
        granted: TokenGrant,
        now: Timestamp,
    ) -> Result<Next, StoreError> {
        let account = caller.account();
        let Ok(sealed) = self.keys.seal(account, &granted.token, self.nonce()) else {
            return Ok(Next::Failed("token_too_long"));
        };
        let expires_at = now.plus(granted.expires_in.unwrap_or(LIFE));
        let new = NewToken {
            account_id: account.clone(),
            token_number: caller.token_number(),
            token: SealedToken {
                key: sealed.key_id.0.to_vec(),
                bytes: sealed.bytes,
            },
            issued_at: now,
            expires_at: Some(expires_at),
        };
        if self.store.replace_token(new, now).await? {
            tracing::info!(%account, %expires_at, "the token was refreshed");
        } else {
            tracing::info!(%account, "a newer token came while this one was refreshed");
        }
        Ok(Next::After(LOOK_EVERY, None))
    }

    /// Tells that a token ends, at 14, 7, 3 and 1 days.
    async fn warn_of_end(
        &self,
        caller: &Caller,
        expires_at: Timestamp,
        now: Timestamp,
        reason: &str,
    ) -> Result<(), StoreError> {
        let days = expires_at.since(now).as_secs().div_euclid(DAY.as_secs());
        let Some(step) = token_step(u32::try_from(days).unwrap_or(u32::MAX)) else {
            return Ok(());
        };
        let detail = format!(
            "the access ends at {expires_at}, in {days} days, and could not be renewed: {reason}"
        );
        let account = caller.account();
        self.raise(AlertCode::TokenExpiring, Some(account), detail, Some(step))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(days: u64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000).plus(DAY * u32::try_from(days).unwrap())
    }

    #[test]
    fn a_token_is_refreshed_in_the_middle_of_its_life() {
        assert_eq!(refresh_at(day(0), Some(day(60))), day(30));
    }

    #[test]
    fn no_token_is_refreshed_before_it_may_be() {
        let earliest = day(0).plus(AGE_MIN);
        assert_eq!(refresh_at(day(0), None), earliest);
        assert_eq!(refresh_at(day(0), Some(day(1))), earliest);
        assert_eq!(refresh_at(day(0), Some(day(0))), earliest);
    }
}
