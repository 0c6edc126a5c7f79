//! A condition in words.

use crate::automation::{Because, MatchMode};

/// How many keywords are named one by one.
const NAMED_MAX: usize = 5;

/// A condition of the document, as far as a verdict names it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Condition<'k> {
    /// No keyword is asked for.
    Anything,
    /// One of the keywords of `match.any`.
    OneOf(MatchMode, &'k [String]),
    /// Not this keyword of `match.none`.
    NotThe(&'k str),
}

impl Condition<'_> {
    pub(super) fn because(self, actual: String) -> Because {
        let (condition, expected) = match self {
            Self::Anything => ("match.mode", "any text, or none".to_owned()),
            Self::OneOf(mode, keywords) => ("match.any", one_of(mode, keywords)),
            Self::NotThe(keyword) => ("match.none", format!("not the word \"{keyword}\"")),
        };
        Because {
            condition: condition.to_owned(),
            expected,
            actual,
        }
    }
}

fn one_of(mode: MatchMode, keywords: &[String]) -> String {
    let list = listed(keywords);
    match mode {
        MatchMode::Any => "any text, or none".to_owned(),
        MatchMode::Word => format!("the word {list}"),
        MatchMode::Contains => format!("a text that contains {list}"),
        MatchMode::Exact => format!("exactly {list}"),
        MatchMode::Prefix => format!("a text that begins with {list}"),
        MatchMode::Regex => format!("a text with the pattern {list}"),
    }
}

/// The keywords as people list them: `"a"`, `"a" or "b"`, `"a", "b" or one of 3 more`.
fn listed(keywords: &[String]) -> String {
    let mut names: Vec<String> = keywords
        .iter()
        .take(NAMED_MAX)
        .map(|keyword| format!("\"{keyword}\""))
        .collect();
    let last = match keywords.len().saturating_sub(NAMED_MAX) {
        0 => names.pop().unwrap_or_default(),
        1 => "one more".to_owned(),
        more => format!("one of {more} more"),
    };
    if names.is_empty() {
        last
    } else {
        format!("{} or {last}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_listed_as_people_do() {
        for (count, list) in [
            (1, "\"1\""),
            (2, "\"1\" or \"2\""),
            (3, "\"1\", \"2\" or \"3\""),
            (6, "\"1\", \"2\", \"3\", \"4\", \"5\" or one more"),
            (500, "\"1\", \"2\", \"3\", \"4\", \"5\" or one of 495 more"),
        ] {
            let keywords: Vec<String> = (1..=count).map(|n: i32| n.to_string()).collect();
            assert_eq!(listed(&keywords), list);
        }
    }
}
