//! What looks the same, or is the same stretched: people see no difference, so there is none.

use super::chars::plain_digit;

/// The Arabic line that stretches a word.
const TATWEEL: char = '\u{0640}';

/// The text with digits as ASCII writes them, without stretching, and with the sequences of Thai
/// and Lao that look like another in its form.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut rest = text.chars().filter(|ch| *ch != TATWEEL).peekable();
    while let Some(ch) = rest.next() {
        if let Some(whole) = doubled(ch)
            && rest.next_if_eq(&ch).is_some()
        {
            folded.push(whole);
        } else if is_nikhahit(ch)
            && let Some(tone) = rest.next_if(|next| is_tone(*next))
        {
            // The nikhahit of Sara Am typed before the tone it stands under.
            folded.extend([tone, ch]);
        } else {
            folded.push(plain_digit(ch).unwrap_or(ch));
        }
    }
    folded
}

/// The vowel that two of this one look like: Sara Ae typed as two Sara E.
const fn doubled(ch: char) -> Option<char> {
    match ch {
        '\u{0E40}' => Some('\u{0E41}'),
        '\u{0EC0}' => Some('\u{0EC1}'),
        _ => None,
    }
}

const fn is_nikhahit(ch: char) -> bool {
    matches!(ch, '\u{0E4D}' | '\u{0ECD}')
}

const fn is_tone(ch: char) -> bool {
    matches!(ch, '\u{0E48}'..='\u{0E4B}' | '\u{0EC8}'..='\u{0ECB}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_are_one() {
        for digits in [
            "٠١٢٣٤٥٦٧٨٩",
            "۰۱۲۳۴۵۶۷۸۹",
            "०१२३४५६७८९",
            "০১২৩৪৫৬৭৮৯",
            "๐๑๒๓๔๕๖๗๘๙",
            "໐໑໒໓໔໕໖໗໘໙",
            "၀၁၂၃၄၅၆၇၈၉",
            "០១២៣៤៥៦៧៨៩",
            "𞥐𞥑𞥒𞥓𞥔𞥕𞥖𞥗𞥘𞥙",
        ] {
            assert_eq!(fold(digits), "0123456789");
        }
    }

    #[test]
    fn what_looks_the_same_is_the_same() {
        for (one, other) in [
            ("رابـــط", "رابط"),
            ("เเพง", "แพง"),
            ("ເເພງ", "ແພງ"),
            ("น\u{0E4D}\u{0E49}า", "น\u{0E49}\u{0E4D}า"),
        ] {
            assert_eq!(fold(one), other);
        }
    }
}
