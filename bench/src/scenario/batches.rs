//! How many events a second are recorded when Meta puts many into one delivery.

use super::{Settings, at_least, table};
use crate::comparison::{self, Contestant, Load, Run, in_turn, middle, shown};
use crate::section::Section;

/// Events of each delivery.
const EVENTS: u32 = 100;

/// Bytes of each: a comment as people write them; what is around it comes with the delivery.
const EVENT_BYTES: usize = 400;

/// Deliveries prepared, which is some 800 MB of them.
const DELIVERIES: u32 = 20_000;

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Section> {
    let all = [
        Contestant::receive_only(settings)?,
        Contestant::hookline(settings)?,
    ];
    let load = Load {
        events: EVENTS,
        bytes: EVENT_BYTES,
        deliveries: Some(DELIVERIES),
        ..Load::closed(settings)
    };
    let results = in_turn(settings.rounds, &all, |contestant| {
        comparison::measure(contestant, settings, &load)
    })?;
    let events = |run: &Run| Some(run.report.per_second * f64::from(EVENTS));
    let rows = all.iter().zip(&results).map(|(contestant, runs)| {
        vec![
            contestant.name.clone(),
            shown(runs, events, 0),
            shown(runs, |run| Some(run.report.per_second), 0),
            shown(runs, |run| run.processor_us, 0),
            shown(runs, |run| Some(run.report.latency_us.p99 / 1000.0), 1),
        ]
    });
    let receiving = results.first().map_or(&[][..], Vec::as_slice);
    Ok(Section {
        key: "batches".to_owned(),
        title: "Deliveries of many events".to_owned(),
        text: format!(
            "Deliveries of {EVENTS} comments of {EVENT_BYTES} bytes each, as fast as answers come, \
             otherwise as in `ingest`. An event is recorded when the delivery it came with is \
             committed; a run ends when {DELIVERIES} deliveries are used up."
        ),
        tables: vec![table(
            [
                "server",
                "events a second",
                "deliveries a second",
                "processor µs for each delivery",
                "p99 ms",
            ],
            rows.collect(),
        )],
        bars: vec![at_least(
            "events a second recorded, 100 to a delivery",
            300_000.0,
            middle(receiving, events),
            0,
        )],
    })
}
