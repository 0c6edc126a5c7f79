//! How much memory Hookline has resident.

use std::thread;
use std::time::Duration;

use anyhow::Context;

use super::{Settings, at_most, table};
use crate::comparison::{self, Contestant, Load};
use crate::figure::{float, show};
use crate::latency::median;
use crate::peer::RunningPeer;
use crate::section::Section;

/// How long after its start it is called idle.
const IDLE_AFTER: Duration = Duration::from_secs(3);

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
    let rows = vec![
        vec!["idle".to_owned(), show(&idle, 1)],
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
             at the end of a closed loop as in `ingest`, with all that Hookline does. A megabyte is \
             a million bytes.",
            IDLE_AFTER.as_secs()
        ),
        tables: vec![table(["when", "MB"], rows)],
        bars: vec![
            at_most("MB resident, idle", 30.0, median(&idle), 1),
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
