//! A Graph API that answers at once: reads of a comment, and sends with the id of a message
//! (contract 5.1, 5.8, 6.1). It keeps when each send came, and whether any came twice.

mod running;

use std::collections::HashSet;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::epoch_ms;

pub use running::RunningGraph;

/// Connections served at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 4096;

/// Where the counts are read.
pub const COUNTS: &str = "/bench/counts";

/// What has arrived so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Comments read.
    pub reads: u64,
    /// Sends taken.
    pub sends: u64,
    /// Sends of a text that had been sent before.
    pub twice: u64,
    /// Sends that came before their text said.
    pub early: u64,
    /// When each hundredth send came, in milliseconds since 1970.
    pub every_hundredth_ms: Vec<i64>,
    /// How late each send came whose text says when it is due, in milliseconds.
    pub lateness_ms: Vec<i64>,
}

#[derive(Default)]
struct Seen {
    counts: Counts,
    texts: HashSet<Box<str>>,
}

/// Serves until the future is dropped.
pub async fn serve(listener: TcpListener) -> io::Result<Infallible> {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        while connections.try_join_next().is_some() {}
        lock(&seen).counts.connections += 1;
        let seen = Arc::clone(&seen);
        let service = service_fn(move |request| answer(Arc::clone(&seen), request));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // A connection that breaks is the other side's affair: it counts what it got.
        connections.spawn(async move { connection.await.is_ok() });
    }
}

async fn answer(
    seen: Arc<Mutex<Seen>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path();
    let body = match *request.method() {
        Method::GET if path == COUNTS => {
            serde_json::to_vec(&lock(&seen).counts).unwrap_or_default()
        }
        Method::GET => read(&seen, path),
        _ => match request.into_body().collect().await {
            Ok(body) => take(&seen, &body.to_bytes()),
            Err(_) => Vec::new(),
        },
    };
    let is_understood = !body.is_empty();
    let mut response = Response::new(Full::from(body));
    if !is_understood {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(seen: &Mutex<Seen>, path: &str) -> Vec<u8> {
    lock(seen).counts.reads += 1;
    let id = path.rsplit('/').next().unwrap_or_default();
    format!(
        concat!(
            r#"{{"id":"{}","text":"LINK please","timestamp":"{}","#,
            r#""from":{{"id":"6100000000000001","username":"guest"}},"username":"guest","#,
            r#""media":{{"id":"18000000000000021","media_product_type":"REELS"}}}}"#
        ),
        id,
        graph_time(epoch_ms()),
    )
    .into_bytes()
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    message: Text<'a>,
}

#[derive(Deserialize)]
struct Text<'a> {
    text: &'a str,
}

fn take(seen: &Mutex<Seen>, body: &[u8]) -> Vec<u8> {
    let Ok(wire) = serde_json::from_slice::<Wire<'_>>(body) else {
        return Vec::new();
    };
    let text = wire.message.text;
    let now = epoch_ms();
    let mut seen = lock(seen);
    let is_new = seen.texts.insert(text.into());
    let counts = &mut seen.counts;
    counts.sends += 1;
    counts.twice += u64::from(!is_new);
    if counts.sends.is_multiple_of(100) {
        counts.every_hundredth_ms.push(now);
    }
    if let Some((_, due)) = text.rsplit_once(" due ")
        && let Ok(due) = due.parse::<i64>()
    {
        counts.early += u64::from(now < due);
        counts.lateness_ms.push(now - due);
    }
    format!(
        r#"{{"recipient_id":"6100000000000001","message_id":"aWdfZAG1faXRlbTo{}"}}"#,
        counts.sends
    )
    .into_bytes()
}

/// A time as the Graph API prints it, such as `2017-05-19T23:27:28+0000`.
fn graph_time(at_ms: i64) -> String {
    let days = at_ms.div_euclid(86_400_000);
    let seconds = at_ms.rem_euclid(86_400_000) / 1000;
    // Days to a civil date by 400-year eras (a year of which begins in March).
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_as_the_graph_api_does() {
        assert_eq!(graph_time(1_495_236_448_000), "2017-05-19T23:27:28+0000");
        assert_eq!(graph_time(1_709_164_800_999), "2024-02-29T00:00:00+0000");
        assert_eq!(graph_time(0), "1970-01-01T00:00:00+0000");
    }

    #[test]
    fn what_comes_twice_or_early_is_counted() {
        let seen = Mutex::new(Seen::default());
        let send = |text: &str| {
            let body = format!(r#"{{"recipient":{{"id":"1"}},"message":{{"text":"{text}"}}}}"#);
            assert!(!take(&seen, body.as_bytes()).is_empty());
        };
        send("number 1 due 1000");
        send("number 1 due 1000");
        send("number 2 due 99999999999999");
        assert!(take(&seen, b"{}").is_empty());
        let counts = &lock(&seen).counts;
        assert_eq!((counts.sends, counts.twice, counts.early), (3, 1, 1));
        assert_eq!(counts.lateness_ms.len(), 3);
    }
}
