//! The condition of one automation, ready to be asked.

use aho_corasick::BuildError;
use regex::{Regex, RegexBuilder};

use super::condition::Condition;
use super::keywords::{Found, Keywords};
use super::normalize::{normalize, without_zero_width};
use super::text::NormalizedText;
use super::verdict::{MatchVerdict, piece_around, shortened};
use crate::automation::{
    Because, KEYWORD_CHARS_MAX, Match, MatchMode, PATTERN_BYTES_MAX, PATTERN_COMPILED_BYTES_MAX,
};

/// Why a keyword or pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeywordProblem {
    /// Nothing to look for.
    #[error("a keyword must not be empty")]
    Empty,
    /// It consists of characters that take up no room, which are left out of both sides.
    #[error("a keyword needs at least one visible character")]
    Invisible,
    /// It is longer than any comment it could be found in needs.
    #[error("a keyword has at most {KEYWORD_CHARS_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// A pattern is longer than its bound.
    #[error("a pattern has at most {PATTERN_BYTES_MAX} bytes, this one has {0}")]
    PatternTooLong(usize),
    /// A pattern would take too much memory.
    #[error(
        "this pattern is too large once compiled (over {} KiB): use smaller repetitions",
        PATTERN_COMPILED_BYTES_MAX / 1024
    )]
    PatternTooLarge,
    /// A pattern has a mistake.
    #[error("this is not a pattern: {0}")]
    PatternSyntax(String),
}

/// Why a condition cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum MatchProblem {
    /// One of its keywords or patterns cannot be used.
    #[error("{path} cannot be used")]
    Keyword {
        /// Where it stands, as in `match.any[0]`.
        path: String,
        /// What is wrong with it.
        #[source]
        cause: KeywordProblem,
    },
    /// All keywords together are too many to look for at once.
    #[error("the keywords cannot be looked for at once")]
    Keywords(#[from] BuildError),
}

/// The condition of one automation on the text of an event, compiled once.
#[derive(Debug)]
pub struct CompiledMatch {
    any: Finder,
    none: Keywords,
    fold_accents: bool,
}

#[derive(Debug)]
enum Finder {
    Anything,
    Keywords {
        mode: MatchMode,
        keywords: Keywords,
    },
    Patterns {
        as_written: Vec<String>,
        patterns: Vec<Regex>,
    },
}

impl CompiledMatch {
    /// Compiles a condition; one that came out of a document that was read always compiles.
    pub fn compile(matching: &Match) -> Result<Self, MatchProblem> {
        let fold_accents = matching.fold_accents;
        check_all("match.none", &matching.none, check_keyword)?;
        let any = match matching.mode {
            MatchMode::Any => Finder::Anything,
            MatchMode::Regex => {
                let patterns = check_all("match.any", &matching.any, compile_pattern)?;
                Finder::Patterns {
                    as_written: matching.any.clone(),
                    patterns,
                }
            }
            mode @ (MatchMode::Word
            | MatchMode::Contains
            | MatchMode::Exact
            | MatchMode::Prefix) => {
                check_all("match.any", &matching.any, check_keyword)?;
                Finder::Keywords {
                    mode,
                    keywords: Keywords::new(&matching.any, fold_accents)?,
                }
            }
        };
        Ok(Self {
            any,
            none: Keywords::new(&matching.none, fold_accents)?,
            fold_accents,
        })
    }

    /// What the condition says of a text, or of an event that has none.
    ///
    /// `match.none` decides before `match.any`. Without text only a condition that asks for no
    /// keyword holds. The work is bounded by [`super::TEXT_CHARS_MAX`] and the bounds of the
    /// document.
    pub fn evaluate(&self, text: Option<&NormalizedText<'_>>) -> MatchVerdict {
        let text = text.filter(|text| !text.form(self.fold_accents).as_str().is_empty());
        if let Some(text) = text
            && let Some(found) = self.none.find_word(text.form(self.fold_accents))
        {
            return self.forbidden(text, found);
        }
        match (&self.any, text) {
            (Finder::Anything, _) => MatchVerdict {
                matched: true,
                because: Condition::Anything.because(shortened(text.map(NormalizedText::source))),
                keyword: None,
            },
            (Finder::Keywords { mode, keywords }, Some(text)) => {
                self.by_keywords(*mode, keywords, text)
            }
            (
                Finder::Patterns {
                    as_written,
                    patterns,
                },
                Some(text),
            ) => by_patterns(as_written, patterns, text),
            (Finder::Keywords { mode, keywords }, None) => {
                not_found(Condition::OneOf(*mode, keywords.as_written()), None)
            }
            (Finder::Patterns { as_written, .. }, None) => {
                not_found(Condition::OneOf(MatchMode::Regex, as_written), None)
            }
        }
    }

    fn forbidden(&self, text: &NormalizedText<'_>, found: Found<'_>) -> MatchVerdict {
        let keyword = self
            .none
            .as_written()
            .get(found.index)
            .cloned()
            .unwrap_or_default();
        let actual = piece_around(text.source(), found.text, found.start, found.end);
        MatchVerdict {
            matched: false,
            because: Condition::NotThe(&keyword).because(actual),
            keyword: Some(keyword),
        }
    }

    fn by_keywords(
        &self,
        mode: MatchMode,
        keywords: &Keywords,
        text: &NormalizedText<'_>,
    ) -> MatchVerdict {
        let form = text.form(self.fold_accents);
        let found = match mode {
            MatchMode::Word => keywords.find_word(form),
            MatchMode::Contains => keywords.find_anywhere(form),
            MatchMode::Exact => keywords.find_exact(form),
            MatchMode::Prefix => keywords.find_prefix(form),
            MatchMode::Any | MatchMode::Regex => None,
        };
        let Some(found) = found else {
            return not_found(Condition::OneOf(mode, keywords.as_written()), Some(text));
        };
        let keyword = keywords
            .as_written()
            .get(found.index)
            .cloned()
            .unwrap_or_default();
        let actual = piece_around(text.source(), found.text, found.start, found.end);
        found_one(mode, keyword, actual)
    }
}

fn by_patterns(
    as_written: &[String],
    patterns: &[Regex],
    text: &NormalizedText<'_>,
) -> MatchVerdict {
    let plain = text.plain();
    let found = patterns
        .iter()
        .zip(as_written)
        .find_map(|(pattern, as_written)| {
            pattern
                .find(plain)
                .map(|found| (as_written, found.start(), found.end()))
        });
    match found {
        Some((pattern, start, end)) => {
            let actual = piece_around(text.source(), plain, start, end);
            found_one(MatchMode::Regex, pattern.clone(), actual)
        }
        None => not_found(Condition::OneOf(MatchMode::Regex, as_written), Some(text)),
    }
}

fn found_one(mode: MatchMode, keyword: String, actual: String) -> MatchVerdict {
    let because: Because = Condition::OneOf(mode, std::slice::from_ref(&keyword)).because(actual);
    MatchVerdict {
        matched: true,
        because,
        keyword: Some(keyword),
    }
}

fn not_found(condition: Condition<'_>, text: Option<&NormalizedText<'_>>) -> MatchVerdict {
    MatchVerdict {
        matched: false,
        because: condition.because(shortened(text.map(NormalizedText::source))),
        keyword: None,
    }
}

fn check_all<T>(
    list: &str,
    keywords: &[String],
    check: impl Fn(&str) -> Result<T, KeywordProblem>,
) -> Result<Vec<T>, MatchProblem> {
    let checked = |(index, keyword): (usize, &String)| {
        check(keyword).map_err(|cause| MatchProblem::Keyword {
            path: format!("{list}[{index}]"),
            cause,
        })
    };
    keywords.iter().enumerate().map(checked).collect()
}

/// Says whether a keyword can be looked for.
pub fn check_keyword(keyword: &str) -> Result<(), KeywordProblem> {
    if keyword.trim().is_empty() {
        return Err(KeywordProblem::Empty);
    }
    let length = keyword.chars().count();
    if length > KEYWORD_CHARS_MAX {
        return Err(KeywordProblem::TooLong(length));
    }
    if normalize(keyword, true).is_empty() || normalize(keyword, false).is_empty() {
        return Err(KeywordProblem::Invisible);
    }
    Ok(())
}

/// Says whether a pattern can be looked for.
pub fn check_pattern(pattern: &str) -> Result<(), KeywordProblem> {
    compile_pattern(pattern).map(drop)
}

fn compile_pattern(pattern: &str) -> Result<Regex, KeywordProblem> {
    if pattern.is_empty() {
        return Err(KeywordProblem::Empty);
    }
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(KeywordProblem::PatternTooLong(pattern.len()));
    }
    // Typed on a telephone, a pattern has unseen characters of its own, as in ❤️; the text it
    // looks at has none.
    let visible = without_zero_width(pattern);
    if visible.is_empty() {
        return Err(KeywordProblem::Invisible);
    }
    RegexBuilder::new(&visible)
        .case_insensitive(true)
        .size_limit(PATTERN_COMPILED_BYTES_MAX)
        .dfa_size_limit(PATTERN_COMPILED_BYTES_MAX)
        .build()
        .map_err(|error| {
            if matches!(error, regex::Error::CompiledTooBig(_)) {
                KeywordProblem::PatternTooLarge
            } else {
                KeywordProblem::PatternSyntax(last_line(&error.to_string()))
            }
        })
}

/// The `regex` crate draws the place with carets over several lines; the last one says what is
/// wrong.
fn last_line(message: &str) -> String {
    let line = message
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    line.trim().trim_start_matches("error: ").to_owned()
}
