//! How many deliveries a second are taken in while all the rest runs behind it.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};

use super::{Settings, at_least, at_most, table};
use crate::comparison::{
    self, Contestant, Load, Run, in_turn, middle, middle_ratio, ratios, shown,
};
use crate::connected::{Connected, REPLIES};
use crate::figure::show;
use crate::flames::Recording;
use crate::latency::median;
use crate::section::{Section, Table};

/// How long half of the rate is kept up.
const SECONDS: u64 = 60;

/// Samples of the backlog at either end that are compared.
const SAMPLES: usize = 10;

/// How the backlog went, by second, and what the generator saw.
struct Kept {
    rate: u32,
    backlog: Vec<f64>,
    accepted: f64,
    run: Run,
}

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Section> {
    let bare = Contestant::bare_free(settings)?;
    let hookline = Contestant {
        name: "hookline, an automation answering each".to_owned(),
        is_pinned: false,
        ..Contestant::hookline(settings)?
    };
    let load = Load::closed(settings);
    let all = [(&bare, false), (&hookline, true)];
    let results = in_turn(settings.rounds, &all, |(contestant, is_connected)| {
        if *is_connected {
            flat_out(settings, &load, contestant)
        } else {
            comparison::measure(contestant, settings, &load)
        }
    })?;
    let [reference, own] = results.as_slice() else {
        return Err(anyhow!("two servers were measured"));
    };
    let half = middle(own, |run| Some(run.report.per_second / 2.0)).context("no rounds")?;
    let kept = keep_up(settings, &hookline, format!("{half:.0}").parse()?)?;
    let growth = growth(&kept.backlog);
    let rows = all.iter().zip(&results).map(|((contestant, _), runs)| {
        vec![
            contestant.name.clone(),
            show(&comparison::rates(runs), 0),
            show(&ratios(runs, reference), 2),
            shown(runs, |run| run.processor_us, 1),
            shown(runs, |run| Some(run.report.latency_us.p99), 0),
        ]
    });
    let columns = [
        "server",
        "deliveries a second",
        "of bare",
        "processor µs for each",
        "p99 µs",
    ];
    Ok(Section {
        key: "ingest-behind".to_owned(),
        title: "Deliveries taken in while the rest runs behind".to_owned(),
        text: text(&kept, growth),
        tables: vec![table(columns, rows.collect()), backlog_rows(&kept)],
        bars: vec![
            at_least(
                "ingest with all behind it, of bare hyper, 2 free cores",
                0.25,
                middle_ratio(own, reference),
                2,
            ),
            // One second's deliveries is what a single look may differ by.
            at_most(
                "growth of the un-routed backlog in 60 s at half of that rate, deliveries",
                f64::from(kept.rate),
                growth,
                0,
            ),
        ],
    })
}

fn text(kept: &Kept, growth: Option<f64>) -> String {
    format!(
        "One account is connected and an automation matches every comment, so each becomes an \
         event, a run and a planned send; up to {REPLIES} go out to a Graph API on the same machine that \
         answers at once, each after reading its comment. Server, Graph API and generator run free \
         on all cores. First as fast as answers come, then an open loop of {} deliveries a second \
         for {SECONDS} s, while the deliveries recorded and not yet routed are read each second \
         from `/metrics`. Growth is the median of the last {SAMPLES} looks less that of the first \
         {SAMPLES}: here {:.0}; up to the deliveries of one second counts as none. In the open loop \
         p99 was {:.1} ms, and {:.0} sends were accepted by the end.",
        kept.rate,
        growth.unwrap_or(f64::NAN),
        kept.run.report.latency_us.p99 / 1000.0,
        kept.accepted,
    )
}

fn backlog_rows(kept: &Kept) -> Table {
    let every = kept
        .backlog
        .iter()
        .zip(1..)
        .filter(|(_, second)| second % 10 == 0);
    let rows = every.map(|(backlog, second)| vec![second.to_string(), format!("{backlog:.0}")]);
    table(["second", "recorded and not yet routed"], rows.collect())
}

fn flat_out(settings: &Settings, load: &Load, contestant: &Contestant) -> anyhow::Result<Run> {
    let directory = settings.directory()?;
    let connected = Connected::start(settings, directory.path(), true)?;
    let recording = Recording::start(settings, &connected.server, &contestant.name)?;
    let run = comparison::measure_running(&connected.server, contestant, settings, load)?;
    recording.map_or(Ok(()), Recording::finish)?;
    Ok(run)
}

fn keep_up(settings: &Settings, contestant: &Contestant, rate: u32) -> anyhow::Result<Kept> {
    let directory = settings.directory()?;
    let connected = Connected::start(settings, directory.path(), true)?;
    let load = Load::open(SECONDS, rate);
    let (stop, stopped) = sync_channel::<()>(1);
    let watched = &connected;
    let (run, backlog) = thread::scope(|scope| {
        let looking = scope.spawn(move || {
            let mut backlog = Vec::new();
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(Duration::from_secs(1))
            {
                // Before the first delivery, while they are prepared, there is nothing to see.
                let posted = watched
                    .server
                    .metric("hookline_deliveries_total{verdict=\"recorded\"}")?;
                if posted > 0.0 {
                    backlog.push(watched.backlog()?);
                }
            }
            Ok::<_, anyhow::Error>(backlog)
        });
        let run = comparison::measure_running(&connected.server, contestant, settings, &load);
        drop(stop);
        let backlog = looking
            .join()
            .map_err(|_| anyhow!("looking at the backlog"))?;
        Ok::<_, anyhow::Error>((run?, backlog?))
    })?;
    let accepted = connected
        .server
        .metric("hookline_attempts_total{outcome=\"accepted\"}")?;
    ensure!(accepted > 0.0, "nothing was sent meanwhile");
    Ok(Kept {
        rate,
        backlog,
        accepted,
        run,
    })
}

/// The median of the last samples less that of the first; `None` of too few.
fn growth(backlog: &[f64]) -> Option<f64> {
    if backlog.len() < 2 * SAMPLES {
        return None;
    }
    let first = median(backlog.get(..SAMPLES)?)?;
    let last = median(backlog.get(backlog.len() - SAMPLES..)?)?;
    Some((last - first).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_what_the_end_has_more_than_the_beginning() {
        let steady = [5.0; 60];
        assert_eq!(growth(&steady), Some(0.0));
        let growing: Vec<_> = (0..60).map(|second| f64::from(second) * 100.0).collect();
        assert_eq!(growth(&growing), Some(5000.0));
        assert_eq!(growth(&growing[..19]), None);
    }
}
