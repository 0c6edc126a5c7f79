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
    use proptest::prelude::*;
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

    /// Moments in a few months, near each other more often than not.
    fn moment() -> impl Strategy<Value = Timestamp> {
        (0_i64..20_000_000_000, -1_i64..2).prop_map(|(millis, off)| {
            let day = 24 * 60 * 60 * 1000;
            let near = millis / day * day + off;
            let millis = if millis % 2 == 0 { near } else { millis };
            Timestamp::from_millis(1_790_000_000_000 + millis)
        })
    }

    proptest! {
        #[test]
        fn a_window_is_open_until_it_closes_and_never_again(
            wrote in moment(), now in moment(), later in moment(),
        ) {
            let day = Duration::from_hours(24);
            let is_open = is_window_open(Some(wrote), now);
            // A message from the future of a wrong clock counts as one of now.
            prop_assert_eq!(is_open, now < wrote || now.since(wrote) < day);
            prop_assert_eq!(is_open, now < window_closes_at(wrote));
            if !is_open && later >= now {
                prop_assert!(!is_window_open(Some(wrote), later));
            }
        }

        #[test]
        fn another_message_never_shortens_a_window(
            wrote in moment(), again in moment(), now in moment(),
        ) {
            if is_window_open(Some(wrote), now) {
                prop_assert!(is_window_open(Some(wrote.max(again)), now));
            }
            prop_assert!(window_closes_at(wrote.max(again)) >= window_closes_at(wrote));
        }

        #[test]
        fn a_private_reply_has_seven_days_from_its_comment(commented in moment()) {
            let deadline = private_reply_deadline(commented);
            prop_assert_eq!(deadline.since(commented), Duration::from_hours(7 * 24));
        }

        #[test]
        fn no_time_meta_writes_breaks_a_window(written: i64, now: i64) {
            let (wrote, now) = (Timestamp::from_meta(written), Timestamp::from_millis(now));
            prop_assert!(window_closes_at(wrote) >= wrote);
            prop_assert!(private_reply_deadline(wrote) >= window_closes_at(wrote));
            prop_assert_eq!(is_window_open(Some(wrote), now), now < window_closes_at(wrote));
            prop_assert!(!is_window_open(None, now));
        }
    }
}
