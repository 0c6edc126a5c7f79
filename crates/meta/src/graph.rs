//! The calls we make to the Graph API, and what their answers mean.
//!
//! A [`Call`] is a request and the reader of its answer, both without I/O; a [`Transport`] carries
//! requests, and [`HttpTransport`] is the only thing here that opens a connection. Whatever goes
//! wrong is a [`CallFailure`], which says whether the call can have had an effect.

mod address;
mod app;
mod backfill;
mod call;
mod client;
mod endpoint;
mod error;
mod identity;
mod oauth;
mod page;
mod read;
mod request;
mod scopes;
mod send;
mod subscribed;
mod transport;
mod usage;

pub use address::Address;
pub use app::{
    AppCredentials, AppSubscription, AppWish, SubscribedField, read_app_subscription,
    subscribe_app, unsubscribe_app,
};
pub use backfill::{
    CommentThread, ConversationSummary, ListPage, MediaSummary, MoreReplies, list_comments,
    list_conversations, list_media_page,
};
pub use call::{Answer, Call, CallFailure, Reply};
pub use client::GraphClient;
pub use endpoint::{Authority, GraphConfig, LoginKind, Sender};
pub use error::{ErrorClass, GraphError, TokenProblem};
pub use identity::{
    AccountKind, InstagramIdentity, LinkedAccount, PageAccess, PageIdentity, PageList, Permissions,
    list_pages, read_facebook_user, read_instagram_identity, read_page_identity, read_permissions,
};
pub use oauth::{
    CodeGrant, CodeRefusal, LoginRequest, OAuthHosts, RefreshRefusal, TokenGrant, authorize_url,
    exchange_code, exchange_for_long_lived, refresh_token,
};
pub use read::{
    CommentRead, ConversationId, ConversationMessage, MediaItem, MediaRead, RepliesPage,
    find_conversation, list_media, list_messages, read_comment, read_media, read_replies,
};
pub use request::{Body, Method, Request, RequestProblem};
pub use scopes::{FACEBOOK_OPTIONAL_SCOPES, FACEBOOK_SCOPES, INSTAGRAM_SCOPES};
pub use send::{
    Commented, Sent, reply_to_mention, send_message, send_private_reply, send_public_reply,
};
pub use subscribed::{
    SubscribedApp, SubscribedApps, read_subscribed_apps, refused_field, subscribe_account,
    unsubscribe_account,
};
pub use transport::{Carried, ClientProblem, HttpTransport, Transport};
pub use usage::Usage;
