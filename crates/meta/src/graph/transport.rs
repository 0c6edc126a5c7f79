//! How requests travel: over HTTP, or through a simulated world.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hookline_model::limits::GRAPH_ANSWER_BYTES_MAX;
use hookline_model::secret::Secret;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};

use super::call::{CallFailure, Reply};
use super::endpoint::Authority;
use super::request::{Method, Request, RequestProblem};
use super::usage::Usage;

/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// How long an idle connection is kept: short, because a request on a connection that the other
/// side is just closing has an unknown outcome.
const IDLE_MAX: Duration = Duration::from_secs(15);

/// How many idle connections are kept for one host: as many as sends are under way when the lanes
/// that are worked at once are full, because a new one costs more than the call it is made for.
const IDLE_CONNECTIONS_MAX: usize = 512;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error("the client of the graph api could not be set up")]
pub struct ClientProblem {
    #[source]
    source: reqwest::Error,
}

/// A reply on its way.
pub type Carried<'a> = Pin<Box<dyn Future<Output = Result<Reply, CallFailure>> + Send + 'a>>;

/// Carries one request to Meta and brings the reply back. A failure says whether the request can
/// have had an effect; nothing is repeated.
pub trait Transport: fmt::Debug + Send + Sync {
    /// Carries `request` with the token of `authority`. Dropping the future before it ends leaves
    /// unknown whether the request had an effect. No failure may print a token or a secret
    /// parameter.
    fn carry<'a>(&'a self, authority: Authority<'a>, request: &'a Request) -> Carried<'a>;
}

/// HTTP: each call within its time, without following redirects.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    http: reqwest::Client,
}

impl Transport for HttpTransport {
    fn carry<'a>(&'a self, authority: Authority<'a>, request: &'a Request) -> Carried<'a> {
        Box::pin(self.exchange(authority, request))
    }
}

impl HttpTransport {
    /// Calls take at most `call_limit`, connection and answer included.
    pub fn new(call_limit: Duration) -> Result<Self, ClientProblem> {
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
        Ok(Self { http })
    }

    async fn exchange(
        &self,
        authority: Authority<'_>,
        request: &Request,
    ) -> Result<Reply, CallFailure> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut builder = self.http.request(method, request.full_url().into_owned());
        if let Some(token) = authority.token() {
            builder = builder.header(AUTHORIZATION, bearer(token)?);
        }
        if let Some((content_type, body)) = request.full_body() {
            builder = builder.header(CONTENT_TYPE, content_type).body(body);
        }
        let mut response = builder.send().await.map_err(|error| not_answered(&error))?;
        let http_status = response.status().as_u16();
        let usage = usage_of(response.headers(), authority);
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
fn bearer(token: &Secret) -> Result<HeaderValue, RequestProblem> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
        .map_err(|_| RequestProblem::UnusableToken)?;
    value.set_sensitive(true);
    Ok(value)
}

fn usage_of(headers: &HeaderMap, authority: Authority<'_>) -> Usage {
    let header = |name| headers.get(name).map(HeaderValue::as_bytes);
    Usage::of_headers(
        header("x-app-usage"),
        header("x-business-use-case-usage"),
        &authority.usage_keys(),
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
