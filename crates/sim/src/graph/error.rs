//! Meta's error envelope (contract section 10).

use super::Host;
use crate::faults::ErrorSpec;
use crate::json::Json;
use crate::world::Refusal;
use crate::world::limits::{CallClass, Fill};
use crate::world::tokens::TokenEnd;

/// An error as the Graph API answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GraphError {
    pub(crate) status: u16,
    pub(crate) code: i64,
    pub(crate) subcode: Option<i64>,
    pub(crate) message: String,
    pub(crate) is_transient: Option<bool>,
    pub(crate) user_text: Option<(&'static str, &'static str)>,
    /// What the usage header shows along with this error.
    pub(crate) fill: Option<Fill>,
    /// OAuth endpoints use a flat form instead of the envelope (contract 8.1).
    pub(crate) is_flat: bool,
}

impl GraphError {
    pub(crate) fn new(
        status: u16,
        code: i64,
        subcode: Option<i64>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            subcode,
            message: message.into(),
            is_transient: None,
            user_text: None,
            fill: None,
            is_flat: false,
        }
    }

    /// Code 100: something about the request itself.
    pub(crate) fn invalid(message: impl AsRef<str>) -> Self {
        Self::new(400, 100, None, format!("(#100) {}", message.as_ref()))
    }

    /// 100/33: no such object, or not for this token.
    pub(crate) fn missing(id: &str) -> Self {
        Self::new(
            400,
            100,
            Some(33),
            format!(
                "Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation. Please read the Graph API documentation at https://developers.facebook.com/docs/graph-api"
            ),
        )
    }

    pub(crate) fn no_field(name: &str, node: &str) -> Self {
        Self::invalid(format!(
            "Tried accessing nonexisting field ({name}) on node type ({node})"
        ))
    }

    /// 190 without a subcode: no token, or none this host knows.
    pub(crate) fn bad_token() -> Self {
        Self::new(
            400,
            190,
            None,
            "Invalid OAuth access token - Cannot parse access token",
        )
    }

    pub(crate) fn dead_token(end: TokenEnd) -> Self {
        Self::new(400, 190, end.subcode(), end.message())
    }

    /// Code 1: unknown, and perhaps it happened.
    pub(crate) fn unknown() -> Self {
        Self {
            is_transient: Some(true),
            ..Self::new(500, 1, None, "An unknown error has occurred.")
        }
    }

    /// Code 3: the IG node of `graph.facebook.com` sends nothing (contract 5.8).
    pub(crate) fn no_capability() -> Self {
        Self::new(
            400,
            3,
            None,
            "(#3) Application does not have the capability to make this API call.",
        )
    }

    /// Code 200: the person has not the task on the Page that this needs (contract 3.2).
    pub(crate) fn no_task() -> Self {
        Self::new(
            403,
            200,
            None,
            "(#200) The person does not have sufficient permission on the Page.",
        )
    }

    /// Code 10: the person unticked what this needs.
    pub(crate) fn not_granted(scope: &str) -> Self {
        Self::new(
            403,
            10,
            None,
            format!("(#10) This requires the {scope} permission."),
        )
    }

    /// Code 36103: no professional account.
    pub(crate) fn not_professional() -> Self {
        Self::new(
            400,
            36_103,
            None,
            "(#36103) The account is not eligible for this API.",
        )
    }

    /// 10/2534022: outside the window.
    pub(crate) fn outside_window() -> Self {
        Self::new(
            400,
            10,
            Some(2_534_022),
            "(#10) This message is sent outside of allowed window.",
        )
    }

    /// 100/2534025: no private reply to this comment.
    pub(crate) fn not_replyable() -> Self {
        Self::new(
            400,
            100,
            Some(2_534_025),
            "(#100) The comment is invalid for a private reply.",
        )
    }

    pub(crate) fn throttled(class: CallClass, fill: Fill) -> Self {
        let (code, subcode, message) = match class {
            CallClass::PrivateReply | CallClass::Other => (
                80_002,
                None,
                "(#80002) There have been too many calls to this Instagram account. Wait a bit and try again.",
            ),
            CallClass::LiveReply | CallClass::Text | CallClass::Media | CallClass::Conversation => {
                (
                    613,
                    Some(2_534_040),
                    "(#613) Calls to this api have exceeded the rate limit.",
                )
            }
        };
        Self {
            fill: Some(fill),
            ..Self::new(400, code, subcode, message)
        }
    }

    pub(crate) fn scripted(spec: &ErrorSpec) -> Self {
        let message = spec
            .message
            .clone()
            .unwrap_or_else(|| format!("(#{}) A scripted error.", spec.code));
        Self {
            is_transient: spec.is_transient,
            fill: spec.regain_minutes.map(|minutes| Fill {
                percent: 100,
                wait_ms: minutes.saturating_mul(60_000),
            }),
            ..Self::new(spec.status, spec.code, spec.subcode, message)
        }
    }

    pub(crate) fn with_user_text(mut self, title: &'static str, text: &'static str) -> Self {
        self.user_text = Some((title, text));
        self
    }

    /// The body, keys in the order of contract section 10.
    pub(crate) fn envelope(&self, host: Host, trace_id: String) -> Json {
        if self.is_flat {
            return Json::object()
                .with("error_type", "OAuthException")
                .with("code", self.code)
                .with("error_message", &self.message);
        }
        let is_oauth = matches!(self.code, 190 | 102 | 10 | 200) || host == Host::Facebook;
        let error = Json::object()
            .with("message", &self.message)
            .with(
                "type",
                if is_oauth {
                    "OAuthException"
                } else {
                    "IGApiException"
                },
            )
            .with("code", self.code)
            .with_some("error_subcode", self.subcode)
            .with_some("is_transient", self.is_transient)
            .with_some("error_user_title", self.user_text.map(|(title, _)| title))
            .with_some("error_user_msg", self.user_text.map(|(_, text)| text))
            .with("fbtrace_id", trace_id);
        Json::object().with("error", error)
    }
}

/// A refusal inside a Graph call means the object is not there for this token.
impl From<Refusal> for GraphError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownAccount(id)
            | Refusal::UnknownPerson(id)
            | Refusal::UnknownMedia(id)
            | Refusal::UnknownComment(id)
            | Refusal::UnknownMessage(id)
            | Refusal::Taken(id) => Self::missing(&id),
            Refusal::UnknownDelivery(id) => Self::missing(&id.to_string()),
            Refusal::Full(_) => Self::new(500, 2, None, "Service temporarily unavailable"),
            Refusal::Invalid(message) => Self::invalid(message),
        }
    }
}
