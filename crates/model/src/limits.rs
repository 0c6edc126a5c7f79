//! Every bound of the product, with its reason, in one place.

use std::time::Duration;

/// Largest webhook body. Meta's sister products say 3 MB, and a refused body is lost (contract 2.4).
pub const DELIVERY_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long a delivery may wait for its commit before Meta is asked to come back with a 503.
/// Meta gives up after 5 s (contract 2.6), so the answer must leave well before.
pub const RECORD_WAIT_MAX: Duration = Duration::from_secs(2);

/// Text of a message, in bytes, not characters (contract 5.2).
pub const MESSAGE_TEXT_BYTES_MAX: usize = 1000;

/// A private reply must follow its comment within this time (contract 5.8).
pub const PRIVATE_REPLY_WINDOW: Duration = Duration::from_hours(7 * 24);

/// A DM must follow the contact's last message within this time (contract 5.7).
pub const MESSAGING_WINDOW: Duration = Duration::from_hours(24);

/// Tries of one send, all causes together, before a person has to look at it.
pub const ATTEMPTS_MAX: u32 = 6;

/// How far Meta's clock and ours may lie apart before a time of Meta's is taken for a mistake. Far
/// more than clocks differ, so that order by Meta's own times survives a clock that is set wrong.
pub const CLOCKS_APART_MAX: Duration = Duration::from_hours(1);

/// How long one call to the Graph API may take, connection included.
pub const GRAPH_CALL_MAX: Duration = Duration::from_secs(20);

/// How long after its beginning a call may still take effect at Meta when nobody waits for its answer
/// any more: because it took too long, because the connection broke, or because our process died.
/// Until then nothing that is not there proves that it will not be.
pub const LANDS_WITHIN: Duration = Duration::from_secs(25);

/// How long a worker owns what it claimed. After that another may claim it.
pub const LEASE: Duration = Duration::from_mins(1);

/// How much of one answer of Meta's is read; longer ones are cut before parsing.
pub const GRAPH_ANSWER_BYTES_MAX: usize = 1024 * 1024;

// A lease that ended while its call was still allowed to run would let two workers send.
const _: () = assert!(LEASE.as_secs() > 2 * GRAPH_CALL_MAX.as_secs());
// A call that took its whole time has left us at the latest when that time was over.
const _: () = assert!(LANDS_WITHIN.as_secs() > GRAPH_CALL_MAX.as_secs());
