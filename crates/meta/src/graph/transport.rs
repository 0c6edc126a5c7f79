//! How requests travel: over HTTP, or through a simulated world.

mod line;
mod pool;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookline_model::secret::Secret;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, USER_AGENT,
};
use hyper::http::uri::{PathAndQuery, Uri};
use hyper::{Method, Response, Version};

use super::address::Address;
use super::call::{CallFailure, Reply};
use super::endpoint::Authority;
use super::request::{self, Request, RequestProblem};
use super::usage::Usage;

use line::{Asked, Line};
use pool::Pool;

/// What we call ourselves.
const NAME: HeaderValue = HeaderValue::from_static(concat!("hookline/", env!("CARGO_PKG_VERSION")));

/// Headers of a request at most.
const HEADERS_MAX: usize = 8;

/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error("the client of the graph api could not be set up")]
pub struct ClientProblem {
    #[source]
    source: rustls::Error,
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
    pool: Arc<Pool>,
    call_limit: Duration,
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
        let pool = Arc::new(Pool::new(CONNECT_MAX.min(call_limit))?);
        Ok(Self { pool, call_limit })
    }

    async fn exchange(
        &self,
        authority: Authority<'_>,
        request: &Request,
    ) -> Result<Reply, CallFailure> {
        let url = request.full_url();
        let asked = written(authority, request, &url)?;
        // What is known of the answer when its time is over.
        let mut head = None;
        let limit = self.call_limit;
        let exchanged = tokio::time::timeout(limit, async {
            let (mut line, response) = self.ask(url.origin(), asked).await?;
            let (http_status, usage) = *head.insert(head_of(&response, authority));
            let is_last = is_last(&response);
            let body = line.read(response.into_body()).await;
            let body = body.map_err(|reason| unknown(reason, Some((http_status, usage))))?;
            if !is_last {
                self.pool.keep(url.origin(), line);
            }
            Ok(Reply {
                http_status,
                body,
                usage,
            })
        });
        match exchanged.await {
            Ok(reply) => reply,
            Err(_) => Err(unknown("timeout", head)),
        }
    }

    /// Carries a request over a connection that is open, or a new one. It is written again only
    /// when provably nothing of it was: when a connection ended before it could take it.
    async fn ask(
        &self,
        origin: &str,
        mut asked: Asked,
    ) -> Result<(Box<Line>, Response<Incoming>), CallFailure> {
        while let Some(mut line) = self.pool.find(origin).await {
            match line.ask(asked).await {
                Ok(response) => return Ok((line, response)),
                Err(mut failure) => match failure.take_message() {
                    Some(unwritten) => asked = unwritten,
                    None => return Err(unknown("connection_lost", None)),
                },
            }
        }
        // Only a connection that never came about proves that nothing left us.
        let opened = self.pool.open(origin).await;
        let mut line = opened.map_err(|detail| CallFailure::NotSent { detail })?;
        match line.ask(asked).await {
            Ok(response) => Ok((line, response)),
            Err(_) => Err(unknown("connection_lost", None)),
        }
    }
}

/// The request as it goes over the wire.
fn written(
    authority: Authority<'_>,
    request: &Request,
    url: &Address,
) -> Result<Asked, CallFailure> {
    let method = match request.method {
        request::Method::Get => Method::GET,
        request::Method::Post => Method::POST,
        request::Method::Delete => Method::DELETE,
    };
    let host = url.origin().rsplit(['/', '@']).next().unwrap_or_default();
    let mut headers = HeaderMap::with_capacity(HEADERS_MAX);
    headers.insert(HOST, HeaderValue::from_str(host).map_err(no_address)?);
    headers.insert(USER_AGENT, NAME);
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    if let Some(token) = authority.token() {
        headers.insert(AUTHORIZATION, bearer(token)?);
    }
    let mut body = Bytes::new();
    if let Some((content_type, text)) = request.full_body() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        body = Bytes::from(text);
    }
    let path = Bytes::copy_from_slice(url.path_and_query().as_bytes());
    let path = PathAndQuery::from_maybe_shared(path).map_err(no_address)?;
    let mut asked = Asked::new(Full::new(body));
    *asked.method_mut() = method;
    *asked.uri_mut() = Uri::from(path);
    *asked.headers_mut() = headers;
    Ok(asked)
}

fn no_address<E>(_: E) -> CallFailure {
    RequestProblem::UnusableUrl.into()
}

/// The header with the token, marked so that nothing prints it.
fn bearer(token: &Secret) -> Result<HeaderValue, RequestProblem> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
        .map_err(|_| RequestProblem::UnusableToken)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What an answer says before its body.
fn head_of(response: &Response<Incoming>, authority: Authority<'_>) -> (u16, Usage) {
    let headers = response.headers();
    let header = |name| headers.get(name).map(HeaderValue::as_bytes);
    let usage = match (header("x-app-usage"), header("x-business-use-case-usage")) {
        (None, None) => Usage::default(),
        (app, business) => Usage::of_headers(app, business, &authority.usage_keys()),
    };
    (response.status().as_u16(), usage)
}

/// Whether the other side closes the connection after this answer.
fn is_last(response: &Response<Incoming>) -> bool {
    let says_so = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"close");
    response.version() != Version::HTTP_11
        || response.headers().get(CONNECTION).is_some_and(says_so)
}

/// The request was on its way.
fn unknown(reason: &'static str, head: Option<(u16, Usage)>) -> CallFailure {
    CallFailure::Unknown {
        reason,
        http_status: head.map(|(http_status, _)| http_status),
        usage: head.map_or_else(Usage::default, |(_, usage)| usage),
    }
}
