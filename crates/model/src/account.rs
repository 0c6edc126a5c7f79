//! A connected professional account.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{AccountId, AppScopedId, PageId};

/// How the account was connected, which decides the host and node it is sent through
/// (contract section 0).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "login", rename_all = "snake_case")]
pub enum Login {
    /// Instagram Login: the account's own node of `graph.instagram.com`.
    Instagram,
    /// Facebook Login: the Page's node of `graph.facebook.com` (contract 5.8: the account's node
    /// refuses with error 3).
    Facebook {
        /// The Page linked to the account.
        page_id: PageId,
    },
}

impl Login {
    /// The word of the API and the database.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Instagram => "instagram",
            Self::Facebook { .. } => "facebook",
        }
    }

    /// The Page, where there is one.
    pub fn page_id(&self) -> Option<&PageId> {
        match self {
            Self::Instagram => None,
            Self::Facebook { page_id } => Some(page_id),
        }
    }
}

/// A connected account, without its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The id webhooks carry.
    pub id: AccountId,
    /// The handle, without `@`.
    pub username: String,
    /// How it was connected.
    #[serde(flatten)]
    pub login: Login,
    /// The account as one app sees it; needed for Meta's callbacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_scoped_id: Option<AppScopedId>,
    /// When it was first connected.
    pub connected_at: Timestamp,
    /// Why nothing may be sent for it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
}

/// Why, since when and until when nothing may be sent on an account or a lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The stable word, such as `token_expired` or `account_blocked`.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; none means until a new token is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}
