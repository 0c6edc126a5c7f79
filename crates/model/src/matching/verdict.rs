//! What a condition says, and why.

use crate::automation::Because;

/// Longest text a verdict quotes, in characters.
const QUOTED_CHARS_MAX: usize = 80;

/// Characters shown on either side of what was found in a longer text.
const AROUND_CHARS: usize = 20;

/// What a condition says of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchVerdict {
    /// Whether the condition holds.
    pub matched: bool,
    /// The condition that decided.
    pub because: Because,
    /// The keyword or pattern that was found, as its owner wrote it: one of `match.any` when it
    /// matched, one of `match.none` when that is why it did not.
    pub keyword: Option<String>,
}

/// The text as a verdict quotes it: shortened, and in words when there is none.
pub(super) fn shortened(text: Option<&str>) -> String {
    let Some(text) = text.map(str::trim) else {
        return "no text".to_owned();
    };
    if text.is_empty() {
        return "no text".to_owned();
    }
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text).trim_end()),
        None => text.to_owned(),
    }
}

/// The text, or of a long one the piece of its compared form that was found, with what stands
/// around it.
pub(super) fn piece_around(source: &str, form: &str, start: usize, end: usize) -> String {
    if source.trim().chars().nth(QUOTED_CHARS_MAX).is_none() {
        return source.trim().to_owned();
    }
    let before = form.get(..start).unwrap_or_default();
    let from = before
        .char_indices()
        .rev()
        .nth(AROUND_CHARS - 1)
        .map_or(0, |(at, _)| at);
    let lead = if from == 0 { "" } else { "…" };
    let found = shortened(form.get(start..end));
    let after = form.get(end..).unwrap_or_default();
    let to = after
        .char_indices()
        .nth(AROUND_CHARS)
        .map_or(after.len(), |(at, _)| at);
    let trail = if to == after.len() { "" } else { "…" };
    let before = before.get(from..).unwrap_or_default();
    let after = after.get(..to).unwrap_or_default();
    format!("{lead}{before}{found}{after}{trail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_quoted_whole() {
        assert_eq!(piece_around(" Send LINK ", "send link", 5, 9), "Send LINK");
        assert_eq!(shortened(Some("  ")), "no text");
        assert_eq!(shortened(None), "no text");
    }

    #[test]
    fn a_long_text_is_quoted_around_what_was_found() {
        let form = format!("{} link {}", "a".repeat(100), "b".repeat(100));
        let quoted = piece_around(&form, &form, 101, 105);
        assert_eq!(
            quoted,
            format!("…{} link {}…", "a".repeat(19), "b".repeat(19))
        );
    }
}
