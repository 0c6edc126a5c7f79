//! One connection from its first byte to its last.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::body::Body as RouterBody;
use axum::extract::ConnectInfo;
use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use tower::ServiceExt as _;
use tracing::{debug, error};

use super::direct::{Direct, Left};
use super::slot::{Order, Slot};
use super::stream::{WatchedStream, linger};
use super::{ListenerConfig, Site};
use crate::http::body::TimedBody;
use crate::http::webhook::{self, Answer};
use crate::telemetry::Chain;

/// Largest header, request line included; larger ones are answered 431.
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// Most bytes one connection may have buffered on either side.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

type HostAnswer = Response<Either<Full<Bytes>, RouterBody>>;

/// What all connections share.
pub(super) struct Host {
    pub(super) site: Site,
    http: http1::Builder,
    body_timeout: Duration,
    /// Where the router's handlers run: beside the connections, never between them.
    router: Handle,
}

impl Host {
    /// What connections of `site` share. The router's handlers run on the runtime of the caller.
    pub(super) fn new(config: &ListenerConfig, site: Site) -> Self {
        let mut http = http1::Builder::new();
        // Times are kept by the slots: hyper's own limit starts when a connection falls idle, so
        // it cannot tell a slow header from a pause between two requests.
        http.header_read_timeout(None)
            .max_header_size(HEADER_BYTES_MAX)
            .max_buf_size(BUFFER_BYTES_MAX)
            // Answers are small: one buffer costs the kernel less than two.
            .writev(false)
            .half_close(false);
        Self {
            site,
            http,
            body_timeout: config.body_timeout,
            router: Handle::current(),
        }
    }

    /// Answers one request, whatever happens.
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> HostAnswer {
        guarded(self.answer_unguarded(request, peer), || {
            small(internal_error())
        })
        .await
    }

    async fn answer_unguarded(&self, request: Request<Incoming>, peer: SocketAddr) -> HostAnswer {
        if request.uri().path() == webhook::PATH {
            return small(self.site.webhook.answer(request).await);
        }
        let mut request = request.map(|body| {
            if body.is_end_stream() {
                RouterBody::empty()
            } else {
                RouterBody::new(TimedBody::new(body, self.body_timeout))
            }
        });
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = self.router.spawn(self.site.rest.clone().oneshot(request));
        match AbortOnDropHandle::new(answer).await {
            Ok(Ok(answer)) => answer.map(Either::Right),
            Ok(Err(never)) => match never {},
            Err(_panicked) => small(internal_error()),
        }
    }
}

/// Waits for `work`, whatever happens: a panic stays inside, and `broken` answers for it.
pub(super) async fn guarded<T>(
    work: impl Future<Output = T> + Send,
    broken: impl Fn() -> T + Send + Sync,
) -> T {
    let mut work = pin!(work);
    std::future::poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)))
            .unwrap_or_else(|_| Poll::Ready(broken()))
    })
    .await
}

/// The panic itself is on standard error already, written by the process's hook.
pub(super) fn internal_error() -> Answer {
    error!("a request was answered 500: its handler panicked");
    let mut answer = Response::new(Bytes::from_static(b"internal error"));
    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    answer
}

fn small(answer: Answer) -> HostAnswer {
    answer.map(|text| Either::Left(Full::new(text)))
}

/// Counts a connection and gives its slot back, however its task ends.
struct Open<'a> {
    host: &'a Host,
    slot: &'a Slot,
}

impl<'a> Open<'a> {
    fn new(host: &'a Host, slot: &'a Slot) -> Self {
        host.site.metrics.open_connection();
        Self { host, slot }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.slot.close();
        self.host.site.metrics.close_connection();
    }
}

/// Serves one connection until either side ends it or the loop orders its end.
pub(super) async fn serve(stream: TcpStream, peer: SocketAddr, slot: Arc<Slot>, host: Arc<Host>) {
    let _open = Open::new(&host, &slot);
    let stream = match watched_from_here(stream) {
        Ok(stream) => stream,
        Err(error) => {
            debug!(error = %Chain(&error), "connection ended before it began");
            return;
        }
    };
    if let Some(stream) = run(stream, peer, &slot, &host).await
        && slot.lingers()
    {
        linger(stream).await;
    }
}

/// Serves until the connection ends; gives the socket back unless that came by order.
async fn run(
    mut stream: TcpStream,
    peer: SocketAddr,
    slot: &Arc<Slot>,
    host: &Arc<Host>,
) -> Option<TcpStream> {
    match run_direct(&mut stream, slot, host).await? {
        Left::Over => Some(stream),
        Left::For(begun) => {
            let io = WatchedStream::new(stream, begun, Arc::clone(slot));
            // Few connections come here, and those that do not should stay small.
            Box::pin(run_hyper(io, peer, slot, host)).await
        }
    }
}

/// Serves plain deliveries; `None` when the connection was dropped by order.
async fn run_direct(stream: &mut TcpStream, slot: &Slot, host: &Host) -> Option<Left> {
    let is_unused = AtomicBool::new(true);
    let mut direct = pin!(Direct::new(stream, slot, host, &is_unused).serve());
    loop {
        tokio::select! {
            // First, so that a request which has come in already is still answered at the end.
            biased;
            left = &mut direct => return Some(left.unwrap_or_else(|error| {
                debug!(error = %Chain(&error), "connection ended");
                Left::Over
            })),
            order = slot.ordered() => match order {
                Order::Finish if is_unused.load(Ordering::Relaxed) => return Some(Left::Over),
                Order::Serve | Order::Finish => {}
                Order::Drop => return None,
            },
        }
    }
}

/// The connection, its readiness reported to this thread instead of the one that accepted it.
fn watched_from_here(stream: TcpStream) -> std::io::Result<TcpStream> {
    // An answer is one small write, which must not wait for the client's acknowledgement.
    stream.set_nodelay(true)?;
    TcpStream::from_std(stream.into_std()?)
}

/// Serves whatever else there is in HTTP; gives the socket back unless the end came by order.
async fn run_hyper(
    io: WatchedStream,
    peer: SocketAddr,
    slot: &Arc<Slot>,
    host: &Arc<Host>,
) -> Option<TcpStream> {
    let service = service_fn(|request: Request<Incoming>| async move {
        slot.begin_request();
        let has_body = !request.body().is_end_stream();
        let answer = host.answer(request, peer).await;
        let is_refused = answer.status().is_client_error() || answer.status().is_server_error();
        slot.end_request(has_body && is_refused);
        Ok::<_, Infallible>(answer)
    });
    let mut connection = host.http.serve_connection(TokioIo::new(io), service);
    if slot.is_finishing() {
        Pin::new(&mut connection).graceful_shutdown();
    }
    loop {
        tokio::select! {
            // First, so that a request which has come in already is still answered at the end.
            biased;
            ended = &mut connection => {
                if let Err(error) = ended {
                    debug!(error = %Chain(&error), "connection ended");
                }
                return Some(connection.into_parts().io.into_inner().into_inner());
            }
            order = slot.ordered() => match order {
                Order::Serve => {}
                Order::Finish => Pin::new(&mut connection).graceful_shutdown(),
                Order::Drop => return None,
            },
        }
    }
}
