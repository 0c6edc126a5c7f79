//! How much is read at once and handed over at once: little while deliveries are being recorded,
//! which wait behind it, and much while only a backlog is worked off, because a commit costs the
//! less for each.

use std::time::Duration;

use hookline_model::clock::Timestamp;
use hookline_model::ids::DeliveryId;
use hookline_store::planning::Batch;

/// Events of one piece while deliveries are being recorded: one that comes meanwhile waits behind
/// about half a millisecond of work.
const BESIDE: usize = 8;

/// The same when automations are late: the later, the larger, because a large piece costs less for
/// each. Not much larger, because whoever posts deliveries waits behind it.
const LATE: usize = 128;

/// Being so much later makes a piece larger by one: whoever posts deliveries comes first in a burst,
/// and is slowed down when the automations are seconds late.
const LATER_FOR_ONE: Duration = Duration::from_millis(80);

/// The same while only a backlog is worked off: what a commit costs is shared by many.
const ALONE: usize = 512;

/// Pieces the writer has at a time. While it keeps one the disk makes the one before it durable;
/// more of them make up for what each waits for a processor, which is long when it is busy with
/// receiving. How many of them share a commit is the writer's affair.
const AHEAD_BESIDE: usize = 16;
const AHEAD_ALONE: usize = 4;

/// Deliveries read at once while others are being recorded.
const READ_BESIDE: u32 = 128;
const READ_ALONE: u32 = 512;

/// Nobody waits behind a piece when no delivery has come for so long. Longer than any commit: two
/// reads that see no new delivery may be of the time of one commit, in which none can come.
const QUIET: Duration = Duration::from_millis(100);

/// What is known of how deliveries come.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The last delivery that was recorded when something was last read.
    newest: Option<DeliveryId>,
    /// When one was seen to have come.
    came_at: Option<Timestamp>,
    /// Whether none has come for a while.
    is_quiet: bool,
}

impl Pace {
    /// Learns from what was read.
    pub(super) fn saw(&mut self, batch: &Batch, now: Timestamp) {
        if self.newest != batch.newest {
            // What is there at the start counts too: it may have come just now.
            self.came_at = Some(now);
            self.newest = batch.newest;
        }
        // A clock that was set back says nothing.
        let came_at = self.came_at.filter(|at| *at <= now);
        self.is_quiet = came_at.is_none_or(|at| now.since(at) >= QUIET);
    }

    /// How many deliveries to read at once.
    pub(super) fn read(&self) -> u32 {
        if self.is_quiet {
            READ_ALONE
        } else {
            READ_BESIDE
        }
    }

    /// How many pieces the writer is to have.
    pub(super) fn ahead(&self) -> usize {
        if self.is_quiet {
            AHEAD_ALONE
        } else {
            AHEAD_BESIDE
        }
    }

    /// How many events the next piece is to have, the first of which came in what was received then.
    pub(super) fn piece(&self, received_at: Option<Timestamp>, now: Timestamp) -> usize {
        if self.is_quiet {
            return ALONE;
        }
        let late = received_at.map_or(Duration::ZERO, |at| now.since(at));
        let more = late.as_millis() / LATER_FOR_ONE.as_millis();
        let more = usize::try_from(more).unwrap_or(usize::MAX);
        BESIDE.saturating_add(more).min(LATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was read when this delivery was the newest.
    fn batch(newest: i64) -> Batch {
        Batch {
            cursor: DeliveryId(0),
            deliveries: Vec::new(),
            replays: Vec::new(),
            has_more: true,
            redactions: 0,
            generations: hookline_store::planning::Generations::default(),
            newest: Some(DeliveryId(newest)),
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + millis)
    }

    #[test]
    fn a_piece_is_small_while_deliveries_come_and_larger_the_later_it_is() {
        let mut pace = Pace::default();
        pace.saw(&batch(1_000), at(0));
        for (received_at, expected) in [
            (1_000, 8),
            (0, 8),
            (-79, 8),
            (-80, 9),
            (-9_600, 128),
            (-1_000_000_000_000, 128),
        ] {
            let piece = pace.piece(Some(at(received_at)), at(0));
            assert_eq!(piece, expected, "received at {received_at}");
        }
        assert_eq!(pace.piece(None, at(0)), 8, "nothing but replays");
    }

    #[test]
    fn a_backlog_is_worked_off_in_large_pieces_once_nothing_has_come_for_a_while() {
        let mut pace = Pace::default();
        let mut after = |newest, now| {
            pace.saw(&batch(newest), at(now));
            (
                pace.piece(Some(at(now)), at(now)),
                pace.read(),
                pace.ahead(),
            )
        };
        let (small, large) = ((8, 128, 16), (512, 512, 4));
        assert_eq!(after(1_000, 10), small, "the start");
        let same_commit = "no commit need have ended between the two";
        assert_eq!(after(1_000, 11), small, "{same_commit}");
        assert_eq!(after(1_000, 109), small);
        assert_eq!(after(1_000, 110), large, "quiet");
        assert_eq!(after(1_001, 111), small, "another has come");
        assert_eq!(after(1_001, -5_000), large, "the clock was set back");
    }
}
