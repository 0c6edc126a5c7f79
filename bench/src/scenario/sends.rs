//! How fast planned sends go out when Meta answers at once.

use std::time::Duration;

use anyhow::Context;
use hookline_model::send::SendKind;

use super::{Settings, at_least, table};
use crate::comparison::in_turn;
use crate::drain::{self, Drain};
use crate::epoch_ms;
use crate::figure::{float, show};
use crate::flames::Recording;
use crate::latency::median;
use crate::section::Section;
use crate::stock::Stock;

/// Sends of one run.
const SENDS: u64 = 60_000;

/// Accounts they are planned for.
const ACCOUNTS: u32 = 1000;

/// What is sent.
const KINDS: [(SendKind, &str); 2] = [
    (
        SendKind::PrivateReply,
        "private replies, each after reading its comment",
    ),
    (SendKind::Dm, "messages, nothing read"),
];

struct Run {
    per_second: f64,
    processor_us: f64,
    memory_megabytes: f64,
}

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Section> {
    let results = in_turn(settings.rounds, &KINDS, |(kind, what)| {
        let (name, _) = what.split_once(',').unwrap_or((what, ""));
        once(settings, *kind, name)
    })?;
    let (mut rows, mut bars) = (Vec::new(), Vec::new());
    for ((_, what), runs) in KINDS.iter().zip(&results) {
        let of = |figure: fn(&Run) -> f64| runs.iter().map(figure).collect::<Vec<_>>();
        let rates = of(|run| run.per_second);
        rows.push(vec![
            (*what).to_owned(),
            show(&rates, 0),
            show(&of(|run| run.processor_us), 0),
            show(&of(|run| run.memory_megabytes), 0),
        ]);
        let what = format!("sends a second: {what}");
        bars.push(at_least(&what, 8000.0, median(&rates), 0));
    }
    let columns = [
        "sends",
        "a second",
        "processor µs for each",
        "memory peak MB",
    ];
    Ok(Section {
        key: "sends".to_owned(),
        title: "Sends to a Graph API that answers at once".to_owned(),
        text: format!(
            "{SENDS} sends planned for {ACCOUNTS} accounts are all due; budgets are configured out \
             of the way. Hookline has one core, the Graph API the other. For each send the attempt \
             is committed, Meta is called, and what came of it is committed. The rate is that of \
             the middle eight tenths, as the Graph API sees it; it checks that none comes twice, \
             and the server's count of outcomes that all are kept."
        ),
        tables: vec![table(columns, rows)],
        bars,
    })
}

fn once(settings: &Settings, kind: SendKind, name: &str) -> anyhow::Result<Run> {
    let stock = Stock {
        accounts: ACCOUNTS,
        busy: ACCOUNTS,
        sends: SENDS,
        kind,
        first_due_ms: epoch_ms(),
        per_second: None,
    };
    let directory = settings.directory()?;
    let running = Drain::of(settings, directory.path(), &stock)?;
    let recording = Recording::start(settings, &running.server, name)?;
    let counts = running.wait_for(SENDS, Duration::from_secs(100))?;
    recording.map_or(Ok(()), Recording::finish)?;
    let unknown = "the system does not tell";
    let processor = running.server.processor_time().context(unknown)?;
    let memory = running.server.memory_peak_bytes().context(unknown)?;
    Ok(Run {
        per_second: drain::rate(&counts).context("too few sends for a rate")?,
        processor_us: processor.as_secs_f64() * 1e6 / float(SENDS),
        memory_megabytes: float(memory) / 1e6,
    })
}
