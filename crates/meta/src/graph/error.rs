//! What Meta's errors mean (contract section 10).

mod table;

use std::fmt;

use hookline_model::attempt::MetaAnswer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::wire::{Flag, Text, Whole, lenient};

/// Longest message of Meta's that is kept, in characters.
const MESSAGE_CHARS_MAX: usize = 500;

/// What an error means for the call, and for what else waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The account's token does not work: hold the account until it is connected again.
    Token(TokenProblem),
    /// Configuration or permission is missing: stop this capability, tell the owner.
    Permission,
    /// Outside the messaging window: never again for this send.
    Window,
    /// This person cannot be reached: never again for this send.
    User,
    /// It is already done, by us or by someone else: never again for this send.
    Done,
    /// Already done, gone, or never possible; Meta does not say which: never again for this send.
    DoneOrPermanent,
    /// The request itself will never succeed.
    Content,
    /// The object is missing, or a permission is: Meta does not say which.
    ContentOrPermission,
    /// Too many calls: wait as long as the usage says, or with backoff.
    Throttle,
    /// Nothing happened, and another try may succeed.
    Retry,
    /// It may have happened: only evidence decides.
    Ambiguous,
    /// The account is restricted: a long pause, and an alert.
    Blocked,
    /// Another app has the conversation: never again for this send.
    Route,
}

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenProblem {
    /// Invalid, expired or revoked; Meta does not say which.
    Invalid,
    /// Its time is over.
    Expired,
    /// The owner removed the app: deauthorized.
    AppRemoved,
    /// The owner changed the password.
    PasswordChanged,
    /// The owner has to log in at Meta; the token may work again after that.
    Checkpointed,
    /// The owner's account is not confirmed.
    Unconfirmed,
    /// The owner logged out.
    LoggedOut,
    /// The owner lost the role on the Page.
    RoleLost,
    /// The session behind it is not valid.
    SessionInvalid,
}

/// An error Meta answered with, as far as it may be kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GraphError {
    /// The HTTP status, which is not reliable.
    pub http_status: u16,
    /// The code; can be negative, and missing where no envelope came.
    pub code: Option<i64>,
    /// The subcode.
    pub subcode: Option<i64>,
    /// Meta's words, at most 500 characters; may be in any language.
    pub message: Option<String>,
    /// What Meta's support asks for.
    pub fbtrace_id: Option<String>,
    /// What it means.
    pub class: ErrorClass,
    /// The stable word for people, such as `already_replied` or `token_expired`.
    pub reason: &'static str,
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (http {}", self.reason, self.http_status)?;
        if let Some(code) = self.code {
            write!(f, ", code {code}")?;
        }
        if let Some(subcode) = self.subcode {
            write!(f, ", subcode {subcode}")?;
        }
        if let Some(fbtrace_id) = &self.fbtrace_id {
            write!(f, ", trace {fbtrace_id}")?;
        }
        f.write_str(")")
    }
}

impl GraphError {
    /// The error in an answer; none if the answer is a success. An error in the body counts
    /// whatever the status says; without one the status decides.
    pub fn of_reply(http_status: u16, body: &[u8]) -> Option<Self> {
        let is_success = (200..300).contains(&http_status);
        if is_success && !may_tell_of_an_error(body) {
            return None;
        }
        let envelope = std::str::from_utf8(body).ok().and_then(read_envelope);
        if envelope.is_none() && is_success {
            return None;
        }
        let envelope = envelope.unwrap_or_default();
        let known = match envelope.form {
            Form::None => None,
            Form::Graph => table::find(envelope.code, envelope.subcode),
            // The OAuth pages repeat the HTTP status as their code (contract 8.1).
            Form::OAuth => Some((ErrorClass::Content, "oauth_refused")),
        };
        let (class, reason) = known.unwrap_or_else(|| unlisted(http_status, &envelope));
        Some(Self {
            http_status,
            code: envelope.code,
            subcode: envelope.subcode,
            message: envelope.message,
            fbtrace_id: envelope.fbtrace_id,
            class,
            reason,
        })
    }

    /// What may be kept and shown with the attempt.
    pub fn meta_answer(&self) -> MetaAnswer {
        MetaAnswer {
            http_status: Some(self.http_status),
            code: self.code,
            subcode: self.subcode,
            message: self.message.clone(),
            fbtrace_id: self.fbtrace_id.clone(),
        }
    }
}

/// Whether a body may hold one of the names errors stand under. Most answers do not, and are then
/// read once and not twice.
fn may_tell_of_an_error(body: &[u8]) -> bool {
    const NAME: &[u8] = b"error";
    // A name can be written with escapes too.
    body.contains(&b'\\') || body.windows(NAME.len()).any(|part| part == NAME)
}

/// An error the table does not list: `is_transient` decides, then the HTTP status. Neither proves
/// that nothing happened, so most of them are ambiguous.
fn unlisted(http_status: u16, envelope: &Envelope) -> (ErrorClass, &'static str) {
    let is_answer_of_meta = envelope.form != Form::None;
    match http_status {
        _ if envelope.is_transient => (ErrorClass::Ambiguous, "transient_error"),
        429 => (ErrorClass::Throttle, "rate_limited"),
        300..=399 => (ErrorClass::Ambiguous, "redirected"),
        401 if is_answer_of_meta => (ErrorClass::Token(TokenProblem::Invalid), "token_invalid"),
        403 if is_answer_of_meta => (ErrorClass::Permission, "permission_missing"),
        400..=499 if is_answer_of_meta => (ErrorClass::Content, "request_refused"),
        500..=599 => (ErrorClass::Ambiguous, "meta_server_error"),
        _ if is_answer_of_meta => (ErrorClass::Ambiguous, "unknown_error"),
        _ => (ErrorClass::Ambiguous, "answer_unreadable"),
    }
}

#[derive(Default, PartialEq, Eq)]
enum Form {
    #[default]
    None,
    Graph,
    OAuth,
}

#[derive(Default)]
struct Envelope {
    form: Form,
    code: Option<i64>,
    subcode: Option<i64>,
    is_transient: bool,
    message: Option<String>,
    fbtrace_id: Option<String>,
}

/// Both forms of an error: the Graph envelope and the flat one of the OAuth pages.
#[derive(Default)]
struct WireAnswer<'a> {
    error: Option<&'a RawValue>,
    error_type: Option<Text<'a>>,
    error_message: Option<Text<'a>>,
    code: Whole,
}

impl<'a> WireAnswer<'a> {
    fn take(&mut self, name: &str, value: &'a RawValue) {
        let text = || serde_json::from_str(value.get()).ok();
        match name {
            "error" if value.get() != "null" => self.error = Some(value),
            "error_type" => self.error_type = text(),
            "error_message" => self.error_message = text(),
            "code" => self.code = serde_json::from_str(value.get()).unwrap_or_default(),
            _ => {}
        }
    }
}

/// Written by hand, because a derived reader gives up where a name stands twice, and whoever gives
/// up on an error takes it for a success.
impl<'de: 'a, 'a> Deserialize<'de> for WireAnswer<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = WireAnswer<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Self::Value, M::Error> {
                let mut answer = WireAnswer::default();
                while let Some(name) = members.next_key::<Text<'_>>()? {
                    answer.take(&name.0, members.next_value()?);
                }
                Ok(answer)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[derive(Deserialize)]
struct WireError<'a> {
    #[serde(default)]
    code: Whole,
    #[serde(default)]
    error_subcode: Whole,
    #[serde(default)]
    is_transient: Flag,
    #[serde(borrow, default, deserialize_with = "lenient")]
    message: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    fbtrace_id: Option<Text<'a>>,
}

fn read_envelope(text: &str) -> Option<Envelope> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let answer: WireAnswer<'_> = serde_json::from_str(text).ok()?;
    if let Some(error) = answer.error {
        // An error of an unknown form is still an error, never a success.
        let wire: Option<WireError<'_>> = serde_json::from_str(error.get()).ok();
        return Some(wire.map_or_else(
            || Envelope {
                form: Form::Graph,
                ..Envelope::default()
            },
            |wire| Envelope {
                form: Form::Graph,
                code: wire.code.0,
                subcode: wire.error_subcode.0,
                is_transient: wire.is_transient.0,
                message: wire.message.as_ref().map(bounded),
                fbtrace_id: wire.fbtrace_id.as_ref().map(bounded),
            },
        ));
    }
    let is_flat = answer.error_type.is_some() || answer.error_message.is_some();
    is_flat.then(|| Envelope {
        form: Form::OAuth,
        code: answer.code.0,
        message: answer.error_message.as_ref().map(bounded),
        ..Envelope::default()
    })
}

fn bounded(text: &Text<'_>) -> String {
    text.0.chars().take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
