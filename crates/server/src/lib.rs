//! The binary, as a library for its tests.

pub mod clock;
pub mod config;
pub mod http;
pub mod keys;
pub mod metrics;
pub mod telemetry;
pub mod cli;
pub mod commands;
mod observe;
pub mod wiring;
