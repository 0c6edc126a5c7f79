//! Calls of the app itself, of a login, and of a token that is no account's yet.

use hookline_model::ids::AppScopedId;
use hookline_model::secret::Secret;

use super::super::app::{self, AppCredentials, AppSubscription, AppWish};
use super::super::call::{Answer, CallFailure};
use super::super::endpoint::{Authority, LoginKind};
use super::super::identity::{self, InstagramIdentity, PageAccess, PageIdentity, Permissions};
use super::super::oauth::{self, CodeGrant, OAuthHosts, TokenGrant};
use super::GraphClient;

/// Most pages of a person's list of Pages that are read, 50 Pages on each.
const PAGE_LISTS_MAX: usize = 40;

impl GraphClient {
    /// Reads the app's subscription to Instagram; none when there is none.
    pub async fn read_app_subscription(
        &self,
        app: &AppCredentials,
    ) -> Result<Answer<Option<AppSubscription>>, CallFailure> {
        let call = app::read_app_subscription(&self.config, app)?;
        self.perform_with(Authority::Token(&app.token()), &call)
            .await
    }

    /// Subscribes the app to Instagram. Meta makes the handshake before it answers.
    pub async fn subscribe_app(
        &self,
        app: &AppCredentials,
        wish: &AppWish<'_>,
    ) -> Result<Answer<()>, CallFailure> {
        let call = app::subscribe_app(&self.config, app, wish)?;
        self.perform_with(Authority::Token(&app.token()), &call)
            .await
    }

    /// Ends the app's subscription to Instagram.
    pub async fn unsubscribe_app(&self, app: &AppCredentials) -> Result<Answer<()>, CallFailure> {
        let call = app::unsubscribe_app(&self.config, app)?;
        self.perform_with(Authority::Token(&app.token()), &call)
            .await
    }

    /// Exchanges a code for a token.
    pub async fn exchange_code(
        &self,
        hosts: &OAuthHosts,
        login: LoginKind,
        app: &AppCredentials,
        redirect_uri: &str,
        code: &Secret,
    ) -> Result<Answer<CodeGrant>, CallFailure> {
        let call = oauth::exchange_code(&self.config, hosts, login, app, redirect_uri, code)?;
        self.perform_with(Authority::Nobody, &call).await
    }

    /// Exchanges the token of a fresh login for a long-lived one.
    pub async fn exchange_for_long_lived(
        &self,
        login: LoginKind,
        app: &AppCredentials,
        token: &Secret,
    ) -> Result<Answer<TokenGrant>, CallFailure> {
        let call = oauth::exchange_for_long_lived(&self.config, login, app, token)?;
        self.perform_with(Authority::Nobody, &call).await
    }

    /// Exchanges a long-lived token of Instagram Login for a younger one.
    pub async fn refresh_token(&self, token: &Secret) -> Result<Answer<TokenGrant>, CallFailure> {
        let call = oauth::refresh_token(&self.config, token)?;
        self.perform_with(Authority::Nobody, &call).await
    }

    /// Reads whom a token of Instagram Login belongs to.
    pub async fn read_instagram_identity(
        &self,
        token: &Secret,
    ) -> Result<Answer<InstagramIdentity>, CallFailure> {
        let call = identity::read_instagram_identity(&self.config)?;
        self.perform_with(Authority::Token(token), &call).await
    }

    /// Reads which Page a token is of.
    pub async fn read_page_identity(
        &self,
        token: &Secret,
    ) -> Result<Answer<PageIdentity>, CallFailure> {
        let call = identity::read_page_identity(&self.config)?;
        self.perform_with(Authority::Token(token), &call).await
    }

    /// Reads a person's id as this app sees it.
    pub async fn read_facebook_user(
        &self,
        token: &Secret,
    ) -> Result<Answer<AppScopedId>, CallFailure> {
        let call = identity::read_facebook_user(&self.config)?;
        self.perform_with(Authority::Token(token), &call).await
    }

    /// Reads what a person allowed.
    pub async fn read_permissions(
        &self,
        token: &Secret,
    ) -> Result<Answer<Permissions>, CallFailure> {
        let call = identity::read_permissions(&self.config)?;
        self.perform_with(Authority::Token(token), &call).await
    }

    /// Lists the Pages a person may act for: at most 2000, the rest is left out.
    pub async fn list_pages(&self, token: &Secret) -> Result<Answer<Vec<PageAccess>>, CallFailure> {
        let call = identity::list_pages(&self.config, None)?;
        let mut answer = self.perform_with(Authority::Token(token), &call).await?;
        let mut found = std::mem::take(&mut answer.value.pages);
        for _ in 1..PAGE_LISTS_MAX {
            let Some(after) = answer.value.after.take() else {
                break;
            };
            let call = identity::list_pages(&self.config, Some(&after))?;
            answer = self.perform_with(Authority::Token(token), &call).await?;
            found.append(&mut answer.value.pages);
        }
        Ok(Answer {
            value: found,
            http_status: answer.http_status,
            usage: answer.usage,
        })
    }
}
