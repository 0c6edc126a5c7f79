//! How much memory Hookline has resident.

use std::thread;
use std::time::Duration;

use anyhow::Context;
use hookline_model::send::SendKind;

use super::{Settings, at_most, table};
use crate::comparison::{self, Contestant, Load};
use crate::drain::Drain;
use crate::epoch_ms;
use crate::figure::{float, show};
use crate::latency::median;
use crate::peer::RunningPeer;
use crate::section::Section;
use crate::stock::Stock;

/// How long after its start it is called idle.
const IDLE_AFTER: Duration = Duration::from_secs(3);

/// Sends that are planned and not due for long.
const PLANNED: u64 = 1_000_000;
const ACCOUNTS: u32 = 1000;
const DUE_IN_MS: i64 = 6 * 3_600_000;

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Section> {
    let contestant = Contestant::hookline(settings)?;
    let (mut idle, mut ingesting) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        idle.push(idle_megabytes(&contestant, settings)?);
        let run = comparison::measure(&contestant, settings, &Load::closed(settings))?;
        let peak = run.memory_peak.context("the system does not tell")?;
        ingesting.push(float(peak) / 1e6);
    }
    let planned = planned_megabytes(settings)?;
    let rows = vec![
        vec!["idle".to_owned(), show(&idle, 1)],
        vec![format!("{PLANNED} planned sends"), format!("{planned:.1}")],
        vec![
            "the most during an ingest run".to_owned(),
            show(&ingesting, 1),
        ],
    ];
    Ok(Section {
        key: "memory".to_owned(),
        title: "Memory".to_owned(),
        text: format!(
            "What is resident {} s after the start on an empty database, and the most that ever was \
             at the end of a closed loop as in `ingest`, with all that Hookline does. Then what is \
             resident {} s after the start on a database in which {PLANNED} sends of {ACCOUNTS} \
             accounts wait for their time, measured once. A megabyte is a million bytes.",
            IDLE_AFTER.as_secs(),
            IDLE_AFTER.as_secs()
        ),
        tables: vec![table(["when", "MB"], rows)],
        bars: vec![
            at_most("MB resident, idle", 30.0, median(&idle), 1),
            at_most(
                &format!("MB resident with {PLANNED} planned sends"),
                100.0,
                Some(planned),
                1,
            ),
            at_most(
                "MB resident during the ingest run",
                150.0,
                median(&ingesting),
                1,
            ),
        ],
    })
}

fn idle_megabytes(contestant: &Contestant, settings: &Settings) -> anyhow::Result<f64> {
    let directory = settings.directory()?;
    let server = RunningPeer::start(&contestant.peer, directory.path(), None)?;
    thread::sleep(IDLE_AFTER);
    let bytes = server.memory_bytes().context("the system does not tell")?;
    Ok(float(bytes) / 1e6)
}

fn planned_megabytes(settings: &Settings) -> anyhow::Result<f64> {
    let directory = settings.directory()?;
    let stock = Stock {
        accounts: ACCOUNTS,
        busy: ACCOUNTS,
        sends: PLANNED,
        kind: SendKind::Dm,
        first_due_ms: epoch_ms() + DUE_IN_MS,
        per_second: None,
    };
    let running = Drain::of(settings, directory.path(), &stock)?;
    thread::sleep(IDLE_AFTER);
    let bytes = running.server.memory_bytes();
    Ok(float(bytes.context("the system does not tell")?) / 1e6)
}
