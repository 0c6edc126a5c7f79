//! How many deliveries are read at once: few while others are being recorded, which wait behind
//! them, and many while only a backlog is worked off, because a commit costs the less for each.

use std::time::Duration;

use hookline_model::clock::Timestamp;
use hookline_model::ids::DeliveryId;
use hookline_store::planning::Batch;

/// Deliveries of one transaction while others are being recorded: a delivery that comes meanwhile
/// waits behind about half a millisecond of work.
const BESIDE: u32 = 8;

/// The same when automations are late: the later, the larger, because a large batch costs less for
/// each. Not much larger, because whoever posts deliveries waits behind it.
const LATE: u32 = 128;

/// Being so much later makes a batch larger by one: whoever posts deliveries comes first in a burst,
/// and is slowed down when the automations are seconds late.
const LATER_FOR_ONE: Duration = Duration::from_millis(80);

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
            beside(batch, now)
        } else {
            ALONE
        };
    }
}

/// How many are read after these while others come.
fn beside(batch: &Batch, now: Timestamp) -> u32 {
    let last = batch.deliveries.last();
    let late = last.map_or(Duration::ZERO, |last| now.since(last.received_at));
    let more = late.as_millis() / LATER_FOR_ONE.as_millis();
    let more = u32::try_from(more).unwrap_or(u32::MAX);
    BESIDE.saturating_add(more).min(LATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch whose last delivery is this one, received at that time.
    fn batch(last: i64, received_at: i64, newest: i64) -> Batch {
        Batch {
            deliveries: vec![hookline_store::planning::Delivery {
                id: DeliveryId(last),
                received_at: at(received_at),
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
    fn a_batch_is_small_while_deliveries_come_and_larger_the_later_it_is() {
        for (received_at, expected) in [
            (1_000, 8),
            (0, 8),
            (-79, 8),
            (-80, 9),
            (-9_600, 128),
            (-1_000_000_000_000, 128),
        ] {
            let mut pace = Pace::default();
            pace.saw(&batch(100, received_at, 1_000), at(0));
            assert_eq!(pace.batch(), expected, "received at {received_at}");
        }
    }

    #[test]
    fn a_backlog_is_worked_off_in_large_batches_once_nothing_has_come_for_a_while() {
        let mut pace = Pace::default();
        pace.saw(&batch(1_000, 100, 1_000), at(10));
        pace.saw(&batch(1_000, 100, 1_000), at(11));
        let same_commit = "no commit need have ended between the two";
        assert_eq!(pace.batch(), BESIDE, "{same_commit}");
        pace.saw(&batch(1_000, 100, 1_000), at(109));
        assert_eq!(pace.batch(), BESIDE);
        pace.saw(&batch(1_000, 100, 1_000), at(110));
        assert_eq!(pace.batch(), ALONE, "quiet");
        pace.saw(&batch(1_001, 100, 1_001), at(111));
        assert_eq!(pace.batch(), BESIDE, "another has come");
        pace.saw(&batch(1_001, 100, 1_001), at(-5_000));
        assert_eq!(pace.batch(), ALONE, "the clock was set back");
    }
}
