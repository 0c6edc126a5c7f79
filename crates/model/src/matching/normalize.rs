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
    if text.is_ascii() {
        return normalize_ascii(text);
    }
    let mut form = normalize_once(text, fold_accents);
    for _ in 1..ROUNDS_MAX {
        let next = normalize_once(&form, fold_accents);
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

fn normalize_ascii(text: &str) -> String {
    let mut form = String::with_capacity(text.len());
    collapse_into(
        &mut form,
        text.chars().map(|ch| plain_sign(ch).to_ascii_lowercase()),
    );
    form
}

fn normalize_once(text: &str, fold_accents: bool) -> String {
    let compatible: String = visible(text).map(plain_sign).nfkc().collect();
    let alike = alike::fold(&compatible);
    let folded = CaseMapper::new().fold_string(&alike);
    let bare = if fold_accents {
        accents::fold(&folded)
    } else {
        folded.into_owned()
    };
    let composed: String = bare.nfkc().map(plain_sign).collect();
    let mut form = String::with_capacity(composed.len());
    collapse_into(&mut form, visible(&composed));
    form
}

/// Appends the characters with every run of white space as one space, and none at the ends.
fn collapse_into(form: &mut String, chars: impl Iterator<Item = char>) {
    let mut is_space_owed = false;
    for ch in chars {
        if ch.is_whitespace() {
            is_space_owed = !form.is_empty();
        } else if !ch.is_control() {
            if is_space_owed {
                form.push(' ');
                is_space_owed = false;
            }
            form.push(ch);
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
