//! What Hookline's speed is measured with.
//!
//! - [`deliveries`]: signed comment deliveries as Meta would post them
//! - [`mixed`]: deliveries as varied as those of many accounts
//! - [`load`]: posts them over keep-alive connections, flat out or at a constant rate
//! - [`latency`], [`figure`]: what a run is summed up to, and several of them
//! - [`bare`]: the references, servers that answer 200, at once or when the bytes are durable
//! - [`journal`]: the file in which the second of them keeps bytes
//! - [`peer`]: starting a server in a process of its own, on a core of its own
//! - [`stack`], [`redis`]: the stacks people write today, each with a Redis of its own
//! - [`processor_time`]: what the system says a program has spent
//! - [`disk`]: what one durable write costs on this disk
//! - [`comparison`]: several servers measured in turn
//! - [`scenario`]: what is measured, one file per question
//! - [`section`]: one part of the report, with the bars it is held to
//! - [`report`], [`page`], [`machine`]: what was found is kept, and a page made of it
//! - [`flames`]: what the time goes to, drawn while something is measured
//! - [`instructions`]: what single steps cost in instructions, counted by `cargo xtask instructions`
//! - [`graph`], [`connected`]: a Graph API that answers at once, and Hookline with an account there
//! - [`stock`], [`drain`]: a database with accounts and planned sends, and Hookline working it off
//! - [`flood`]: one account's viral post among many quiet accounts, from comment to reply

mod api;
pub mod bare;
pub mod comparison;
pub mod connected;
pub mod deliveries;
pub mod disk;
pub mod drain;
pub mod figure;
pub mod flames;
pub mod flood;
pub mod graph;
pub mod instructions;
pub mod journal;
pub mod latency;
pub mod load;
pub mod machine;
pub mod mixed;
pub mod page;
pub mod peer;
pub mod processor_time;
pub mod redis;
pub mod report;
pub mod scenario;
pub mod section;
pub mod stack;
pub mod stock;

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
