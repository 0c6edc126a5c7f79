//! How fast planned sends go out when Meta answers at once.

use std::time::Duration;

use anyhow::Context;
use hookline_model::send::SendKind;

use super::{Place, median, spread};
use crate::section::{Bar, Section, Table};
use crate::stock::Stock;
use crate::{drain, epoch_ms};

/// Sends of one run.
const SENDS: u64 = 60_000;

/// Sends a second that are wanted.
const WANTED: f64 = 8000.0;

struct Run {
    per_second: f64,
    processor_us: f64,
    memory_megabytes: f64,
}

/// Drains a backlog over 1,000 accounts.
pub fn run(place: &Place) -> anyhow::Result<Section> {
    let mut rows = Vec::new();
    let mut bars = Vec::new();
    for (kind, what) in [
        (
            SendKind::PrivateReply,
            "private replies, each after reading its comment",
        ),
        (SendKind::Dm, "messages, nothing read"),
    ] {
        let runs: Vec<Run> = (0..place.runs)
            .map(|_| once(place, kind))
            .collect::<anyhow::Result<_>>()?;
        let rates: Vec<f64> = runs.iter().map(|run| run.per_second).collect();
        let of = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
        rows.push(vec![
            what.to_owned(),
            spread(&rates),
            format!("{:.0}", of(|run| run.processor_us)),
            format!("{:.0}", of(|run| run.memory_megabytes)),
        ]);
        let reached = median(rates);
        bars.push(Bar {
            what: format!("sends a second: {what}"),
            wanted: format!("at least {WANTED:.0}"),
            reached: format!("{reached:.0}"),
            is_met: reached >= WANTED,
        });
    }
    let columns = ["sends", "a second", "processor µs each", "memory peak MB"];
    Ok(Section {
        key: "sends".to_owned(),
        title: "Sending".to_owned(),
        text: format!(
            "{SENDS} sends planned for 1,000 accounts are all due; budgets are configured out of \
             the way. For each the attempt is committed, Meta is called, and what came of it is \
             committed. The rate is that of the middle eight tenths, as the Graph API sees it; it \
             checks that none comes twice, and the server's count of outcomes that all are kept."
        ),
        tables: vec![Table {
            columns: columns.map(str::to_owned).to_vec(),
            rows,
        }],
        bars,
    })
}

fn once(place: &Place, kind: SendKind) -> anyhow::Result<Run> {
    let stock = Stock {
        accounts: 1000,
        busy: 1000,
        sends: SENDS,
        kind,
        first_due_ms: epoch_ms(),
        per_second: None,
    };
    let directory = place.directory()?;
    let running = place.start(directory.path(), &stock)?;
    let counts = running.wait_for(SENDS, Duration::from_secs(100))?;
    let processor = running.server.processor_time().unwrap_or_default();
    Ok(Run {
        per_second: drain::rate(&counts).context("too few sends for a rate")?,
        processor_us: processor.as_secs_f64() * 1e6 / drain::float(SENDS),
        memory_megabytes: drain::float(running.server.memory_peak_bytes().unwrap_or(0)) / 1e6,
    })
}
