//! The binary, as a library for its tests.

pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod files;
pub mod http;
pub mod keys;
pub mod metrics;
mod notify;
mod observe;
pub mod runtime;
pub mod telemetry;
pub mod wiring;
