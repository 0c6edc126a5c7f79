//! Answers as far as a webhook's go: a status line, headers, and as many bytes as they say.

use std::str;

/// What the bytes read so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// One whole answer with this status, and nothing behind it.
    Whole(u16),
    /// The beginning of one.
    Partial,
}

/// What the bytes are; an error if no whole answer can begin so, or the connection would not stay.
pub(super) fn read(bytes: &[u8]) -> Result<Answer, &'static str> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(Answer::Partial);
    };
    let (head, rest) = bytes.split_at(end);
    let body = rest.len() - 4;
    let head = str::from_utf8(head).map_err(|_| "its head is not text")?;
    let mut lines = head.split("\r\n");
    let status = status(lines.next().unwrap_or_default())?;
    let mut length = None;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or("a header has no colon")?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            let given: usize = value.parse().map_err(|_| "its length is no number")?;
            if length.replace(given).is_some() {
                return Err("it has two lengths");
            }
        } else if name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close") {
            return Err("it ends the connection");
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err("it comes in chunks");
        }
    }
    let length = length.ok_or("it does not say its length")?;
    if body > length {
        return Err("there is more than was asked for");
    }
    Ok(if body == length {
        Answer::Whole(status)
    } else {
        Answer::Partial
    })
}

/// The status in a line like `HTTP/1.1 200 OK`.
fn status(line: &str) -> Result<u16, &'static str> {
    const PROBLEM: &str = "it does not begin with HTTP/1.1 and a status";
    let rest = line.strip_prefix("HTTP/1.1 ").ok_or(PROBLEM)?;
    let (digits, reason) = rest.split_at_checked(3).ok_or(PROBLEM)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || !(reason.is_empty() || reason.starts_with(' ')) {
        return Err(PROBLEM);
    }
    digits.parse().map_err(|_| PROBLEM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_answer_is_seen_when_its_last_byte_is_there() {
        let answer = b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 2\r\n\r\nok";
        for end in 0..answer.len() {
            assert_eq!(read(&answer[..end]), Ok(Answer::Partial), "{end} bytes");
        }
        assert_eq!(read(answer), Ok(Answer::Whole(200)));
    }

    #[test]
    fn other_statuses_are_answers_too() {
        for (answer, status) in [
            ("HTTP/1.1 503 Unavailable\r\ncontent-length:0\r\n\r\n", 503),
            ("HTTP/1.1 401\r\ncontent-length: 0\r\n\r\n", 401),
        ] {
            assert_eq!(read(answer.as_bytes()), Ok(Answer::Whole(status)));
        }
    }

    #[test]
    fn what_is_not_one_answer_on_a_connection_that_stays_is_refused() {
        for answer in [
            "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 2000\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 +20 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "nonsense\r\n\r\n",
        ] {
            assert!(read(answer.as_bytes()).is_err(), "{answer}");
        }
    }
}
