//! How many events a second become planned sends, from a full backlog.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use hookline_model::clock::Timestamp;
use hookline_store::{Ownership, Store};

use super::{Settings, at_least, table};
use crate::comparison::{self, Contestant, Load};
use crate::connected::Connected;
use crate::figure::{float, show};
use crate::flames::Recording;
use crate::latency::median;
use crate::now;
use crate::section::Section;
use crate::stock::DATABASE;

/// Comments in the backlog.
const COMMENTS: u32 = 100_000;

/// How often it is looked how many are left.
const GLANCE: Duration = Duration::from_millis(100);

/// How long it may take.
const PLANNED_WITHIN: Duration = Duration::from_mins(3);

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Section> {
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        let directory = settings.directory()?;
        fill(settings, directory.path())?;
        let (rate, cost) = plan(settings, directory.path())?;
        rates.push(rate);
        costs.push(cost);
    }
    let rows = vec![vec![show(&rates, 0), show(&costs, 1)]];
    Ok(Section {
        key: "plan".to_owned(),
        title: "From event to planned send".to_owned(),
        text: format!(
            "{COMMENTS} comments of one account are taken in while Hookline only receives. Then it \
             starts on one core and works them off: each becomes an event, a run of the one \
             automation that matches it, and a private reply, planned for an hour later so that \
             sending is no part of it. From the first look at the backlog until it is empty."
        ),
        tables: vec![table(
            ["events planned a second", "processor µs for each"],
            rows,
        )],
        bars: vec![at_least(
            "events planned a second, from a full backlog",
            20_000.0,
            median(&rates),
            0,
        )],
    })
}

/// Records the comments and does nothing about them.
fn fill(settings: &Settings, directory: &Path) -> anyhow::Result<()> {
    let receive_only = [("HOOKLINE_SERVER__RECEIVE_ONLY", "true".to_owned())];
    let connected = Connected::start_with(settings, directory, None, &receive_only)?;
    connected.connect(true)?;
    let contestant = Contestant {
        is_pinned: false,
        ..Contestant::hookline(settings)?
    };
    let load = Load {
        seconds: 120,
        deliveries: Some(COMMENTS),
        is_cold: true,
        ..Load::closed(settings)
    };
    let run = comparison::measure_running(&connected.server, &contestant, settings, &load)?;
    ensure!(
        run.report.posted == u64::from(COMMENTS),
        "not all was posted"
    );
    connected.stop().context("stopping hookline")
}

/// Events a second, and the processor's time for each in microseconds.
fn plan(settings: &Settings, directory: &Path) -> anyhow::Result<(f64, f64)> {
    let core = settings.cores.map(|(server, _)| server);
    let later = [("HOOKLINE_SENDING__FIRST_REPLY_DELAY", "1h".to_owned())];
    let connected = Connected::start_with(settings, directory, core, &later)?;
    // `/metrics` tells what was a second ago; the database itself is looked at instead.
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let url = format!("sqlite:{}", directory.join(DATABASE).display());
    let store = Store::open(&url, Ownership::Shared)?;
    let backlog = || -> anyhow::Result<f64> {
        let stats = runtime.block_on(store.stats(Timestamp::EPOCH))?;
        Ok(float(stats.backlog.unsigned_abs()))
    };
    let recording = Recording::start(settings, &connected.server, "plan")?;
    let begun = (now(), backlog()?, connected.server.processor_time());
    let until = begun.0 + PLANNED_WITHIN;
    while backlog()? > 0.0 {
        ensure!(now() < until, "the backlog is not planned in time");
        thread::sleep(GLANCE);
    }
    let (seconds, events) = (begun.0.elapsed().as_secs_f64(), begun.1);
    ensure!(
        events > float(u64::from(COMMENTS / 2)),
        "most was planned before the first look"
    );
    let spent = connected.server.processor_time();
    let spent = spent
        .zip(begun.2)
        .map(|(end, start)| end.saturating_sub(start));
    let spent = spent.context("the system does not tell")?;
    let planned = connected
        .server
        .metric("hookline_sends{state=\"planned\"}")?;
    recording.map_or(Ok(()), Recording::finish)?;
    ensure!(planned > 0.0, "nothing was planned");
    Ok((events / seconds, spent.as_secs_f64() * 1e6 / events))
}
