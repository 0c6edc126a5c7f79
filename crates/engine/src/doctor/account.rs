//! Everything that is looked at for one connected account, and for many within a time limit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use hookline_meta::graph::{CallFailure, GraphClient, LoginKind};
use hookline_model::account::{Account, Login};
use hookline_model::alert::Alert;
use hookline_model::clock::Timestamp;
use hookline_model::event::EventKind;
use hookline_model::ids::AccountId;
use hookline_store::{Store, StoreError};

use super::{Finding, Judgement, Subject, Verdict, judge};
use crate::caller::{Caller, CallerProblem};
use crate::keyring::KeyRing;
use crate::subscribe::Subscriber;

/// Accounts looked at side by side.
const SIDE_BY_SIDE: usize = 8;

/// The newest events of an account that are looked through for the last of each field.
const EVENTS_LOOKED_AT: u32 = 2_000;

/// Under which account Meta's dashboard sends its tests (contract 4.17).
const TEST_ACCOUNT: &str = "0";

/// An account to look at, with its open alerts.
#[derive(Debug, Clone)]
pub struct Patient {
    /// The account.
    pub account: Account,
    /// Its open alerts.
    pub alerts: Vec<Alert>,
}

/// Looks at accounts.
pub struct AccountDoctor {
    /// The durable record.
    pub store: Arc<Store>,
    /// Opens tokens; none without a key.
    pub keys: Option<Arc<KeyRing>>,
    /// Meta; none when it cannot be reached, so that the same is not said for every account.
    pub graph: Option<Arc<GraphClient>>,
    /// Compares subscriptions.
    pub subscriber: Subscriber,
    /// The time.
    pub now: Timestamp,
}

impl AccountDoctor {
    /// Looks at all of them, in their order; those that were not reached within `limit` say so.
    pub async fn examine_all(&self, patients: &[Patient], limit: Duration) -> Vec<Finding> {
        let mut found: BTreeMap<usize, Vec<Finding>> = BTreeMap::new();
        let looks = patients
            .iter()
            .enumerate()
            .map(|(place, patient)| async move { (place, self.examine(patient).await) });
        let mut looks = futures_util::stream::iter(looks).buffer_unordered(SIDE_BY_SIDE);
        let all = async {
            while let Some((place, findings)) = looks.next().await {
                found.insert(place, findings);
            }
        };
        // What was found until then is kept in any case.
        let _ = tokio::time::timeout(limit, all).await;
        drop(looks);
        let in_order = patients.iter().enumerate().flat_map(|(place, patient)| {
            found.remove(&place).unwrap_or_else(|| {
                let account = &patient.account;
                let late = Judgement::warn(
                    "There was no time left to look at this account.",
                    format!("Run `hookline doctor --account {}`.", account.id),
                );
                vec![late.on("time", &Subject::account(account))]
            })
        });
        in_order.collect()
    }

    /// Looks at one account.
    pub async fn examine(&self, patient: &Patient) -> Vec<Finding> {
        let account = &patient.account;
        let subject = Subject::account(account);
        let mut findings = self.at_meta(account, &subject).await;
        findings.extend(judge::hold(account, self.now).map(|hold| hold.on("hold", &subject)));
        for alert in &patient.alerts {
            findings.push(judge::open_alert(alert, self.now).on("alert", &subject));
        }
        let newest = self.newest_events(account.id.clone()).await;
        let events = match &newest {
            Ok(newest) => judge::events(newest, self.now),
            Err(problem) => unread(problem),
        };
        findings.push(events.on("events", &subject));
        findings
    }

    /// Whether Meta's dashboard ever sent a test, and whether anything else came for one of these
    /// accounts.
    pub async fn examine_mode(&self, accounts: &[AccountId]) -> Result<Finding, StoreError> {
        let has_any = async |account: AccountId| -> Result<bool, StoreError> {
            let newest = self.store.newest_events(account, 1).await?;
            Ok(!newest.is_empty())
        };
        let mut has_events = false;
        for account in accounts {
            has_events = has_any(account.clone()).await?;
            if has_events {
                break;
            }
        }
        let has_tests = has_any(AccountId::new(TEST_ACCOUNT)).await?;
        Ok(judge::app_mode(has_events, has_tests).on("app_mode", &Subject::App))
    }

    async fn newest_events(
        &self,
        account: AccountId,
    ) -> Result<BTreeMap<EventKind, Timestamp>, StoreError> {
        self.store
            .newest_event_of_each_kind(account, EVENTS_LOOKED_AT)
            .await
    }

    /// What is asked of Meta with the account's token, and what is known of the token.
    async fn at_meta(&self, account: &Account, subject: &Subject) -> Vec<Finding> {
        let caller = match self.caller(account).await {
            Ok(caller) => caller,
            Err(unusable) => return vec![unusable.on("token", subject)],
        };
        let time = judge::token_time(account, caller.grant().expires_at, self.now);
        let time = time.on("token_time", subject);
        let Some(graph) = &self.graph else {
            let skipped = Judgement::skipped("Meta cannot be reached from here, see above.");
            let scopes = judge::scopes(account, caller.grant().scopes.as_deref());
            return vec![
                skipped.on("token", subject),
                time,
                scopes.on("scopes", subject),
            ];
        };
        let owner = self.owner(graph, account, &caller).await;
        let is_right = owner.verdict == Verdict::Ok;
        let mut findings = vec![owner.on("token", subject), time];
        let scopes = self.scopes(graph, account, &caller).await;
        findings.push(scopes.on("scopes", subject));
        if !is_right {
            // Each of the others would only say the same again.
            let skipped = Judgement::skipped("The token has to be right first, see above.");
            findings.push(skipped.clone().on("account_subscription", subject));
            findings.push(skipped.on("message_access", subject));
            return findings;
        }
        findings.extend(self.subscription(account, &caller, subject).await);
        let read = graph.list_conversations(&caller.sender(), None).await;
        let access = judge::message_access(account, read.as_ref().err());
        findings.push(access.on("message_access", subject));
        findings
    }

    async fn caller(&self, account: &Account) -> Result<Caller, Judgement> {
        let restore = "Restore hookline.key beside the database, or the old value of \
                       encryption.keys, from a backup; or connect the account again.";
        let Some(keys) = &self.keys else {
            let what = "There is no key to open the account's token with.";
            return Err(Judgement::fail(what, restore));
        };
        Caller::find(&self.store, keys, &account.id)
            .await
            .map_err(|problem| match problem {
                CallerProblem::Store(problem) => unread(&problem),
                CallerProblem::TokenUnreadable => {
                    let what = "None of the keys opens the account's token.";
                    Judgement::fail(what, restore)
                }
                CallerProblem::NotConnected => {
                    Judgement::skipped("The account was removed meanwhile.")
                }
            })
    }

    async fn owner(&self, graph: &GraphClient, account: &Account, caller: &Caller) -> Judgement {
        let token = caller.token();
        let judged = match LoginKind::from(&account.login) {
            LoginKind::Instagram => graph
                .read_instagram_identity(token)
                .await
                .map(|read| judge::instagram_owner(account, &read.value)),
            LoginKind::Facebook => graph
                .read_page_identity(token)
                .await
                .map(|read| judge::page_owner(account, &read.value)),
        };
        judged.unwrap_or_else(|failure| judge::owner_unknown(account, &failure))
    }

    /// What the token may do: as its login recorded it; of Facebook Login it can be asked where
    /// the token is a person's.
    async fn scopes(&self, graph: &GraphClient, account: &Account, caller: &Caller) -> Judgement {
        let stored = caller.grant().scopes.clone();
        let is_facebook = matches!(account.login, Login::Facebook { .. });
        let scopes = match stored {
            None if is_facebook => {
                let asked = graph.read_permissions(caller.token()).await;
                asked.ok().map(|read| read.value.granted)
            }
            stored => stored,
        };
        judge::scopes(account, scopes.as_deref())
    }

    async fn subscription(
        &self,
        account: &Account,
        caller: &Caller,
        subject: &Subject,
    ) -> Vec<Finding> {
        const CHECK: &str = "account_subscription";
        let looked = self.subscriber.account(&caller.sender(), &[], false).await;
        let standing = match looked {
            Ok(standing) => standing,
            Err(failure) => return vec![subscription_unread(account, &failure).on(CHECK, subject)],
        };
        let own = judge::account_subscription(&standing.difference).on(CHECK, subject);
        let others = judge::other_apps(&standing.other_apps);
        let others = others.map(|others| others.on("other_apps", subject));
        std::iter::once(own).chain(others).collect()
    }
}

fn subscription_unread(account: &Account, failure: &CallFailure) -> Judgement {
    judge::not_read(
        "The account's subscription could not be read",
        account,
        failure,
    )
}

fn unread(problem: &StoreError) -> Judgement {
    Judgement::fail(
        format!("The database could not be read: {problem}."),
        "See whether the disk is full or the file is damaged; the log of `hookline serve` says \
         more.",
    )
}
