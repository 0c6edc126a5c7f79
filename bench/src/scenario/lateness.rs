//! How late sends go out that are due one after the other.

use std::time::Duration;

use hookline_model::send::SendKind;

use super::Place;
use crate::epoch_ms;
use crate::section::{Bar, Section, Table};
use crate::stock::Stock;

/// Sends due in a second.
const RATE: u32 = 500;

/// Sends of one run.
const SENDS: u64 = 10_000;

/// How long the server has to start before the first is due.
const AHEAD_MS: i64 = 8000;

/// How late all but one in a hundred may be.
const P99_MAX_MS: i64 = 50;

/// Sends evenly spread over time and over 1,000 accounts.
pub fn run(place: &Place) -> anyhow::Result<Section> {
    let mut rows = Vec::new();
    let mut worst = Vec::new();
    let mut early = 0;
    for _ in 0..place.runs {
        let stock = Stock {
            accounts: 1000,
            busy: 1000,
            sends: SENDS,
            kind: SendKind::PrivateReply,
            first_due_ms: epoch_ms() + AHEAD_MS,
            per_second: Some(RATE),
        };
        let directory = place.directory()?;
        let running = place.start(directory.path(), &stock)?;
        let mut counts = running.wait_for(SENDS, Duration::from_mins(1))?;
        counts.lateness_ms.sort_unstable();
        let last = counts.lateness_ms.len().saturating_sub(1);
        let at = |permille: usize| counts.lateness_ms.get(last * permille / 1000).copied();
        let figures = [at(500), at(990), at(999), at(1000)];
        rows.push(
            figures
                .map(|ms| format!("{}", ms.unwrap_or_default()))
                .to_vec(),
        );
        worst.push(at(990).unwrap_or(i64::MAX));
        early += counts.early;
    }
    worst.sort_unstable();
    let p99 = worst.get(worst.len() / 2).copied().unwrap_or(i64::MAX);
    Ok(Section {
        key: "lateness".to_owned(),
        title: "Lateness".to_owned(),
        text: format!(
            "Private replies for 1,000 accounts are due at {RATE} a second. Lateness is from the \
             moment a reply is due to the moment it reaches the Graph API, its comment read \
             before: milliseconds, one row a run."
        ),
        tables: vec![Table {
            columns: ["p50", "p99", "p99.9", "most"].map(str::to_owned).to_vec(),
            rows,
        }],
        bars: vec![
            Bar {
                what: format!("lateness of a due send at {RATE} a second, p99"),
                wanted: format!("under {P99_MAX_MS} ms"),
                reached: format!("{p99} ms"),
                is_met: p99 < P99_MAX_MS,
            },
            Bar {
                what: "sends before they were due".to_owned(),
                wanted: "none".to_owned(),
                reached: early.to_string(),
                is_met: early == 0,
            },
        ],
    })
}
