//! The virtual clock: Meta's time is the true one, the engine's may be off.

use std::sync::atomic::{AtomicI64, Ordering};

use hookline_model::clock::{Clock, Timestamp};

/// When every simulation begins.
pub(crate) const BEGIN_MS: i64 = 1_790_000_000_000;

pub(crate) struct SimClock {
    now_ms: AtomicI64,
    off_by_ms: AtomicI64,
}

impl SimClock {
    pub(crate) fn new() -> Self {
        Self {
            now_ms: AtomicI64::new(BEGIN_MS),
            off_by_ms: AtomicI64::new(0),
        }
    }

    /// The true time.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, now_ms: i64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
    }

    /// From now on the engine's clock is wrong by this much.
    pub(crate) fn put_off(&self, off_by_ms: i64) {
        self.off_by_ms.store(off_by_ms, Ordering::Relaxed);
    }

    /// The true time at which the engine's clock shows `shown`.
    pub(crate) fn true_time_of(&self, shown: Timestamp) -> i64 {
        shown.as_millis() - self.off_by_ms.load(Ordering::Relaxed)
    }
}

/// The time as the engine sees it.
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms() + self.off_by_ms.load(Ordering::Relaxed))
    }
}
