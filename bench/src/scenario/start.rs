//! How long Hookline takes to be ready with a large database.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::{Settings, at_most, table};
use crate::comparison::{self, Contestant, Load};
use crate::connected::Connected;
use crate::figure::{float, show};
use crate::latency::median;
use crate::now;
use crate::peer::RunningPeer;
use crate::section::Section;

/// Events of each delivery the database is filled with.
const EVENTS: u32 = 100;

/// Bytes of each of them.
const EVENT_BYTES: usize = 400;

/// How long the rest may take that is left when all is recorded.
const ROUTED_WITHIN: Duration = Duration::from_mins(45);

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Section> {
    let directory = settings.directory()?;
    fill(settings, directory.path())?;
    let bytes = fs::metadata(directory.path().join("bench.db"))?.len();
    let contestant = Contestant::hookline(settings)?;
    let (mut clean, mut killed) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        // Each leaves a clean database for the first start of the next, and one of somebody who
        // was killed for the second.
        for seconds in [&mut clean, &mut killed] {
            let (server, ready) = RunningPeer::start_timed(&contestant.peer, directory.path())?;
            seconds.push(ready.as_secs_f64());
            drop(server);
        }
        let (server, _) = RunningPeer::start_timed(&contestant.peer, directory.path())?;
        server.stop()?;
    }
    let rows = vec![
        vec!["after it was stopped".to_owned(), show(&clean, 3)],
        vec!["after it was killed".to_owned(), show(&killed, 3)],
    ];
    let all: Vec<_> = clean.iter().chain(&killed).copied().collect();
    Ok(Section {
        key: "start".to_owned(),
        title: "Start to ready".to_owned(),
        text: format!(
            "From starting the program until `/readyz` answers 200, on a database of {} events in \
             deliveries of {EVENTS}, {:.1} GB, filled by Hookline itself with all of them routed. \
             The files were still in the system's cache.",
            settings.events,
            float(bytes) / 1e9
        ),
        tables: vec![table(["start", "s"], rows)],
        bars: vec![at_most(
            &format!(
                "s from start to ready with {} events in the database",
                settings.events
            ),
            1.0,
            median(&all),
            2,
        )],
    })
}

/// Has Hookline record that many events and work through them.
fn fill(settings: &Settings, directory: &Path) -> anyhow::Result<()> {
    let connected = Connected::start(settings, directory, false)?;
    let contestant = Contestant {
        is_pinned: false,
        ..Contestant::hookline(settings)?
    };
    let deliveries = settings.events.div_ceil(EVENTS);
    let portion = 10_000;
    let mut first = 0;
    while first < deliveries {
        let count = portion.min(deliveries - first);
        let load = Load {
            seconds: 120,
            events: EVENTS,
            bytes: EVENT_BYTES,
            deliveries: Some(count),
            first: u64::from(first) * u64::from(EVENTS),
            is_cold: true,
            ..Load::closed(settings)
        };
        let run = comparison::measure_running(&connected.server, &contestant, settings, &load)?;
        ensure!(run.report.posted == u64::from(count), "not all was posted");
        first += count;
    }
    let until = now() + ROUTED_WITHIN;
    while connected.backlog()? > 0.0 {
        ensure!(now() < until, "what was recorded is not routed in time");
        thread::sleep(Duration::from_secs(1));
    }
    connected.stop().context("stopping hookline")
}
