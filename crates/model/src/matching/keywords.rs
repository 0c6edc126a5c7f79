//! Many keywords, looked for at once.

use aho_corasick::{AhoCorasick, BuildError, MatchKind};

use super::normalize::normalize;
use super::text::{Form, without_outer_punctuation};

/// The keywords of one list, in the form in which they are compared.
#[derive(Debug)]
pub(super) struct Keywords {
    as_written: Vec<String>,
    normalized: Vec<String>,
    finder: AhoCorasick,
}

/// A keyword that was found, and where in the normalised text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) index: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Keywords {
    pub(super) fn new(keywords: &[String], fold_accents: bool) -> Result<Self, BuildError> {
        let normalized: Vec<String> = keywords
            .iter()
            .map(|keyword| normalize(keyword, fold_accents))
            .collect();
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(&normalized)?;
        Ok(Self {
            as_written: keywords.to_vec(),
            normalized,
            finder,
        })
    }

    pub(super) fn as_written(&self) -> &[String] {
        &self.as_written
    }

    /// The first keyword of the list that stands in the text as whole words.
    pub(super) fn find_word(&self, form: &Form) -> Option<Found> {
        self.find(form, |found| {
            form.bounds()
                .is_whole(form.as_str(), found.start, found.end)
        })
    }

    /// The first keyword of the list that stands anywhere in the text.
    pub(super) fn find_anywhere(&self, form: &Form) -> Option<Found> {
        self.find(form, |_| true)
    }

    /// The first keyword of the list with which the text begins, punctuation before it aside, as
    /// whole words.
    pub(super) fn find_prefix(&self, form: &Form) -> Option<Found> {
        let inner = form.inner_start();
        self.find(form, |found| {
            (found.start == 0 || found.start == inner)
                && form
                    .bounds()
                    .is_whole(form.as_str(), found.start, found.end)
        })
    }

    /// The first keyword of the list that is the whole text, punctuation around both aside.
    pub(super) fn find_exact(&self, form: &Form) -> Option<Found> {
        let text = form.as_str();
        let inner = without_outer_punctuation(text);
        let is_whole_text = |keyword: &String| {
            keyword == text || (!inner.is_empty() && without_outer_punctuation(keyword) == inner)
        };
        let index = self.normalized.iter().position(is_whole_text)?;
        Some(Found {
            index,
            start: 0,
            end: text.len(),
        })
    }

    fn find(&self, form: &Form, holds: impl Fn(&Found) -> bool) -> Option<Found> {
        let mut first: Option<Found> = None;
        for hit in self.finder.find_overlapping_iter(form.as_str()) {
            let found = Found {
                index: hit.pattern().as_usize(),
                start: hit.start(),
                end: hit.end(),
            };
            if first.is_none_or(|first| found.index < first.index) && holds(&found) {
                if found.index == 0 {
                    return Some(found);
                }
                first = Some(found);
            }
        }
        first
    }
}
