//! Logging: set up once, errors with their whole chain, floods held back.

use std::error::Error;
use std::fmt;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use hookline_model::clock::Timestamp;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::config::{LogConfig, LogFormat};

/// Of lines that strangers can cause, one of each kind is written in this time.
const QUIET_FOR: Duration = Duration::from_secs(10);

/// Why nothing would be logged.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is not one the log understands.
    #[error("the log level cannot be used")]
    Level(#[source] tracing_subscriber::filter::ParseError),
    /// Something else logs already.
    #[error("logging was set up twice")]
    Twice(#[source] TryInitError),
}

/// Sends log lines to standard error from here on; to be called once.
pub fn init(config: &LogConfig) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder()
        .parse(&config.level)
        .map_err(TelemetryError::Level)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.format {
        LogFormat::Text => builder.finish().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
    }
    .map_err(TelemetryError::Twice)
}

/// Prints an error and every cause behind it, as in `cannot commit: disk full`. A cause that says what
/// was just said, as libraries that wrap another's error do, is said once.
#[derive(Clone, Copy)]
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.0.to_string();
        write!(f, "{last}")?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if last.is_empty() || !text.ends_with(&last) {
                write!(f, ": {text}")?;
                last = text;
            }
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Lets one log line of a kind through every 10 seconds, and counts the others; one gate for
/// each kind of line.
#[derive(Debug)]
pub struct LogGate {
    opened_at: AtomicI64,
    held_back: AtomicU64,
}

impl Default for LogGate {
    fn default() -> Self {
        Self {
            opened_at: AtomicI64::new(i64::MIN),
            held_back: AtomicU64::new(0),
        }
    }
}

impl LogGate {
    /// Whether to write the line now: then with how many were held back since the last one.
    pub fn admit(&self, now: Timestamp) -> Option<u64> {
        let now = now.as_millis();
        let quiet_for = i64::try_from(QUIET_FOR.as_millis()).unwrap_or(i64::MAX);
        let opened_at = self.opened_at.load(Ordering::Relaxed);
        // A clock set back opens the gate too: silence for a day would be worse than two lines.
        let is_quiet = (opened_at..opened_at.saturating_add(quiet_for)).contains(&now);
        let is_ours = !is_quiet
            && self
                .opened_at
                .compare_exchange(opened_at, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if is_ours {
            Some(self.held_back.swap(0, Ordering::Relaxed))
        } else {
            self.held_back.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot commit")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn an_error_prints_its_causes() {
        let error = Outer(std::io::Error::other("disk full"));
        assert_eq!(Chain(&error).to_string(), "cannot commit: disk full");
    }

    #[test]
    fn what_a_cause_repeats_is_said_once() {
        let error = Outer(std::io::Error::other(Outer(std::io::Error::other("full"))));
        assert_eq!(Chain(&error).to_string(), "cannot commit: full");
    }

    #[test]
    fn one_line_in_ten_seconds_with_a_count_of_the_others() {
        let gate = LogGate::default();
        let at = |seconds: i64| Timestamp::from_millis(1_790_000_000_000 + seconds * 1000);
        assert_eq!(gate.admit(at(0)), Some(0));
        assert_eq!(gate.admit(at(1)), None);
        assert_eq!(gate.admit(at(9)), None);
        assert_eq!(gate.admit(at(10)), Some(2));
        assert_eq!(gate.admit(at(11)), None);
        assert_eq!(gate.admit(at(30)), Some(1));
    }

    #[test]
    fn a_clock_set_back_does_not_silence_the_log() {
        let gate = LogGate::default();
        assert_eq!(gate.admit(Timestamp::from_millis(1_000_000)), Some(0));
        assert_eq!(gate.admit(Timestamp::from_millis(10)), Some(0));
    }
}
