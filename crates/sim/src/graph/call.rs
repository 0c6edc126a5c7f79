//! Reading a Graph call: host, token, parameters, and what is asked for.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{GraphError, SimRequest};
use crate::wire::ProductType;
use crate::world::World;
use crate::world::accounts::{Account, AccountKind, Login};
use crate::world::inspect::TokenPlace;
use crate::world::limits::CallClass;
use crate::world::owner::public_reply_effect;
use crate::world::tokens::TokenKind;

/// Which of Meta's hosts a call was made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// `graph.instagram.com`.
    Instagram,
    /// `graph.facebook.com`.
    Facebook,
}

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    ReadAccount,
    ReadProfile,
    ReadComment,
    ListReplies,
    PublicReply,
    HideComment,
    DeleteComment,
    ReadMedia,
    ChangeMedia,
    ListMedia,
    ListComments,
    CommentOnMedia,
    ReplyToMention,
    SendMessage,
    PrivateReply,
    SenderAction,
    ListConversations,
    ReadConversation,
    ReadMessage,
    SubscribedApps,
    Subscriptions,
    RefreshToken,
    ExchangeToken,
    MessengerProfile,
    Authorize,
    ExchangeCode,
    ListPages,
    ReadPermissions,
    Unknown,
}

/// The names fault rules and the log of requests use; `any` stands for all.
pub const ENDPOINTS: [&str; 30] = [
    "any",
    "read_account",
    "read_profile",
    "read_comment",
    "list_replies",
    "public_reply",
    "hide_comment",
    "delete_comment",
    "read_media",
    "change_media",
    "list_media",
    "list_comments",
    "comment_on_media",
    "reply_to_mention",
    "send_message",
    "private_reply",
    "sender_action",
    "list_conversations",
    "read_conversation",
    "read_message",
    "subscribed_apps",
    "subscriptions",
    "refresh_token",
    "exchange_token",
    "messenger_profile",
    "authorize",
    "exchange_code",
    "list_pages",
    "read_permissions",
    "unknown",
];

impl Endpoint {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ReadAccount => "read_account",
            Self::ReadProfile => "read_profile",
            Self::ReadComment => "read_comment",
            Self::ListReplies => "list_replies",
            Self::PublicReply => "public_reply",
            Self::HideComment => "hide_comment",
            Self::DeleteComment => "delete_comment",
            Self::ReadMedia => "read_media",
            Self::ChangeMedia => "change_media",
            Self::ListMedia => "list_media",
            Self::ListComments => "list_comments",
            Self::CommentOnMedia => "comment_on_media",
            Self::ReplyToMention => "reply_to_mention",
            Self::SendMessage => "send_message",
            Self::PrivateReply => "private_reply",
            Self::SenderAction => "sender_action",
            Self::ListConversations => "list_conversations",
            Self::ReadConversation => "read_conversation",
            Self::ReadMessage => "read_message",
            Self::SubscribedApps => "subscribed_apps",
            Self::Subscriptions => "subscriptions",
            Self::RefreshToken => "refresh_token",
            Self::ExchangeToken => "exchange_token",
            Self::MessengerProfile => "messenger_profile",
            Self::Authorize => "authorize",
            Self::ExchangeCode => "exchange_code",
            Self::ListPages => "list_pages",
            Self::ReadPermissions => "read_permissions",
            Self::Unknown => "unknown",
        }
    }
}

/// A call, read.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// The host the path named with `/ig` or `/fb`, when it named one.
    named_host: Option<Host>,
    pub(crate) host: Host,
    pub(crate) segments: Vec<String>,
    params: BTreeMap<String, Value>,
    pub(crate) token: Option<String>,
    pub(crate) token_in: TokenPlace,
    /// The account of the token, working or not.
    pub(crate) account: Option<String>,
    pub(crate) endpoint: Endpoint,
    is_live_reply: bool,
    /// Scheme, host and path, for links to the next page.
    url: String,
    query: Vec<(String, String)>,
}

impl Call {
    pub(crate) fn read(world: &World, request: &SimRequest) -> Self {
        let (named_host, segments) = split_path(&request.path);
        let mut params = body_params(request);
        for (key, value) in &request.query {
            params.insert(key.clone(), Value::String(value.clone()));
        }
        let (token, token_in) = find_token(request, &params);
        let account = token
            .as_ref()
            .and_then(|token| world.tokens.get(token))
            .map(|token| token.account.clone());
        let login = account
            .as_ref()
            .and_then(|account| world.accounts.get(account))
            .map(|account| account.login);
        let host = named_host.unwrap_or(match login {
            Some(Login::Facebook) => Host::Facebook,
            Some(Login::Instagram) | None => Host::Instagram,
        });
        let host_header = header(request, "host").unwrap_or("graph.instagram.com");
        let mut call = Self {
            method: request.method.to_ascii_uppercase(),
            named_host,
            host,
            segments,
            params,
            token,
            token_in,
            account,
            endpoint: Endpoint::Unknown,
            is_live_reply: false,
            url: format!("http://{host_header}{}", request.path),
            query: request.query.clone(),
        };
        call.endpoint = call.classify(world);
        call.is_live_reply = call
            .comment_id()
            .and_then(|id| world.comments.get(&id))
            .and_then(|comment| world.media.get(&comment.media))
            .is_some_and(|media| media.product_type == ProductType::Live);
        call
    }

    fn classify(&self, world: &World) -> Endpoint {
        let subject = self.subject();
        let edge = self.segments.get(1).map(String::as_str);
        let method = self.method.as_str();
        let is_post = method == "POST";
        match (subject, edge) {
            ("refresh_access_token", None) => Endpoint::RefreshToken,
            ("oauth", Some("authorize")) | ("dialog", Some("oauth")) => Endpoint::Authorize,
            ("oauth", Some("access_token")) if self.value("code").is_some() => {
                Endpoint::ExchangeCode
            }
            ("access_token", None) | ("oauth", Some("access_token")) => Endpoint::ExchangeToken,
            ("me", Some("accounts")) => Endpoint::ListPages,
            ("me", Some("permissions")) => Endpoint::ReadPermissions,
            (_, Some("subscriptions")) => Endpoint::Subscriptions,
            (_, Some("subscribed_apps")) => Endpoint::SubscribedApps,
            (_, Some("messenger_profile")) => Endpoint::MessengerProfile,
            (_, Some("conversations")) => Endpoint::ListConversations,
            (_, Some("mentions")) if is_post => Endpoint::ReplyToMention,
            (_, Some("messages")) if is_post => self.classify_send(),
            (_, Some("media")) => Endpoint::ListMedia,
            (_, Some("comments")) if is_post => Endpoint::CommentOnMedia,
            (_, Some("comments")) => Endpoint::ListComments,
            (_, Some("replies")) if is_post => Endpoint::PublicReply,
            (_, Some("replies")) => Endpoint::ListReplies,
            (_, Some(_)) => Endpoint::Unknown,
            (id, None) => self.classify_node(world, id),
        }
    }

    fn classify_send(&self) -> Endpoint {
        if self.comment_id().is_some() {
            Endpoint::PrivateReply
        } else if self.value("sender_action").is_some() && self.value("message").is_none() {
            Endpoint::SenderAction
        } else {
            Endpoint::SendMessage
        }
    }

    fn classify_node(&self, world: &World, id: &str) -> Endpoint {
        let is_post = self.method == "POST";
        let is_delete = self.method == "DELETE";
        if world.comments.contains_key(id) {
            return match (is_post, is_delete) {
                (true, _) => Endpoint::HideComment,
                (_, true) => Endpoint::DeleteComment,
                _ => Endpoint::ReadComment,
            };
        }
        if world.media.contains_key(id) {
            return if is_post {
                Endpoint::ChangeMedia
            } else {
                Endpoint::ReadMedia
            };
        }
        if is_post || is_delete {
            return Endpoint::Unknown;
        }
        if world.conversations.contains_key(id) {
            Endpoint::ReadConversation
        } else if world.mids.contains_key(id) || id.starts_with("aWdf") {
            Endpoint::ReadMessage
        } else if world.scoped.contains_key(id) {
            Endpoint::ReadProfile
        } else if id == "me" || world.find_node_account(id).is_some() {
            Endpoint::ReadAccount
        } else {
            Endpoint::Unknown
        }
    }

    /// The first segment of the path: `me` or an id.
    pub(crate) fn subject(&self) -> &str {
        self.segments.first().map_or("", String::as_str)
    }

    /// A parameter, wherever it was given.
    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        self.params.get(key).filter(|value| !value.is_null())
    }

    /// A parameter that is text.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.value(key).and_then(Value::as_str)
    }

    /// A parameter that is an object, or text that holds one, as forms send it.
    pub(crate) fn object(&self, key: &str) -> Option<Value> {
        let value = self.value(key)?;
        match value.as_str() {
            Some(text) => serde_json::from_str(text).ok(),
            None => Some(value.clone()),
        }
    }

    /// The comment a message is addressed to.
    pub(crate) fn comment_id(&self) -> Option<String> {
        self.recipient("comment_id")
    }

    /// The person a message is addressed to.
    pub(crate) fn recipient_id(&self) -> Option<String> {
        self.recipient("id")
    }

    fn recipient(&self, key: &str) -> Option<String> {
        match self.object("recipient")?.get(key)? {
            Value::String(id) => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Which limit the call counts against.
    pub(crate) fn class(&self) -> CallClass {
        match self.endpoint {
            Endpoint::PrivateReply if self.is_live_reply => CallClass::LiveReply,
            Endpoint::PrivateReply => CallClass::PrivateReply,
            Endpoint::SendMessage if self.carries_heavy_media() => CallClass::Media,
            Endpoint::SendMessage | Endpoint::SenderAction => CallClass::Text,
            Endpoint::ListConversations | Endpoint::ReadConversation | Endpoint::ReadMessage => {
                CallClass::Conversation
            }
            Endpoint::ReadAccount
            | Endpoint::ReadProfile
            | Endpoint::ReadComment
            | Endpoint::ListReplies
            | Endpoint::PublicReply
            | Endpoint::HideComment
            | Endpoint::DeleteComment
            | Endpoint::ReadMedia
            | Endpoint::ChangeMedia
            | Endpoint::ListMedia
            | Endpoint::ListComments
            | Endpoint::CommentOnMedia
            | Endpoint::ReplyToMention
            | Endpoint::SubscribedApps
            | Endpoint::Subscriptions
            | Endpoint::RefreshToken
            | Endpoint::ExchangeToken
            | Endpoint::MessengerProfile
            | Endpoint::Authorize
            | Endpoint::ExchangeCode
            | Endpoint::ListPages
            | Endpoint::ReadPermissions
            | Endpoint::Unknown => CallClass::Other,
        }
    }

    /// The scope without which Meta refuses the call (contract section 0, 5.8, 6).
    fn needs_scope(&self, login: Login) -> Option<&'static str> {
        let (basic, messages, comments) = match login {
            Login::Instagram => (
                "instagram_business_basic",
                "instagram_business_manage_messages",
                "instagram_business_manage_comments",
            ),
            Login::Facebook => (
                "instagram_basic",
                "instagram_manage_messages",
                "instagram_manage_comments",
            ),
        };
        match self.endpoint {
            Endpoint::SendMessage
            | Endpoint::SenderAction
            | Endpoint::ListConversations
            | Endpoint::ReadConversation
            | Endpoint::ReadMessage
            | Endpoint::ReadProfile
            | Endpoint::MessengerProfile => Some(messages),
            Endpoint::PrivateReply
            | Endpoint::ReadComment
            | Endpoint::ListReplies
            | Endpoint::PublicReply
            | Endpoint::HideComment
            | Endpoint::DeleteComment
            | Endpoint::ListComments
            | Endpoint::CommentOnMedia
            | Endpoint::ReplyToMention => Some(comments),
            Endpoint::ReadMedia
            | Endpoint::ChangeMedia
            | Endpoint::ListMedia
            | Endpoint::RefreshToken => Some(basic),
            Endpoint::SubscribedApps if login == Login::Facebook => Some("pages_manage_metadata"),
            Endpoint::SubscribedApps
            | Endpoint::ReadAccount
            | Endpoint::Subscriptions
            | Endpoint::ExchangeToken
            | Endpoint::Authorize
            | Endpoint::ExchangeCode
            | Endpoint::ListPages
            | Endpoint::ReadPermissions
            | Endpoint::Unknown => None,
        }
    }

    fn carries_heavy_media(&self) -> bool {
        self.object("message")
            .as_ref()
            .and_then(|message| message.get("attachment"))
            .and_then(|attachment| attachment.get("type"))
            .and_then(Value::as_str)
            .is_some_and(|kind| matches!(kind, "audio" | "video" | "file"))
    }

    /// Names the outward effect a call asks for, so that repeated calls can be counted.
    pub(crate) fn effect_asked_for(&self) -> Option<String> {
        if self.endpoint == Endpoint::PrivateReply {
            return self.comment_id().map(|id| format!("comment:{id}"));
        }
        if self.endpoint == Endpoint::SendMessage {
            let account = self.account.as_deref()?;
            let message = self.object("message").unwrap_or_default();
            return Some(format!("dm:{account}:{}:{message}", self.recipient_id()?));
        }
        let is_comment = matches!(
            self.endpoint,
            Endpoint::PublicReply | Endpoint::CommentOnMedia
        );
        let text = self.text("message").filter(|_| is_comment)?;
        Some(public_reply_effect(self.subject(), text))
    }

    /// The same call for the page behind `cursor`; the token is left out.
    pub(crate) fn url_with_after(&self, cursor: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (key, value) in &self.query {
            if key != "after" && key != "access_token" {
                query.append_pair(key, value);
            }
        }
        query.append_pair("after", cursor);
        format!("{}?{}", self.url, query.finish())
    }
}

impl World {
    /// The account of a call's token, if the token works now and on this host.
    pub(crate) fn authorized_account(
        &self,
        now_ms: i64,
        call: &Call,
    ) -> Result<&Account, GraphError> {
        let token = call
            .token
            .as_ref()
            .and_then(|token| self.tokens.get(token))
            .ok_or_else(GraphError::bad_token)?;
        if let Some(end) = token.end_at(now_ms) {
            return Err(GraphError::dead_token(end));
        }
        if token.kind == TokenKind::User {
            return Err(GraphError::no_capability());
        }
        let account = self
            .accounts
            .get(&token.account)
            .ok_or_else(GraphError::bad_token)?;
        let own_host = match account.login {
            Login::Instagram => Host::Instagram,
            Login::Facebook => Host::Facebook,
        };
        if call.named_host.is_some_and(|named| named != own_host) {
            return Err(GraphError::bad_token());
        }
        let is_about_itself = matches!(
            call.endpoint,
            Endpoint::ReadAccount | Endpoint::RefreshToken | Endpoint::ExchangeToken
        );
        if account.account_type == AccountKind::Personal && !is_about_itself {
            return Err(GraphError::not_professional());
        }
        let declined = &token.consent.declined;
        let unticked = call.needs_scope(account.login);
        if let Some(scope) = unticked.filter(|scope| declined.iter().any(|no| no == scope)) {
            return Err(GraphError::not_granted(scope));
        }
        Ok(account)
    }

    /// The token's account, when the call's subject is that account: `me`, its id or its Page.
    pub(crate) fn own_account(&self, now_ms: i64, call: &Call) -> Result<&Account, GraphError> {
        let account = self.authorized_account(now_ms, call)?;
        let subject = call.subject();
        let is_own = subject == "me"
            || subject == account.ig_id
            || subject == account.app_scoped_id
            || account.page_id.as_deref() == Some(subject);
        if is_own {
            Ok(account)
        } else {
            Err(GraphError::missing(subject))
        }
    }

    pub(crate) fn find_node_account(&self, id: &str) -> Option<&Account> {
        self.accounts.get(id).or_else(|| {
            self.accounts.values().find(|account| {
                account.app_scoped_id == id || account.page_id.as_deref() == Some(id)
            })
        })
    }
}

/// Takes an optional `/ig` or `/fb` and an optional version off a path.
fn split_path(path: &str) -> (Option<Host>, Vec<String>) {
    let mut segments = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .peekable();
    let host = match segments.peek().copied() {
        Some("ig") => Some(Host::Instagram),
        Some("fb") => Some(Host::Facebook),
        Some(_) | None => None,
    };
    if host.is_some() {
        segments.next();
    }
    if segments.peek().is_some_and(|segment| is_version(segment)) {
        segments.next();
    }
    (host, segments.map(str::to_owned).collect())
}

fn is_version(segment: &str) -> bool {
    segment
        .strip_prefix('v')
        .and_then(|number| number.split_once('.'))
        .is_some_and(|(major, minor)| {
            !major.is_empty()
                && !minor.is_empty()
                && major
                    .bytes()
                    .chain(minor.bytes())
                    .all(|byte| byte.is_ascii_digit())
        })
}

fn body_params(request: &SimRequest) -> BTreeMap<String, Value> {
    let is_form = header(request, "content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if is_form {
        return form_urlencoded::parse(&request.body)
            .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
            .collect();
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(members)) => members.into_iter().collect(),
        Ok(_) | Err(_) => BTreeMap::new(),
    }
}

fn find_token(
    request: &SimRequest,
    params: &BTreeMap<String, Value>,
) -> (Option<String>, TokenPlace) {
    let bearer = header(request, "authorization").and_then(|value| {
        value
            .strip_prefix("Bearer ")
            .or_else(|| value.strip_prefix("bearer "))
    });
    if let Some(token) = bearer {
        return (Some(token.trim().to_owned()), TokenPlace::Header);
    }
    if let Some((_, token)) = request.query.iter().find(|(key, _)| key == "access_token") {
        return (Some(token.clone()), TokenPlace::Query);
    }
    match params.get("access_token").and_then(Value::as_str) {
        Some(token) => (Some(token.to_owned()), TokenPlace::Body),
        None => (None, TokenPlace::None),
    }
}

pub(crate) fn header<'a>(request: &'a SimRequest, name: &str) -> Option<&'a str> {
    request
        .headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}
