//! How late sends go out that are due one after the other.

use std::time::Duration;

use hookline_model::send::SendKind;

use super::{Settings, at_most, table};
use crate::drain::Drain;
use crate::epoch_ms;
use crate::figure::float;
use crate::latency::median;
use crate::section::{Bar, Section};
use crate::stock::Stock;

/// Sends due in a second.
const RATE: u32 = 500;

/// Sends of one run.
const SENDS: u64 = 10_000;

/// Accounts they are planned for.
const ACCOUNTS: u32 = 1000;

/// How long the server has to start before the first is due.
const AHEAD_MS: i64 = 8000;

/// The shares of the sends that are at most so late as is shown, in thousandths.
const SHARES: [usize; 4] = [500, 990, 999, 1000];

struct Run {
    late_ms: [i64; SHARES.len()],
    early: u64,
}

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Section> {
    let rounds = 0..settings.rounds;
    let runs: Vec<Run> = rounds
        .map(|_| once(settings))
        .collect::<anyhow::Result<_>>()?;
    let rows = runs.iter().map(|run| {
        let figures = run.late_ms.iter().map(ToString::to_string);
        figures.collect::<Vec<_>>()
    });
    let p99s: Vec<f64> = runs
        .iter()
        .filter_map(|run| run.late_ms.get(1))
        .map(|late| u64::try_from(*late).map_or(0.0, float))
        .collect();
    let early: u64 = runs.iter().map(|run| run.early).sum();
    let what = format!("ms a due send goes out late at {RATE} a second, p99");
    Ok(Section {
        key: "lateness".to_owned(),
        title: "Lateness of due sends".to_owned(),
        text: format!(
            "Private replies for {ACCOUNTS} accounts are due at {RATE} a second for {} s. Lateness \
             is from the moment a reply is due to the moment it reaches the Graph API, its comment \
             read before. Each row is one run.",
            SENDS / u64::from(RATE)
        ),
        tables: vec![table(
            ["p50 ms", "p99 ms", "p99.9 ms", "longest ms"],
            rows.collect(),
        )],
        bars: vec![
            at_most(&what, 50.0, median(&p99s), 0),
            Bar {
                what: "sends before they were due".to_owned(),
                wanted: "none".to_owned(),
                reached: early.to_string(),
                is_met: early == 0,
            },
        ],
    })
}

fn once(settings: &Settings) -> anyhow::Result<Run> {
    let stock = Stock {
        accounts: ACCOUNTS,
        busy: ACCOUNTS,
        sends: SENDS,
        kind: SendKind::PrivateReply,
        first_due_ms: epoch_ms() + AHEAD_MS,
        per_second: Some(RATE),
    };
    let directory = settings.directory()?;
    let running = Drain::of(settings, directory.path(), &stock)?;
    let mut counts = running.wait_for(SENDS, Duration::from_mins(1))?;
    counts.lateness_ms.sort_unstable();
    let last = counts.lateness_ms.len().saturating_sub(1);
    let at = |share: usize| counts.lateness_ms.get(last * share / 1000).copied();
    Ok(Run {
        late_ms: SHARES.map(|share| at(share).unwrap_or(i64::MAX)),
        early: counts.early,
    })
}
