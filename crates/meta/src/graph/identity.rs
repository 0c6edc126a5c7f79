//! Who a token is (contract section 0, 8.1 step 5, 8.2).

use hookline_model::ids::{AccountId, AppScopedId, PageId};
use hookline_model::secret::Secret;
use serde::Deserialize;

use super::call::Call;
use super::endpoint::{GraphConfig, LoginKind};
use super::oauth::unwrapped;
use super::page::Page;
use super::request::{RequestProblem, get};
use crate::wire::{Id, Text, lenient};

/// Whom a token of Instagram Login belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstagramIdentity {
    /// The id webhooks carry: `user_id`.
    pub account_id: AccountId,
    /// The account as this app sees it: `id`, which Meta's callbacks carry.
    pub app_scoped_id: Option<AppScopedId>,
    /// The handle.
    pub username: String,
    /// What kind of account it is, where Meta says so.
    pub kind: Option<AccountKind>,
}

/// What kind of account it is; only professional ones have webhooks and messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountKind {
    /// A business.
    Business,
    /// A creator; gets no webhooks before its conversations were read once (contract 3.3).
    Creator,
    /// No professional account.
    Personal,
    /// A word of the future.
    Other(String),
}

/// A Page a person may act for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageAccess {
    /// The Page.
    pub page: PageIdentity,
    /// The token that acts for it; it has no scheduled end when it comes from a long-lived one.
    /// Absent where the person may not act for the Page.
    pub token: Option<Secret>,
    /// What the person may do there, such as `MODERATE` and `MESSAGING`.
    pub tasks: Vec<String>,
}

impl PageAccess {
    /// The tasks that subscribing and messaging need and the person does not have (contract 3.2,
    /// 8.2); none are missed where Meta lists no tasks at all.
    pub fn missing_tasks(&self) -> Vec<&'static str> {
        // Meta writes the second one as MESSAGING and, in places, as MESSAGES.
        let needed = [
            ("MODERATE", ["MODERATE", "MODERATE"]),
            ("MESSAGING", ["MESSAGING", "MESSAGES"]),
        ];
        let has = |names: &[&str]| self.tasks.iter().any(|task| names.contains(&task.as_str()));
        let missing = needed
            .iter()
            .filter(|(_, names)| !self.tasks.is_empty() && !has(names));
        missing.map(|(task, _)| *task).collect()
    }
}

/// A Page, and the professional account linked to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageIdentity {
    /// The Page.
    pub id: PageId,
    /// Its name.
    pub name: Option<String>,
    /// The linked account; none when there is none, or the token may not see it.
    pub instagram: Option<LinkedAccount>,
}

/// The professional account linked to a Page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedAccount {
    /// The id webhooks carry.
    pub account_id: AccountId,
    /// The handle.
    pub username: Option<String>,
}

/// One page of the Pages of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageList {
    /// The Pages.
    pub pages: Vec<PageAccess>,
    /// Where the list goes on; none at its end.
    pub after: Option<String>,
}

/// What a person allowed and what not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions {
    /// The scopes that hold.
    pub granted: Vec<String>,
    /// The scopes that were unticked, withdrawn, or are over.
    pub declined: Vec<String>,
}

const PAGE_FIELDS: &str = "id,name,instagram_business_account{id,username}";

/// Reads whom a token of Instagram Login belongs to. Authorized by that token.
pub fn read_instagram_identity(
    config: &GraphConfig,
) -> Result<Call<InstagramIdentity>, RequestProblem> {
    const FIELDS: &str = "user_id,username,id,account_type";
    let url = config.at(LoginKind::Instagram, ["me"])?;
    Ok(Call::new(get(url, &[("fields", FIELDS)]), |reply| {
        let wire: Option<WireUser<'_>> = serde_json::from_str(unwrapped(reply)?.get()).ok();
        wire.and_then(WireUser::read)
            .ok_or_else(|| reply.unreadable())
    }))
}

/// Reads a page of the Pages a person may act for. Authorized by a person's token of Facebook
/// Login.
pub fn list_pages(
    config: &GraphConfig,
    after: Option<&str>,
) -> Result<Call<PageList>, RequestProblem> {
    const FIELDS: &str = "id,name,access_token,tasks,instagram_business_account{id,username}";
    let url = config.at(LoginKind::Facebook, ["me", "accounts"])?;
    let mut query = vec![("fields", FIELDS), ("limit", super::read::PAGE)];
    query.extend(after.map(|after| ("after", after)));
    Ok(Call::new(get(url, &query), |reply| {
        let list: Page<WirePage<'_>> = reply.decode()?;
        let after = list.after();
        let pages = list.data.into_iter().map(|wire| PageAccess {
            token: wire
                .access_token
                .as_ref()
                .filter(|token| !token.0.is_empty())
                .map(|token| Secret::new(&*token.0)),
            tasks: wire.tasks.clone().unwrap_or_default(),
            page: wire.read(),
        });
        Ok(PageList {
            pages: pages.collect(),
            after,
        })
    }))
}

/// Reads what a person allowed. Authorized by a person's token of Facebook Login.
pub fn read_permissions(config: &GraphConfig) -> Result<Call<Permissions>, RequestProblem> {
    let url = config.at(LoginKind::Facebook, ["me", "permissions"])?;
    Ok(Call::new(get(url, &[]), |reply| {
        let list: Page<WirePermission> = reply.decode()?;
        let mut permissions = Permissions::default();
        for wire in list.data {
            if wire.status == "granted" {
                permissions.granted.push(wire.permission);
            } else {
                permissions.declined.push(wire.permission);
            }
        }
        Ok(permissions)
    }))
}

/// Reads the person's id as this app sees it, which deauthorization and deletion callbacks carry
/// (contract 8.3). Authorized by a person's token of Facebook Login.
pub fn read_facebook_user(config: &GraphConfig) -> Result<Call<AppScopedId>, RequestProblem> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        id: Id<'a>,
    }

    let url = config.at(LoginKind::Facebook, ["me"])?;
    Ok(Call::new(get(url, &[("fields", "id")]), |reply| {
        let wire: Wire<'_> = reply.decode()?;
        Ok(AppScopedId::new(wire.id.0))
    }))
}

/// Reads which Page a token is of, and the account linked to it. Authorized by a Page's token; a
/// person's token is refused with code 100, because a person has no such field.
pub fn read_page_identity(config: &GraphConfig) -> Result<Call<PageIdentity>, RequestProblem> {
    let url = config.at(LoginKind::Facebook, ["me"])?;
    Ok(Call::new(get(url, &[("fields", PAGE_FIELDS)]), |reply| {
        Ok(reply.decode::<WirePage<'_>>()?.read())
    }))
}

#[derive(Deserialize)]
struct WireUser<'a> {
    #[serde(borrow)]
    user_id: Id<'a>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    id: Option<Id<'a>>,
    #[serde(borrow)]
    username: Text<'a>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    account_type: Option<Text<'a>>,
}

impl WireUser<'_> {
    fn read(self) -> Option<InstagramIdentity> {
        if self.username.0.is_empty() {
            return None;
        }
        Some(InstagramIdentity {
            account_id: AccountId::new(self.user_id.0),
            app_scoped_id: self.id.map(|id| AppScopedId::new(id.0)),
            username: self.username.into_string(),
            kind: self.account_type.map(|word| AccountKind::of(&word.0)),
        })
    }
}

impl AccountKind {
    /// Reads Meta's word, which its pages print in different cases.
    fn of(word: &str) -> Self {
        match word.to_ascii_uppercase().as_str() {
            "BUSINESS" => Self::Business,
            "MEDIA_CREATOR" | "CREATOR" => Self::Creator,
            "PERSONAL" => Self::Personal,
            _ => Self::Other(word.to_owned()),
        }
    }
}

#[derive(Deserialize)]
struct WirePage<'a> {
    #[serde(borrow)]
    id: Id<'a>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    name: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    access_token: Option<Text<'a>>,
    #[serde(default, deserialize_with = "lenient")]
    tasks: Option<Vec<String>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    instagram_business_account: Option<WireLinked<'a>>,
}

#[derive(Deserialize)]
struct WireLinked<'a> {
    #[serde(borrow)]
    id: Id<'a>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    username: Option<Text<'a>>,
}

impl WirePage<'_> {
    fn read(self) -> PageIdentity {
        PageIdentity {
            id: PageId::new(self.id.0),
            name: self.name.map(Text::into_string),
            instagram: self.instagram_business_account.map(|linked| LinkedAccount {
                account_id: AccountId::new(linked.id.0),
                username: linked.username.map(Text::into_string),
            }),
        }
    }
}

#[derive(Deserialize)]
struct WirePermission {
    permission: String,
    status: String,
}
