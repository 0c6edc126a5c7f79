//! What the owner may set of the pipeline, as plain values.

use std::collections::HashSet;
use std::time::Duration;

use hookline_model::budget::Budget;
use hookline_model::matching::NormalizedText;
use hookline_store::lanes::Budgets;

/// Settings of the pipeline.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long after its comment was received a run's first step waits.
    pub first_reply_delay: Duration,
    /// How long after its message was received a run's first step waits.
    pub dm_delay: Duration,
    /// How fast each class of send may go.
    pub budgets: Budgets,
    /// Words that end automation for a contact.
    pub stop_words: OptWords,
    /// Words that lift that.
    pub start_words: OptWords,
    /// How long events of unknown accounts are kept.
    pub keep_unknown_accounts: Duration,
    /// How old a delivery is when it is compressed.
    pub compress_after: Duration,
    /// Calls of the conversations API a second and account (contract 7).
    pub conversation_reads: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let hour = Duration::from_hours(1);
        let second = Duration::from_secs(1);
        Self {
            first_reply_delay: Duration::from_secs(10),
            dm_delay: Duration::ZERO,
            budgets: Budgets {
                private_reply: Budget::new(750, hour, 25),
                live_private_reply: Budget::new(100, second, 25),
                text: Budget::new(100, second, 25),
                media: Budget::new(10, second, 10),
                public_reply: Budget::new(750, hour, 25),
            },
            stop_words: OptWords::new(["stop", "unsubscribe"]),
            start_words: OptWords::new(["start"]),
            keep_unknown_accounts: Duration::from_hours(7 * 24),
            compress_after: Duration::from_hours(24),
            conversation_reads: 2,
        }
    }
}

/// A list of words, each of which must be the whole text.
#[derive(Debug, Clone)]
pub struct OptWords(HashSet<String>);

impl OptWords {
    /// Takes the words as people write them.
    pub fn new<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> Self {
        let whole = |word: W| NormalizedText::new(word.as_ref()).words().to_owned();
        let words = words.into_iter().map(whole);
        Self(words.filter(|word| !word.is_empty()).collect())
    }

    /// Whether the whole text, punctuation and emoji around it aside, is one of the words.
    ///
    /// Emoji are aside because who writes "stop 🙏" means it; in doubt, people are left alone.
    pub fn contains(&self, text: &NormalizedText<'_>) -> bool {
        self.0.contains(text.words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_counts_however_it_is_written() {
        let words = OptWords::new(["stop", "Cancelar suscripción", "रोकें", "🛑", " "]);
        for (text, expected) in [
            ("STOP", true),
            ("\u{201C}Stop\u{201D}!!! 🙏", true),
            ("ｓｔｏｐ", true),
            ("s\u{200B}top", true),
            ("#stop", true),
            ("CANCELAR   SUSCRIPCION.", true),
            ("रोकें।", true),
            ("रोक", false),
            ("🛑", true),
            ("🛑🛑", false),
            ("stop it", false),
            ("stop, I love it", false),
            ("nonstop", false),
            ("", false),
            ("!", false),
            ("\u{200B}", false),
        ] {
            let said = NormalizedText::new(text);
            assert_eq!(words.contains(&said), expected, "{text:?}");
        }
    }
}
