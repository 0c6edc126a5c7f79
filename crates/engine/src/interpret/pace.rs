//! How many deliveries are read at once: few while others are being recorded, which wait behind
//! them, and many while only a backlog is worked off, because a commit costs the less for each.

use std::time::Duration;

use hookline_model::clock::Timestamp;
use hookline_model::ids::DeliveryId;
use hookline_store::planning::Batch;

/// Deliveries of one transaction while others are being recorded: a delivery that comes meanwhile
/// waits behind about half a millisecond of work.
const BESIDE: u32 = 8;

/// The same when many wait already: the further behind, the larger, because a large batch costs
/// less for each. Not much larger, because whoever posts deliveries waits behind it.
const BEHIND: u32 = 128;

/// So many that wait make a batch larger by one: whoever posts deliveries comes first in a burst,
/// and is slowed down when the automations are seconds behind.
const BEHIND_FOR_ONE: i64 = 256;

/// The same while only a backlog is worked off: what a commit costs is shared by many.
const ALONE: u32 = 512;

/// Nobody waits behind a batch when no delivery has come for so long. Longer than any commit: two
/// reads that see no new delivery may be of the time of one commit, in which none can come.
const QUIET: Duration = Duration::from_millis(100);

/// What is known of how deliveries come.
#[derive(Debug)]
pub(super) struct Pace {
    /// The last delivery that was recorded when something was last read.
    newest: Option<DeliveryId>,
    /// When one was seen to have come.
    came_at: Option<Timestamp>,
    batch: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            newest: None,
            came_at: None,
            batch: BESIDE,
        }
    }
}

impl Pace {
    /// How many to read next.
    pub(super) fn batch(&self) -> u32 {
        self.batch
    }

    /// Learns from what was read.
    pub(super) fn saw(&mut self, batch: &Batch, now: Timestamp) {
        if self.newest != batch.newest {
            // What is there at the start counts too: it may have come just now.
            self.came_at = Some(now);
            self.newest = batch.newest;
        }
        // A clock that was set back says nothing.
        let came_at = self.came_at.filter(|at| *at <= now);
        self.batch = if came_at.is_some_and(|at| now.since(at) < QUIET) {
            beside(batch)
        } else {
            ALONE
        };
    }
}

/// How many are read after these while others come.
fn beside(batch: &Batch) -> u32 {
    let last = batch.deliveries.last().map(|delivery| delivery.id);
    let waiting = match (batch.newest, last) {
        (Some(newest), Some(last)) => newest.0.saturating_sub(last.0).max(0),
        (Some(_) | None, _) => 0,
    };
    let more = u32::try_from(waiting / BEHIND_FOR_ONE).unwrap_or(u32::MAX);
    BESIDE.saturating_add(more).min(BEHIND)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(last: i64, newest: i64) -> Batch {
        Batch {
            deliveries: vec![hookline_store::planning::Delivery {
                id: DeliveryId(last),
                received_at: Timestamp::from_millis(0),
                body: Vec::new(),
            }],
            newest: Some(DeliveryId(newest)),
            ..Batch::default()
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + millis)
    }

    #[test]
    fn a_batch_is_small_while_deliveries_come_and_larger_the_further_it_is_behind() {
        for (newest, expected) in [
            (100, 8),
            (355, 8),
            (356, 9),
            (30_820, 128),
            (1_000_000_000_000, 128),
        ] {
            let mut pace = Pace::default();
            pace.saw(&batch(100, newest), at(0));
            assert_eq!(pace.batch(), expected, "{newest}");
        }
    }

    #[test]
    fn a_backlog_is_worked_off_in_large_batches_once_nothing_has_come_for_a_while() {
        let mut pace = Pace::default();
        pace.saw(&batch(1_000, 1_000), at(10));
        pace.saw(&batch(1_000, 1_000), at(11));
        let same_commit = "no commit need have ended between the two";
        assert_eq!(pace.batch(), BESIDE, "{same_commit}");
        pace.saw(&batch(1_000, 1_000), at(109));
        assert_eq!(pace.batch(), BESIDE);
        pace.saw(&batch(1_000, 1_000), at(110));
        assert_eq!(pace.batch(), ALONE, "quiet");
        pace.saw(&batch(1_001, 1_001), at(111));
        assert_eq!(pace.batch(), BESIDE, "another has come");
        pace.saw(&batch(1_001, 1_001), at(-5_000));
        assert_eq!(pace.batch(), ALONE, "the clock was set back");
    }
}
