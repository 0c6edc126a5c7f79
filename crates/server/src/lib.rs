//! The binary, as a library for its tests.

pub mod clock;
pub mod config;
pub mod keys;
pub mod metrics;
pub mod telemetry;
