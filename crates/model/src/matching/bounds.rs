//! Where words begin and end.

mod plain;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use unicode_segmentation::UnicodeSegmentation;

use super::normalize::{is_han_kana_thai_or_like, is_mark, is_word_char};

const ZERO_WIDTH_JOINER: char = '\u{200D}';

/// What French, Italian, Catalan and their neighbours leave of a word before a vowel, as in
/// `l'offre` and `dell'offerta`: what follows the apostrophe is a word of its own.
///
/// Unicode breaks no word at an apostrophe (`don't`) and leaves this case to its users
/// (UAX #29, section 4.1).
const ELIDED: &[&str] = &[
    "c", "d", "j", "l", "m", "n", "s", "t", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu", // fr
    "all", "agl", "coll", "dall", "dagl", "dell", "degl", "gl", "nell", "negl", "sull", "sugl",
    "quell", "quest", "un", "v", // it
];

/// The bounds of words of one text, looked for only where somebody asks.
///
/// Most texts are asked about in one place or in none. All bounds of a text are found once the
/// pieces that were looked at by themselves are together as long as it, so that no text costs much
/// more than going through it twice.
#[derive(Debug, Default)]
pub(super) struct WordBounds {
    all: OnceLock<Places>,
    /// Bytes of the pieces looked at by themselves.
    looked_at: AtomicUsize,
}

impl WordBounds {
    /// Whether what stands there is whole words: a side on which it ends in a letter, digit or
    /// mark needs a bound, a side on which it ends in a sign or emoji only must not cut one.
    ///
    /// `text` is the same at every call.
    pub(super) fn is_whole(&self, text: &str, start: usize, end: usize) -> bool {
        let Some(piece) = text.get(start..end) else {
            return false;
        };
        let holds = |place: Option<Place>, edge: Option<char>| match place {
            Some(Place::Bound) => true,
            Some(Place::Inside) => !edge.is_some_and(is_word_char),
            Some(Place::Joined) | None => false,
        };
        let (before, after) = self.places_at(text, start, end);
        holds(before, piece.chars().next()) && holds(after, piece.chars().next_back())
    }

    fn places_at(&self, text: &str, start: usize, end: usize) -> (Option<Place>, Option<Place>) {
        if let (Some(before), Some(after)) =
            (plain::place_at(text, start), plain::place_at(text, end))
        {
            return (Some(before), Some(after));
        }
        if let Some(all) = self.all.get() {
            return (all.at(start), all.at(end));
        }
        let (from, to) = plain::piece_around(text, start, end);
        let looked_at = self.looked_at.fetch_add(to - from, Ordering::Relaxed);
        if looked_at + (to - from) >= text.len() {
            let all = self.all.get_or_init(|| Places::of(text));
            return (all.at(start), all.at(end));
        }
        let piece = Places::of(text.get(from..to).unwrap_or_default());
        (piece.at(start - from), piece.at(end - from))
    }
}

/// All places of a text, or of a piece of one.
#[derive(Debug)]
struct Places {
    /// One entry for each byte, and one for the end.
    places: Vec<Place>,
}

/// What a place between two characters allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A word begins or ends here.
    Bound,
    /// Two characters of one word.
    Inside,
    /// Two parts of what people see as one sign: a letter and its mark, the people of an emoji.
    Joined,
}

impl Places {
    fn of(text: &str) -> Self {
        let places = vec![Place::Joined; text.len() + 1];
        let mut bounds = Self { places };
        for (at, _) in text.grapheme_indices(true) {
            bounds.set(at, Place::Inside);
        }
        for (at, _) in text.split_word_bound_indices() {
            bounds.bound(at);
        }
        bounds.tailor(text);
        bounds.set(text.len(), Place::Bound);
        bounds
    }

    fn at(&self, at: usize) -> Option<Place> {
        self.places.get(at).copied()
    }

    /// Adds what the bounds of Unicode leave to the language.
    fn tailor(&mut self, text: &str) {
        let mut word_start = 0;
        let mut before = None;
        for (at, ch) in text.char_indices() {
            let is_joined = is_mark(ch) || before == Some(ZERO_WIDTH_JOINER);
            let is_after_elided = || {
                let word = text
                    .get(word_start..at)
                    .and_then(|word| word.strip_suffix('\''));
                word.is_some_and(|word| ELIDED.contains(&word))
            };
            // Not every mark of Burmese is of one sign with its letter in the eyes of Unicode.
            if is_joined && before.is_some() {
                self.set(at, Place::Joined);
            } else if before.is_none_or(separates) || separates(ch) || is_after_elided() {
                self.bound(at);
            }
            if self.places.get(at) == Some(&Place::Bound) {
                word_start = at;
            }
            before = Some(ch);
        }
    }

    fn set(&mut self, at: usize, place: Place) {
        if let Some(entry) = self.places.get_mut(at) {
            *entry = place;
        }
    }

    /// Lets a word begin or end there, unless that would cut a sign.
    fn bound(&mut self, at: usize) {
        if self.places.get(at) == Some(&Place::Inside) {
            self.set(at, Place::Bound);
        }
    }
}

/// Whether both sides of the character are bounds, whatever stands beside it.
fn separates(ch: char) -> bool {
    ch == '_' || is_han_kana_thai_or_like(ch)
}
