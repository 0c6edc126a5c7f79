//! How long Meta waits for its 200 when deliveries come at a constant rate.

use super::{Settings, at_most, ingest, table};
use crate::comparison::{self, Contestant, Load, Run, in_turn, middle, shown};
use crate::peer::Peer;
use crate::redis::Fsync;
use crate::section::{Section, Table};

/// Deliveries a second.
const RATE: u32 = 5000;

/// The same where the peers take part, who cannot all do that.
const RATE_OF_PEERS: u32 = 1000;

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Section> {
    let (stacks, notes) = ingest::stacks(settings);
    let ours = [
        Contestant::bare(settings)?,
        Contestant::bare_durable(settings)?,
        Contestant::hookline(settings)?,
    ];
    let mut all: Vec<_> = ours.iter().cloned().map(|each| (each, RATE)).collect();
    all.extend(ours.map(|each| (each, RATE_OF_PEERS)));
    for installed in &stacks {
        all.push((ingest::stack(installed, Fsync::Always, 1), RATE_OF_PEERS));
    }
    let results = in_turn(settings.rounds, &all, |(contestant, rate)| {
        comparison::measure(contestant, settings, &Load::open(settings.seconds, *rate))
    })?;
    let rows = |wanted: u32| -> Table {
        let measured = all.iter().zip(&results);
        let rows = measured
            .filter(|((_, rate), _)| *rate == wanted)
            .map(|((contestant, _), runs)| row(&contestant.name, runs))
            .collect();
        table(
            ["server", "p50 µs", "p99 µs", "p99.9 µs", "longest µs"],
            rows,
        )
    };
    let hookline = all
        .iter()
        .zip(&results)
        .find(|((contestant, rate), _)| {
            matches!(contestant.peer, Peer::Hookline { .. }) && *rate == RATE
        })
        .map_or(&[][..], |(_, runs)| runs.as_slice());
    let bar = |name: &str, most_ms: f64, of: fn(&Run) -> f64| {
        let reached = middle(hookline, |run| Some(of(run) / 1000.0));
        at_most(
            &format!("ms to 200 at {RATE} a second, {name}"),
            most_ms,
            reached,
            2,
        )
    };
    Ok(Section {
        key: "latency".to_owned(),
        title: "Time to 200 at a constant rate".to_owned(),
        text: format!(
            "{RATE} deliveries a second in the first table and {RATE_OF_PEERS} in the second, for \
             {} s. Each is timed from the moment it was due, so a stall counts for everything that \
             waited behind it. Cores and references as in `ingest`; Hookline does all it does.\n\n{}",
            settings.seconds,
            notes.join("\n\n"),
        ),
        tables: vec![rows(RATE), rows(RATE_OF_PEERS)],
        bars: vec![
            bar("p50", 1.0, |run| run.report.latency_us.p50),
            bar("p99", 5.0, |run| run.report.latency_us.p99),
            bar("p99.9", 10.0, |run| run.report.latency_us.p99_9),
        ],
    })
}

fn row(name: &str, runs: &[Run]) -> Vec<String> {
    let figure = |of: fn(&Run) -> f64| shown(runs, |run| Some(of(run)), 0);
    vec![
        name.to_owned(),
        figure(|run| run.report.latency_us.p50),
        figure(|run| run.report.latency_us.p99),
        figure(|run| run.report.latency_us.p99_9),
        figure(|run| run.report.latency_us.max),
    ]
}
