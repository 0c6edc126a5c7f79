//! Many keywords, looked for at once.

use aho_corasick::{AhoCorasick, BuildError, MatchKind};

use super::normalize::normalize;
use super::text::{Form, without_outer_punctuation};

/// The keywords of one list, in the form in which they are compared.
#[derive(Debug)]
pub(super) struct Keywords {
    as_written: Vec<String>,
    normalized: Vec<String>,
    /// None without keywords: it would go through every text to find nothing.
    finder: Option<AhoCorasick>,
}

/// A keyword that was found, and where in which reading of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found<'f> {
    pub(super) index: usize,
    pub(super) text: &'f str,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Keywords {
    pub(super) fn new(keywords: &[String], fold_accents: bool) -> Result<Self, BuildError> {
        let normalized: Vec<String> = keywords
            .iter()
            .map(|keyword| normalize(keyword, fold_accents))
            .collect();
        let finder = (!normalized.is_empty()).then(|| {
            AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .build(&normalized)
        });
        let finder = finder.transpose()?;
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
    pub(super) fn find_word<'f>(&self, form: &'f Form) -> Option<Found<'f>> {
        self.find(form, is_whole)
    }

    /// The first keyword of the list that stands anywhere in the text.
    pub(super) fn find_anywhere<'f>(&self, form: &'f Form) -> Option<Found<'f>> {
        self.find(form, |_, _| true)
    }

    /// The first keyword of the list with which the text begins, punctuation before it aside, as
    /// whole words.
    pub(super) fn find_prefix<'f>(&self, form: &'f Form) -> Option<Found<'f>> {
        self.find(form, |reading, found| {
            (found.start == 0 || found.start == reading.inner_start()) && is_whole(reading, found)
        })
    }

    /// The first keyword of the list that is the whole text, punctuation around both aside.
    pub(super) fn find_exact<'f>(&self, form: &'f Form) -> Option<Found<'f>> {
        first(form.readings().filter_map(|reading| {
            let text = reading.as_str();
            let inner = without_outer_punctuation(text);
            let is_whole_text = |keyword: &String| {
                keyword == text
                    || (!inner.is_empty() && without_outer_punctuation(keyword) == inner)
            };
            let index = self.normalized.iter().position(is_whole_text)?;
            Some(Found {
                index,
                text,
                start: 0,
                end: text.len(),
            })
        }))
    }

    fn find<'f>(
        &self,
        form: &'f Form,
        holds: impl Fn(&Form, &Found<'_>) -> bool,
    ) -> Option<Found<'f>> {
        let in_reading = |reading| self.find_in(reading, |found| holds(reading, found));
        first(form.readings().filter_map(in_reading))
    }

    fn find_in<'f>(
        &self,
        reading: &'f Form,
        holds: impl Fn(&Found<'_>) -> bool,
    ) -> Option<Found<'f>> {
        let mut first: Option<Found<'_>> = None;
        let finder = self.finder.as_ref()?;
        for hit in finder.find_overlapping_iter(reading.as_str()) {
            let found = Found {
                index: hit.pattern().as_usize(),
                text: reading.as_str(),
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

fn is_whole(reading: &Form, found: &Found<'_>) -> bool {
    reading.is_whole(found.start, found.end)
}

/// The one whose keyword stands first in the list.
fn first<'f>(found: impl Iterator<Item = Found<'f>>) -> Option<Found<'f>> {
    found.min_by_key(|found| found.index)
}
