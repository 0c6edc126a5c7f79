//! Meta's webhook: the handshake, and deliveries from socket to 200.
//!
//! The order is the product's first promise: read, verify, record, answer. Nothing parses a body
//! before its signature held, and nothing answers 200 before its bytes are committed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookline_engine::record::Recorder;
use hookline_meta::signature::{SignatureProblem, UnverifiedDelivery, Verifier};
use hookline_model::clock::Clock;
use hookline_model::secret::Secret;
use hyper::body::Body;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use subtle::ConstantTimeEq as _;
use tracing::warn;

use crate::config::Config;
use crate::http::body::{BodyProblem, BodyReader};
use crate::metrics::{Metrics, Verdict};
use crate::telemetry::{Chain, LogGate};

/// The one path Meta calls.
pub const PATH: &str = "/webhooks/instagram";

/// The signature header (contract 2.1).
static SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");

/// The API version's header (contract 2.1).
static API_VERSION: HeaderName = HeaderName::from_static("facebook-api-version");

/// The longest challenge that is echoed (contract 1).
const CHALLENGE_BYTES_MAX: usize = 256;

/// When to come back after a 503; Meta keeps its own schedule, a proxy may read it.
const RETRY_AFTER_SECONDS: &str = "5";

/// An answer of the webhook.
pub type Answer = Response<Bytes>;

/// What became of a delivery.
#[derive(Debug)]
pub enum Receipt {
    /// Its bytes are durable: it is answered as [`received`] says.
    Durable,
    /// It is not kept, and answered so.
    Refused(Answer),
}

/// What the webhook is told by the configuration.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// The word of the handshake; without it every handshake is refused.
    pub verify_token: Option<Secret>,
    /// Largest body, in bytes.
    pub body_limit: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
}

impl From<&Config> for WebhookConfig {
    fn from(config: &Config) -> Self {
        Self {
            verify_token: config.meta.verify_token.clone(),
            body_limit: config.server.body_limit,
            body_timeout: config.server.body_timeout,
        }
    }
}

/// One gate for each kind of line a stranger can cause.
#[derive(Debug, Default)]
struct Gates {
    handshake: LogGate,
    body: LogGate,
    signature: LogGate,
    record: LogGate,
}

/// The webhook, shared by all connections.
pub struct Webhook {
    verify_token: Option<Secret>,
    bodies: BodyReader,
    verifier: Verifier,
    recorder: Arc<Recorder>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    gates: Gates,
}

impl Webhook {
    /// Puts the webhook together.
    pub fn new(
        config: WebhookConfig,
        verifier: Verifier,
        recorder: Arc<Recorder>,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            verify_token: config.verify_token,
            bodies: BodyReader::new(config.body_limit, config.body_timeout),
            verifier,
            recorder,
            metrics,
            clock,
            gates: Gates::default(),
        }
    }

    /// Answers one request to [`PATH`]; a 200 to a POST means that its bytes are durable.
    pub async fn answer<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        match *request.method() {
            Method::POST => self.receive(request).await,
            Method::GET => self.shake_hands(request.uri().query().unwrap_or_default()),
            _ => {
                let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "use GET or POST");
                answer
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static("GET, POST"));
                answer
            }
        }
    }

    /// The handshake (contract 1). It touches nothing but memory, so that the webhook can be set
    /// up again while the database is down.
    fn shake_hands(&self, query: &str) -> Answer {
        let answer = match Handshake::parse(query) {
            Ok(handshake) if !self.is_ours(&handshake) => plain(
                StatusCode::FORBIDDEN,
                "the verify token or the mode is not the configured one",
            ),
            Ok(handshake) => match handshake.challenge {
                Some(challenge) if is_challenge(&challenge) => return echo(challenge),
                Some(_) | None => plain(
                    StatusCode::BAD_REQUEST,
                    "hub.challenge must be 1 to 256 letters, digits, - or _",
                ),
            },
            Err(RepeatedParameter) => plain(
                StatusCode::BAD_REQUEST,
                "a parameter of the handshake is given twice",
            ),
        };
        if let Some(held_back) = self.gates.handshake.admit(self.clock.now()) {
            let status = answer.status().as_u16();
            warn!(status, held_back, "handshake refused");
        }
        answer
    }

    fn is_ours(&self, handshake: &Handshake) -> bool {
        let (Some(ours), Some(theirs)) = (&self.verify_token, &handshake.verify_token) else {
            return false;
        };
        let is_token = bool::from(ours.expose().as_bytes().ct_eq(theirs.as_bytes()));
        is_token && handshake.mode.as_deref() == Some("subscribe")
    }

    async fn receive<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let started_at = started_now();
        let (head, body) = request.into_parts();
        let body = match self.bodies.read(body).await {
            Ok(body) => body,
            Err(problem) => return self.refuse_body(problem),
        };
        let unverified = UnverifiedDelivery {
            body,
            signature: signature_of(&head.headers),
            api_version: head
                .headers
                .get(&API_VERSION)
                .and_then(|version| api_version_of(version.as_bytes())),
        };
        match self.take_in(unverified, started_at).await {
            Receipt::Durable => received(),
            Receipt::Refused(answer) => answer,
        }
    }

    /// Verifies and records a delivery whose head was in at `started_at`.
    pub(crate) async fn take_in(
        &self,
        unverified: UnverifiedDelivery,
        started_at: Instant,
    ) -> Receipt {
        let delivery = match self.verifier.verify(unverified) {
            Ok(delivery) => delivery,
            Err(problem) => return Receipt::Refused(self.refuse_signature(problem)),
        };
        match self.recorder.record(delivery, self.clock.now()).await {
            Ok(_) => {
                self.metrics.count_delivery(Verdict::Recorded);
                self.metrics.observe_ack(started_at.elapsed());
                Receipt::Durable
            }
            Err(error) => {
                self.metrics.count_delivery(Verdict::Unavailable);
                if let Some(held_back) = self.gates.record.admit(self.clock.now()) {
                    let error = Chain(&error);
                    tracing::error!(%error, held_back, "delivery not recorded, answered 503");
                }
                Receipt::Refused(unavailable())
            }
        }
    }

    /// How long a body may take to arrive, and how large it may be.
    pub(crate) fn bodies(&self) -> &BodyReader {
        &self.bodies
    }

    /// Refuses a delivery whose body did not arrive; the connection must end with the answer.
    pub(crate) fn refuse_body(&self, problem: BodyProblem) -> Answer {
        let (verdict, mut answer) = match problem {
            BodyProblem::TooLarge => (
                Verdict::TooLarge,
                plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            ),
            BodyProblem::Timeout => (
                Verdict::Timeout,
                plain(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
            ),
            BodyProblem::Incomplete => (
                Verdict::Incomplete,
                plain(StatusCode::BAD_REQUEST, "the body is incomplete"),
            ),
            BodyProblem::Crowded => (Verdict::Unavailable, unavailable()),
        };
        // What is left of the body cannot be told from the next request.
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        self.metrics.count_delivery(verdict);
        if let Some(held_back) = self.gates.body.admit(self.clock.now()) {
            warn!(%problem, held_back, "delivery refused");
        }
        answer
    }

    fn refuse_signature(&self, problem: SignatureProblem) -> Answer {
        let verdict = match problem {
            SignatureProblem::Missing => Verdict::MissingSignature,
            SignatureProblem::Malformed => Verdict::MalformedSignature,
            SignatureProblem::Mismatch => Verdict::WrongSignature,
        };
        self.metrics.count_delivery(verdict);
        if let Some(held_back) = self.gates.signature.admit(self.clock.now()) {
            warn!(
                %problem,
                held_back,
                "delivery refused; if Meta sent it, compare meta.app_secrets with the app's settings"
            );
        }
        plain(StatusCode::UNAUTHORIZED, "the signature does not hold")
    }
}

/// The parameters of a handshake, as sent.
#[derive(Debug, Default)]
struct Handshake {
    mode: Option<String>,
    challenge: Option<String>,
    verify_token: Option<String>,
}

/// A parameter that counts was given twice, so that two readers could read two things.
struct RepeatedParameter;

impl Handshake {
    fn parse(query: &str) -> Result<Self, RepeatedParameter> {
        let mut handshake = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match name.as_ref() {
                "hub.mode" => &mut handshake.mode,
                "hub.challenge" => &mut handshake.challenge,
                "hub.verify_token" => &mut handshake.verify_token,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(RepeatedParameter);
            }
        }
        Ok(handshake)
    }
}

/// What may be echoed without becoming someone else's web page (contract 1).
fn is_challenge(challenge: &str) -> bool {
    (1..=CHALLENGE_BYTES_MAX).contains(&challenge.len())
        && challenge
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The signature header; one given twice is not of the form Meta writes, whichever would hold.
fn signature_of(headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut values = headers.get_all(&SIGNATURE).iter();
    let first = values.next()?.as_bytes().to_vec();
    Some(if values.next().is_some() {
        Vec::new()
    } else {
        first
    })
}

/// Kept beside the delivery for people, so only what a version can look like is.
pub(crate) fn api_version_of(value: &[u8]) -> Option<String> {
    const BYTES_MAX: usize = 16;
    let version = std::str::from_utf8(value).ok()?;
    let is_version = version.len() <= BYTES_MAX
        && version
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    is_version.then(|| version.to_owned())
}

/// When the path to the 200 begins.
#[expect(
    clippy::disallowed_methods,
    reason = "measures the path to the 200; decides nothing"
)]
pub(crate) fn started_now() -> Instant {
    Instant::now()
}

/// The answer to a delivery whose bytes are durable.
pub(crate) fn received() -> Answer {
    plain(StatusCode::OK, "EVENT_RECEIVED")
}

fn echo(challenge: String) -> Answer {
    let mut answer = Response::new(Bytes::from(challenge));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Bytes::from_static(text.as_bytes()));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    answer
}

fn unavailable() -> Answer {
    let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE, "try again later");
    answer
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    answer
}
