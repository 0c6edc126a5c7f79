//! The text of one event.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::bounds::WordBounds;
use super::normalize::{
    is_emoji, is_punctuation, is_skin_tone, is_word_char, normalize, without_zero_width,
};

/// How much of a text is compared, in characters: far more than a comment or message can have,
/// so that only a hostile text is cut and no text costs more than this.
pub const TEXT_CHARS_MAX: usize = 10_000;

/// The text of one event, each form of it made once, when first asked for.
#[derive(Debug)]
pub struct NormalizedText<'t> {
    source: &'t str,
    folded: OnceLock<Form>,
    accented: OnceLock<Form>,
    plain: OnceLock<Cow<'t, str>>,
}

impl<'t> NormalizedText<'t> {
    /// Takes the text as Meta delivered it; of a longer one the first [`TEXT_CHARS_MAX`]
    /// characters.
    pub fn new(text: &'t str) -> Self {
        let end = if text.len() <= TEXT_CHARS_MAX {
            text.len()
        } else {
            let mut places = text.char_indices().map(|(at, _)| at);
            places.nth(TEXT_CHARS_MAX).unwrap_or(text.len())
        };
        Self {
            source: text.get(..end).unwrap_or(text),
            folded: OnceLock::new(),
            accented: OnceLock::new(),
            plain: OnceLock::new(),
        }
    }

    /// The text as it was delivered.
    pub fn source(&self) -> &'t str {
        self.source
    }

    /// The words of the whole text: the form in which accents make no difference, without the
    /// punctuation, signs and emoji around it. Of a text without words, that form.
    pub fn words(&self) -> &str {
        let text = self.form(true).as_str();
        match text.trim_matches(|ch| !is_word_char(ch)) {
            "" => text,
            words => words,
        }
    }

    pub(super) fn form(&self, fold_accents: bool) -> &Form {
        let kept = if fold_accents {
            &self.folded
        } else {
            &self.accented
        };
        kept.get_or_init(|| Form::new(self.source, fold_accents))
    }

    /// What patterns look at: the text as delivered but for characters that nobody sees.
    pub(super) fn plain(&self) -> &str {
        self.plain.get_or_init(|| without_zero_width(self.source))
    }
}

/// A text in the form in which it is compared.
#[derive(Debug)]
pub(super) struct Form {
    text: String,
    bounds: WordBounds,
    toneless: OnceLock<Option<Box<Self>>>,
}

impl Form {
    fn new(text: &str, fold_accents: bool) -> Self {
        Self::of(normalize(text, fold_accents))
    }

    fn of(text: String) -> Self {
        Self {
            text,
            bounds: WordBounds::default(),
            toneless: OnceLock::new(),
        }
    }

    /// The form, and if there are skin tones in it the one without: an emoji that names no tone
    /// means every one of them, but one with a tone only that.
    pub(super) fn readings(&self) -> impl Iterator<Item = &Self> {
        let toneless = self.toneless.get_or_init(|| {
            let is_toned = self.text.contains(is_skin_tone);
            is_toned.then(|| Box::new(Self::of(without_tones(&self.text))))
        });
        std::iter::once(self).chain(toneless.as_deref())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether what stands there is whole words.
    pub(super) fn is_whole(&self, start: usize, end: usize) -> bool {
        self.bounds.is_whole(&self.text, start, end)
    }

    /// Where the text begins once punctuation and white space before it are left aside.
    pub(super) fn inner_start(&self) -> usize {
        self.text.len() - without_outer_start(&self.text).len()
    }
}

/// The text without the tones of its emoji. A tone behind anything else is a sign of its own, and
/// what stands on either side of it does not become one word.
fn without_tones(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut before = '\0';
    for ch in text.chars() {
        if !is_skin_tone(ch) || !is_emoji(before) {
            bare.push(ch);
        }
        before = ch;
    }
    bare
}

/// The text without punctuation and white space around it.
pub(super) fn without_outer_punctuation(text: &str) -> &str {
    without_outer_start(text).trim_end_matches(is_outer)
}

fn without_outer_start(text: &str) -> &str {
    text.trim_start_matches(is_outer)
}

fn is_outer(ch: char) -> bool {
    ch.is_whitespace() || is_punctuation(ch)
}
