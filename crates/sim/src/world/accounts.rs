//! Professional accounts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Refusal, World};
use crate::ids::IdKind;
use crate::wire::FIELDS;

/// Through which of Meta's two logins an account is connected (contract section 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// Instagram Login: an Instagram User token on `graph.instagram.com`.
    #[default]
    Instagram,
    /// Facebook Login: a Page token on `graph.facebook.com`.
    Facebook,
}

/// What kind of account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// A business.
    #[default]
    Business,
    /// A creator: no webhooks before its conversations were listed once (contract 3.3).
    Creator,
    /// No professional account: it can log in and be named, and nothing else (code 36103).
    Personal,
}

impl AccountKind {
    /// The word of `account_type`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Business => "BUSINESS",
            Self::Creator => "MEDIA_CREATOR",
            Self::Personal => "PERSONAL",
        }
    }
}

/// Another app that the account is subscribed to as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherApp {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The fields it gets.
    #[serde(default)]
    pub subscribed_fields: Vec<String>,
}

/// A professional account to create; everything but the username may be left to the world.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewAccount {
    /// The username.
    pub username: String,
    /// The login type.
    pub login: Login,
    /// The id of webhooks and sends, `1784…`.
    pub ig_id: Option<String>,
    /// The id of `GET /me`, different from the former.
    pub app_scoped_id: Option<String>,
    /// The account seen as a person.
    pub own_igsid: Option<String>,
    /// What kind of account it is.
    pub account_type: AccountKind,
    /// The id the code exchange names the person by, different from both others.
    pub exchange_user_id: Option<String>,
    /// The Page, for Facebook Login.
    pub page_id: Option<String>,
    /// What the person may do on the Page; everything when not given.
    pub page_tasks: Option<Vec<String>>,
    /// A token to use instead of an invented one.
    pub access_token: Option<String>,
    /// Private accounts get no comment and mention events.
    pub is_private: bool,
    /// The fields subscribed at first; all when not given, none when empty.
    pub subscribed_fields: Option<BTreeSet<String>>,
}

impl NewAccount {
    /// An Instagram Login account with a username and nothing else decided.
    pub fn named(username: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            ..Self::default()
        }
    }
}

/// A professional account as the world knows it.
#[derive(Debug, Clone, Serialize)]
pub struct Account {
    /// The id of webhooks and sends.
    pub ig_id: String,
    /// The id of `GET /me`.
    pub app_scoped_id: String,
    /// The account seen as a person (`self_ig_scoped_id`).
    pub own_igsid: String,
    /// The username.
    pub username: String,
    /// The login type.
    pub login: Login,
    /// What kind of account it is.
    pub account_type: AccountKind,
    /// The id the code exchange names the person by.
    pub exchange_user_id: String,
    /// The Page, for Facebook Login.
    pub page_id: Option<String>,
    /// What the person may do on the Page.
    pub page_tasks: Vec<String>,
    /// When the conversations were first listed through the API.
    pub conversations_listed_ms: Option<i64>,
    /// The other apps the account is subscribed to.
    pub other_apps: Vec<OtherApp>,
    /// The token issued last.
    #[serde(rename = "access_token")]
    pub token: String,
    /// Private accounts get no comment and mention events.
    pub is_private: bool,
    /// The owner's switch "allow access to messages".
    pub allows_message_access: bool,
    /// Whether Meta has restricted the account (code 368).
    pub is_blocked: bool,
    /// The fields the account is subscribed to.
    pub subscribed_fields: BTreeSet<String>,
    /// Ice breakers and persistent menu as last posted.
    #[serde(skip)]
    pub(crate) messenger_profile: serde_json::Map<String, serde_json::Value>,
    /// Media ids, oldest first.
    #[serde(skip)]
    pub(crate) media: Vec<String>,
}

impl Account {
    /// Whether the person behind the token may do this on the Page; without a Page there is
    /// nobody to ask.
    pub(crate) fn has_task(&self, task: &str) -> bool {
        self.page_id.is_none() || self.page_tasks.iter().any(|has| has == task)
    }
}

/// What may be changed about an account; absent keys stay as they are.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountChange {
    /// Public or private.
    pub is_private: Option<bool>,
    /// The owner's switch "allow access to messages".
    pub allows_message_access: Option<bool>,
    /// Restricted by Meta (code 368 on sends).
    pub is_blocked: Option<bool>,
    /// The subscribed fields; an empty list is what Meta does when it unsubscribes an account.
    pub subscribed_fields: Option<BTreeSet<String>>,
    /// What kind of account it is.
    pub account_type: Option<AccountKind>,
    /// What the person may do on the Page.
    pub page_tasks: Option<Vec<String>>,
    /// The other apps the account is subscribed to.
    pub other_apps: Option<Vec<OtherApp>>,
}

/// What a person who owns a Page may do on it (contract 3.2, 8.2).
const PAGE_TASKS: [&str; 3] = ["MODERATE", "MESSAGING", "MANAGE"];

impl World {
    /// Creates an account with a token, subscribed to every field unless told otherwise.
    pub fn create_account(&mut self, now_ms: i64, new: NewAccount) -> Result<Account, Refusal> {
        if new.username.is_empty() {
            return Err(Refusal::Invalid("an account needs a username".to_owned()));
        }
        if self.accounts.len() >= self.config.limits.objects_max {
            return Err(Refusal::Full("accounts"));
        }
        if self.find_account(&new.username).is_ok() {
            return Err(Refusal::Taken(new.username));
        }
        let ig_id = new.ig_id.unwrap_or_else(|| self.ids.draw(IdKind::Account));
        if self.accounts.contains_key(&ig_id) {
            return Err(Refusal::Taken(ig_id));
        }
        let page_id = match new.login {
            Login::Facebook => Some(new.page_id.unwrap_or_else(|| self.ids.draw(IdKind::Page))),
            Login::Instagram => None,
        };
        let account = Account {
            app_scoped_id: new
                .app_scoped_id
                .unwrap_or_else(|| self.ids.draw(IdKind::AppScoped)),
            own_igsid: new
                .own_igsid
                .unwrap_or_else(|| self.ids.draw(IdKind::OwnScoped)),
            exchange_user_id: new
                .exchange_user_id
                .unwrap_or_else(|| self.ids.draw(IdKind::Exchange)),
            username: new.username,
            login: new.login,
            account_type: new.account_type,
            page_tasks: new
                .page_tasks
                .unwrap_or_else(|| PAGE_TASKS.map(str::to_owned).to_vec()),
            conversations_listed_ms: None,
            other_apps: Vec::new(),
            page_id,
            token: String::new(),
            is_private: new.is_private,
            allows_message_access: true,
            is_blocked: false,
            subscribed_fields: new
                .subscribed_fields
                .unwrap_or_else(|| FIELDS.iter().map(|field| (*field).to_owned()).collect()),
            messenger_profile: serde_json::Map::new(),
            media: Vec::new(),
            ig_id: ig_id.clone(),
        };
        self.accounts.insert(ig_id.clone(), account);
        let token = self.issue_token(now_ms, &ig_id)?;
        if let Some(wanted) = new.access_token
            && let Some(issued) = self.tokens.remove(&token)
        {
            self.tokens.insert(wanted.clone(), issued);
            if let Some(account) = self.accounts.get_mut(&ig_id) {
                account.token = wanted;
            }
        }
        self.find_account(&ig_id).cloned()
    }

    /// Changes an account.
    pub fn change_account(
        &mut self,
        account: &str,
        change: AccountChange,
    ) -> Result<Account, Refusal> {
        let ig_id = self.find_account(account)?.ig_id.clone();
        if let Some(account) = self.accounts.get_mut(&ig_id) {
            account.is_private = change.is_private.unwrap_or(account.is_private);
            account.allows_message_access = change
                .allows_message_access
                .unwrap_or(account.allows_message_access);
            account.is_blocked = change.is_blocked.unwrap_or(account.is_blocked);
            if let Some(fields) = change.subscribed_fields {
                account.subscribed_fields = fields;
            }
            account.account_type = change.account_type.unwrap_or(account.account_type);
            if let Some(tasks) = change.page_tasks {
                account.page_tasks = tasks;
            }
            if let Some(apps) = change.other_apps {
                account.other_apps = apps;
            }
        }
        self.find_account(&ig_id).cloned()
    }

    /// The account with this id or username.
    pub fn find_account(&self, id_or_username: &str) -> Result<&Account, Refusal> {
        self.accounts
            .get(id_or_username)
            .or_else(|| {
                self.accounts
                    .values()
                    .find(|account| account.username == id_or_username)
            })
            .ok_or_else(|| Refusal::UnknownAccount(id_or_username.to_owned()))
    }

    /// All accounts, by id.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }
}
