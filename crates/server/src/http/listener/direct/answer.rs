//! Answers as bytes.

use std::time::{Duration, UNIX_EPOCH};

use hookline_model::clock::Timestamp;
use hyper::header::{CONNECTION, HeaderValue};

use crate::http::webhook::{self, Answer};

/// Writes answers one after the other, each with its date (RFC 9110, 6.6.1).
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The second the answer below was written in.
    second: Option<i64>,
    /// The answer nearly every delivery gets.
    received: Vec<u8>,
}

impl Answers {
    /// The answer to a delivery that is durable.
    pub(super) fn received(&mut self, now: Timestamp) -> &[u8] {
        let second = now.as_millis().div_euclid(1000);
        if self.second != Some(second) {
            self.second = Some(second);
            self.received = write(&webhook::received(), now);
        }
        &self.received
    }
}

/// The same, told that it is the last on its connection.
pub(super) fn closing(mut answer: Answer) -> Answer {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(CONNECTION, close);
    answer
}

/// An answer as it goes over the wire.
pub(super) fn write(answer: &Answer, now: Timestamp) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    let status = answer.status();
    let reason = status.canonical_reason().unwrap_or_default();
    bytes.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).as_bytes());
    for (name, value) in answer.headers() {
        field(&mut bytes, name.as_str(), value.as_bytes());
    }
    let length = answer.body().len().to_string();
    field(&mut bytes, "content-length", length.as_bytes());
    field(&mut bytes, "date", date(now).as_bytes());
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(answer.body());
    bytes
}

fn field(bytes: &mut Vec<u8>, name: &str, value: &[u8]) {
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b": ");
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(b"\r\n");
}

fn date(now: Timestamp) -> String {
    let since = Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(0));
    httpdate::fmt_http_date(UNIX_EPOCH + since)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn an_answer_is_dated_anew_with_each_second() {
        let mut answers = Answers::default();
        let first = answers.received(at(784_111_777_000)).to_vec();
        assert_eq!(
            String::from_utf8(first.clone()).unwrap(),
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 14\r\n\
             date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nEVENT_RECEIVED"
        );
        assert_eq!(answers.received(at(784_111_777_999)), first);
        assert_ne!(answers.received(at(784_111_778_000)), first);
    }

    #[test]
    fn the_last_answer_says_so() {
        let answer = write(&closing(webhook::received()), at(0));
        let text = String::from_utf8(answer).unwrap();
        assert!(text.contains("\r\nconnection: close\r\n"), "{text}");
    }
}
