//! The one thing here that opens a connection.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hookline_model::ids::{CommentId, ContactId, MediaId};
use hookline_model::limits::{GRAPH_ANSWER_BYTES_MAX, GRAPH_CALL_MAX};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};

use super::call::{Answer, Call, CallFailure, Reply};
use super::endpoint::{GraphConfig, Method, Request, RequestProblem, Sender};
use super::read::{self, CommentRead, ConversationMessage, MediaItem, MediaRead};
use super::send::{self, Commented, Sent};
use super::usage::Usage;

/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// How long an idle connection is kept: short, because a request on a connection that the other
/// side is just closing has an unknown outcome.
const IDLE_MAX: Duration = Duration::from_secs(15);

/// How many idle connections are kept for one host.
const IDLE_CONNECTIONS_MAX: usize = 64;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error("the client of the graph api could not be set up")]
pub struct ClientProblem {
    #[source]
    source: reqwest::Error,
}

/// Makes calls to the Graph API: each within its time, without following redirects, without
/// repeating anything on its own.
#[derive(Debug, Clone)]
pub struct GraphClient {
    config: GraphConfig,
    http: reqwest::Client,
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
        // Fails only if someone chose a provider before, which then is the one to use.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("hookline/", env!("CARGO_PKG_VERSION")))
            .timeout(call_limit)
            .connect_timeout(CONNECT_MAX.min(call_limit))
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .tcp_nodelay(true)
            .build()
            .map_err(|source| ClientProblem { source })?;
        Ok(Self { config, http })
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
        let reply = self.exchange(sender, call.request()).await?;
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

    /// Reads the answers under a comment.
    pub async fn read_replies(
        &self,
        sender: &Sender<'_>,
        comment: &CommentId,
    ) -> Result<Answer<Vec<CommentRead>>, CallFailure> {
        let call = read::read_replies(&self.config, sender, comment)?;
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

    async fn exchange(&self, sender: &Sender<'_>, request: &Request) -> Result<Reply, CallFailure> {
        let token = bearer(sender)?;
        let builder = match request.method {
            Method::Get => self.http.get(request.url.clone()),
            Method::Post => self.http.post(request.url.clone()),
        };
        let builder = builder.header(AUTHORIZATION, token);
        let builder = match &request.json {
            Some(json) => builder
                .header(CONTENT_TYPE, "application/json")
                .body(json.clone()),
            None => builder,
        };
        let mut response = builder.send().await.map_err(|error| not_answered(&error))?;
        let http_status = response.status().as_u16();
        let usage = usage_of(response.headers(), sender);
        let body = read_body(&mut response)
            .await
            .map_err(|reason| CallFailure::Unknown {
                reason,
                http_status: Some(http_status),
                usage,
            })?;
        Ok(Reply {
            http_status,
            body,
            usage,
        })
    }
}

/// The header with the token, marked so that nothing prints it.
fn bearer(sender: &Sender<'_>) -> Result<HeaderValue, RequestProblem> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", sender.token.expose()))
        .map_err(|_| RequestProblem::UnusableToken)?;
    value.set_sensitive(true);
    Ok(value)
}

fn usage_of(headers: &HeaderMap, sender: &Sender<'_>) -> Usage {
    let header = |name| headers.get(name).map(HeaderValue::as_bytes);
    Usage::of_headers(
        header("x-app-usage"),
        header("x-business-use-case-usage"),
        &sender.usage_keys(),
    )
}

/// Only a connection that never came about proves that nothing left us.
fn not_answered(error: &reqwest::Error) -> CallFailure {
    if error.is_connect() || error.is_builder() {
        return CallFailure::NotSent {
            detail: causes(error),
        };
    }
    CallFailure::Unknown {
        reason: if error.is_timeout() {
            "timeout"
        } else {
            "connection_lost"
        },
        http_status: None,
        usage: Usage::default(),
    }
}

/// What is behind a transport error, without the outermost words, which hold the address.
fn causes(error: &reqwest::Error) -> String {
    let mut words = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        words.push(inner.to_string());
        cause = inner.source();
    }
    words.join(": ")
}

/// The whole body, or the stable word for why it is not whole.
async fn read_body(response: &mut reqwest::Response) -> Result<Bytes, &'static str> {
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > GRAPH_ANSWER_BYTES_MAX => {
                return Err("answer_too_long");
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.freeze()),
            Err(error) if error.is_timeout() => return Err("timeout"),
            Err(_) => return Err("answer_cut"),
        }
    }
}
