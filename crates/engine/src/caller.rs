//! On whose behalf Meta is called: an account with its token opened.

use hookline_meta::graph::Sender;
use hookline_model::account::Login;
use hookline_model::clock::Timestamp;
use hookline_model::ids::AccountId;
use hookline_model::secret::Secret;
use hookline_store::{Grant, Store, StoreError, StoredAccount};

use crate::keyring::{KeyId, KeyRing, SealedToken};

/// An account as calls need it.
pub struct Caller {
    account: AccountId,
    username: String,
    login: Login,
    token: Secret,
    token_number: i64,
    connected_at: Timestamp,
    grant: Grant,
}

impl Caller {
    /// The account with its token opened.
    pub async fn find(
        store: &Store,
        keys: &KeyRing,
        account: &AccountId,
    ) -> Result<Self, CallerProblem> {
        let stored = store.find_account(account.clone()).await?;
        Ok(Self::of(stored, keys)?)
    }

    /// The account as stored, if it is, with its token opened.
    pub fn of(stored: Option<StoredAccount>, keys: &KeyRing) -> Result<Self, NoCaller> {
        let stored = stored.ok_or(NoCaller::NotConnected)?;
        let account = stored.account;
        let key_id = stored.token.key.try_into().map(KeyId);
        let token = key_id
            .map_err(|_| "the key's fingerprint is not 4 bytes long".to_owned())
            .and_then(|key_id| {
                let sealed = SealedToken {
                    key_id,
                    bytes: stored.token.bytes,
                };
                keys.open(&account.id, &sealed)
                    .map_err(|problem| problem.to_string())
            })
            .map_err(|problem| {
                tracing::error!(account = %account.id, problem, "a token cannot be opened");
                NoCaller::TokenUnreadable
            })?;
        Ok(Self {
            account: account.id,
            username: account.username,
            login: account.login,
            token,
            token_number: stored.token_number,
            connected_at: account.connected_at,
            grant: stored.grant,
        })
    }

    /// As calls of the Graph API name it.
    pub fn sender(&self) -> Sender<'_> {
        Sender {
            account: &self.account,
            login: &self.login,
            token: &self.token,
        }
    }

    /// Which of the account's tokens is used.
    pub fn token_number(&self) -> i64 {
        self.token_number
    }

    /// The account.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// Its handle.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// How it was connected.
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// When it was first connected.
    pub fn connected_at(&self) -> Timestamp {
        self.connected_at
    }

    /// Its token.
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// What came with the token.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// Whether Meta is asked to deliver its events.
    pub fn wants_subscription(&self) -> bool {
        self.grant.wants_subscription
    }

    /// Whether this is the account's id.
    pub fn is(&self, id: &str) -> bool {
        self.account.as_str() == id
    }

    /// Whether this is the account's handle.
    pub fn is_named(&self, username: &str) -> bool {
        self.username.eq_ignore_ascii_case(username)
    }
}

/// Why there is no caller for an account.
#[derive(Debug, thiserror::Error)]
pub enum CallerProblem {
    /// It was removed meanwhile.
    #[error("the account is not connected any more")]
    NotConnected,
    /// Its key is not configured, or its bytes were changed.
    #[error("the account's token cannot be opened")]
    TokenUnreadable,
    /// The database could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a stored account cannot be called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCaller {
    /// There is none.
    NotConnected,
    /// Its token cannot be opened.
    TokenUnreadable,
}

impl From<NoCaller> for CallerProblem {
    fn from(no_caller: NoCaller) -> Self {
        match no_caller {
            NoCaller::NotConnected => Self::NotConnected,
            NoCaller::TokenUnreadable => Self::TokenUnreadable,
        }
    }
}
