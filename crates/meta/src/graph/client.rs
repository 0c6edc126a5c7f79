//! Every call as a method: written, carried, read.

mod accounts;
mod app;

use std::sync::Arc;
use std::time::Duration;

use hookline_model::ids::{CommentId, ContactId, MediaId};
use hookline_model::limits::GRAPH_CALL_MAX;

use super::call::{Answer, Call, CallFailure};
use super::endpoint::{Authority, GraphConfig, Sender};
use super::read::{self, CommentRead, ConversationMessage, MediaItem, MediaRead, RepliesPage};
use super::send::{self, Commented, Sent};
use super::transport::{ClientProblem, HttpTransport, Transport};

/// Makes calls to the Graph API.
#[derive(Debug, Clone)]
pub struct GraphClient {
    config: GraphConfig,
    transport: Arc<dyn Transport>,
}

impl GraphClient {
    /// A client whose calls take at most [`GRAPH_CALL_MAX`].
    pub fn new(config: GraphConfig) -> Result<Self, ClientProblem> {
        Self::with_call_limit(config, GRAPH_CALL_MAX)
    }

    /// A client whose calls take at most `call_limit`, connection and answer included.
    pub fn with_call_limit(
        config: GraphConfig,
        call_limit: Duration,
    ) -> Result<Self, ClientProblem> {
        let transport = Arc::new(HttpTransport::new(call_limit)?);
        Ok(Self { config, transport })
    }

    /// A client whose calls are carried by `transport`.
    pub fn through(config: GraphConfig, transport: Arc<dyn Transport>) -> Self {
        Self { config, transport }
    }

    /// The hosts this client calls.
    pub fn config(&self) -> &GraphConfig {
        &self.config
    }

    /// Makes one call. A failure says whether the call can have had an effect: dropping this
    /// future before it ends leaves that unknown.
    pub async fn perform<T>(
        &self,
        sender: &Sender<'_>,
        call: &Call<T>,
    ) -> Result<Answer<T>, CallFailure> {
        self.perform_with(Authority::Account(*sender), call).await
    }

    /// Makes one call that is not made for a connected account, or not only; else as
    /// [`GraphClient::perform`].
    pub async fn perform_with<T>(
        &self,
        authority: Authority<'_>,
        call: &Call<T>,
    ) -> Result<Answer<T>, CallFailure> {
        let reply = self.transport.carry(authority, call.request()).await?;
        call.read(&reply)
    }

    /// Reads one comment.
    pub async fn read_comment(
        &self,
        sender: &Sender<'_>,
        comment: &CommentId,
    ) -> Result<Answer<CommentRead>, CallFailure> {
        let call = read::read_comment(&self.config, sender, comment)?;
        self.perform(sender, &call).await
    }

    /// Reads a page of the answers under a comment: the first one, or the one after `after`.
    pub async fn read_replies(
        &self,
        sender: &Sender<'_>,
        comment: &CommentId,
        after: Option<&str>,
    ) -> Result<Answer<RepliesPage>, CallFailure> {
        let call = read::read_replies(&self.config, sender, comment, after)?;
        self.perform(sender, &call).await
    }

    /// Reads one post, reel or story.
    pub async fn read_media(
        &self,
        sender: &Sender<'_>,
        media: &MediaId,
    ) -> Result<Answer<MediaRead>, CallFailure> {
        let call = read::read_media(&self.config, sender, media)?;
        self.perform(sender, &call).await
    }

    /// Lists the account's newest media, at most 50.
    pub async fn list_media(
        &self,
        sender: &Sender<'_>,
    ) -> Result<Answer<Vec<MediaItem>>, CallFailure> {
        let call = read::list_media(&self.config, sender)?;
        self.perform(sender, &call).await
    }

    /// Reads the newest messages with a contact back, newest first, at most 20; empty when there
    /// is no conversation. Takes two calls of Meta's budget of 2 a second (contract 7).
    pub async fn read_conversation(
        &self,
        sender: &Sender<'_>,
        contact: &ContactId,
    ) -> Result<Answer<Vec<ConversationMessage>>, CallFailure> {
        let call = read::find_conversation(&self.config, sender, contact)?;
        let found = self.perform(sender, &call).await?;
        let Some(conversation) = &found.value else {
            return Ok(Answer {
                value: Vec::new(),
                http_status: found.http_status,
                usage: found.usage,
            });
        };
        let call = read::list_messages(&self.config, sender, conversation)?;
        let mut answer = self.perform(sender, &call).await?;
        answer.usage = answer.usage.or_higher(found.usage);
        Ok(answer)
    }

    /// Sends a private reply.
    pub async fn send_private_reply(
        &self,
        sender: &Sender<'_>,
        comment: &CommentId,
        text: &str,
    ) -> Result<Answer<Sent>, CallFailure> {
        let call = send::send_private_reply(&self.config, sender, comment, text)?;
        self.perform(sender, &call).await
    }

    /// Sends a DM.
    pub async fn send_message(
        &self,
        sender: &Sender<'_>,
        contact: &ContactId,
        text: &str,
    ) -> Result<Answer<Sent>, CallFailure> {
        let call = send::send_message(&self.config, sender, contact, text)?;
        self.perform(sender, &call).await
    }

    /// Answers a mention of the account.
    pub async fn reply_to_mention(
        &self,
        sender: &Sender<'_>,
        media: &MediaId,
        comment: Option<&CommentId>,
        text: &str,
    ) -> Result<Answer<Commented>, CallFailure> {
        let call = send::reply_to_mention(&self.config, sender, media, comment, text)?;
        self.perform(sender, &call).await
    }

    /// Sends a public reply.
    pub async fn send_public_reply(
        &self,
        sender: &Sender<'_>,
        comment: &CommentId,
        text: &str,
    ) -> Result<Answer<Commented>, CallFailure> {
        let call = send::send_public_reply(&self.config, sender, comment, text)?;
        self.perform(sender, &call).await
    }
}
