//! Whom an erasure is about: everything the parts of it have to recognise them by.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, ContactId};

/// The accounts and people of one erasure.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Whom {
    /// Accounts of which nothing may stay.
    #[serde(default)]
    pub accounts: Vec<ErasedAccount>,
    /// People of whom nothing may stay.
    #[serde(default)]
    pub people: Vec<ErasedPerson>,
}

/// An account of which nothing may stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedAccount {
    /// The id webhooks carry.
    pub id: AccountId,
    /// Every other id of the account or of who connected it.
    #[serde(default)]
    pub other_ids: Vec<String>,
    /// Its handle, without `@`.
    pub username: String,
}

/// A person of whom nothing may stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedPerson {
    /// The account whose contact it is; none for every account.
    #[serde(default)]
    pub account: Option<AccountId>,
    /// The person, as the account sees them.
    pub id: ContactId,
    /// Every handle of theirs that was heard of, without `@`.
    #[serde(default)]
    pub usernames: Vec<String>,
}

/// What Meta's webhooks and our rows know a part by: of which account, and the id of the comment
/// or message it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Part {
    /// The account.
    pub account: AccountId,
    /// The comment or message.
    pub id: String,
}

/// What people may be called by: the ids and handles, in one account or in all.
#[derive(Debug, Clone, Copy)]
pub struct Marks<'a> {
    /// The account in which they count; none for every account.
    pub account: Option<&'a AccountId>,
    /// An id.
    pub id: &'a str,
    /// Handles.
    pub usernames: &'a [String],
}

impl Whom {
    /// Everything anybody of these may be called by. An account is a person to other accounts.
    pub fn marks(&self) -> impl Iterator<Item = Marks<'_>> {
        let of_accounts = self.accounts.iter().flat_map(|account| {
            let others = account.other_ids.iter().map(String::as_str);
            std::iter::once(account.id.as_str())
                .chain(others)
                .map(|id| Marks {
                    account: None,
                    id,
                    usernames: std::slice::from_ref(&account.username),
                })
        });
        let of_people = self.people.iter().map(|person| Marks {
            account: person.account.as_ref(),
            id: person.id.as_str(),
            usernames: &person.usernames,
        });
        of_accounts.chain(of_people)
    }
}

/// From this length on an id is looked for inside of longer words too; Meta's have at least 15
/// digits. Shorter ones would be found in numbers they have nothing to do with.
pub const DISTINCT_ID_BYTES: usize = 8;
