//! The server as its users meet it: over real sockets, against a simulated Meta.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed unwrap is a failed test"
)]

mod api;
mod binary;
mod commands;
mod crash;
mod direct;
mod erasure;
mod flood;
mod hostile;
mod limits;
mod power;
mod process;
mod receivers;
mod site;
mod stage;
mod stories;
mod trials;
mod webhook;
