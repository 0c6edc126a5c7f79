//! Where words begin and end.

use unicode_segmentation::UnicodeSegmentation;

use super::normalize::{is_han_kana_thai_or_like, is_word_char};

const ZERO_WIDTH_JOINER: char = '\u{200D}';

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
    /// Two parts of one emoji.
    Joined,
}

impl WordBounds {
    pub(super) fn of(text: &str) -> Self {
        let mut places = vec![Place::Inside; text.len() + 1];
        let mut set = |at: usize, place: Place| {
            if let Some(entry) = places.get_mut(at) {
                *entry = place;
            }
        };
        for (at, _) in text.split_word_bound_indices() {
            set(at, Place::Bound);
        }
        let mut before = None;
        for (at, ch) in text.char_indices() {
            let is_bound = before.is_none_or(separates) || separates(ch);
            let is_joined = ch == ZERO_WIDTH_JOINER || before == Some(ZERO_WIDTH_JOINER);
            if is_joined {
                set(at, Place::Joined);
            } else if is_bound {
                set(at, Place::Bound);
            }
            before = Some(ch);
        }
        set(text.len(), Place::Bound);
        Self { places }
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
