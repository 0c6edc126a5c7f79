//! What very many connected accounts cost beside one.

use std::time::Duration;

use anyhow::Context;
use hookline_model::send::SendKind;

use super::{Settings, at_least, table};
use crate::comparison::{self, Contestant, Load, in_turn};
use crate::drain::{self, Drain};
use crate::figure::{float, show};
use crate::latency::median;
use crate::section::Section;
use crate::stock::{self, Stock};
use crate::{epoch_ms, now};

/// Connected accounts, and those of them with traffic.
const ACCOUNTS: u32 = 100_000;
const BUSY: u32 = 10_000;

/// Sends of one run.
const SENDS: u64 = 40_000;

/// What must be left of the figures of one account.
const LEFT_MIN: f64 = 0.8;

struct Run {
    start_ms: f64,
    sends: f64,
    deliveries: f64,
    memory_megabytes: f64,
}

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Section> {
    let all = [(1, 1), (ACCOUNTS, BUSY)];
    let results = in_turn(settings.rounds, &all, |(accounts, busy)| {
        once(settings, *accounts, *busy)
    })?;
    let rows = all.iter().zip(&results).map(|((accounts, _), runs)| {
        let of = |figure: fn(&Run) -> f64| show(&figures(runs, figure), 0);
        vec![
            accounts.to_string(),
            of(|run| run.deliveries),
            of(|run| run.sends),
            of(|run| run.start_ms),
            of(|run| run.memory_megabytes),
        ]
    });
    let bar = |what: &str, figure: fn(&Run) -> f64| {
        let middle = |place: usize| median(&figures(results.get(place)?, figure));
        let left = middle(1).zip(middle(0)).map(|(many, one)| many / one);
        let what = format!("{what} with {ACCOUNTS} accounts, of that with one");
        at_least(&what, LEFT_MIN, left, 2)
    };
    let columns = [
        "accounts",
        "deliveries a second",
        "sends a second",
        "start ms",
        "memory peak MB",
    ];
    Ok(Section {
        key: "accounts".to_owned(),
        title: "Many accounts".to_owned(),
        text: format!(
            "One connected account, and {ACCOUNTS} of which {BUSY} have traffic. First {SENDS} \
             planned messages go out as in `sends`, then comments on media of the accounts with \
             traffic, in turn, are taken in as in `ingest`, with all that Hookline does. The start is until it \
             answers for the first time."
        ),
        tables: vec![table(columns, rows.collect())],
        bars: vec![
            bar("ingest", |run| run.deliveries),
            bar("sends", |run| run.sends),
        ],
    })
}

fn figures(runs: &[Run], figure: fn(&Run) -> f64) -> Vec<f64> {
    runs.iter().map(figure).collect()
}

fn once(settings: &Settings, accounts: u32, busy: u32) -> anyhow::Result<Run> {
    let directory = settings.directory()?;
    let stock = Stock {
        accounts,
        busy,
        sends: SENDS,
        kind: SendKind::Dm,
        first_due_ms: epoch_ms(),
        per_second: None,
    };
    stock::make(directory.path(), &stock)?;
    let began = now();
    let running = Drain::start(settings, directory.path())?;
    let start_ms = began.elapsed().as_secs_f64() * 1000.0;
    let counts = running.wait_for(SENDS, Duration::from_mins(1))?;
    let load = Load {
        accounts: busy,
        // No comment of the stock's.
        first: 1_000_000_000,
        ..Load::closed(settings)
    };
    let contestant = Contestant::hookline(settings)?;
    let ingest = comparison::measure_running(&running.server, &contestant, settings, &load)?;
    let memory = running.server.memory_peak_bytes();
    Ok(Run {
        start_ms,
        sends: drain::rate(&counts).context("too few sends for a rate")?,
        deliveries: ingest.report.per_second,
        memory_megabytes: float(memory.context("the system does not tell")?) / 1e6,
    })
}
