//! The Graph API as far as messaging and comments need it (contract sections 3, 5 to 10).

mod accounts;
mod call;
mod comments;
mod conversations;
mod error;
mod fields;
mod media;
mod messages;
mod oauth;
mod paging;
mod subscriptions;
mod tokens;

use bytes::Bytes;
use rand::RngExt as _;

pub(crate) use call::{Call, Endpoint};
pub use call::{ENDPOINTS, Host};
pub(crate) use error::GraphError;
pub use oauth::LoginChoice;
pub(crate) use oauth::LoginPage;
pub(crate) use subscriptions::PendingHandshake;
pub use subscriptions::{Handshake, HandshakeAnswer};

use crate::faults::{ErrorSpec, Trouble};
use crate::json::{Escaping, Json};
use crate::world::inspect::RequestRecord;
use crate::world::limits::{CallClass, Fill};
use crate::world::{EchoTiming, World};

/// A Graph call as it came in.
#[derive(Debug, Clone, Default)]
pub struct SimRequest {
    /// The method, in capitals.
    pub method: String,
    /// The path, with or without a version and a leading `/ig` or `/fb`.
    pub path: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The headers; names in any case.
    pub headers: Vec<(String, String)>,
    /// The body: JSON or a form.
    pub body: Bytes,
}

/// What becomes of the answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is sent.
    Answer,
    /// The connection is closed without it; the call had no effect.
    DropBeforeEffect,
    /// The connection is closed without it; the call had its effect.
    DropAfterEffect,
    /// It depends on a GET the driver makes and reports with [`World::finish_handshake`].
    Handshake(Handshake),
}

/// The answer to a call.
#[derive(Debug, Clone)]
pub struct SimResponse {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// What becomes of it.
    pub fate: Fate,
    /// How much later than the effect the answer is sent, in milliseconds.
    pub delay_ms: u64,
}

const HTML: &str = "<!DOCTYPE html>\n<html><head><title>Error</title></head><body><h1>Sorry, something went wrong.</h1></body></html>\n";

impl World {
    /// Answers a Graph call, with all its effects.
    pub fn request(&mut self, now_ms: i64, request: &SimRequest) -> SimResponse {
        let call = Call::read(self, request);
        let account = call.account.clone();
        let endpoint = call.endpoint;
        if let Some(effect) = call.effect_asked_for() {
            self.count_call(&effect);
        }
        let trouble = self.take_fault(endpoint.name(), account.as_deref());
        let mut response = match &trouble {
            Some(Trouble::Error(spec)) => self.scripted_error(&call, spec),
            Some(Trouble::DropBefore) => SimResponse {
                fate: Fate::DropBeforeEffect,
                ..self.render(now_ms, &call, Err(GraphError::unknown()))
            },
            Some(Trouble::Html) => html_page(),
            Some(
                Trouble::ErrorAfterEffect
                | Trouble::AfterEffect(_)
                | Trouble::DropAfter
                | Trouble::Malformed
                | Trouble::HtmlAfterEffect
                | Trouble::DelayMs(_),
            )
            | None => self.answer(now_ms, &call),
        };
        match &trouble {
            Some(Trouble::ErrorAfterEffect) => {
                response = self.render(now_ms, &call, Err(GraphError::unknown()));
            }
            Some(Trouble::AfterEffect(spec)) => response = self.scripted_error(&call, spec),
            Some(Trouble::DropAfter) => response.fate = Fate::DropAfterEffect,
            Some(Trouble::Malformed) => {
                let half = response.body.len().div_euclid(2);
                response.body.truncate(half);
            }
            Some(Trouble::HtmlAfterEffect) => response = html_page(),
            Some(Trouble::DelayMs(by)) => response.delay_ms = response.delay_ms.saturating_add(*by),
            Some(Trouble::Error(_) | Trouble::DropBefore | Trouble::Html) | None => {}
        }
        let (code, subcode) = codes(&response.body);
        self.requests.push(RequestRecord {
            at_ms: now_ms,
            method: request.method.clone(),
            path: request.path.clone(),
            endpoint: endpoint.name(),
            account,
            status: response.status,
            code,
            subcode,
            fault: trouble.as_ref().map(Trouble::name),
            token_in: call.token_in,
        });
        response
    }

    fn answer(&mut self, now_ms: i64, call: &Call) -> SimResponse {
        let class = call.class();
        if let Some(account) = &call.account
            && let Err(fill) = self.usage.take(now_ms, account, class, &self.config.limits)
        {
            return self.render(now_ms, call, Err(GraphError::throttled(class, fill)));
        }
        if call.endpoint == Endpoint::Subscriptions && call.method == "POST" {
            return match self.begin_handshake(call) {
                Ok(handshake) => SimResponse {
                    fate: Fate::Handshake(handshake),
                    ..self.render(now_ms, call, Ok(Json::object().with("success", true)))
                },
                Err(error) => self.render(now_ms, call, Err(error)),
            };
        }
        if call.endpoint == Endpoint::Authorize {
            return match self.authorize(now_ms, call) {
                Ok(response) => response,
                Err(error) => self.render(now_ms, call, Err(error)),
            };
        }
        let outcome = self.dispatch(now_ms, call);
        let is_send = matches!(
            call.endpoint,
            Endpoint::SendMessage | Endpoint::PrivateReply
        );
        let is_accepted = outcome.is_ok();
        let mut response = self.render(now_ms, call, outcome);
        if let EchoTiming::BeforeAnswerMs(lead_ms) = self.config.policy.echo
            && is_send
            && is_accepted
        {
            response.delay_ms = lead_ms;
        }
        response
    }

    fn dispatch(&mut self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        match call.endpoint {
            Endpoint::RefreshToken => self.refresh_token(now_ms, call),
            Endpoint::ExchangeToken => self.exchange_token(now_ms, call),
            Endpoint::Subscriptions => self.subscriptions(call),
            Endpoint::ReadAccount => self.read_account(now_ms, call),
            Endpoint::ReadProfile => self.read_profile(now_ms, call),
            Endpoint::ReadComment => self.read_comment(now_ms, call),
            Endpoint::ListReplies => self.list_replies(now_ms, call),
            Endpoint::PublicReply => self.public_reply(now_ms, call),
            Endpoint::HideComment => self.hide_comment(now_ms, call),
            Endpoint::DeleteComment => self.delete_comment_by_api(now_ms, call),
            Endpoint::ReadMedia => self.read_media(now_ms, call),
            Endpoint::ChangeMedia => self.change_media(now_ms, call),
            Endpoint::ListMedia => self.list_media(now_ms, call),
            Endpoint::ListComments => self.list_comments(now_ms, call),
            Endpoint::CommentOnMedia => self.comment_on_media(now_ms, call),
            Endpoint::ReplyToMention => self.reply_to_mention(now_ms, call),
            Endpoint::SendMessage => self.send_direct_message(now_ms, call),
            Endpoint::PrivateReply => self.send_private_reply(now_ms, call),
            Endpoint::SenderAction => self.sender_action(now_ms, call),
            Endpoint::ListConversations => {
                let listed = self.list_conversations(now_ms, call)?;
                self.note_conversations_listed(now_ms, call);
                Ok(listed)
            }
            Endpoint::ReadConversation => self.read_conversation(now_ms, call),
            Endpoint::ReadMessage => self.read_message(now_ms, call),
            Endpoint::SubscribedApps => self.subscribed_apps(now_ms, call),
            Endpoint::MessengerProfile => self.messenger_profile(now_ms, call),
            Endpoint::ExchangeCode => self.exchange_code(now_ms, call),
            Endpoint::ListPages => self.list_pages(now_ms, call),
            Endpoint::ReadPermissions => self.read_permissions(now_ms, call),
            Endpoint::Authorize | Endpoint::Unknown => {
                self.authorized_account(now_ms, call)?;
                Err(GraphError::missing(call.subject()))
            }
        }
    }

    /// Writes an answer or an error with the headers Meta sends.
    pub(crate) fn render(
        &mut self,
        now_ms: i64,
        call: &Call,
        outcome: Result<Json, GraphError>,
    ) -> SimResponse {
        let fill = self.shown_fill(now_ms, call, outcome.as_ref().err());
        let (status, json) = match outcome {
            Ok(json) => (200, json),
            Err(error) => (error.status, error.envelope(call.host, self.trace_id())),
        };
        let mut headers = vec![
            (
                "Content-Type".to_owned(),
                "application/json; charset=UTF-8".to_owned(),
            ),
            (
                "facebook-api-version".to_owned(),
                self.config.api_version.clone(),
            ),
        ];
        if let (Some(account), Some(fill)) = (&call.account, fill) {
            let limits = &self.config.limits;
            let app = self
                .usage
                .fill(now_ms, account, CallClass::Other, limits)
                .percent;
            headers.extend(usage_headers(account, fill, app));
        }
        SimResponse {
            status,
            headers,
            body: Bytes::from(json.to_bytes(Escaping::Captured)),
            fate: Fate::Answer,
            delay_ms: 0,
        }
    }

    /// The fill the usage header shows: the hourly window of private replies for those, the
    /// daily window for everything else, and what an error says about itself.
    fn shown_fill(&self, now_ms: i64, call: &Call, error: Option<&GraphError>) -> Option<Fill> {
        let account = call.account.as_ref()?;
        let class = match call.class() {
            CallClass::PrivateReply => CallClass::PrivateReply,
            CallClass::LiveReply
            | CallClass::Text
            | CallClass::Media
            | CallClass::Conversation
            | CallClass::Other => CallClass::Other,
        };
        let shown = error.and_then(|error| error.fill);
        Some(shown.unwrap_or_else(|| self.usage.fill(now_ms, account, class, &self.config.limits)))
    }

    fn scripted_error(&mut self, call: &Call, spec: &ErrorSpec) -> SimResponse {
        self.render(0, call, Err(GraphError::scripted(spec)))
    }

    /// A trace id of the form Meta sends (contract section 10).
    fn trace_id(&mut self) -> String {
        let drawn = (0..22).map(|_| {
            let letter = self.rng.random_range(b'a'..=b'z');
            let is_capital = self.rng.random_range(0..2) == 0;
            char::from(if is_capital {
                letter.to_ascii_uppercase()
            } else {
                letter
            })
        });
        std::iter::once('A').chain(drawn).collect()
    }
}

fn usage_headers(account: &str, fill: Fill, app_percent: i64) -> [(String, String); 2] {
    let minutes = fill.wait_ms.saturating_add(59_999).div_euclid(60_000);
    let quarter = fill.percent.div_euclid(4);
    let usage = Json::object()
        .with("type", "instagram")
        .with("call_count", fill.percent)
        .with("total_cputime", quarter)
        .with("total_time", quarter)
        .with("estimated_time_to_regain_access", minutes);
    let by_business = Json::object().with(account.to_owned(), vec![usage]);
    let app_quarter = app_percent.div_euclid(4);
    let by_app = Json::object()
        .with("call_count", app_percent)
        .with("total_time", app_quarter)
        .with("total_cputime", app_quarter);
    let text =
        |json: &Json| String::from_utf8(json.to_bytes(Escaping::Captured)).unwrap_or_default();
    [
        ("X-App-Usage".to_owned(), text(&by_app)),
        ("X-Business-Use-Case-Usage".to_owned(), text(&by_business)),
    ]
}

fn html_page() -> SimResponse {
    SimResponse {
        status: 502,
        headers: vec![(
            "Content-Type".to_owned(),
            "text/html; charset=utf-8".to_owned(),
        )],
        body: Bytes::from_static(HTML.as_bytes()),
        fate: Fate::Answer,
        delay_ms: 0,
    }
}

/// Code and subcode of an error envelope, for the log of requests.
fn codes(body: &[u8]) -> (Option<i64>, Option<i64>) {
    if !body.starts_with(b"{\"error\"") {
        return (None, None);
    }
    let parsed: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let error = parsed.get("error");
    let number = |key: &str| {
        error
            .and_then(|error| error.get(key))
            .and_then(serde_json::Value::as_i64)
    };
    (number("code"), number("error_subcode"))
}

#[cfg(test)]
mod tests;
