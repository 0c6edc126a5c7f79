//! The queue in plain words.

use std::fmt::Write as _;

use hookline_engine::explain::{duration_in_words, reason_in_words};
use hookline_model::clock::Timestamp;

use crate::http::api::accounts::Hold;
use crate::http::api::queue::Lane;

/// One line for each lane, and one for each reason why something did not go out.
pub(super) fn of(lanes: &[Lane], now: Timestamp) -> String {
    if lanes.is_empty() {
        return "nothing waits, and nothing failed in the last 24 hours\n".to_owned();
    }
    // Writing to a string cannot fail.
    let mut text = String::new();
    for lane in lanes {
        let _ = writeln!(text, "{}", line(lane, now));
        for failed in &lane.failed {
            let reason = failed.reason.as_deref().map_or_else(String::new, |reason| {
                format!(": {}", reason_in_words(reason))
            });
            let when = if failed.state == "unknown" {
                "now"
            } else {
                "in the last 24 hours"
            };
            let (count, state) = (grouped(failed.count), failed.state);
            let _ = writeln!(text, "  {count} {state} {when}{reason}");
        }
    }
    let _ = writeln!(text, "(times are UTC; it was {now})");
    text
}

fn line(lane: &Lane, now: Timestamp) -> String {
    let name = lane.username.as_deref().unwrap_or(lane.account_id.as_str());
    let mut line = format!("{name} {}: {}", lane.class.as_str(), waiting(lane));
    if lane.in_flight > 0 {
        let _ = write!(line, ", {} on the way", grouped(lane.in_flight));
    }
    if let Some(hold) = &lane.hold {
        let _ = write!(line, "; {}", held(hold, now));
    }
    if lane.waiting > 0 {
        let _ = write!(line, "; {}", outlook(lane, now));
    }
    line
}

fn waiting(lane: &Lane) -> String {
    match lane.waiting {
        0 => "nothing waits".to_owned(),
        1 => "1 waits".to_owned(),
        count => format!("{} wait", grouped(count)),
    }
}

fn held(hold: &Hold, now: Timestamp) -> String {
    let reason = reason_in_words(&hold.reason);
    match hold.until {
        Some(until) => {
            let wait = duration_in_words(until.since(now));
            let until = until.beside(now);
            format!("nothing goes out until {until} (in {wait}): {reason}")
        }
        None => format!(
            "nothing goes out until the account is given a new token with hookline accounts \
             connect: {reason}"
        ),
    }
}

fn outlook(lane: &Lane, now: Timestamp) -> String {
    match (lane.will_miss, lane.next_at, lane.last_at) {
        (Some(miss), Some(next), Some(last)) => {
            let goes = if lane.waiting == 1 {
                format!("it goes {}", moment(next, now))
            } else {
                let (next, last) = (moment(next, now), moment(last, now));
                format!("the next goes {next}, the last {last}")
            };
            format!("{goes}; {}", missed(miss))
        }
        (Some(miss), _, _) => missed(miss),
        (None, _, _) => match lane.first_deadline_at {
            Some(deadline) => format!("the first deadline is {}", moment(deadline, now)),
            None => String::new(),
        },
    }
}

fn missed(count: u32) -> String {
    match count {
        1 => "1 misses its deadline".to_owned(),
        count => format!("{} miss their deadline", grouped(count)),
    }
}

/// `now`, or `at 14:02:11`, or `on Nov 27 21:40 (in 2 d 7 h)`.
fn moment(at: Timestamp, now: Timestamp) -> String {
    /// From here on a person wants to know how long it is.
    const SOON: std::time::Duration = std::time::Duration::from_mins(1);
    if at <= now {
        return "now".to_owned();
    }
    let wait = at.since(now);
    let words = at.beside(now);
    let words = if words.contains(' ') {
        format!("on {words}")
    } else {
        format!("at {words}")
    };
    if wait < SOON {
        words
    } else {
        format!("{words} (in {})", duration_in_words(wait))
    }
}

/// `41,250`
fn grouped(count: u32) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::api::queue::Failed;
    use hookline_model::ids::AccountId;
    use hookline_model::send::SendClass;
    use std::time::Duration;

    fn now() -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000)
    }

    fn after(duration: Duration) -> Timestamp {
        now().plus(duration)
    }

    fn lane(waiting: u32) -> Lane {
        Lane {
            account_id: AccountId::new("1784"),
            username: Some("acme_store".to_owned()),
            class: SendClass::PrivateReply,
            waiting,
            due: waiting,
            in_flight: 0,
            hold: None,
            first_deadline_at: Some(after(Duration::from_hours(24 * 7))),
            next_at: Some(after(Duration::from_secs(4))),
            last_at: Some(after(Duration::from_hours(55))),
            will_miss: Some(0),
            failed: Vec::new(),
        }
    }

    fn held(reason: &str, until: Option<Timestamp>) -> Hold {
        Hold {
            reason: reason.to_owned(),
            since: now(),
            until,
        }
    }

    #[test]
    fn a_flood_is_told_with_its_end_and_what_misses() {
        let mut flooded = lane(41_250);
        flooded.in_flight = 1;
        assert_eq!(
            line(&flooded, now()),
            "acme_store private_reply: 41,250 wait, 1 on the way; the next goes at 14:13:24, \
             the last on Sep 23 21:13 (in 2 d 7 h); 0 miss their deadline"
        );
        flooded.will_miss = Some(1_234);
        assert!(line(&flooded, now()).ends_with("; 1,234 miss their deadline"));
    }

    #[test]
    fn one_send_has_one_time() {
        let mut quiet = lane(1);
        quiet.username = None;
        quiet.next_at = Some(now());
        assert_eq!(
            line(&quiet, now()),
            "1784 private_reply: 1 waits; it goes now; 0 miss their deadline"
        );
        (quiet.next_at, quiet.last_at, quiet.will_miss) = (None, None, Some(1));
        assert_eq!(
            line(&quiet, now()),
            "1784 private_reply: 1 waits; 1 misses its deadline"
        );
    }

    #[test]
    fn a_held_lane_says_why_and_what_to_do() {
        let mut dead = lane(12);
        dead.hold = Some(held("token_expired", None));
        (dead.next_at, dead.last_at, dead.will_miss) = (None, None, None);
        assert_eq!(
            line(&dead, now()),
            "acme_store private_reply: 12 wait; nothing goes out until the account is given a new \
             token with hookline accounts connect: the access token has expired; connect the \
             account again (token_expired); the first deadline is on Sep 28 14:13 (in 7 d 0 h)"
        );
        let mut paused = lane(0);
        paused.hold = Some(held("rate_limited", Some(after(Duration::from_mins(10)))));
        assert_eq!(
            line(&paused, now()),
            "acme_store private_reply: nothing waits; nothing goes out until 14:23:20 (in 10 \
             min 0 s): Meta asks to wait because its rate limit is reached (rate_limited)"
        );
    }

    #[test]
    fn what_failed_stands_below_its_lane() {
        let mut lane = lane(0);
        lane.failed = vec![
            Failed {
                state: "refused",
                reason: Some("comment_gone".to_owned()),
                count: 1000,
            },
            Failed {
                state: "unknown",
                reason: None,
                count: 1,
            },
        ];
        assert_eq!(
            of(&[lane], now()),
            "acme_store private_reply: nothing waits\n  1,000 refused in the last 24 hours: the \
             comment was deleted before it could be answered (comment_gone)\n  1 unknown now\n\
             (times are UTC; it was 2026-09-21T14:13:20.000Z)\n"
        );
        assert!(of(&[], now()).starts_with("nothing waits"));
    }
}
