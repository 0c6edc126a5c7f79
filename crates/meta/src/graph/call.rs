//! One call: a request, the reader of its answer, and what can come of it.

use bytes::Bytes;
use hookline_model::attempt::MetaAnswer;
use serde::Deserialize;

use super::error::{ErrorClass, GraphError};
use super::request::{Request, RequestProblem};
use super::usage::Usage;

/// A request together with the reader of its answer; neither does I/O.
#[derive(Debug, Clone)]
pub struct Call<T> {
    request: Request,
    read: fn(&Reply) -> Result<T, CallFailure>,
}

impl<T> Call<T> {
    pub(super) fn new(request: Request, read: fn(&Reply) -> Result<T, CallFailure>) -> Self {
        Self { request, read }
    }

    /// What has to be sent, beside the token.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// What the answer means. An answer to a request with an effect is only a success if it names
    /// what was made.
    pub fn read(&self, reply: &Reply) -> Result<Answer<T>, CallFailure> {
        (self.read)(reply).map(|value| Answer {
            value,
            http_status: reply.http_status,
            usage: reply.usage,
        })
    }
}

/// What came back over HTTP.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status, which is not reliable (contract section 10).
    pub http_status: u16,
    /// The body.
    pub body: Bytes,
    /// What the headers say of the limits.
    pub usage: Usage,
}

impl Reply {
    /// The answer as `T`: an error in it comes first, whatever the status says.
    pub(super) fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, CallFailure> {
        if let Some(error) = GraphError::of_reply(self.http_status, &self.body) {
            return Err(CallFailure::Answered {
                error: Box::new(error),
                usage: self.usage,
            });
        }
        std::str::from_utf8(&self.body)
            .ok()
            .and_then(|text| serde_json::from_str(text).ok())
            .ok_or_else(|| self.unreadable())
    }

    /// An answer that does not say what it should.
    pub(super) fn unreadable(&self) -> CallFailure {
        CallFailure::Unknown {
            reason: "answer_unreadable",
            http_status: Some(self.http_status),
            usage: self.usage,
        }
    }
}

/// A call that Meta answered as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// What was read or made.
    pub value: T,
    /// The HTTP status.
    pub http_status: u16,
    /// How much of the limits is used up.
    pub usage: Usage,
}

/// Why a call did not succeed, and whether it can have had an effect; never holds a token, an
/// address or our text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallFailure {
    /// The request could not be written: nothing left us, and trying again changes nothing.
    #[error("the request could not be written: {0}")]
    NotWritten(RequestProblem),
    /// No connection came about: provably nothing left us.
    #[error("no connection to meta: {detail}")]
    NotSent {
        /// What the transport says.
        detail: String,
    },
    /// The request was on its way and no usable answer came: it may have had its effect.
    #[error("no usable answer from meta: {reason}")]
    Unknown {
        /// The stable word: `timeout`, `connection_lost`, `answer_cut`, `answer_too_long` or
        /// `answer_unreadable`.
        reason: &'static str,
        /// The HTTP status, if one came.
        http_status: Option<u16>,
        /// What the headers said, if any came.
        usage: Usage,
    },
    /// Meta answered with an error; its class says what can have happened.
    #[error("meta answered with an error: {error}")]
    Answered {
        /// The error.
        error: Box<GraphError>,
        /// How much of the limits is used up.
        usage: Usage,
    },
}

impl CallFailure {
    /// The stable word for people, as kept with the attempt.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotWritten(RequestProblem::UnusableId(_)) => "invalid_id",
            Self::NotWritten(RequestProblem::UnusableUrl) => "invalid_graph_url",
            Self::NotWritten(RequestProblem::UnusableToken) => "invalid_token",
            Self::NotSent { .. } => "no_connection",
            Self::Unknown { reason, .. } => reason,
            Self::Answered { error, .. } => error.reason,
        }
    }

    /// The class of Meta's error, if it answered with one.
    pub fn class(&self) -> Option<ErrorClass> {
        match self {
            Self::Answered { error, .. } => Some(error.class),
            Self::NotWritten(_) | Self::NotSent { .. } | Self::Unknown { .. } => None,
        }
    }

    /// How much of the limits is used up, as far as the answer said.
    pub fn usage(&self) -> Usage {
        match self {
            Self::Unknown { usage, .. } | Self::Answered { usage, .. } => *usage,
            Self::NotWritten(_) | Self::NotSent { .. } => Usage::default(),
        }
    }

    /// What may be kept and shown of the answer.
    pub fn meta_answer(&self) -> MetaAnswer {
        match self {
            Self::Answered { error, .. } => error.meta_answer(),
            Self::Unknown { http_status, .. } => MetaAnswer {
                http_status: *http_status,
                ..MetaAnswer::default()
            },
            Self::NotWritten(_) | Self::NotSent { .. } => MetaAnswer::default(),
        }
    }
}

impl From<RequestProblem> for CallFailure {
    fn from(problem: RequestProblem) -> Self {
        Self::NotWritten(problem)
    }
}
