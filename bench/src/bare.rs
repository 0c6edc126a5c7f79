//! The reference: a server that reads each request whole and answers 200, and nothing else.
//!
//! What it reaches is what HTTP alone costs on a machine; the distance to it is what a server's
//! own work costs.

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Connections served at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 4096;

/// Serves until the future is dropped.
pub async fn serve(listener: TcpListener) -> io::Result<Infallible> {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        while connections.try_join_next().is_some() {}
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
        // A connection that breaks is the other side's affair: the generator notices.
        connections.spawn(async move { connection.await.is_ok() });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let is_whole = request.into_body().collect().await.is_ok();
    let mut response = Response::new(Empty::new());
    if !is_whole {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}
