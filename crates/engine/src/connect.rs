//! Connect: a login or a pasted token becomes a connected account, or a reason with what to do.
//!
//! Nothing is stored before everything that can refuse has been asked: who the token belongs to,
//! what it may do, and whether the account is one that has webhooks (contract 8.1, 8.2).

mod problem;

use std::sync::Arc;
use std::time::Duration;

use hookline_meta::graph::{
    AccountKind, AppCredentials, CallFailure, GraphClient, LoginKind, OAuthHosts, PageAccess,
    PageIdentity, Sender,
};
use hookline_model::account::Login;
use hookline_model::clock::Clock;
use hookline_model::ids::{AccountId, AppScopedId};
use hookline_model::secret::Secret;
use hookline_store::{ConnectAccount, Grant, SealedToken, Store};
use tokio::sync::Notify;

use crate::caller::{Caller, CallerProblem};
use crate::keyring::{KeyRing, NONCE_BYTES};
use crate::subscribe::Subscriber;

pub use problem::ConnectProblem;

/// Draws nonces nobody has seen.
pub type Nonces = Arc<dyn Fn() -> [u8; NONCE_BYTES] + Send + Sync>;

/// The app of each login; Instagram Login has an id and a secret of its own (contract section 0).
#[derive(Debug, Clone, Default)]
pub struct LoginApps {
    /// Of Instagram Login.
    pub instagram: Option<AppCredentials>,
    /// Of Facebook Login.
    pub facebook: Option<AppCredentials>,
}

impl LoginApps {
    /// The app of a login.
    pub fn of(&self, login: LoginKind) -> Option<&AppCredentials> {
        match login {
            LoginKind::Instagram => self.instagram.as_ref(),
            LoginKind::Facebook => self.facebook.as_ref(),
        }
    }
}

/// An account that was connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectedAccount {
    /// The account.
    pub id: AccountId,
    /// Its handle.
    pub username: String,
    /// Whether it was not connected before.
    pub is_new: bool,
    /// What the owner should know, in whole sentences.
    pub warnings: Vec<String>,
}

/// What a login led to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connected {
    /// The accounts.
    pub accounts: Vec<ConnectedAccount>,
    /// What was left out, in whole sentences.
    pub left_out: Vec<String>,
}

/// Connects accounts.
pub struct Connector {
    /// The durable record.
    pub store: Arc<Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Meta.
    pub graph: Arc<GraphClient>,
    /// Seals tokens.
    pub keys: Arc<KeyRing>,
    /// Where people log in.
    pub hosts: OAuthHosts,
    /// The app of each login.
    pub apps: LoginApps,
    /// Asks Meta to deliver.
    pub subscriber: Subscriber,
    /// Nonces for tokens.
    pub nonces: Nonces,
    /// Notified when an account was connected, so that workers look at once.
    pub wake: Arc<Notify>,
}

/// An account about to be stored.
struct Found {
    id: AccountId,
    username: String,
    login: Login,
    app_scoped_id: Option<AppScopedId>,
    token: Secret,
    grant: Grant,
}

impl Connector {
    /// The app of a login, as configured.
    pub fn app(&self, login: LoginKind) -> Result<&AppCredentials, ConnectProblem> {
        self.apps
            .of(login)
            .ok_or(ConnectProblem::AppNotConfigured(login))
    }

    /// The page on which the person logs in.
    pub fn authorize_url(
        &self,
        login: LoginKind,
        redirect_uri: &str,
        state: &str,
    ) -> Result<String, ConnectProblem> {
        let request = hookline_meta::graph::LoginRequest {
            app_id: &self.app(login)?.id,
            redirect_uri,
            state,
            must_log_in_again: false,
        };
        let config = self.graph.config();
        hookline_meta::graph::authorize_url(config, &self.hosts, login, &request)
            .map(|url| url.to_string())
            .map_err(|problem| ConnectProblem::Call(problem.into()))
    }

    /// Connects what a login allowed: the code Meta sent the person back with is exchanged for a
    /// long-lived token.
    pub async fn by_code(
        &self,
        login: LoginKind,
        redirect_uri: &str,
        code: &Secret,
    ) -> Result<Connected, ConnectProblem> {
        let app = self.app(login)?;
        let granted = self
            .graph
            .exchange_code(&self.hosts, login, app, redirect_uri, code)
            .await
            .map_err(ConnectProblem::code)?
            .value;
        let scopes = match granted.permissions {
            Some(scopes) => Some(scopes),
            None if login == LoginKind::Facebook => {
                Some(self.facebook_scopes(&granted.token).await?)
            }
            None => None,
        };
        if let Some(scopes) = &scopes {
            let missing = login.missing_scopes(scopes);
            if !missing.is_empty() {
                return Err(ConnectProblem::MissingScopes(missing));
            }
        }
        let long = self
            .graph
            .exchange_for_long_lived(login, app, &granted.token)
            .await
            .map_err(ConnectProblem::code)?
            .value;
        let now = self.clock.now();
        let grant = Grant {
            scopes,
            issued_at: Some(now),
            expires_at: long.expires_in.map(|life| now.plus(life)),
            owner_id: None,
            exchange_id: granted.user_id.map(AppScopedId::new),
            wants_subscription: true,
        };
        match login {
            LoginKind::Instagram => {
                let found = self.instagram_account(long.token, grant).await?;
                self.keep(vec![found], Vec::new()).await
            }
            LoginKind::Facebook => self.facebook_accounts(&long.token, grant).await,
        }
    }

    /// Connects the account of a pasted token: of an Instagram user, or of a Page.
    pub async fn by_token(
        &self,
        login: LoginKind,
        token: Secret,
    ) -> Result<Connected, ConnectProblem> {
        let grant = Grant {
            wants_subscription: true,
            ..Grant::default()
        };
        let found = match login {
            LoginKind::Instagram => self.instagram_account(token, grant).await?,
            LoginKind::Facebook => {
                let page = self.graph.read_page_identity(&token).await;
                let page = page.map_err(ConnectProblem::Call)?.value;
                page_account(&page, token, &grant)
                    .ok_or_else(|| ConnectProblem::NoInstagram(vec![name_of(&page)]))?
            }
        };
        self.keep(vec![found], Vec::new()).await
    }

    /// Has Meta deliver an account's events that was stored by hand. What Meta says against it is
    /// answered in whole sentences; the upkeep tries again.
    pub async fn switch_on_stored(&self, id: &AccountId) -> Result<Vec<String>, CallerProblem> {
        let caller = Caller::find(&self.store, &self.keys, id).await?;
        let switched_on = self.switch_on(&caller.sender()).await;
        let now = self.clock.now();
        self.store.want_subscription(id.clone(), true, now).await?;
        Ok(switched_on.unwrap_or_else(|problem| vec![format!("{problem}.")]))
    }

    /// Stops Meta from delivering an account's events, before it is forgotten. Answers what stood
    /// against it: the account is forgotten all the same, and what still comes is for nobody.
    pub async fn leave(&self, id: &AccountId) -> Option<String> {
        let caller = match Caller::find(&self.store, &self.keys, id).await {
            Ok(caller) => caller,
            Err(problem) => return Some(problem.to_string()),
        };
        let left = self.subscriber.leave(&caller.sender()).await;
        left.err().map(|failure| failure.to_string())
    }

    async fn instagram_account(
        &self,
        token: Secret,
        grant: Grant,
    ) -> Result<Found, ConnectProblem> {
        let identity = self.graph.read_instagram_identity(&token).await;
        let identity = identity.map_err(ConnectProblem::Call)?.value;
        if identity.kind == Some(AccountKind::Personal) {
            return Err(ConnectProblem::NotProfessional(identity.username));
        }
        Ok(Found {
            id: identity.account_id,
            username: identity.username,
            login: Login::Instagram,
            app_scoped_id: identity.app_scoped_id,
            token,
            grant,
        })
    }

    async fn facebook_scopes(&self, token: &Secret) -> Result<Vec<String>, ConnectProblem> {
        let read = self.graph.read_permissions(token).await;
        Ok(read.map_err(ConnectProblem::Call)?.value.granted)
    }

    /// Every account whose Page the person may act for.
    async fn facebook_accounts(
        &self,
        token: &Secret,
        mut grant: Grant,
    ) -> Result<Connected, ConnectProblem> {
        let owner = self.graph.read_facebook_user(token).await;
        grant.owner_id = Some(owner.map_err(ConnectProblem::Call)?.value);
        // The token of a Page has no end of its own (contract 8.2).
        grant.expires_at = None;
        let pages = self.graph.list_pages(token).await;
        let pages = pages.map_err(ConnectProblem::Call)?.value;
        if pages.is_empty() {
            return Err(ConnectProblem::NoPages);
        }
        let (mut found, mut left_out, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        for access in pages {
            let name = name_of(&access.page);
            let missing = access.missing_tasks();
            let PageAccess { page, token, .. } = access;
            match (page.instagram.is_some(), token) {
                (false, _) => bare.push(name),
                (true, Some(token)) if missing.is_empty() => {
                    found.extend(page_account(&page, token, &grant));
                }
                (true, _) => left_out.push(format!(
                    "The Page {name} was left out: you need the tasks {} on it. Ask its owner to \
                     give you full control, then connect again.",
                    ["MODERATE", "MESSAGING"].join(" and ")
                )),
            }
        }
        if found.is_empty() && left_out.is_empty() {
            return Err(ConnectProblem::NoInstagram(bare));
        }
        if found.is_empty() {
            return Err(ConnectProblem::MissingTasks(left_out));
        }
        left_out.extend(bare.into_iter().map(|name| {
            format!("The Page {name} was left out: no Instagram account is linked to it.")
        }));
        self.keep(found, left_out).await
    }

    async fn keep(
        &self,
        found: Vec<Found>,
        left_out: Vec<String>,
    ) -> Result<Connected, ConnectProblem> {
        let mut accounts = Vec::new();
        for account in found {
            accounts.push(self.keep_one(account).await?);
        }
        self.wake.notify_one();
        Ok(Connected { accounts, left_out })
    }

    /// Has Meta deliver the account's events, then stores it: events that come in between wait as
    /// those of an unknown account, and a token that turns out dead leaves nothing behind. What
    /// else Meta refuses is told, and tried again by the upkeep.
    async fn keep_one(&self, found: Found) -> Result<ConnectedAccount, ConnectProblem> {
        let now = self.clock.now();
        let sealed = self
            .keys
            .seal(&found.id, &found.token, (self.nonces)())
            .map_err(|_| ConnectProblem::TokenTooLong)?;
        let sender = Sender {
            account: &found.id,
            login: &found.login,
            token: &found.token,
        };
        let warnings = self.switch_on(&sender).await?;
        let is_new = self
            .store
            .connect_account(
                ConnectAccount {
                    id: found.id.clone(),
                    username: found.username.clone(),
                    login: found.login.clone(),
                    app_scoped_id: found.app_scoped_id.clone(),
                    token: SealedToken {
                        key: sealed.key_id.0.to_vec(),
                        bytes: sealed.bytes,
                    },
                    grant: found.grant,
                },
                now,
            )
            .await
            .map_err(ConnectProblem::Store)?;
        tracing::info!(account = %found.id, username = found.username, is_new, "connected");
        Ok(ConnectedAccount {
            id: found.id,
            username: found.username,
            is_new,
            warnings,
        })
    }

    /// Subscribes the account and reads its conversations once, without which creator accounts get
    /// no webhooks (contract 3.3). Only a dead token refuses the account.
    async fn switch_on(&self, sender: &Sender<'_>) -> Result<Vec<String>, ConnectProblem> {
        let mut warnings = Vec::new();
        match self.subscriber.account(sender, &[], true).await {
            Ok(standing) => {
                if !standing.refused.is_empty() {
                    warnings.push(format!(
                        "Meta does not know these fields, so their events will not come: {}.",
                        standing.refused.join(", ")
                    ));
                }
                if !standing.other_apps.is_empty() {
                    warnings.push(format!(
                        "Other apps get this account's events too: {}. If one of them answers \
                         comments as well, people get two messages: disconnect it in Instagram \
                         under Website permissions, Apps and websites.",
                        standing.other_apps.join(", ")
                    ));
                }
            }
            Err(failure) if is_dead(&failure) => return Err(ConnectProblem::Call(failure)),
            Err(failure) => warnings.push(format!(
                "Meta does not deliver this account's events yet ({failure}). Hookline asks again \
                 by itself; if this stays, run `hookline doctor`."
            )),
        }
        if let Err(failure) = self.graph.list_conversations(sender, None).await {
            warnings.push(format!(
                "Its conversations cannot be read ({failure}). Open Instagram on the phone: \
                 Settings, Messages and story replies, Message controls, Connected tools; switch \
                 on Allow access to messages."
            ));
        }
        Ok(warnings)
    }
}

fn is_dead(failure: &CallFailure) -> bool {
    matches!(
        failure.class(),
        Some(hookline_meta::graph::ErrorClass::Token(_))
    )
}

/// The account linked to a Page; none when there is none.
fn page_account(page: &PageIdentity, token: Secret, grant: &Grant) -> Option<Found> {
    let linked = page.instagram.as_ref()?;
    let username = linked.username.clone();
    Some(Found {
        id: linked.account_id.clone(),
        username: username.unwrap_or_else(|| linked.account_id.to_string()),
        login: Login::Facebook {
            page_id: page.id.clone(),
        },
        app_scoped_id: None,
        token,
        grant: grant.clone(),
    })
}

fn name_of(page: &PageIdentity) -> String {
    let name = page.name.clone();
    name.unwrap_or_else(|| page.id.to_string())
}

/// How long a person may take between the first click and the last.
pub const LOGIN_MAX: Duration = Duration::from_mins(10);
