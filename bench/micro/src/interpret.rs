//! Interpret: taking the events out of a body.

use std::fmt::Write as _;
use std::hint::black_box;

use anyhow::ensure;
use hookline_meta::webhook::interpret;

use crate::Take;

/// A comment as Meta escapes it (contract 2.3); it is filled up to the size that is wanted.
const COMMENT: &str = r"LINK please \ud83d\ude4f I tried this at home and it was l\u00f6vely";

/// What fills it up.
const FILLER: &str = ", could you send me the recipe";

/// The body of one comment.
pub fn one_event() -> anyhow::Result<Take> {
    Ok(take(body(1, 700), 1))
}

/// The body of a hundred comments.
pub fn batch() -> anyhow::Result<Take> {
    Ok(take(body(100, 600), 100))
}

fn take(body: String, events: usize) -> Take {
    Box::new(move || {
        let found = interpret(black_box(body.as_bytes()))?;
        ensure!(found.len() == events, "the body holds {}", found.len());
        Ok(())
    })
}

/// A delivery of so many comments, of about so many bytes each, envelope and all; no two are alike.
pub(crate) fn body(comments: u64, bytes_each: usize) -> String {
    let mut body =
        String::from(r#"{"entry":[{"id":"17841400000000001","time":1790000000,"changes":["#);
    let tail = r#"]}],"object":"instagram"}"#;
    for number in 0..comments {
        if number > 0 {
            body.push(',');
        }
        // Writing to a string cannot fail.
        let _ = write!(
            body,
            concat!(
                r#"{{"value":{{"from":{{"id":"{}","username":"guest.{}"}},"#,
                r#""media":{{"id":"18000000000000021","media_product_type":"REELS"}},"#,
                r#""id":"{}","text":"{}"#,
            ),
            6_100_000_000_000_000 + number,
            number,
            17_900_000_000_000_000 + number,
            COMMENT,
        );
        let end = r#""},"field":"comments"}"#;
        let wanted = bytes_each.saturating_mul(usize::try_from(number + 1).unwrap_or(usize::MAX));
        let missing = wanted.saturating_sub(body.len() + end.len() + tail.len());
        body.extend(FILLER.chars().cycle().take(missing));
        body.push_str(end);
    }
    body.push_str(tail);
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_the_size_they_should() {
        assert_eq!(body(1, 700).len(), 700);
        assert_eq!(body(100, 600).len(), 60_000);
    }
}
