//! Calls for a connected account beside sending: subscriptions, and what is read after a gap.

use hookline_model::ids::MediaId;

use super::super::backfill::{self, CommentThread, ConversationSummary, ListPage, MediaSummary};
use super::super::call::{Answer, CallFailure};
use super::super::endpoint::Sender;
use super::super::read::{self, ConversationId, ConversationMessage};
use super::super::subscribed::{self, SubscribedApps};
use super::GraphClient;

impl GraphClient {
    /// Reads which apps get the account's events.
    pub async fn read_subscribed_apps(
        &self,
        sender: &Sender<'_>,
    ) -> Result<Answer<SubscribedApps>, CallFailure> {
        let call = subscribed::read_subscribed_apps(&self.config, sender)?;
        self.perform(sender, &call).await
    }

    /// Subscribes the account to the app behind its token.
    pub async fn subscribe_account(
        &self,
        sender: &Sender<'_>,
        fields: &[&str],
    ) -> Result<Answer<()>, CallFailure> {
        let call = subscribed::subscribe_account(&self.config, sender, fields)?;
        self.perform(sender, &call).await
    }

    /// Stops every event of the account for the app behind its token.
    pub async fn unsubscribe_account(
        &self,
        sender: &Sender<'_>,
    ) -> Result<Answer<()>, CallFailure> {
        let call = subscribed::unsubscribe_account(&self.config, sender)?;
        self.perform(sender, &call).await
    }

    /// Reads a page of the account's media: the first one, or the one after `after`.
    pub async fn list_media_page(
        &self,
        sender: &Sender<'_>,
        after: Option<&str>,
    ) -> Result<Answer<ListPage<MediaSummary>>, CallFailure> {
        let call = backfill::list_media_page(&self.config, sender, after)?;
        self.perform(sender, &call).await
    }

    /// Reads a page of the comments of a media, with their replies.
    pub async fn list_comments(
        &self,
        sender: &Sender<'_>,
        media: &MediaId,
        after: Option<&str>,
    ) -> Result<Answer<ListPage<CommentThread>>, CallFailure> {
        let call = backfill::list_comments(&self.config, sender, media, after)?;
        self.perform(sender, &call).await
    }

    /// Reads a page of the account's conversations.
    pub async fn list_conversations(
        &self,
        sender: &Sender<'_>,
        after: Option<&str>,
    ) -> Result<Answer<ListPage<ConversationSummary>>, CallFailure> {
        let call = backfill::list_conversations(&self.config, sender, after)?;
        self.perform(sender, &call).await
    }

    /// Reads the newest messages of a conversation, newest first, at most 20.
    pub async fn list_messages(
        &self,
        sender: &Sender<'_>,
        conversation: &ConversationId,
    ) -> Result<Answer<Vec<ConversationMessage>>, CallFailure> {
        let call = read::list_messages(&self.config, sender, conversation)?;
        self.perform(sender, &call).await
    }
}
