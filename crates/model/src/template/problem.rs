//! Why a text cannot be used.

use super::SOURCE_BYTES_MAX;
use crate::limits::MESSAGE_TEXT_BYTES_MAX;

/// Why a source can never become a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateProblem {
    /// There is nothing to send.
    #[error("a text must not be empty")]
    Empty,
    /// The source is longer than [`SOURCE_BYTES_MAX`].
    #[error("a text is written in at most {SOURCE_BYTES_MAX} bytes, this one takes {bytes}")]
    SourceTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The source breaks the rules of the language.
    #[error("line {line}: {detail}")]
    Syntax {
        /// Where, counted from 1.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// The source uses a part of Jinja that texts do not have.
    #[error("line {line}: `{what}` cannot be used in a text; {hint}")]
    NotAllowed {
        /// Where, counted from 1.
        line: usize,
        /// The sign or word.
        what: String,
        /// What to do instead.
        hint: &'static str,
    },
    /// There is no such variable.
    #[error("line {line}: there is no variable `{name}`; {hint}")]
    UnknownVariable {
        /// Where, counted from 1.
        line: usize,
        /// The name as written.
        name: String,
        /// The nearest that exists, or all.
        hint: String,
    },
    /// There is no such filter.
    #[error("line {line}: there is no filter `{name}`; {hint}")]
    UnknownFilter {
        /// Where, counted from 1.
        line: usize,
        /// The name as written.
        name: String,
        /// The nearest that exists, or all.
        hint: String,
    },
    /// Even with every variable empty it is longer than a message may be (contract 5.2).
    #[error(
        "without its variables this text takes {bytes} bytes, a message has at most {MESSAGE_TEXT_BYTES_MAX}"
    )]
    FixedPartTooLong {
        /// Length of the fixed part.
        bytes: usize,
    },
    /// Rendering it costs more than any text may cost.
    #[error("this text takes too much work to render")]
    TooMuchWork,
    /// It fails when every variable is empty.
    #[error("this text cannot be rendered while its variables are empty: {kind}")]
    CannotRender {
        /// What failed.
        kind: String,
    },
}

impl TemplateProblem {
    pub(super) fn syntax(error: &minijinja::Error) -> Self {
        Self::Syntax {
            line: error.line().unwrap_or(1),
            detail: error
                .detail()
                .map_or_else(|| error.kind().to_string(), str::to_owned),
        }
    }
}

/// Why a sound text cannot become a message for this event; it names no part of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// It costs more than any text may cost.
    #[error("the text takes too much work to render")]
    OutOfFuel,
    /// It is longer than a message may be (contract 5.2).
    #[error("the text takes {bytes} bytes, a message has at most {MESSAGE_TEXT_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Nothing visible is left of it.
    #[error("the text is empty")]
    Empty,
    /// A filter or comparison does not work with what the variables hold.
    #[error("the text cannot be rendered: {kind}")]
    Failed {
        /// What failed.
        kind: String,
    },
}

impl RenderError {
    /// The reason a refused send carries.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::OutOfFuel => "text_too_much_work",
            Self::TooLong { .. } => "text_too_long",
            Self::Empty => "text_empty",
            Self::Failed { .. } => "template_failed",
        }
    }
}
