//! What a budget of 750 an hour with 25 at once comes to, worked out without Hookline's rules.

use super::{BURST, HOURLY};

const HOUR_MS: i64 = 3_600_000;

/// What becomes of the comments.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outlook {
    /// When the last one that is not too late is answered.
    pub(super) last_ms: i64,
    /// How many are too late.
    pub(super) will_miss: u32,
}

/// Attempts that may have begun `elapsed_ms` after the first, by an account that had rested.
pub(super) fn allowed(elapsed_ms: i64) -> u32 {
    let hours = u32::try_from(elapsed_ms / HOUR_MS).unwrap_or(0);
    let in_hour = u32::try_from(elapsed_ms % HOUR_MS / spacing_ms()).unwrap_or(0);
    hours * HOURLY + (BURST + in_hour).min(HOURLY)
}

/// When each is answered if the first goes at `first_ms`: in every hour 25 at once and then one
/// every 4.8 s. `deadlines` are in the order in which the comments came.
pub(super) fn outlook(first_ms: i64, deadlines: &[i64]) -> Outlook {
    let mut outlook = Outlook {
        last_ms: first_ms,
        will_miss: 0,
    };
    let mut sent: i64 = 0;
    for deadline_ms in deadlines {
        let in_hour = sent % i64::from(HOURLY);
        let after_burst = (in_hour - i64::from(BURST) + 1).max(0);
        let at_ms = first_ms + sent / i64::from(HOURLY) * HOUR_MS + after_burst * spacing_ms();
        if at_ms < *deadline_ms {
            outlook.last_ms = at_ms;
            sent += 1;
        } else {
            outlook.will_miss += 1;
        }
    }
    outlook
}

fn spacing_ms() -> i64 {
    HOUR_MS / i64::from(HOURLY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_minutes_allow_eighty_seven_and_an_hour_all_of_them() {
        assert_eq!((allowed(0), allowed(4_799), allowed(4_800)), (25, 25, 26));
        assert_eq!(allowed(5 * 60_000), 25 + 62);
        assert_eq!((allowed(HOUR_MS - 1), allowed(HOUR_MS)), (750, 775));
    }

    #[test]
    fn sixty_thousand_are_out_after_eighty_hours() {
        let week = 7 * 24 * HOUR_MS;
        let outlook_of = |count| outlook(0, &vec![week; count]);
        assert_eq!(outlook_of(60_000).will_miss, 0);
        assert_eq!(outlook_of(60_000).last_ms, 79 * HOUR_MS + 725 * 4_800);
        assert_eq!(outlook_of(150_000).will_miss, 150_000 - 168 * 750);
        assert_eq!(outlook_of(26).last_ms, 4_800);
    }
}
