//! HTTP: what the world can ask of us.
//!
//! - [`listener`]: the accept loop, and its limits on connections
//! - [`webhook`]: Meta's handshake and deliveries, from socket to 200
//! - [`body`]: bodies under limits
//! - [`api`]: the REST API
//! - [`callbacks`]: what Meta says of people: `/meta/deauthorize`, `/meta/data-deletion`
//! - [`oauth`]: connecting an account in a browser: `/oauth/…`
//! - [`health`]: `/healthz`, `/readyz`, `/metrics`

pub mod api;
pub mod body;
pub mod callbacks;
pub mod health;
pub mod listener;
pub mod oauth;
mod page;
pub mod webhook;
