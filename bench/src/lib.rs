//! What Hookline's speed is measured with.
//!
//! - [`deliveries`]: signed comment deliveries as Meta would post them
//! - [`mixed`]: deliveries as varied as those of many accounts
//! - [`load`]: posts them over keep-alive connections, flat out or at a constant rate
//! - [`latency`]: what a run is summed up to
//! - [`bare`]: the reference, a server that does nothing but answer 200
//! - [`peer`]: starting a server in a process of its own, on a core of its own
//! - [`disk`]: what one durable write costs on this disk
//! - [`comparison`], [`page`]: several servers measured in turn, and the page about it
//! - [`scenario`]: what is measured, one file per question
//! - [`section`]: one part of the report, with the bars it is held to
//! - [`flood`]: one account's viral post among many quiet accounts, from comment to reply

pub mod bare;
pub mod comparison;
pub mod deliveries;
pub mod disk;
pub mod flood;
pub mod latency;
pub mod load;
pub mod mixed;
pub mod page;
pub mod peer;
pub mod scenario;
pub mod section;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The monotonic clock. Everything in this package measures real programs in real time.
#[expect(
    clippy::disallowed_methods,
    reason = "measuring is what this package is for"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// The clock servers write times by, in milliseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "measuring is what this package is for"
)]
pub fn epoch_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}
