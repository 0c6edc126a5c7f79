//! A server on a free port with everything real but the world, and clients that speak in bytes.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use hookline_engine::record::Recorder;
use hookline_meta::signature::Verifier;
use hookline_model::clock::Timestamp;
use hookline_model::secret::Secret;
use hookline_server::clock::SystemClock;
use hookline_server::http::listener::{Listener, ListenerConfig, Site, serve};
use hookline_server::http::webhook::{Webhook, WebhookConfig};
use hookline_server::metrics::Metrics;
use hookline_store::{Ownership, Store};
use ring::hmac;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The secrets of the app; deliveries may be signed with either.
pub(crate) const SECRETS: [&str; 2] = ["first-secret", "second-secret"];

/// The word of the handshake.
pub(crate) const VERIFY_TOKEN: &str = "correct horse+battery/staple";

/// Nothing here may take this long; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a server for a test differs from the usual one.
pub(crate) struct Settings {
    pub(crate) listener: ListenerConfig,
    pub(crate) webhook: WebhookConfig,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listener: ListenerConfig {
                header_timeout: Duration::from_secs(5),
                body_timeout: Duration::from_secs(5),
                idle_timeout: Duration::from_secs(5),
                max_connections: 64,
                shutdown_timeout: Duration::from_secs(5),
            },
            webhook: WebhookConfig {
                verify_token: Some(Secret::new(VERIFY_TOKEN)),
                body_limit: 256 * 1024,
                body_timeout: Duration::from_secs(5),
            },
        }
    }
}

/// A running server.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<Store>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    pub(crate) async fn start_with(settings: Settings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("hookline.db").display());
        let store = Arc::new(Store::open(&url, Ownership::Exclusive).unwrap());
        let recorder = Recorder::new(Arc::clone(&store), Arc::new(Notify::new()));
        let metrics = Arc::new(Metrics::new());
        let webhook = Webhook::new(
            settings.webhook,
            Verifier::new(&SECRETS.map(Secret::new)),
            Arc::new(recorder),
            Arc::clone(&metrics),
            Arc::new(SystemClock),
        );
        let site = Site {
            webhook: Arc::new(webhook),
            rest: rest(),
            metrics: Arc::clone(&metrics),
            clock: Arc::new(SystemClock),
        };
        let listener = Listener::bind("localhost:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let tracker = TaskTracker::new();
        let serving = tracker.spawn(serve(
            listener,
            settings.listener,
            site,
            shutdown.clone(),
            tracker.clone(),
        ));
        Self {
            address,
            store,
            metrics,
            shutdown,
            serving,
            _directory: directory,
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, request: &[u8]) -> Answer {
        let mut client = self.connect().await;
        client.send(request).await;
        client.answer().await
    }

    /// Deliveries in the database.
    pub(crate) async fn recorded(&self) -> i64 {
        let now = Timestamp::from_millis(1_790_000_000_000);
        self.store.stats(now).await.unwrap().backlog
    }

    /// Waits until the metrics have this line.
    pub(crate) async fn wait_for_metric(&self, line: &str) {
        let seen = async {
            while !self
                .metrics
                .encode()
                .unwrap()
                .lines()
                .any(|found| found == line)
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, seen).await;
        assert!(
            waited.is_ok(),
            "no {line} in\n{}",
            self.metrics.encode().unwrap()
        );
    }
}

fn rest() -> Router {
    Router::new()
        .route("/quick", get(async || "quick"))
        .route(
            "/slow",
            get(async || {
                tokio::time::sleep(Duration::from_millis(300)).await;
                "slow"
            }),
        )
        .route("/never", get(std::future::pending::<&'static str>))
        .route("/panics", get(panics))
        .route("/length", post(async |body: Bytes| body.len().to_string()))
        .route("/large", get(async || vec![b'x'; 3 * 1024 * 1024]))
}

async fn panics() -> &'static str {
    panic!("a handler that fails its caller");
}

/// A client that sees every byte.
pub(crate) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// An answer as it arrived.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case, without the status line.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn has_header(&self, line: &str) -> bool {
        self.head.lines().any(|found| found == line)
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let connecting = tokio::time::timeout(PATIENCE, TcpStream::connect(address));
        let stream = connecting.await.unwrap().unwrap();
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends to a server that may have hung up.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The next answer; there must be one.
    pub(crate) async fn answer(&mut self) -> Answer {
        let reading = tokio::time::timeout(PATIENCE, self.read_answer());
        reading.await.unwrap().unwrap()
    }

    /// The head of the next answer, in lower case, status line included.
    pub(crate) async fn head(&mut self) -> String {
        let reading = async {
            while !self.unread.windows(4).any(|four| four == b"\r\n\r\n") {
                self.read_more().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap();
        String::from_utf8_lossy(&self.unread).to_ascii_lowercase()
    }

    /// Whether the server hangs up within `limit`, without another byte.
    pub(crate) async fn is_closed_within(&mut self, limit: Duration) -> bool {
        assert!(self.unread.is_empty(), "an answer was not read");
        let mut byte = [0];
        match tokio::time::timeout(limit, self.stream.read(&mut byte)).await {
            Ok(Ok(0) | Err(_)) => true,
            Ok(Ok(_)) => panic!("an answer nobody asked for"),
            Err(_) => false,
        }
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.read_more().await?;
        };
        let head = String::from_utf8(self.unread.drain(..end).collect()).unwrap();
        let (status_line, head) = head.split_once("\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        while self.unread.len() < length {
            self.read_more().await?;
        }
        let body = self.unread.drain(..length).collect();
        Some(Answer {
            status: status_line.split(' ').nth(1).unwrap().parse().unwrap(),
            head,
            body: String::from_utf8(body).unwrap(),
        })
    }

    async fn read_more(&mut self) -> Option<()> {
        match self.stream.read_buf(&mut self.unread).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }
}

/// A GET of `target`.
pub(crate) fn get_of(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n").into_bytes()
}

/// The signature Meta would write.
pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let digest = hmac::sign(&key, body);
    let mut signature = String::from("sha256=");
    for byte in digest.as_ref() {
        write!(signature, "{byte:02x}").unwrap();
    }
    signature
}

/// A delivery with these signature headers.
pub(crate) fn post_with(signatures: &[&str], body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST /webhooks/instagram HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n",
        body.len()
    );
    for signature in signatures {
        write!(request, "X-Hub-Signature-256: {signature}\r\n").unwrap();
    }
    request.push_str("\r\n");
    let mut request = request.into_bytes();
    request.extend_from_slice(body);
    request
}

/// A delivery signed with the first secret.
pub(crate) fn signed_post(body: &[u8]) -> Vec<u8> {
    post_with(&[&sign(SECRETS[0], body)], body)
}
