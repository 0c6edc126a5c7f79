//! The real clock: the only one in the product.

use std::time::{SystemTime, UNIX_EPOCH};

use hookline_model::clock::{Clock, Timestamp};

/// The time of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the clock everything else is given"
        )]
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        // A machine that believes in a year before 1970 gets the epoch, not a panic.
        let millis = since_epoch.map_or(0, |duration| duration.as_millis());
        Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }
}
