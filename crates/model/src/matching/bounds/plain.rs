//! Bounds among plain characters: the printable ones of ASCII, and the space.

use super::Place;

/// What a plain character is to the rules of UAX #29 for words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    Digit,
    /// Between two letters part of a word: `:`.
    MidLetter,
    /// Between two digits part of a number: `,` and `;`.
    MidDigit,
    /// Between two of either: `.` and `'`.
    MidBoth,
    Space,
    /// A word of its own.
    Other,
}

impl Kind {
    /// The kind of a plain character; none of any other byte.
    const fn of(byte: u8) -> Option<Self> {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => Some(Self::Letter),
            b'0'..=b'9' => Some(Self::Digit),
            b':' => Some(Self::MidLetter),
            b',' | b';' => Some(Self::MidDigit),
            b'.' | b'\'' => Some(Self::MidBoth),
            b' ' => Some(Self::Space),
            0x21..=0x7E => Some(Self::Other),
            _ => None,
        }
    }

    fn is_word(self) -> bool {
        matches!(self, Self::Letter | Self::Digit)
    }

    /// Whether the three are one word because of what stands on both sides of the one between.
    fn joins(self, left: Option<Self>, right: Option<Self>) -> bool {
        let is_between = |kind| left == Some(kind) && right == Some(kind);
        match self {
            Self::MidLetter => is_between(Self::Letter),
            Self::MidDigit => is_between(Self::Digit),
            Self::MidBoth => is_between(Self::Letter) || is_between(Self::Digit),
            Self::Letter | Self::Digit | Self::Space | Self::Other => false,
        }
    }
}

/// What the place allows, if the two characters on either side of it are plain and settle it.
pub(super) fn place_at(text: &str, at: usize) -> Option<Place> {
    let bytes = text.as_bytes();
    if at == 0 || at == bytes.len() {
        return Some(Place::Bound);
    }
    let kind_at = |at: Option<usize>| match at.and_then(|at| bytes.get(at)) {
        Some(byte) => Kind::of(*byte).map(Some),
        None => Some(None),
    };
    let left_of_left = kind_at(at.checked_sub(2))?;
    let left = kind_at(at.checked_sub(1))??;
    let right = kind_at(Some(at))??;
    let right_of_right = kind_at(at.checked_add(1))?;
    if left.is_word() && right.is_word() || (left, right) == (Kind::Space, Kind::Space) {
        return Some(Place::Inside);
    }
    if left.joins(left_of_left, Some(right)) {
        // Behind an apostrophe it depends on which word was elided.
        let is_elision_possible = bytes.get(at - 1) == Some(&b'\'');
        return (!is_elision_possible).then_some(Place::Inside);
    }
    Some(if right.joins(Some(left), right_of_right) {
        Place::Inside
    } else {
        Place::Bound
    })
}

/// The piece from `start` to `end` with what stands around it, so far that nothing outside has to
/// do with the bounds inside: no rule looks across a place where a space and another plain
/// character meet.
pub(super) fn piece_around(text: &str, start: usize, end: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    let is_cut = |pair: &[u8]| match pair {
        [left, right] => matches!(
            (Kind::of(*left), Kind::of(*right)),
            (Some(left), Some(right)) if (left == Kind::Space) != (right == Kind::Space)
        ),
        _ => false,
    };
    let before = bytes.get(..bytes.len().min(start + 1)).unwrap_or_default();
    let from = before
        .windows(2)
        .rposition(is_cut)
        .map_or(0, |left| left + 1);
    let first = end.saturating_sub(1);
    let behind = bytes.get(first..).unwrap_or_default();
    let to = behind
        .windows(2)
        .position(is_cut)
        .map_or(bytes.len(), |left| first + left + 1);
    (from, to)
}
