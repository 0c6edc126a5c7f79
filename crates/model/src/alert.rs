//! What a person has to know of without asking: one kind of alert, with a stable code, how bad it
//! is, whom it is about, since when, and what to do.
//!
//! Of one code and account at most one alert is open. It is raised once, however often its cause
//! is seen, and resolved once. A code whose trouble gets worse in steps is renewed at each step
//! ([`RaiseAlert::step`]), so that people are told again without a second alert.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{AccountId, AlertId, NoticeId};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Works, and will not go on working, or not all of it, unless somebody looks.
    Warning,
    /// People get no answer while this lasts.
    Critical,
}

impl Severity {
    /// The word of the API, the database and the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What is wrong; a closed list of stable names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertCode {
    /// Meta refuses the account's token.
    TokenDead,
    /// The account's token ends soon and could not be refreshed; told again at each of
    /// [`TOKEN_DAYS_LEFT`].
    TokenExpiring,
    /// Meta restricts the account for a while.
    AccountBlocked,
    /// The account's owner has switched off access to messages.
    MessageAccessOff,
    /// The token or the app may not do what an automation asks for.
    PermissionMissing,
    /// Meta sends no events of this account.
    AccountNotSubscribed,
    /// Meta sends no events of any account.
    AppNotSubscribed,
    /// Meta refused part of a subscription.
    SubscriptionRefused,
    /// Many deliveries came with a signature that does not hold.
    SignatureFailures,
    /// Nothing arrives for an account although something should.
    AccountSilent,
    /// Events were missed; the detail says what was recovered.
    EventsMissed,
    /// Many accounts get the same error from Meta at once.
    AppIncident,
    /// Sends of which nobody can tell whether they arrived.
    SendsNeedAPerson,
    /// Deliveries were answered 503 because they could not be committed.
    DeliveriesNotRecorded,
}

/// Days left of a token at which people are told; each is one step of
/// [`AlertCode::TokenExpiring`].
pub const TOKEN_DAYS_LEFT: [u32; 4] = [14, 7, 3, 1];

/// The step of a token with so many whole days left; none while there is time.
pub fn token_step(days_left: u32) -> Option<u32> {
    TOKEN_DAYS_LEFT
        .into_iter()
        .rev()
        .find(|step| days_left <= *step)
}

impl AlertCode {
    /// Every code, in the order of the reference.
    pub const ALL: [Self; 14] = [
        Self::TokenDead,
        Self::TokenExpiring,
        Self::AccountBlocked,
        Self::MessageAccessOff,
        Self::PermissionMissing,
        Self::AccountNotSubscribed,
        Self::AppNotSubscribed,
        Self::SubscriptionRefused,
        Self::SignatureFailures,
        Self::AccountSilent,
        Self::EventsMissed,
        Self::AppIncident,
        Self::SendsNeedAPerson,
        Self::DeliveriesNotRecorded,
    ];

    /// What a new token of the account puts right.
    pub const ENDED_BY_A_TOKEN: [Self; 3] = [
        Self::TokenDead,
        Self::TokenExpiring,
        Self::PermissionMissing,
    ];

    /// What is over when Meta takes a send that was begun after it was last seen.
    pub const ENDED_BY_A_SEND: [Self; 3] = [
        Self::AccountBlocked,
        Self::MessageAccessOff,
        Self::PermissionMissing,
    ];

    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TokenDead => "token_dead",
            Self::TokenExpiring => "token_expiring",
            Self::AccountBlocked => "account_blocked",
            Self::MessageAccessOff => "message_access_off",
            Self::PermissionMissing => "permission_missing",
            Self::AccountNotSubscribed => "account_not_subscribed",
            Self::AppNotSubscribed => "app_not_subscribed",
            Self::SubscriptionRefused => "subscription_refused",
            Self::SignatureFailures => "signature_failures",
            Self::AccountSilent => "account_silent",
            Self::EventsMissed => "events_missed",
            Self::AppIncident => "app_incident",
            Self::SendsNeedAPerson => "sends_need_a_person",
            Self::DeliveriesNotRecorded => "deliveries_not_recorded",
        }
    }

    /// The code of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }

    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::TokenExpiring
            | Self::SubscriptionRefused
            | Self::EventsMissed
            | Self::SendsNeedAPerson => Severity::Warning,
            Self::TokenDead
            | Self::AccountBlocked
            | Self::MessageAccessOff
            | Self::PermissionMissing
            | Self::AccountNotSubscribed
            | Self::AppNotSubscribed
            | Self::SignatureFailures
            | Self::AccountSilent
            | Self::AppIncident
            | Self::DeliveriesNotRecorded => Severity::Critical,
        }
    }

    /// One line that says what is wrong, of an account where there is one.
    pub fn title(self) -> &'static str {
        match self {
            Self::TokenDead => "Instagram does not accept our access any more",
            Self::TokenExpiring => "Our access to Instagram ends soon",
            Self::AccountBlocked => "Instagram has blocked the account from sending",
            Self::MessageAccessOff => "Access to messages is switched off",
            Self::PermissionMissing => "A permission is missing",
            Self::AccountNotSubscribed => "Instagram sends us nothing of this account",
            Self::AppNotSubscribed => "Instagram sends us nothing at all",
            Self::SubscriptionRefused => "Instagram refused part of our subscription",
            Self::SignatureFailures => "Deliveries come with a wrong signature",
            Self::AccountSilent => "Nothing arrives of this account",
            Self::EventsMissed => "Some comments or messages were missed",
            Self::AppIncident => "Instagram answers many accounts with the same error",
            Self::SendsNeedAPerson => "Nobody can tell whether some messages arrived",
            Self::DeliveriesNotRecorded => "Deliveries cannot be written to disk",
        }
    }

    /// What to do, in words for whoever runs the shop; `{account}` stands for the account.
    fn advice(self) -> &'static str {
        match self {
            Self::TokenDead => {
                "Connect {account} again: log in to Instagram as {account} and give Hookline the \
                 new access. What waits is then sent by itself, if it is not too late."
            }
            Self::TokenExpiring => {
                "Connect {account} again before the access ends. Nothing is lost until then."
            }
            Self::AccountBlocked => {
                "Open Instagram as {account} and look under Settings, Account status, for what \
                 Instagram objects to. Wait: Hookline tries again by itself. Send less, or other \
                 texts, if it happens again."
            }
            Self::MessageAccessOff => {
                "Open Instagram on the phone as {account}: Settings, Messages and story replies, \
                 Message controls, Connected tools; switch on Allow access to messages."
            }
            Self::PermissionMissing => {
                "Connect {account} again and leave every permission ticked. If it comes back, \
                 look in the app's dashboard at Meta whether the app still has that permission."
            }
            Self::AccountNotSubscribed => {
                "Run `hookline subscribe`. If it is refused, connect {account} again."
            }
            Self::AppNotSubscribed => {
                "Run `hookline subscribe`, and compare the webhook address and the verify token \
                 in the app's dashboard at Meta with those configured here."
            }
            Self::SubscriptionRefused => {
                "Look in the app's dashboard at Meta whether the app has the permission for what \
                 was refused, then run `hookline subscribe`."
            }
            Self::SignatureFailures => {
                "Compare the app secret in the app's settings at Meta with meta.app_secrets here; \
                 with Instagram Login an app has two, list both. If they agree, something between \
                 Meta and Hookline changes what is sent, or a stranger tries the door."
            }
            Self::AccountSilent => {
                "Run `hookline subscribe`. Then comment on a post of {account} from another \
                 account and look whether it arrives."
            }
            Self::EventsMissed => {
                "Look at the detail: what was recovered is answered by itself. Answer the rest by \
                 hand, if it matters."
            }
            Self::AppIncident => {
                "Look at metastatus.com and at the alerts in the app's dashboard at Meta. If \
                 nothing is wrong there, wait: Hookline tries again by itself."
            }
            Self::SendsNeedAPerson => {
                "Run `hookline sends list --state unknown`, look into the conversations on \
                 Instagram as {account}, and settle each with `hookline sends settle`."
            }
            Self::DeliveriesNotRecorded => {
                "Make room on the disk that holds the database, or see why it does not write. \
                 Meta delivers again for a while; after an hour of this it may stop for good."
            }
        }
    }

    /// What to do about it for `account`.
    pub fn what_to_do(self, account: Option<&AlertAccount>) -> String {
        let name = match account {
            Some(account) => account.to_string(),
            None => "the account".to_owned(),
        };
        self.advice().replace("{account}", &name)
    }
}

/// The account an alert is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertAccount {
    /// Its id.
    pub id: AccountId,
    /// Its handle, without `@`; none once it is not connected any more.
    pub username: Option<String>,
}

impl std::fmt::Display for AlertAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.username {
            Some(username) => write!(f, "@{username}"),
            None => write!(f, "{}", self.id),
        }
    }
}

/// An alert as people and machines read it. It holds no secret and nobody's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The alert.
    pub id: AlertId,
    /// What is wrong.
    pub code: AlertCode,
    /// How bad it is.
    pub severity: Severity,
    /// One line that says so.
    pub title: String,
    /// Whom it is about; none when it is the whole installation.
    pub account: Option<AlertAccount>,
    /// Since when it is so.
    pub since: Timestamp,
    /// When it was over; none while it lasts.
    pub resolved_at: Option<Timestamp>,
    /// The particulars, as last seen.
    pub detail: String,
    /// What to do.
    pub what_to_do: String,
}

impl Alert {
    /// An alert of `code`; title, severity and advice follow from it.
    pub fn of(
        (id, code): (AlertId, AlertCode),
        account: Option<AlertAccount>,
        (since, resolved_at): (Timestamp, Option<Timestamp>),
        detail: String,
    ) -> Self {
        Self {
            id,
            code,
            severity: code.severity(),
            title: code.title().to_owned(),
            what_to_do: code.what_to_do(account.as_ref()),
            account,
            since,
            resolved_at,
            detail,
        }
    }

    /// Says where accounts are connected, if connecting one again is what helps.
    pub fn point_to(&mut self, connect_page: &str) {
        if self.resolved_at.is_none() && AlertCode::ENDED_BY_A_TOKEN.contains(&self.code) {
            self.what_to_do.push_str(" The page for it: ");
            self.what_to_do.push_str(connect_page);
        }
    }
}

/// Something that is wrong, as whoever sees it says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaiseAlert {
    /// What is wrong.
    pub code: AlertCode,
    /// Whom it is about; none when it is the whole installation.
    pub account: Option<AccountId>,
    /// The particulars: at most [`DETAIL_CHARACTERS_MAX`] characters are kept. Never a secret,
    /// never anybody's words.
    pub detail: String,
    /// How far it has come, for codes that are told of again at each step: a step other than the
    /// last one renews the alert. None changes nothing of the step.
    pub step: Option<u32>,
}

/// How much of a detail is kept.
pub const DETAIL_CHARACTERS_MAX: usize = 500;

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeEvent {
    /// It began.
    Raised,
    /// It came a step further.
    Renewed,
    /// It is over.
    Resolved,
}

impl NoticeEvent {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Renewed => "renewed",
            Self::Resolved => "resolved",
        }
    }

    /// The event of that word.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Raised, Self::Renewed, Self::Resolved]
            .into_iter()
            .find(|event| event.as_str() == name)
    }
}

/// What people are told: the same id whenever and however often it is told, so that who hears it
/// twice can tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The notice.
    pub id: NoticeId,
    /// What happened.
    pub event: NoticeEvent,
    /// The alert as it was then.
    pub alert: Alert,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own_and_words_of_its_own() {
        let mut names = std::collections::HashSet::new();
        for code in AlertCode::ALL {
            assert!(names.insert(code.as_str()), "{code:?} is named twice");
            assert_eq!(AlertCode::from_name(code.as_str()), Some(code));
            assert_eq!(
                serde_json::to_value(code).unwrap(),
                serde_json::json!(code.as_str())
            );
            assert!(!code.title().ends_with('.'), "{code:?}");
            assert!(code.advice().ends_with('.'), "{code:?}");
        }
    }

    #[test]
    fn what_to_do_names_the_account() {
        let account = AlertAccount {
            id: AccountId::new("1784"),
            username: Some("acme".to_owned()),
        };
        let told = AlertCode::TokenDead.what_to_do(Some(&account));
        assert!(told.starts_with("Connect @acme again"), "{told}");
        for code in AlertCode::ALL {
            assert!(!code.what_to_do(None).contains('{'), "{code:?}");
        }
    }

    #[test]
    fn a_token_has_a_step_for_each_of_the_last_days() {
        let steps = [15, 14, 8, 7, 4, 3, 2, 1, 0].map(token_step);
        let (fourteen, seven, three, one) = (Some(14), Some(7), Some(3), Some(1));
        let wanted = [
            None, fourteen, fourteen, seven, seven, three, three, one, one,
        ];
        assert_eq!(steps, wanted);
    }
}
