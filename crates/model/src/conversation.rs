//! The messaging window: until when a contact may be written to (contract 5.7).

use crate::clock::Timestamp;
use crate::limits::{MESSAGING_WINDOW, PRIVATE_REPLY_WINDOW};

/// The last moment a DM may be sent to someone who last wrote at `last_inbound`.
pub fn window_closes_at(last_inbound: Timestamp) -> Timestamp {
    last_inbound.plus(MESSAGING_WINDOW)
}

/// The last moment a private reply may answer a comment written at `commented_at`
/// (contract 5.8: the clock is the comment's own timestamp).
pub fn private_reply_deadline(commented_at: Timestamp) -> Timestamp {
    commented_at.plus(PRIVATE_REPLY_WINDOW)
}

/// Whether a contact who last wrote at `last_inbound` may be sent a DM at `now`.
pub fn is_window_open(last_inbound: Option<Timestamp>, now: Timestamp) -> bool {
    last_inbound.is_some_and(|at| now < window_closes_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_window_is_open_for_24_hours_and_not_a_millisecond_more() {
        let wrote = Timestamp::from_millis(1_790_000_000_000);
        let closes = wrote.plus(Duration::from_hours(24));
        assert!(is_window_open(Some(wrote), wrote));
        assert!(is_window_open(
            Some(wrote),
            closes.minus(Duration::from_millis(1))
        ));
        assert!(!is_window_open(Some(wrote), closes));
        assert!(
            !is_window_open(None, wrote),
            "who never wrote has no window"
        );
    }
}
