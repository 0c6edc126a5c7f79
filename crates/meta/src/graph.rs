//! The calls we make to the Graph API, and what their answers mean.
//!
//! A [`Call`] is a request and the reader of its answer, both without I/O; a [`Transport`] carries
//! requests, and [`HttpTransport`] is the only thing here that opens a connection. Whatever goes
//! wrong is a [`CallFailure`], which says whether the call can have had an effect.

mod call;
mod client;
mod endpoint;
mod error;
mod read;
mod send;
mod transport;
mod usage;

pub use call::{Answer, Call, CallFailure, Reply};
pub use client::GraphClient;
pub use endpoint::{GraphConfig, Method, Request, RequestProblem, Sender};
pub use error::{ErrorClass, GraphError, TokenProblem};
pub use read::{
    CommentRead, ConversationId, ConversationMessage, MediaItem, MediaRead, RepliesPage,
    find_conversation, list_media, list_messages, read_comment, read_media, read_replies,
};
pub use send::{
    Commented, Sent, reply_to_mention, send_message, send_private_reply, send_public_reply,
};
pub use transport::{Carried, ClientProblem, HttpTransport, Transport};
pub use usage::Usage;
