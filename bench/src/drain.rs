//! Hookline works planned sends off to a Graph API that answers at once.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use crate::figure::float;
use crate::graph::{Counts, RunningGraph};
use crate::now;
use crate::peer::{Peer, RunningPeer};
use crate::scenario::Settings;
use crate::stock::{self, ENCRYPTION_KEY, Stock};

/// How often it is looked whether all is done.
const GLANCE: Duration = Duration::from_millis(200);

/// Budgets that hold nothing back, so that the machine is what is measured and not the pacing.
const UNPACED: [(&str, &str); 4] = [
    ("HOOKLINE_SENDING__PRIVATE_REPLIES_PER_HOUR", "1000000"),
    ("HOOKLINE_SENDING__PRIVATE_REPLY_BURST", "1000000"),
    ("HOOKLINE_SENDING__TEXTS_PER_SECOND", "10000"),
    ("HOOKLINE_SENDING__LIVE_PRIVATE_REPLIES_PER_SECOND", "10000"),
];

/// What is running; it ends when this is dropped.
#[derive(Debug)]
pub struct Drain {
    /// Hookline.
    pub server: RunningPeer,
    graph: RunningGraph,
}

impl Drain {
    /// Makes a database with this stock in the directory, and starts both on it.
    pub fn of(settings: &Settings, directory: &Path, stock: &Stock) -> anyhow::Result<Self> {
        stock::make(directory, stock)?;
        Self::start(settings, directory)
    }

    /// Starts both on the stock in the directory, each on a core of its own.
    pub fn start(settings: &Settings, directory: &Path) -> anyhow::Result<Self> {
        let graph = RunningGraph::start(settings, settings.cores.map(|(_, graph)| graph))?;
        let mut variables = vec![
            ("HOOKLINE_META__GRAPH_URL", graph.url()),
            ("HOOKLINE_META__INSTAGRAM_GRAPH_URL", graph.url()),
            ("HOOKLINE_ENCRYPTION__KEYS", ENCRYPTION_KEY.to_owned()),
        ];
        variables.extend(UNPACED.map(|(key, value)| (key, value.to_owned())));
        let peer = Peer::Hookline {
            program: settings.program("hookline")?,
        };
        let core = settings.cores.map(|(server, _)| server);
        let server = RunningPeer::start_with(&peer, directory, core, &variables)?;
        Ok(Self { server, graph })
    }

    /// Waits until the Graph API has so many sends, none of them twice, and the server has kept
    /// what came of each.
    pub fn wait_for(&self, sends: u64, at_most: Duration) -> anyhow::Result<Counts> {
        let until = now() + at_most;
        loop {
            let counts = self.graph.counts()?;
            if counts.sends >= sends {
                self.wait_for_outcomes(sends, until)?;
                ensure!(counts.twice == 0, "{} sends came twice", counts.twice);
                return Ok(counts);
            }
            if now() > until {
                bail!("only {} of {sends} sends came in time", counts.sends);
            }
            thread::sleep(GLANCE);
        }
    }

    fn wait_for_outcomes(&self, sends: u64, until: Instant) -> anyhow::Result<()> {
        loop {
            let accepted = "hookline_attempts_total{outcome=\"accepted\"}";
            let kept = self.server.metric(accepted)?;
            if kept >= float(sends) {
                return Ok(());
            }
            if now() > until {
                bail!("{kept} of {sends} outcomes were kept");
            }
            thread::sleep(GLANCE);
        }
    }
}

/// The sends a second between the first tenth and the last.
pub fn rate(counts: &Counts) -> Option<f64> {
    let times = &counts.every_hundredth_ms;
    let (from, to) = (times.len() / 10, times.len() * 9 / 10);
    let millis = times.get(to)?.checked_sub(*times.get(from)?)?;
    let sends = u32::try_from((to - from) * 100).ok()?;
    let millis = u32::try_from(millis).ok().filter(|millis| *millis > 0)?;
    Some(f64::from(sends) * 1000.0 / f64::from(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_middle() {
        let mut counts = Counts::default();
        assert_eq!(rate(&counts), None);
        // A hundred sends each 10 ms, after a start that took long.
        counts.every_hundredth_ms = (0..100).map(|place| 9_000 + place * 10).collect();
        counts.every_hundredth_ms[0] = 0;
        let rate = rate(&counts).unwrap();
        assert!((rate - 10_000.0).abs() < 1.0, "{rate}");
    }
}
