//! Both levels of subscription: looked at, repaired where Meta dropped something, and told.

use hookline_meta::graph::{CallFailure, ErrorClass};
use hookline_model::alert::AlertCode;
use hookline_model::clock::Timestamp;
use hookline_model::upkeep::GapCause;
use hookline_store::StoreError;
use hookline_store::upkeep::DueTask;
use serde::{Deserialize, Serialize};

use super::{Next, REPEATS_WAIT, Upkeep};
use crate::caller::Caller;
use crate::subscribe::{Difference, Standing};

/// What is remembered from one look to the next.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Memo {
    /// When everything was last seen to be as wanted, in milliseconds.
    #[serde(default)]
    good_at: Option<i64>,
    /// Fields Meta refuses.
    #[serde(default)]
    refused: Vec<String>,
}

impl Memo {
    fn of(task: &DueTask) -> Self {
        let memo = task.memo.clone();
        memo.and_then(|memo| serde_json::from_value(memo).ok())
            .unwrap_or_default()
    }

    fn into_json(self) -> Option<serde_json::Value> {
        serde_json::to_value(self).ok()
    }
}

impl Upkeep {
    /// The app's own subscription: to the right address, switched on, with every field.
    pub(super) async fn app_subscription(&self, task: &DueTask) -> Result<Next, StoreError> {
        let every = self.settings.watch_every;
        if !self.subscriber.knows_the_app() {
            return Ok(Next::After(every, task.memo.clone()));
        }
        let mut memo = Memo::of(task);
        let standing = match self.look_at_app(&memo).await? {
            Ok(Some(standing)) => standing,
            Ok(None) => return Ok(Next::After(every, task.memo.clone())),
            Err(failure) => {
                let says_no = !matches!(
                    failure.class(),
                    None | Some(ErrorClass::Retry | ErrorClass::Throttle | ErrorClass::Ambiguous)
                );
                if says_no {
                    let detail = format!("Meta refuses to be asked about it: {failure}");
                    self.raise(AlertCode::AppNotSubscribed, None, detail, None)
                        .await?;
                }
                return Ok(Next::Failed(failure.reason()));
            }
        };
        if standing.is_good() {
            memo.good_at = Some(self.clock.now().as_millis());
        }
        memo.refused = standing.refused;
        Ok(Next::After(every, memo.into_json()))
    }

    /// Looks, and repairs where it is managed. What was missed is kept before Meta is asked again:
    /// once Meta agreed, nothing shows any more that anything was.
    async fn look_at_app(
        &self,
        memo: &Memo,
    ) -> Result<Result<Option<Standing>, CallFailure>, StoreError> {
        let has_facebook = self.store.has_facebook_accounts().await?;
        let look = |repairs| self.subscriber.app(has_facebook, &memo.refused, repairs);
        let found = match look(false).await {
            Ok(Some(found)) => found,
            other => return Ok(other),
        };
        self.tell_app(&found.difference, memo).await?;
        if found.difference.is_none() || !self.settings.manages_subscription {
            return Ok(Ok(Some(found)));
        }
        Ok(look(true).await)
    }

    async fn tell_app(&self, difference: &Difference, memo: &Memo) -> Result<(), StoreError> {
        let code = AlertCode::AppNotSubscribed;
        let is_managed = self.settings.manages_subscription;
        if !difference.is_none() {
            tracing::warn!(%difference, managed = is_managed, "the app's subscription");
        }
        if !difference.is_silence() {
            return self.resolve(code, None).await;
        }
        // The first subscription is no trouble, and what it brings cannot have been missed.
        let good_at = memo.good_at.map(Timestamp::from_millis);
        let what = match (is_managed, good_at) {
            (true, None) => return Ok(()),
            (true, Some(_)) => "it is asked for again",
            (false, _) => "meta.manage_subscription is off, so it is left as it is",
        };
        self.raise(code, None, format!("{difference}; {what}"), None)
            .await?;
        if let (true, Some(good_at)) = (is_managed, good_at) {
            let now = self.clock.now();
            let (gap, times) = ((good_at, now), (now, now.plus(REPEATS_WAIT)));
            self.store
                .note_gap_of_all(GapCause::Unsubscribed, gap, times, super::ACCOUNTS_APART)
                .await?;
        }
        Ok(())
    }

    /// An account's subscription to the app, if Meta was asked for it.
    pub(super) async fn subscription(
        &self,
        task: &DueTask,
        caller: &Caller,
    ) -> Result<Next, StoreError> {
        let every = self.settings.watch_every;
        if !(self.settings.manages_subscription || caller.wants_subscription()) {
            return Ok(Next::After(every, task.memo.clone()));
        }
        let mut memo = Memo::of(task);
        let standing = match self.look_at_account(&memo, caller).await? {
            Ok(standing) => standing,
            Err(failure) => {
                if failure.class() == Some(ErrorClass::Permission) {
                    let detail = format!("Meta refuses to subscribe it: {failure}");
                    let code = AlertCode::AccountNotSubscribed;
                    self.raise(code, Some(caller.account()), detail, None)
                        .await?;
                }
                return self.failed(caller, &failure).await;
            }
        };
        self.tell_refused(&standing, &memo, caller).await?;
        memo.good_at = Some(self.clock.now().as_millis());
        memo.refused = standing.refused;
        Ok(Next::After(every, memo.into_json()))
    }

    /// As [`Upkeep::look_at_app`], of one account.
    async fn look_at_account(
        &self,
        memo: &Memo,
        caller: &Caller,
    ) -> Result<Result<Standing, CallFailure>, StoreError> {
        let sender = caller.sender();
        let look = |repairs| self.subscriber.account(&sender, &memo.refused, repairs);
        let found = match look(false).await {
            Ok(found) => found,
            Err(failure) => return Ok(Err(failure)),
        };
        self.tell_account(&found.difference, memo, caller).await?;
        if found.difference.is_none() {
            return Ok(Ok(found));
        }
        Ok(look(true).await)
    }

    async fn tell_account(
        &self,
        difference: &Difference,
        memo: &Memo,
        caller: &Caller,
    ) -> Result<(), StoreError> {
        let account = caller.account();
        let code = AlertCode::AccountNotSubscribed;
        if !difference.is_none() {
            tracing::warn!(%account, %difference, "the account is subscribed again");
        }
        if !difference.is_silence() {
            return self.resolve(code, Some(account)).await;
        }
        let Some(good_at) = memo.good_at.map(Timestamp::from_millis) else {
            return Ok(());
        };
        // It stays open until the next look finds everything as wanted.
        let detail = format!("{difference}; it is asked for again");
        self.raise(code, Some(account), detail, None).await?;
        let now = self.clock.now();
        let (gap, times) = ((good_at, now), (now, now.plus(REPEATS_WAIT)));
        self.store
            .note_gap(account.clone(), GapCause::Unsubscribed, gap, times)
            .await
    }

    async fn tell_refused(
        &self,
        standing: &Standing,
        memo: &Memo,
        caller: &Caller,
    ) -> Result<(), StoreError> {
        let (code, account) = (AlertCode::SubscriptionRefused, caller.account());
        if standing.refused.len() > memo.refused.len() {
            let detail = format!("without these fields: {}", standing.refused.join(", "));
            return self.raise(code, Some(account), detail, None).await;
        }
        if standing.refused.is_empty() {
            return self.resolve(code, Some(account)).await;
        }
        Ok(())
    }
}
