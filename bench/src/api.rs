//! Hookline's REST API, as far as a scenario needs it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// The bearer token of the server that is measured.
pub(crate) const TOKEN: &str = "bench-admin-token";

/// How long one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Items of a page at most.
const PAGE: u32 = 500;

/// A client with a connection for each call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
}

impl Api {
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call("GET", path, Bytes::new()).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call("PUT", path, body.to_string().into()).await
    }

    /// Every item of a list; `path` has a query already.
    pub(crate) async fn all(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let mut page = self.get(&format!("{path}&limit={PAGE}{cursor}")).await?;
            if let Some(more) = page.get_mut("items").and_then(Value::as_array_mut) {
                items.append(more);
            }
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    async fn call(&self, method: &str, path: &str, body: Bytes) -> anyhow::Result<Value> {
        let answer = tokio::time::timeout(ANSWER_MAX, self.ask(method, path, body));
        answer
            .await
            .context("no answer in time")
            .flatten()
            .with_context(|| format!("{method} {path}"))
    }

    async fn ask(&self, method: &str, path: &str, body: Bytes) -> anyhow::Result<Value> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::HOST, self.address.to_string())
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
            .body(Full::new(body))?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let bytes = response.into_body().collect().await?.to_bytes();
            drop(sender);
            Ok::<_, hyper::Error>((status, bytes))
        };
        let (exchanged, _) = tokio::join!(exchange, connection);
        let (status, bytes) = exchanged?;
        if !status.is_success() {
            bail!("{status}: {}", String::from_utf8_lossy(&bytes));
        }
        Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }
}
