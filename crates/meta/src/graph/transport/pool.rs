//! The connections that are open to Meta's hosts.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hyper::Uri;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use rustls::crypto::ring;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt as _;

use super::ClientProblem;
use super::line::Line;

/// How long an idle connection is kept: short, because a request on a connection that the other
/// side is just closing has an unknown outcome.
const IDLE_MAX: Duration = Duration::from_secs(15);

/// How many idle connections are kept for one host: as many as sends are under way when the lanes
/// that are worked at once are full, because a new one costs more than the call it is made for.
const IDLE_CONNECTIONS_MAX: usize = 512;

/// How the system finds out that the other side is gone without a word.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 3;
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);

/// Opens connections and keeps those that are idle.
pub(super) struct Pool {
    connector: HttpsConnector<HttpConnector>,
    connect_limit: Duration,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    /// By scheme, host and port; the one that was used last comes last.
    lines: HashMap<Box<str>, Vec<(Box<Line>, Instant)>>,
    is_swept: bool,
}

impl Pool {
    /// A pool whose connections come about within `connect_limit`, without a proxy, with the
    /// certificates the system trusts.
    pub(super) fn new(connect_limit: Duration) -> Result<Self, ClientProblem> {
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(ConfigBuilderExt::try_with_platform_verifier);
        let mut tls = tls
            .map_err(|source| ClientProblem { source })?
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect_limit));
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        tcp.set_keepalive_retries(Some(KEEPALIVE_PROBES));
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX));
        Ok(Self {
            connector: HttpsConnector::from((tcp, tls)),
            connect_limit,
            idle: Mutex::default(),
        })
    }

    /// A connection to a host that was used before and is free; none when there is none.
    pub(super) async fn find(&self, origin: &str) -> Option<Box<Line>> {
        loop {
            let mut line = self.pop(origin)?;
            if line.is_free().await {
                return Some(line);
            }
        }
    }

    /// Opens a connection, or says what is in the way.
    pub(super) async fn open(&self, origin: &str) -> Result<Box<Line>, String> {
        let uri = Uri::try_from(format!("{origin}/")).map_err(|error| error.to_string())?;
        let connecting = async {
            let stream = self.connector.clone().oneshot(uri).await;
            let stream = stream.map_err(|error| chain(error.as_ref()))?;
            Line::over(stream).await.map_err(|error| chain(&error))
        };
        match timeout(self.connect_limit, connecting).await {
            Ok(line) => line.map(Box::new),
            Err(_) => Err("it took too long to connect".to_owned()),
        }
    }

    /// Keeps a connection whose answer has been read for the next request.
    pub(super) fn keep(self: &Arc<Self>, origin: &str, line: Box<Line>) {
        let mut idle = self.lock();
        if let Some(lines) = idle.lines.get_mut(origin) {
            if lines.len() < IDLE_CONNECTIONS_MAX {
                lines.push((line, now()));
            }
        } else {
            idle.lines.insert(origin.into(), vec![(line, now())]);
        }
        if !std::mem::replace(&mut idle.is_swept, true) {
            sweep(Arc::downgrade(self));
        }
    }

    fn pop(&self, origin: &str) -> Option<Box<Line>> {
        let (line, since) = self.lock().lines.get_mut(origin)?.pop()?;
        // The others are older still; they go when they are swept.
        (since.elapsed() < IDLE_MAX).then_some(line)
    }

    /// Closes what has been idle for too long, and says whether anything is left.
    fn close_old(&self) -> bool {
        let mut idle = self.lock();
        for lines in idle.lines.values_mut() {
            lines.retain(|(_, since)| since.elapsed() < IDLE_MAX);
        }
        idle.is_swept = idle.lines.values().any(|lines| !lines.is_empty());
        idle.is_swept
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

/// Closes old connections from time to time, for as long as there are any.
#[expect(
    clippy::disallowed_methods,
    reason = "it ends with the connections it looks after, and nobody has to wait for it"
)]
fn sweep(pool: Weak<Pool>) {
    tokio::spawn(async move {
        loop {
            sleep(IDLE_MAX / 2).await;
            if !pool.upgrade().is_some_and(|pool| pool.close_old()) {
                return;
            }
        }
    });
}

#[expect(
    clippy::disallowed_methods,
    reason = "the age of a connection; decides nothing about what is sent"
)]
fn now() -> Instant {
    Instant::now()
}

/// An error with everything behind it; none of it holds an address or a secret.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = Vec::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    words.join(": ")
}
