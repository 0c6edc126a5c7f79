//! One try of a send, and what came of it.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{ContactId, MessageId};

/// What came of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// Meta took it.
    Accepted {
        /// The message, or for a public reply the new comment; none when Meta only confirmed that
        /// it had taken an earlier try.
        message_id: Option<MessageId>,
        /// The person as Meta named them in the answer: the address of later DMs.
        recipient_id: Option<ContactId>,
    },
    /// Will never succeed.
    Refused {
        /// The stable word.
        reason: String,
    },
    /// Meta asks to wait.
    Throttled {
        /// Not before this moment; none when Meta gave no time.
        retry_at: Option<Timestamp>,
        /// The stable word.
        reason: String,
    },
    /// Provably had no effect; may be tried again.
    NotSent {
        /// The stable word.
        reason: String,
    },
    /// May have landed; only evidence decides.
    Unknown {
        /// The stable word.
        reason: String,
    },
}

impl AttemptOutcome {
    /// The outcome as stored and shown.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Refused { .. } => "refused",
            Self::Throttled { .. } => "throttled",
            Self::NotSent { .. } => "not_sent",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The stable word beside it.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Accepted { .. } => None,
            Self::Refused { reason }
            | Self::Throttled { reason, .. }
            | Self::NotSent { reason }
            | Self::Unknown { reason } => Some(reason),
        }
    }
}

/// What Meta answered, as far as it may be kept and shown: never a token, never our text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct MetaAnswer {
    /// The HTTP status; none when no answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The error code (contract section 10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    /// The error subcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subcode: Option<i64>,
    /// Meta's words, cut to a bounded length; may be in any language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What Meta's support asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fbtrace_id: Option<String>,
}
