//! The accept loop: hyper's own, with limits on how many, how long and how much.
//!
//! A connection is at every moment expected to do something: send a header, be served, or stay
//! unused for a while. Time is counted in sweeps of the loop, which costs a request no timer and no
//! look at a clock, and lets the loop see which connection has been idle longest: when all places
//! are taken, that one makes room.

mod connection;
mod direct;
mod slot;
mod stream;
mod threads;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use hookline_model::clock::Clock;

use crate::config::ServerConfig;
use crate::http::webhook::Webhook;
use crate::metrics::Metrics;
use crate::telemetry::{Chain, LogGate};

use connection::Host;
use slot::{SlotLimits, Slots};
use threads::Threads;

/// Connections the kernel holds for us between two looks; it may allow fewer.
const BACKLOG: u32 = 4096;

/// The longest time between two sweeps, and so the most by which a time limit may be overrun.
const SWEEP_MAX: Duration = Duration::from_millis(100);

/// The shortest, for limits so short that only tests have them.
const SWEEP_MIN: Duration = Duration::from_millis(5);

/// After the last chance to finish, tasks are dropped; this long they may take to notice.
const DROP_WAIT: Duration = Duration::from_secs(1);

/// The limits of the listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenerConfig {
    /// How long a client may take to send a request's header.
    pub header_timeout: Duration,
    /// How long a client may take to send a body to the router; the webhook has its own limit.
    pub body_timeout: Duration,
    /// How long a connection may stay open with nothing going either way.
    pub idle_timeout: Duration,
    /// Connections open at once.
    pub max_connections: usize,
    /// How long requests under way may take to finish at the end.
    pub shutdown_timeout: Duration,
}

impl From<&ServerConfig> for ListenerConfig {
    fn from(config: &ServerConfig) -> Self {
        Self {
            header_timeout: config.header_timeout,
            body_timeout: config.body_timeout,
            idle_timeout: config.idle_timeout,
            max_connections: config.max_connections,
            shutdown_timeout: config.shutdown_timeout,
        }
    }
}

/// A bound address that does not accept yet, and the threads that will serve it.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    threads: Threads,
}

impl Listener {
    /// Binds `host:port`; of a name with several addresses, the first that works.
    pub async fn bind(address: &str) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in tokio::net::lookup_host(address).await? {
            match bind_to(address) {
                Ok(listener) => {
                    let threads = Threads::start()?;
                    return Ok(Self { listener, threads });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Where it listens; tells the port when port 0 was asked for.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

fn bind_to(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restart must not wait for the last connections of the one before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What is served, and to whom that is told.
#[derive(Clone)]
pub struct Site {
    /// Answers the webhook's path, without a router in between.
    pub webhook: Arc<Webhook>,
    /// Answers everything else.
    pub rest: Router,
    /// Counts connections.
    pub metrics: Arc<Metrics>,
    /// Tells the log's gates the time.
    pub clock: Arc<dyn Clock>,
}

/// Serves until `shutdown` is cancelled, then lets requests under way finish.
///
/// Returns when no connection is left, at the latest a moment after
/// [`ListenerConfig::shutdown_timeout`]. Every task it starts is on `tracker`.
pub async fn serve(
    listener: Listener,
    config: ListenerConfig,
    site: Site,
    shutdown: CancellationToken,
    tracker: TaskTracker,
) {
    let sweep_every =
        (config.header_timeout.min(config.idle_timeout) / 8).clamp(SWEEP_MIN, SWEEP_MAX);
    let mut sweep = tokio::time::interval(sweep_every);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut acceptor = Acceptor {
        places: Arc::new(Semaphore::new(config.max_connections)),
        slots: Slots::new(SlotLimits::new(&config, sweep_every)),
        accept_log: LogGate::default(),
        full_log: LogGate::default(),
        is_room_coming: false,
        host: Arc::new(Host::new(&config, site)),
        config,
        tracker,
        sweep,
        threads: listener.threads,
    };
    let listener = listener.listener;
    acceptor.accept_until(&listener, &shutdown).await;
    // Closed first, so that a new connection is refused at once instead of waiting in vain.
    drop(listener);
    acceptor.finish().await;
}

struct Acceptor {
    config: ListenerConfig,
    host: Arc<Host>,
    places: Arc<Semaphore>,
    slots: Slots,
    sweep: Interval,
    tracker: TaskTracker,
    threads: Threads,
    accept_log: LogGate,
    full_log: LogGate,
    /// A connection was given up for the one that waits; its place is on its way.
    is_room_coming: bool,
}

impl Acceptor {
    async fn accept_until(&mut self, listener: &TcpListener, shutdown: &CancellationToken) {
        // Accepted, and waiting for a place.
        let mut waiting: Option<(TcpStream, SocketAddr)> = None;
        let mut is_backing_off = false;
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                _ = self.sweep.tick() => {
                    is_backing_off = false;
                    self.slots.sweep();
                    if waiting.is_some() && !self.is_room_coming {
                        self.make_room();
                    }
                }
                place = Arc::clone(&self.places).acquire_owned(), if waiting.is_some() => {
                    if let (Some((stream, peer)), Ok(place)) = (waiting.take(), place) {
                        self.open(stream, peer, place);
                    }
                }
                accepted = listener.accept(), if waiting.is_none() && !is_backing_off => {
                    match accepted {
                        Ok((stream, peer)) => waiting = self.admit(stream, peer),
                        Err(error) => is_backing_off = self.must_back_off(&error),
                    }
                }
            }
        }
    }

    /// Opens the connection if there is a place; else asks for one and gives it back to wait.
    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) -> Option<(TcpStream, SocketAddr)> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            self.open(stream, peer, place);
            None
        } else {
            self.make_room();
            Some((stream, peer))
        }
    }

    fn make_room(&mut self) {
        let is_shed = self.slots.shed();
        self.is_room_coming = is_shed;
        if is_shed {
            self.host.site.metrics.count_shed();
        }
        if let Some(held_back) = self.full_log.admit(self.host.site.clock.now()) {
            let connections = self.config.max_connections;
            warn!(connections, is_shed, held_back, "all connections are taken");
        }
    }

    /// Whether accepting again at once would fail again: then not before the next sweep.
    fn must_back_off(&mut self, error: &io::Error) -> bool {
        let is_of_one_client = matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::Interrupted
        );
        if is_of_one_client {
            return false;
        }
        // Most likely there are no files left to open, and an idle connection is one of those.
        self.slots.shed();
        if let Some(held_back) = self.accept_log.admit(self.host.site.clock.now()) {
            let error = Chain(error);
            tracing::error!(%error, held_back, "connections cannot be accepted");
        }
        true
    }

    fn open(&mut self, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        self.is_room_coming = false;
        let slot = self.slots.open();
        let host = Arc::clone(&self.host);
        let Some(runtime) = self.threads.next() else {
            return;
        };
        let serving = async move {
            connection::serve(stream, peer, slot, host).await;
            drop(place);
        };
        self.tracker.spawn_on(serving, runtime);
    }

    async fn finish(mut self) {
        self.slots.finish();
        if !self.all_closed_within(self.config.shutdown_timeout).await {
            let connections = self.slots.drop_all();
            info!(
                connections,
                "connections dropped: their requests took too long to finish"
            );
            self.all_closed_within(DROP_WAIT).await;
        }
    }

    async fn all_closed_within(&mut self, limit: Duration) -> bool {
        let all = u32::try_from(self.config.max_connections).unwrap_or(u32::MAX);
        let places = Arc::clone(&self.places);
        let closed = async {
            tokio::pin! {
                let closed = places.acquire_many(all);
            }
            loop {
                tokio::select! {
                    biased;
                    _ = &mut closed => return,
                    _ = self.sweep.tick() => self.slots.sweep(),
                }
            }
        };
        tokio::time::timeout(limit, closed).await.is_ok()
    }
}
