//! Accents that people leave out when they type in a hurry.

use unicode_normalization::UnicodeNormalization;

/// The case-folded text without accents, decomposed.
///
/// Only marks that people leave out go: accents of Latin and Greek letters, stress on Cyrillic
/// ones, points of Hebrew and Arabic, the point of letters Hindi has borrowed. Marks that make
/// another letter stay: those of й, of Kana, of the Indic and South East Asian vowels.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut base = '\0';
    for ch in text.nfd() {
        if is_accent(ch) {
            if is_part_of_letter(base, ch) {
                folded.push(ch);
            }
        } else {
            base = ch;
            push_usual(&mut folded, ch);
        }
    }
    folded
}

const fn is_accent(ch: char) -> bool {
    matches!(ch,
        '\u{0300}'..='\u{036F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{FE20}'..='\u{FE2F}'
        // Hebrew points; U+05BE and its like are punctuation.
        | '\u{0591}'..='\u{05BD}' | '\u{05BF}' | '\u{05C1}' | '\u{05C2}' | '\u{05C4}'
        | '\u{05C5}' | '\u{05C7}'
        // Arabic vowel points and the hamza on a carrier.
        | '\u{0610}'..='\u{061A}' | '\u{064B}'..='\u{065F}' | '\u{0670}'
        | '\u{06D6}'..='\u{06DC}' | '\u{06DF}'..='\u{06E4}' | '\u{06E7}' | '\u{06E8}'
        | '\u{06EA}'..='\u{06ED}'
        // The point below of Hindi's क़ ख़ ग़ ज़ फ़.
        | '\u{093C}')
}

/// Whether the mark makes another letter of its base: й ў ї ѓ ќ and ड़ ढ़, but not ё.
const fn is_part_of_letter(base: char, accent: char) -> bool {
    match accent {
        '\u{0306}' => matches!(base, 'и' | 'у'),
        '\u{0308}' => matches!(base, 'і'),
        '\u{0301}' => matches!(base, 'г' | 'к'),
        '\u{093C}' => !matches!(base, 'क' | 'ख' | 'ग' | 'ज' | 'फ'),
        _ => false,
    }
}

/// Pushes the letter, or the one people type for it: without a stroke or missing dot that Unicode
/// does not see as a mark, of Arabic letters the one that keyboards take for its like.
fn push_usual(folded: &mut String, ch: char) {
    match ch {
        'ı' => folded.push('i'),
        'ł' => folded.push('l'),
        'ø' => folded.push('o'),
        'đ' => folded.push('d'),
        'ħ' => folded.push('h'),
        'ŧ' => folded.push('t'),
        'æ' => folded.push_str("ae"),
        'œ' => folded.push_str("oe"),
        // Egyptian and Persian keyboards have another Yeh, Persian ones another Kaf and Heh; Teh
        // Marbuta is typed as Heh; the Wasla is a hamza's like.
        '\u{0649}' | '\u{06CC}' => folded.push('\u{064A}'),
        '\u{06A9}' => folded.push('\u{0643}'),
        '\u{0629}' | '\u{06C1}' => folded.push('\u{0647}'),
        '\u{0671}' => folded.push('\u{0627}'),
        // Chandrabindu and anusvara, of which Hindi writes one for the other.
        '\u{0901}' => folded.push('\u{0902}'),
        other => folded.push(other),
    }
}
