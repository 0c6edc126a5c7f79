//! Where words begin and end.

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

/// The places of one text at which a whole word may begin or end.
#[derive(Debug)]
pub(super) struct WordBounds {
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

impl WordBounds {
    pub(super) fn of(text: &str) -> Self {
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

    /// Whether what stands there is whole words: a side on which it ends in a letter, digit or
    /// mark needs a bound, a side on which it ends in a sign or emoji only must not cut one.
    pub(super) fn is_whole(&self, text: &str, start: usize, end: usize) -> bool {
        let Some(piece) = text.get(start..end) else {
            return false;
        };
        let holds = |at: usize, edge: Option<char>| match self.places.get(at) {
            Some(Place::Bound) => true,
            Some(Place::Inside) => !edge.is_some_and(is_word_char),
            Some(Place::Joined) | None => false,
        };
        holds(start, piece.chars().next()) && holds(end, piece.chars().next_back())
    }
}

/// Whether both sides of the character are bounds, whatever stands beside it.
fn separates(ch: char) -> bool {
    ch == '_' || is_han_kana_thai_or_like(ch)
}
