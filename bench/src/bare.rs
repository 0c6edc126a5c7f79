//! The references: servers that read each request whole and answer 200, one of them when the bytes
//! are durable.
//!
//! What the first reaches is what HTTP alone costs on a machine; what the second reaches is what
//! being durable costs there when it is done in the simplest way. The distance to them is what a
//! server's own work costs.

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use ring::hmac;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::deliveries::SECRET;
use crate::journal::Journal;

/// Connections served at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 4096;

/// What is done with a request before it is answered.
#[derive(Debug, Clone)]
pub enum Duty {
    /// It is read whole.
    Read,
    /// What is posted is verified and kept too.
    Keep {
        /// The key it is signed with.
        key: hmac::Key,
        /// Where it is kept.
        journal: Journal,
    },
}

impl Duty {
    /// Verifies what is posted against the secret that all deliveries here are signed with, and
    /// keeps it.
    pub fn keep(journal: Journal) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        Self::Keep { key, journal }
    }

    async fn status(&self, request: Request<Incoming>) -> StatusCode {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return StatusCode::BAD_REQUEST;
        };
        match self {
            Self::Keep { key, journal } if head.method == Method::POST => {
                let body = body.to_bytes();
                if !is_signed(&head.headers, key, &body) {
                    StatusCode::UNAUTHORIZED
                } else if journal.keep(body).await {
                    StatusCode::OK
                } else {
                    StatusCode::SERVICE_UNAVAILABLE
                }
            }
            Self::Read | Self::Keep { .. } => StatusCode::OK,
        }
    }
}

fn is_signed(headers: &HeaderMap, key: &hmac::Key, body: &[u8]) -> bool {
    let signature = headers
        .get("x-hub-signature-256")
        .and_then(|value| value.as_bytes().strip_prefix(b"sha256="))
        .and_then(|digits| hex::decode(digits).ok());
    signature.is_some_and(|signature| hmac::verify(key, body, &signature).is_ok())
}

/// Serves until the future is dropped.
pub async fn serve(listener: TcpListener, duty: Duty) -> io::Result<Infallible> {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        while connections.try_join_next().is_some() {}
        let duty = duty.clone();
        connections.spawn(async move {
            let answer = |request| answer(request, &duty);
            let connection =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
            // A connection that breaks is the other side's affair: the generator notices.
            connection.await.is_ok()
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    duty: &Duty,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = duty.status(request).await;
    Ok(response)
}
