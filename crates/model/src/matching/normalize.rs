//! The form in which texts and keywords are compared.

mod accents;
mod alike;
mod chars;

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use unicode_normalization::UnicodeNormalization;

pub(super) use chars::{
    is_emoji, is_han_kana_thai_or_like, is_mark, is_punctuation, is_skin_tone, is_word_char,
};

const ZERO_WIDTH_JOINER: char = '\u{200D}';

/// Rounds after which the form is taken as it is. Two are enough for every text met so far: the
/// second only finds what the first one's composition made foldable.
const ROUNDS_MAX: usize = 4;

/// The text as it is compared: NFKC, case folded, zero-width and format characters removed (but a
/// joiner inside an emoji), typographic quotes and hyphens plain, digits of any script as ASCII
/// writes them, what looks the same in one form, white space collapsed and trimmed.
///
/// With `fold_accents` accents, points, the dot of an i and letters that keyboards take for one
/// another make no difference either. Normalising a normalised text changes nothing.
pub fn normalize(text: &str, fold_accents: bool) -> String {
    let mut form = Collapsed::with_capacity(text.len());
    if plain_start(text) == text.len() {
        form.push_plain(text);
        return form.text;
    }
    if text.is_ascii() {
        form.extend(text.chars().map(plain_lower));
        return form.text;
    }
    let mut rest = text;
    while !rest.is_empty() {
        let (plain, others) = rest.split_at(plain_start(rest));
        form.push_plain(plain);
        let (cluster, after) = others.split_at(cluster_end(others));
        if cluster.chars().all(is_as_it_is) {
            form.extend(cluster.chars().map(plain_lower));
        } else {
            form.extend(fold_cluster(cluster, fold_accents).chars());
        }
        rest = after;
    }
    form.text
}

fn plain_lower(ch: char) -> char {
    plain_sign(ch).to_ascii_lowercase()
}

/// Whether the character is folded by itself, whatever stands beside it, and into no more than its
/// lower case: a plain one, or one of the emoji that have no other form.
fn is_as_it_is(ch: char) -> bool {
    matches!(ch, ' '..='~' | '\u{1F1E6}'..='\u{1F1FF}' | '\u{1F300}'..='\u{1FAFF}')
}

/// Most text is plain ASCII, for which folding is easy. It may be cut between any two such
/// characters: nothing that is done to one of them looks across to the other.
fn is_plain(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_graphic()
}

/// So many bytes are looked at without a branch for each.
const CHUNK: usize = 32;

/// How much of the text is plain: all up to the character that what is not plain may belong to.
fn plain_start(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (chunks, _) = bytes.as_chunks::<CHUNK>();
    let is_all_plain =
        |chunk: &[u8; CHUNK]| chunk.iter().fold(true, |all, byte| all & is_plain(*byte));
    let begun = CHUNK
        * chunks
            .iter()
            .take_while(|chunk| is_all_plain(chunk))
            .count();
    let rest = bytes.get(begun..).unwrap_or_default();
    match rest.iter().position(|byte| !is_plain(*byte)) {
        Some(at) => (begun + at).saturating_sub(1),
        None => text.len(),
    }
}

/// How far what is not plain goes, with the character after it.
fn cluster_end(text: &str) -> usize {
    text.as_bytes()
        .windows(2)
        .skip(1)
        .position(|pair| pair.iter().copied().all(is_plain))
        .map_or(text.len(), |at| at + 2)
}

/// What is not plain, folded until folding changes nothing.
fn fold_cluster(cluster: &str, fold_accents: bool) -> String {
    let is_settled = |ch| is_as_it_is(ch) && plain_lower(ch) == ch;
    let mut form = fold_once(cluster, fold_accents);
    for _ in 1..ROUNDS_MAX {
        if form.chars().all(is_settled) {
            break;
        }
        let next = fold_once(&form, fold_accents);
        if next == form {
            break;
        }
        form = next;
    }
    form
}

/// The text without its zero-width and format characters (but a joiner inside an emoji).
pub(super) fn without_zero_width(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(visible(text).collect())
}

fn fold_once(text: &str, fold_accents: bool) -> String {
    let compatible: String = visible(text).map(plain_sign).nfkc().collect();
    let alike = alike::fold(&compatible);
    let folded = CaseMapper::new().fold_string(&alike);
    let bare = if fold_accents {
        accents::fold(&folded)
    } else {
        folded.into_owned()
    };
    let composed: String = bare.nfkc().map(plain_sign).collect();
    visible(&composed)
        .filter(|ch| ch.is_whitespace() || !ch.is_control())
        .collect()
}

/// A text with every run of white space as one space, none at the ends, and without control
/// characters.
struct Collapsed {
    text: String,
    is_space_owed: bool,
}

impl Collapsed {
    fn with_capacity(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            is_space_owed: false,
        }
    }

    fn extend(&mut self, chars: impl Iterator<Item = char>) {
        for ch in chars {
            if ch.is_whitespace() {
                self.owe_space();
            } else if !ch.is_control() {
                self.pay_space();
                self.text.push(ch);
            }
        }
    }

    /// The same for plain characters, all at once.
    fn push_plain(&mut self, plain: &str) {
        if plain.contains('`') {
            self.extend(plain.chars().map(plain_lower));
            return;
        }
        if plain.starts_with(' ') {
            self.owe_space();
        }
        let words = plain.trim_matches(' ');
        if words.is_empty() {
            return;
        }
        self.pay_space();
        let start = self.text.len();
        let mut pieces = words.split("  ");
        self.text.push_str(pieces.next().unwrap_or_default());
        // Behind two spaces; more of them stand at the beginning of a piece, or make it empty.
        for piece in pieces {
            let piece = piece.trim_start_matches(' ');
            if !piece.is_empty() {
                self.text.push(' ');
                self.text.push_str(piece);
            }
        }
        if let Some(words) = self.text.get_mut(start..) {
            words.make_ascii_lowercase();
        }
        if plain.ends_with(' ') {
            self.owe_space();
        }
    }

    fn owe_space(&mut self) {
        self.is_space_owed = !self.text.is_empty();
    }

    fn pay_space(&mut self) {
        if self.is_space_owed {
            self.text.push(' ');
            self.is_space_owed = false;
        }
    }
}

/// The characters that take up room, and the joiners and tags that make one emoji of several
/// characters.
fn visible(text: &str) -> impl Iterator<Item = char> + '_ {
    let mut rest = text.chars();
    let mut before = '\0';
    std::iter::from_fn(move || {
        loop {
            let ch = rest.next()?;
            if !chars::is_default_ignorable(ch) {
                before = ch;
                return Some(ch);
            }
            let joins_emoji = ch == ZERO_WIDTH_JOINER
                && is_emoji(before)
                && rest
                    .clone()
                    .find(|next| !chars::is_variation_selector(*next))
                    .is_some_and(is_emoji);
            // The flags of England, Scotland and Wales differ only in such tags.
            let tags_flag = chars::is_tag(ch) && (before == '\u{1F3F4}' || chars::is_tag(before));
            if joins_emoji || tags_flag {
                before = ch;
                return Some(ch);
            }
        }
    })
}

/// Typographic quotes and hyphens as keyboards have them. In Hebrew they are part of words.
const fn plain_sign(ch: char) -> char {
    match ch {
        '\u{2018}' | '\u{2019}' | '\u{201A}' | '\u{201B}' | '\u{2032}' | '\u{2039}'
        | '\u{203A}' | '\u{02BB}' | '\u{02BC}' | '\u{00B4}' | '\u{0060}' | '\u{05F3}' => '\'',
        '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{201F}' | '\u{2033}' | '\u{00AB}'
        | '\u{00BB}' | '\u{301D}' | '\u{301E}' | '\u{301F}' | '\u{05F4}' => '"',
        '\u{2010}' | '\u{2011}' => '-',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_sides_meet_in_one_form() {
        for (text, form) in [
            ("  LINK \t please ", "link please"),
            ("ＬＩＮＫ", "link"),
            ("l\u{200B}i\u{00AD}n\u{2060}k", "link"),
            ("Straße", "strasse"),
            ("STRASSE", "strasse"),
            ("ΟΔΟΣ", "οδοσ"),
            ("οδός", "οδοσ"),
            ("Café", "cafe"),
            ("Cafe\u{301}", "cafe"),
            ("İSTANBUL", "istanbul"),
            ("ISPARTA", "isparta"),
            ("ısparta", "isparta"),
            ("Ёлка", "елка"),
            ("мой", "мой"),
            ("Łódź", "lodz"),
            ("Ørsted", "orsted"),
            ("“don’t”", "\"don't\""),
            ("don`t", "don't"),
            ("❤\u{FE0F}", "❤"),
            ("👩\u{200D}💻", "👩\u{200D}💻"),
            ("❤\u{FE0F}\u{200D}🔥", "❤\u{200D}🔥"),
            ("a\u{200D}b", "ab"),
            ("رِسَالَة", "رساله"),
            ("שָׁלוֹם", "שלום"),
            ("が", "が"),
            ("ｶﾞ", "ガ"),
            ("한국", "한국"),
            ("क्षि", "क्षि"),
            ("ทีนี่", "ทีนี่"),
            ("\u{200B}\u{2060}", ""),
        ] {
            assert_eq!(normalize(text, true), form, "{text}");
        }
    }

    /// The whole text folded at once, which is what cutting it must lead to as well.
    fn whole(text: &str, fold_accents: bool) -> String {
        let mut form = Collapsed::with_capacity(text.len());
        form.extend(fold_cluster(text, fold_accents).chars());
        form.text
    }

    fn mixed_text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => "[ -~]{0,6}",
            1 => "[ -~\t\n\u{7}]",
            1 => "\\PC{0,2}",
            2 => "[\u{300}-\u{36F}]{1,2}",
            1 => "[aeiouAEIOU][\u{300}-\u{308}]",
            1 => "[\u{200B}-\u{200D}\u{FE0F}\u{AD}\u{A0}\u{A8}\u{3000}]",
            1 => "[1#*]\u{FE0F}?\u{20E3}",
            1 => "[👩💻❤🔥🏴🇩🇪🏽\u{E0067}\u{E007F}ßİıΣς한ｶﾞ½ﬁ]",
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn cutting_at_plain_text_changes_nothing(text in mixed_text(), fold in any::<bool>()) {
            prop_assert_eq!(normalize(&text, fold), whole(&text, fold));
        }
    }

    #[test]
    fn what_is_taken_as_it_is_folds_to_no_more_than_its_lower_case() {
        for ch in (' '..='\u{1FFFF}').filter(|ch| is_as_it_is(*ch)) {
            for fold_accents in [true, false] {
                let text = format!("a{ch}b");
                let form: String = text.chars().map(plain_lower).collect();
                assert_eq!(whole(&text, fold_accents), form, "{ch:?}");
            }
        }
    }

    #[test]
    fn accents_stay_when_asked() {
        for (text, form) in [
            ("Café", "café"),
            ("Cafe\u{301}", "café"),
            ("ısparta", "ısparta"),
            ("STRASSE", "strasse"),
            ("Łódź", "łódź"),
        ] {
            assert_eq!(normalize(text, false), form, "{text}");
        }
    }
}
