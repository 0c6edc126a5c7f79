//! What the owner wants to happen, as data: one document per automation.
//!
//! - [`Automation`] and its parts: the document of a published version, plain and comparable
//! - [`Automation::from_json`], [`Automation::from_toml`]: reading, with every problem at once
//! - [`Because`]: how a verdict names the condition that decided

mod bounds;
mod document;
mod name;
mod nearest;
mod reader;

use serde::{Deserialize, Serialize};

pub use bounds::{
    ACCOUNTS_MAX, KEYWORD_CHARS_MAX, KEYWORDS_MAX, MEDIA_MAX, NAME_CHARS_MAX, PATTERN_BYTES_MAX,
    PATTERN_COMPILED_BYTES_MAX, PATTERNS_MAX, STEPS_MAX, TEXTS_MAX,
};
pub use name::{AutomationName, NameProblem};
pub(crate) use nearest::nearest;

use crate::ids::MediaId;

/// One automation as its owner wrote it: trigger, conditions and steps.
///
/// Two equal values are the same document, so publishing an equal one changes nothing. It
/// serialises to the canonical document, with every default written out, which reads back equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Automation {
    /// What the owner calls it; unique, and the same through all versions.
    pub name: AutomationName,
    /// The accounts it works for.
    pub accounts: AccountScope,
    /// Among several that match one event the highest priority wins.
    pub priority: i32,
    /// The events that start it.
    pub trigger: Trigger,
    /// The condition on the text of the event.
    #[serde(rename = "match")]
    pub matching: Match,
    /// How often one person may set it off.
    pub limit: Limit,
    /// What is sent, in this order; never empty.
    pub steps: Vec<Step>,
}

/// The accounts an automation works for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountScope {
    /// All connected accounts, also those connected later: `["*"]`.
    Every,
    /// These accounts, each as its id or its username in lower case without `@`; never empty.
    Only(Vec<String>),
}

/// The events that start an automation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trigger {
    /// The kinds of event; never empty, no kind twice.
    pub on: Vec<TriggerKind>,
    /// The media the event must be about; [`MediaScope::Any`] for kinds that have no media.
    pub media: MediaScope,
    /// Whether comments that answer comments count.
    pub include_replies: bool,
}

/// A kind of event that can start an automation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerKind {
    /// A comment on media of the account (contract 4.1).
    Comment,
    /// A comment on a live broadcast while it is on air (contract 4.2).
    LiveComment,
    /// A message that is neither a story reply nor a story mention (contract 4.5).
    Message,
    /// A message that answers a story of the account (contract 4.6).
    StoryReply,
    /// A message that tells of a story in which the account is mentioned (contract 4.7).
    StoryMention,
    /// The account is mentioned in a comment or caption of someone else (contract 4.3).
    Mention,
    /// A tap on a button, ice breaker or menu entry (contract 4.11).
    Postback,
    /// An `ig.me` link opened in an existing conversation (contract 4.14).
    Referral,
    /// A reaction to a message (contract 4.10).
    Reaction,
}

impl TriggerKind {
    /// Every kind, in the order documents list them.
    pub const ALL: [Self; 9] = [
        Self::Comment,
        Self::LiveComment,
        Self::Message,
        Self::StoryReply,
        Self::StoryMention,
        Self::Mention,
        Self::Postback,
        Self::Referral,
        Self::Reaction,
    ];

    /// The word documents, columns and pages use for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Comment => "comment",
            Self::LiveComment => "live_comment",
            Self::Message => "message",
            Self::StoryReply => "story_reply",
            Self::StoryMention => "story_mention",
            Self::Mention => "mention",
            Self::Postback => "postback",
            Self::Referral => "referral",
            Self::Reaction => "reaction",
        }
    }
}

/// The media an event must be about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaScope {
    /// Whatever media, or none: `"any"`.
    Any,
    /// One of these: a list; never empty.
    Only(Vec<MediaId>),
    /// The first media published after this version of the automation: `"next"`.
    Next,
}

/// The condition on the text of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Match {
    /// How the keywords are compared.
    pub mode: MatchMode,
    /// The keywords, or patterns in mode [`MatchMode::Regex`], of which one must be found; empty
    /// only in mode [`MatchMode::Any`].
    pub any: Vec<String>,
    /// Keywords that forbid a match, always compared as whole words.
    pub none: Vec<String>,
    /// Whether accents, and the dot of an i, make no difference.
    pub fold_accents: bool,
}

impl Default for Match {
    fn default() -> Self {
        Self {
            mode: MatchMode::Any,
            any: Vec::new(),
            none: Vec::new(),
            fold_accents: true,
        }
    }
}

/// How keywords are compared with the text of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchMode {
    /// Every event matches, with or without text.
    Any,
    /// The keyword stands in the text as whole words.
    Word,
    /// The keyword stands anywhere in the text.
    Contains,
    /// The text is the keyword, punctuation around it aside.
    Exact,
    /// The text begins with the keyword as whole words.
    Prefix,
    /// The pattern is found somewhere in the text.
    Regex,
}

impl MatchMode {
    /// Every mode, in the order documents list them.
    pub const ALL: [Self; 6] = [
        Self::Word,
        Self::Contains,
        Self::Exact,
        Self::Prefix,
        Self::Regex,
        Self::Any,
    ];

    /// The word documents and pages use for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Word => "word",
            Self::Contains => "contains",
            Self::Exact => "exact",
            Self::Prefix => "prefix",
            Self::Regex => "regex",
        }
    }
}

/// How often an automation may take effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Limit {
    /// What one effect uses up.
    pub once_per: OncePer,
}

/// What an automation takes effect once for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OncePer {
    /// Once for each comment, or other event.
    #[default]
    Comment,
    /// Once for each contact of an account.
    Person,
    /// Once for each contact and media.
    PersonAndMedia,
    /// Every time; for comments the same as [`OncePer::Comment`], because Meta allows one private
    /// reply per comment (contract 5.8).
    Always,
}

impl OncePer {
    /// Every choice, in the order documents list them.
    pub const ALL: [Self; 4] = [
        Self::Comment,
        Self::Person,
        Self::PersonAndMedia,
        Self::Always,
    ];

    /// The word documents and pages use for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Comment => "comment",
            Self::Person => "person",
            Self::PersonAndMedia => "person-and-media",
            Self::Always => "always",
        }
    }
}

/// One thing that is sent when an automation takes effect.
///
/// Every text is the source of a [`crate::template::Template`] that was found to be sound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Step {
    /// A message addressed by the comment it answers (contract 5.8).
    PrivateReply {
        /// Source of the text.
        text: String,
    },
    /// A comment under the comment it answers (contract 6.2).
    PublicReply {
        /// Sources of the texts, of which one is chosen for each event; never empty.
        texts: Vec<String>,
    },
    /// A message inside the messaging window (contract 5.7).
    Dm {
        /// Source of the text.
        text: String,
    },
}

impl Step {
    /// The word documents, columns and pages use for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::PrivateReply { .. } => "private_reply",
            Self::PublicReply { .. } => "public_reply",
            Self::Dm { .. } => "dm",
        }
    }

    /// The sources of its texts.
    pub fn texts(&self) -> &[String] {
        match self {
            Self::PrivateReply { text } | Self::Dm { text } => std::slice::from_ref(text),
            Self::PublicReply { texts } => texts,
        }
    }
}

/// One thing that is wrong with a document, for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where, as in `steps[0].text`; empty when it is the document as a whole.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// The condition that decided a verdict, for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    /// The place in the document, as in `match.any`.
    pub condition: String,
    /// What the document asks for.
    pub expected: String,
    /// What the event had.
    pub actual: String,
}

impl Serialize for AccountScope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Every => ["*"].serialize(serializer),
            Self::Only(accounts) => accounts.serialize(serializer),
        }
    }
}

impl Serialize for MediaScope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any => serializer.serialize_str("any"),
            Self::Only(media) => media.serialize(serializer),
            Self::Next => serializer.serialize_str("next"),
        }
    }
}
