//! Pack: deliveries that are old are compressed, a few at a time, beside everything else.
//!
//! The bytes are compressed and read back on a reader's thread; the writer only swaps them, in one
//! short transaction a pack. A crash at any moment leaves rows as they were or packed whole.

use std::sync::Arc;
use std::time::Duration;

use hookline_model::clock::{Clock, Timestamp};
use hookline_store::packs::NextPack;
use hookline_store::{Store, StoreError};

use crate::settings::Settings;

/// The shortest pause between two packs, in which the writer serves others.
const BREATH: Duration = Duration::from_millis(5);

/// Of the time since a pack was begun, so many times as much is left to others: when the writer or
/// the processors are busy, everything takes longer, and so does the pause.
const SHARE: u32 = 3;

/// Attempts are packed when so many windows of a budget are over: twice as many as count them, so
/// that a clock that is set back lets no window hold more than its budget.
const WINDOWS: u32 = 2;

/// What one tick did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PackReport {
    /// Deliveries that are packed now.
    pub deliveries: usize,
    /// The bytes of their rows.
    pub raw_bytes: usize,
    /// The bytes they take.
    pub bytes: usize,
    /// How long to leave the store to others; none when there is nothing to pack.
    pub pause: Option<Duration>,
}

/// Packs old deliveries. One tick is one transaction.
pub struct Packer {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    settings: Arc<Settings>,
}

impl Packer {
    /// A packer that works on `store`; any number of them may work on one database.
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>, settings: Arc<Settings>) -> Self {
        Self {
            store,
            clock,
            settings,
        }
    }

    /// Packs the next deliveries that are old enough. What changes while it is being packed is
    /// left as it is, and looked at again by the next tick.
    pub async fn tick(&self) -> Result<PackReport, StoreError> {
        let begun_at = self.clock.now();
        let before = begun_at.minus(self.settings.compress_after);
        let ended_before = begun_at.minus(self.settings.budgets.longest_window() * WINDOWS);
        let pack = match self.store.next_pack(before, ended_before).await? {
            NextPack::Nothing => return Ok(PackReport::default()),
            NextPack::Pack(pack) => pack,
        };
        let report = PackReport {
            deliveries: pack.deliveries(),
            raw_bytes: pack.raw_bytes(),
            bytes: pack.bytes(),
            pause: None,
        };
        let report = match self.store.commit_pack(pack).await {
            Ok(()) => report,
            Err(StoreError::Conflict(_)) => PackReport::default(),
            Err(error) => return Err(error),
        };
        Ok(PackReport {
            pause: Some(pause(begun_at, self.clock.now())),
            ..report
        })
    }
}

fn pause(begun_at: Timestamp, now: Timestamp) -> Duration {
    /// A clock that jumps must not stop packing for long.
    const LONGEST: Duration = Duration::from_secs(1);
    (now.since(begun_at) * SHARE).clamp(BREATH, LONGEST)
}

#[cfg(test)]
mod tests;
