//! Both levels of subscription: looked at, repaired where Meta dropped something, and told.

use hookline_meta::graph::ErrorClass;
use hookline_model::alert::AlertCode;
use hookline_model::clock::Timestamp;
use hookline_model::upkeep::GapCause;
use hookline_store::StoreError;
use hookline_store::upkeep::DueTask;
use serde::{Deserialize, Serialize};

use super::{Next, REPEATS_WAIT, Upkeep};
use crate::caller::Caller;
use crate::subscribe::Standing;

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
        let has_facebook = self.store.has_facebook_accounts().await?;
        let repairs = self.settings.manages_subscription;
        let looked = self
            .subscriber
            .app(has_facebook, &memo.refused, repairs)
            .await;
        let standing = match looked {
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
        let now = self.clock.now();
        self.tell_app(&standing, &memo, now).await?;
        if standing.is_good() {
            memo.good_at = Some(now.as_millis());
        }
        memo.refused = standing.refused;
        Ok(Next::After(every, memo.into_json()))
    }

    async fn tell_app(
        &self,
        standing: &Standing,
        memo: &Memo,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let code = AlertCode::AppNotSubscribed;
        let difference = &standing.difference;
        if !difference.is_none() {
            let repaired = standing.is_repaired;
            tracing::warn!(%difference, repaired, "the app's subscription");
        }
        if !difference.is_silence() {
            return self.resolve(code, None).await;
        }
        // The first subscription is no trouble, and what it brings cannot have been missed.
        if let Some(good_at) = memo.good_at {
            let what = if standing.is_repaired {
                "it was asked for again"
            } else {
                "meta.manage_subscription is off, so it is left as it is"
            };
            self.raise(code, None, format!("{difference}; {what}"), None)
                .await?;
            if standing.is_repaired {
                let gap = (Timestamp::from_millis(good_at), now);
                let times = (now, now.plus(REPEATS_WAIT));
                self.store
                    .note_gap_of_all(GapCause::Unsubscribed, gap, times, super::ACCOUNTS_APART)
                    .await?;
            }
        } else if !standing.is_repaired {
            let detail = format!("{difference}; meta.manage_subscription is off");
            self.raise(code, None, detail, None).await?;
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
        let looked = self
            .subscriber
            .account(&caller.sender(), &memo.refused, true)
            .await;
        let standing = match looked {
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
        let now = self.clock.now();
        self.tell_account(&standing, &memo, caller, now).await?;
        memo.good_at = Some(now.as_millis());
        memo.refused = standing.refused;
        Ok(Next::After(every, memo.into_json()))
    }

    async fn tell_account(
        &self,
        standing: &Standing,
        memo: &Memo,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let account = caller.account();
        let code = AlertCode::AccountNotSubscribed;
        if standing.refused.len() > memo.refused.len() {
            let refused = standing.refused.join(", ");
            let detail = format!("without these fields: {refused}");
            self.raise(AlertCode::SubscriptionRefused, Some(account), detail, None)
                .await?;
        } else if standing.refused.is_empty() {
            self.resolve(AlertCode::SubscriptionRefused, Some(account))
                .await?;
        }
        let difference = &standing.difference;
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
        let detail = format!("{difference}; it was asked for again");
        self.raise(code, Some(account), detail, None).await?;
        self.store
            .note_gap(
                account.clone(),
                GapCause::Unsubscribed,
                (good_at, now),
                (now, now.plus(REPEATS_WAIT)),
            )
            .await
    }
}
