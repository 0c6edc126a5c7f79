//! What the owner may set of the pipeline, as plain values.

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
            conversation_reads: 2,
        }
    }
}

/// A list of words, each of which must be the whole text.
#[derive(Debug, Clone)]
pub struct OptWords(Vec<String>);

impl OptWords {
    /// Takes the words as people write them.
    pub fn new<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> Self {
        Self(
            words
                .into_iter()
                .map(|word| whole(word.as_ref()))
                .filter(|w| !w.is_empty())
                .collect(),
        )
    }

    /// Whether the whole text, outer punctuation aside, is one of the words.
    pub fn contains(&self, text: &str) -> bool {
        let text = whole(text);
        self.0.contains(&text)
    }
}

fn whole(text: &str) -> String {
    let normalized = NormalizedText::new(text);
    normalized
        .folded()
        .trim_matches(|c: char| !c.is_alphanumeric())
        .to_owned()
}
