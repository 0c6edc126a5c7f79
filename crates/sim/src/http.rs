//! The HTTP face: Graph endpoints at `/`, the control API under `/_sim`, and the delivery loop.

mod callback;
mod deliver;
mod handshake;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control;
use crate::graph::{Fate, SimRequest, SimResponse};
use crate::world::World;

/// Milliseconds since the epoch; the world adds its own offset.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Connections served at once; more wait in the listener's queue.
const CONNECTIONS_MAX: usize = 4096;
/// Meta's largest documented delivery is 3 MB; raw deliveries come in through the control API.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
const READ_LIMIT: Duration = Duration::from_secs(20);
/// How long connections may finish after the shutdown signal.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// Why the face could not be put up.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The client for deliveries could not be built.
    #[error("could not build the client for deliveries")]
    Client(#[source] reqwest::Error),
    /// The listener broke.
    #[error("could not accept connections")]
    Accept(#[source] io::Error),
}

/// What every task of the face shares.
pub(crate) struct Face {
    world: Arc<Mutex<World>>,
    clock: Clock,
    client: reqwest::Client,
    wake: Notify,
}

impl Face {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world's time now: the clock and what the control API added to it.
    pub(crate) fn now_ms(&self, world: &World) -> i64 {
        (self.clock)().saturating_add(world.offset_ms())
    }
}

/// Serves a world until `shutdown`, and POSTs its deliveries to the callback.
///
/// `callback_url` is set without a handshake; without it deliveries wait until the app
/// subscribes one through the Graph API. The world may be locked and used beside this at any
/// time; nothing here holds the lock across an await.
pub async fn serve(
    listener: TcpListener,
    world: Arc<Mutex<World>>,
    clock: Clock,
    callback_url: Option<String>,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let client = build_client().map_err(ServeError::Client)?;
    let face = Arc::new(Face {
        world,
        clock,
        client,
        wake: Notify::new(),
    });
    {
        let waker = Arc::downgrade(&face);
        let mut world = face.world();
        world.on_change(Arc::new(move || {
            if let Some(face) = waker.upgrade() {
                face.wake.notify_one();
            }
        }));
        if callback_url.is_some() {
            world.set_callback_url(callback_url);
        }
    }
    let tracker = TaskTracker::new();
    tracker.spawn(deliver::run(
        Arc::clone(&face),
        tracker.clone(),
        shutdown.clone(),
    ));
    let outcome = accept(&listener, &face, &tracker, &shutdown).await;
    shutdown.cancel();
    tracker.close();
    if tokio::time::timeout(DRAIN_LIMIT, tracker.wait())
        .await
        .is_err()
    {
        tracing::warn!("sim.shutdown: connections were still open and were left behind");
    }
    outcome
}

/// A client as strict as Meta: no redirects, 5 seconds for everything (contract 2.6).
fn build_client() -> Result<reqwest::Client, reqwest::Error> {
    // Someone else in the process may have chosen a provider first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(5))
        .build()
}

async fn accept(
    listener: &TcpListener,
    face: &Arc<Face>,
    tracker: &TaskTracker,
    shutdown: &CancellationToken,
) -> Result<(), ServeError> {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&connections).acquire_owned() => permit,
            () = shutdown.cancelled() => return Ok(()),
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => return Ok(()),
        };
        match accepted {
            Ok((stream, _)) => {
                let face = Arc::clone(face);
                let shutdown = shutdown.clone();
                tracker.spawn(async move {
                    connection(stream, face, shutdown).await;
                    drop(permit);
                });
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => return Err(ServeError::Accept(error)),
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// The client is to see a closed connection instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer")]
struct Dropped;

async fn connection(stream: TcpStream, face: Arc<Face>, shutdown: CancellationToken) {
    // Answers are small and awaited one by one: waiting to fill a packet only adds delay.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let face = Arc::clone(&face);
        async move { respond(&face, request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %error, "sim.connection: ended early");
    }
}

async fn respond(
    face: &Face,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Dropped> {
    let (parts, body) = request.into_parts();
    let collected = tokio::time::timeout(READ_LIMIT, Limited::new(body, BODY_BYTES_MAX).collect());
    let Ok(Ok(collected)) = collected.await else {
        return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let query = parts.uri.query().unwrap_or_default();
    let request = SimRequest {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: form_urlencoded::parse(query.as_bytes())
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect(),
        body: collected.to_bytes(),
    };
    if let Some(kind) = request.path.strip_prefix("/_sim/callbacks/")
        && request.method == "POST"
    {
        let (status, answer) = callback::make(face, kind, &request.body).await;
        return Ok(json(status, answer.to_string()));
    }
    if request.path == "/_sim" || request.path.starts_with("/_sim/") {
        let mut world = face.world();
        let now_ms = face.now_ms(&world);
        let (status, answer) = control::handle(&mut world, now_ms, &request);
        drop(world);
        face.wake.notify_one();
        return Ok(json(status, answer.to_string()));
    }
    let response = {
        let mut world = face.world();
        let now_ms = face.now_ms(&world);
        world.request(now_ms, &request)
    };
    act_out(face, response).await
}

/// Plays an answer's fate.
async fn act_out(face: &Face, response: SimResponse) -> Result<Response<Full<Bytes>>, Dropped> {
    if response.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(response.delay_ms)).await;
    }
    match response.fate {
        Fate::Answer => Ok(write(&response)),
        Fate::DropBeforeEffect | Fate::DropAfterEffect => Err(Dropped),
        Fate::Handshake(handshake) => {
            let answer = handshake::make(&face.client, &handshake.url).await;
            let response = face.world().finish_handshake(handshake.id, &answer);
            Ok(write(&response))
        }
    }
}

fn write(response: &SimResponse) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(response.status);
    for (name, value) in &response.headers {
        builder = builder.header(name, value);
    }
    builder
        .body(Full::new(response.body.clone()))
        .unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
}

fn json(status: u16, body: String) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}
