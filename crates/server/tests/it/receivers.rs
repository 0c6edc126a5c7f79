//! Who is told of alerts: a receiver of POSTs and a mail server, as small as they can be.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use ring::hmac;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

/// What the notices are signed with.
pub(crate) const SECRET: &str = "a-secret-for-notices";

/// Hears POSTs, and refuses them while it is down.
pub(crate) struct Receiver {
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<Value>>>,
    is_down: Arc<AtomicBool>,
    refused: Arc<AtomicBool>,
}

impl Receiver {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/alerts?for=acme", listener.local_addr().unwrap());
        let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (is_down, refused) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let hear = {
            let (heard, is_down) = (Arc::clone(&heard), Arc::clone(&is_down));
            let refused: Arc<AtomicBool> = Arc::clone(&refused);
            move |headers: HeaderMap, body: Bytes| async move {
                if is_down.load(Ordering::SeqCst) {
                    refused.store(true, Ordering::SeqCst);
                    return StatusCode::SERVICE_UNAVAILABLE;
                }
                assert_signed(&headers, &body);
                heard
                    .lock()
                    .unwrap()
                    .push(serde_json::from_slice(&body).unwrap());
                StatusCode::NO_CONTENT
            }
        };
        let router = Router::new().route("/alerts", post(hear));
        TaskTracker::new().spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            heard,
            is_down,
            refused,
        }
    }

    pub(crate) fn be_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    pub(crate) fn has_refused(&self) -> bool {
        self.refused.load(Ordering::SeqCst)
    }

    pub(crate) fn heard(&self) -> Vec<Value> {
        self.heard.lock().unwrap().clone()
    }

    /// What was heard, as `event code`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |notice: &Value| {
            let event = notice["event"].as_str().unwrap();
            let code = notice["alert"]["code"].as_str().unwrap();
            format!("{event} {code}")
        };
        self.heard().iter().map(line).collect()
    }
}

/// Computed here from what the reference says, not with the product's own code.
fn assert_signed(headers: &HeaderMap, body: &[u8]) {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let given = headers["x-hookline-signature-256"].to_str().unwrap();
    let digest = hex::decode(given.strip_prefix("sha256=").unwrap()).unwrap();
    hmac::verify(&key, body, &digest).unwrap();
    assert_eq!(headers["content-type"], "application/json");
}

/// A mail server that takes everything.
pub(crate) struct MailServer {
    pub(crate) url: String,
    taken: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let taken: Arc<Mutex<Vec<String>>> = Arc::default();
        let into = Arc::clone(&taken);
        TaskTracker::new().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // One after the other is enough, and one that ends early is no trouble of ours.
                let _ = converse(stream, &into).await;
            }
        });
        Self { url, taken }
    }

    /// Envelope and content of every message.
    pub(crate) fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

async fn converse(stream: TcpStream, taken: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 here\r\n").await?;
    let (mut message, mut is_content) = (String::new(), false);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let word = line.trim_end().to_ascii_uppercase();
        if is_content {
            if line == ".\r\n" {
                taken.lock().unwrap().push(std::mem::take(&mut message));
                is_content = false;
                stream.write_all(b"250 taken\r\n").await?;
            } else {
                message.push_str(&line);
            }
        } else if word == "DATA" {
            is_content = true;
            stream.write_all(b"354 go on\r\n").await?;
        } else if word == "QUIT" {
            return stream.write_all(b"221 bye\r\n").await;
        } else {
            if word.starts_with("MAIL") || word.starts_with("RCPT") {
                message.push_str(&line);
            }
            stream.write_all(b"250 fine\r\n").await?;
        }
    }
}
