//! Time as a value: who needs to know the time is told it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The beginning of time as computers count it; used as "never".
    pub const EPOCH: Self = Self(0);

    /// A moment no timer reaches: "not until someone says so". It is the last that is printed as
    /// a date, in whatever time zone: 9999-12-30T22:00:00Z.
    pub const FAR_FUTURE: Self = Self(253_402_207_200_000);

    /// From milliseconds since the epoch, held between [`Self::EPOCH`] and [`Self::FAR_FUTURE`].
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(Self::EPOCH.0, Self::FAR_FUTURE.0))
    }

    /// Reads a time as Meta writes them: seconds in content events, milliseconds in messaging
    /// events (contract 2.2: a value from 10^12 on means milliseconds).
    pub fn from_meta(value: i64) -> Self {
        const FIRST_MILLISECONDS: i64 = 1_000_000_000_000;
        if value >= FIRST_MILLISECONDS {
            Self::from_millis(value)
        } else {
            Self::from_millis(value.saturating_mul(1000))
        }
    }

    /// Reads ISO 8601 as the Graph API prints it: `2017-05-19T23:27:28+0000` (contract 6.1).
    pub fn from_graph(text: &str) -> Option<Self> {
        jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%z", text)
            .and_then(|parsed| parsed.to_timestamp())
            .or_else(|_| text.parse::<jiff::Timestamp>())
            .ok()
            .map(|moment| Self::from_millis(moment.as_millisecond()))
    }

    /// Reads the `Date` header of an HTTP answer: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110).
    pub fn from_http(text: &str) -> Option<Self> {
        let moment = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Some(Self::from_millis(moment.as_millisecond()))
    }

    /// Milliseconds since the epoch.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// This moment moved `by` later, never past [`Self::FAR_FUTURE`].
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// This moment moved `by` earlier, never before [`Self::EPOCH`].
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(millis))
    }

    /// The moment for a person who knows that it is `now`, in UTC: `14:02:11` on the same day,
    /// `Nov 27 21:40` otherwise.
    pub fn beside(self, now: Self) -> String {
        const DAY: i64 = 24 * 3_600_000;
        let form = if self.0 / DAY == now.0 / DAY {
            "%H:%M:%S"
        } else {
            "%b %-d %H:%M"
        };
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => moment.strftime(form).to_string(),
            Err(_) => self.to_string(),
        }
    }

    /// How long after `earlier` this moment is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_graph(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 time"))
    }
}

/// Tells the time. Only the server has the real one; everything else is given one.
pub trait Clock: Send + Sync {
    /// The present moment. May jump; code that measures must not rely on it growing.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_milliseconds_are_told_apart() {
        assert_eq!(
            Timestamp::from_meta(1_790_000_000),
            Timestamp(1_790_000_000_000)
        );
        assert_eq!(
            Timestamp::from_meta(1_790_000_000_523),
            Timestamp(1_790_000_000_523)
        );
    }

    #[test]
    fn graph_times_are_read() {
        let expected = Timestamp(1_495_236_448_000);
        assert_eq!(
            Timestamp::from_graph("2017-05-19T23:27:28+0000"),
            Some(expected)
        );
        assert_eq!(
            Timestamp::from_graph("2017-05-19T23:27:28Z"),
            Some(expected)
        );
        assert_eq!(Timestamp::from_graph("yesterday"), None);
    }

    #[test]
    fn the_date_of_an_http_answer_is_read() {
        let expected = Timestamp(784_111_777_000);
        let read = Timestamp::from_http("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(read, Some(expected));
        assert_eq!(Timestamp::from_http("today"), None);
    }

    #[test]
    fn times_print_as_rfc_3339_and_read_back() {
        let moment = Timestamp(1_790_000_000_050);
        assert_eq!(moment.to_string(), "2026-09-21T14:13:20.050Z");
        assert_eq!(Timestamp::from_graph(&moment.to_string()), Some(moment));
    }

    #[test]
    fn the_ends_of_time_print_and_read_back_too() {
        for millis in [i64::MIN, -1, 0, 1, 253_402_300_799_999, i64::MAX] {
            let moment = Timestamp::from_millis(millis);
            let printed = moment.to_string();
            assert_eq!(Timestamp::from_graph(&printed), Some(moment), "{printed}");
        }
        assert_eq!(
            Timestamp::FAR_FUTURE.to_string(),
            "9999-12-30T22:00:00.000Z"
        );
    }

    #[test]
    fn a_moment_of_the_same_day_needs_no_date() {
        let now = Timestamp(1_790_000_000_050);
        assert_eq!(now.beside(now), "14:13:20");
        let midnight = Timestamp(1_790_035_200_000);
        assert_eq!(
            midnight.minus(Duration::from_millis(1)).beside(now),
            "23:59:59"
        );
        assert_eq!(midnight.beside(now), "Sep 22 00:00");
    }

    #[test]
    fn arithmetic_stays_inside_the_calendar() {
        assert_eq!(
            Timestamp::FAR_FUTURE.plus(Duration::MAX),
            Timestamp::FAR_FUTURE
        );
        assert_eq!(Timestamp::EPOCH.minus(Duration::MAX), Timestamp::EPOCH);
        assert_eq!(
            Timestamp::EPOCH.since(Timestamp::FAR_FUTURE),
            Duration::ZERO
        );
    }
}
