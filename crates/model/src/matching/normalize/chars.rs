//! What a character is, as far as comparing texts needs to know.

use icu_properties::props::{
    DefaultIgnorableCodePoint, ExtendedPictographic, GeneralCategory, GeneralCategoryGroup,
};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_script::{Script, UnicodeScript};

/// Whether the character has no width of its own: joiners, marks of direction, soft hyphens,
/// variation selectors, fillers, tags.
pub(super) fn is_default_ignorable(ch: char) -> bool {
    !ch.is_ascii() && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(ch)
}

/// Whether the character can stand on either side of a joiner inside an emoji.
pub(in crate::matching) fn is_emoji(ch: char) -> bool {
    !ch.is_ascii()
        && (is_skin_tone(ch) || CodePointSetData::new::<ExtendedPictographic>().contains(ch))
}

pub(super) const fn is_tag(ch: char) -> bool {
    matches!(ch, '\u{E0020}'..='\u{E007F}')
}

pub(super) const fn is_variation_selector(ch: char) -> bool {
    matches!(ch, '\u{FE00}'..='\u{FE0F}')
}

/// Whether the character is punctuation in the sense of Unicode; signs such as `$` and emoji are
/// not.
pub(in crate::matching) fn is_punctuation(ch: char) -> bool {
    GeneralCategoryGroup::Punctuation.contains(CodePointMapData::<GeneralCategory>::new().get(ch))
}

/// Whether the character is part of a word: a letter, a digit or a mark on one. The low line is
/// not, because people write it in place of a space.
pub(in crate::matching) fn is_word_char(ch: char) -> bool {
    ch.is_alphanumeric() || is_mark(ch)
}

/// Whether the character is written on, under or around the one before it.
pub(in crate::matching) fn is_mark(ch: char) -> bool {
    !ch.is_ascii()
        && GeneralCategoryGroup::Mark.contains(CodePointMapData::<GeneralCategory>::new().get(ch))
}

/// The digit as ASCII writes it, if the character is a digit of any script.
///
/// Unicode guarantees that the ten digits of a script follow each other in their order.
pub(super) fn plain_digit(ch: char) -> Option<char> {
    let is_digit = |code: u32| {
        CodePointMapData::<GeneralCategory>::new().get32(code) == GeneralCategory::DecimalNumber
    };
    if ch.is_ascii() || !is_digit(ch.into()) {
        return None;
    }
    let before = (1..10).take_while(|back| is_digit(u32::from(ch).saturating_sub(*back)));
    char::from_digit(before.fold(0, |count, _| count + 1), 10)
}

/// A tone of the skin, which people of one mind set differently.
pub(in crate::matching) const fn is_skin_tone(ch: char) -> bool {
    matches!(ch, '\u{1F3FB}'..='\u{1F3FF}')
}

/// Whether the character is of a script that writes words without spaces between them: Han, Kana,
/// Thai, Lao, Khmer, Burmese.
pub(in crate::matching) fn is_han_kana_thai_or_like(ch: char) -> bool {
    // The mark of a long vowel is shared by both Kana, so Unicode gives it no script.
    ch == '\u{30FC}'
        || (!ch.is_ascii()
            && matches!(
                ch.script(),
                Script::Han
                    | Script::Hiragana
                    | Script::Katakana
                    | Script::Thai
                    | Script::Lao
                    | Script::Khmer
                    | Script::Myanmar
            ))
}
