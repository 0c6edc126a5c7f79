//! Several servers measured in turn, so that all of them see the same machine.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};

use crate::deliveries::BODY_BYTES;
use crate::disk;
use crate::latency::{Quantiles, Report, median, spread};
use crate::peer::{self, Peer, RunningPeer};

/// How often the disk probe writes.
const DISK_WRITES: u32 = 200;

/// What is done to every server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Rounds; in each every server is measured once, in turning order.
    pub rounds: u32,
    /// Seconds of each measurement.
    pub seconds: u64,
    /// Connections the generator keeps open.
    pub connections: u16,
    /// Deliveries per second of the open loop.
    pub rate: u32,
    /// Deliveries prepared for each measurement.
    pub deliveries: u32,
    /// The load generator's program.
    pub generator: PathBuf,
    /// Where databases are made, each in a directory of its own.
    pub data: PathBuf,
}

/// What one server reached in all rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The server.
    pub name: &'static str,
    /// Its closed loops, one for each round.
    pub closed: Vec<Report>,
    /// Processor time it spent on each delivery of its closed loops, in microseconds; empty where
    /// the system does not tell.
    pub processor_us: Vec<f64>,
    /// Its open loops, one for each round.
    pub open: Vec<Report>,
}

/// A whole comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The servers in the order they were given; ratios are to the first.
    pub servers: Vec<Measured>,
    /// Write and fdatasync on the disk the databases were on, before the first round and after
    /// the last, in microseconds.
    pub disk: [Quantiles; 2],
    /// Whether server and generator had a core each.
    pub is_pinned: bool,
}

/// The middle of several figures, with the smallest and the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// The middle one.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

impl Figure {
    /// Of the values; `None` of none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let (least, most) = spread(values)?;
        Some(Self {
            median: median(values)?,
            least,
            most,
        })
    }
}

impl Comparison {
    /// Answers per second of a server as a share of the first one's, round by round: what
    /// disturbs the machine in one round disturbs both.
    pub fn ratios(&self, server: &Measured) -> Vec<f64> {
        let Some(first) = self.servers.first() else {
            return Vec::new();
        };
        let pairs = server.closed.iter().zip(&first.closed);
        pairs
            .map(|(own, reference)| own.per_second / reference.per_second)
            .collect()
    }
}

/// Measures every server in every round.
pub fn compare(
    peers: &[Peer],
    settings: &Settings,
    mut progress: impl FnMut(&str),
) -> anyhow::Result<Comparison> {
    let is_pinned = peer::cores().is_some();
    let before = disk::probe(&settings.data, DISK_WRITES)?;
    let mut servers: Vec<_> = peers
        .iter()
        .map(|peer| Measured {
            name: peer.name(),
            closed: Vec::new(),
            processor_us: Vec::new(),
            open: Vec::new(),
        })
        .collect();
    for round in 0..settings.rounds {
        let mut turn: Vec<_> = peers.iter().zip(&mut servers).collect();
        if round % 2 == 1 {
            turn.reverse();
        }
        for (peer, measured) in turn {
            let (closed, processor_us) = measure(peer, settings, is_pinned, None)?;
            let (open, _) = measure(peer, settings, is_pinned, Some(settings.rate))?;
            progress(&format!(
                "round {}: {:<12} {:>8.0}/s; at {}/s p50 {:.0} us, p99 {:.0} us",
                round + 1,
                peer.name(),
                closed.per_second,
                settings.rate,
                open.latency_us.p50,
                open.latency_us.p99,
            ));
            measured.closed.push(closed);
            measured.processor_us.extend(processor_us);
            measured.open.push(open);
        }
    }
    let after = disk::probe(&settings.data, DISK_WRITES)?;
    Ok(Comparison {
        servers,
        disk: [before, after],
        is_pinned,
    })
}

/// One run of the generator, in a process of its own, against a server just started on an empty
/// database.
fn measure(
    peer: &Peer,
    settings: &Settings,
    is_pinned: bool,
    rate: Option<u32>,
) -> anyhow::Result<(Report, Option<f64>)> {
    let directory = tempfile::tempdir_in(&settings.data).context("making a data directory")?;
    let server = RunningPeer::start(peer, directory.path(), is_pinned.then_some(0))?;
    let target = format!("http://{}/webhooks/instagram", server.address());
    let before = server.processor_time();
    let report = generate(settings, &target, is_pinned.then_some(1), rate)
        .with_context(|| format!("measuring {}", peer.name()))?;
    let posted = f64::from(u32::try_from(report.posted)?);
    let spent = before
        .zip(server.processor_time())
        .map(|(before, after)| after.saturating_sub(before).as_secs_f64() * 1e6 / posted.max(1.0));
    Ok((report, spent))
}

fn generate(
    settings: &Settings,
    target: &str,
    core: Option<usize>,
    rate: Option<u32>,
) -> anyhow::Result<Report> {
    let mut command = peer::pinned(&settings.generator, core);
    command.args([target, "--json", "--threads", "1"]);
    command.args(["--body-bytes", &BODY_BYTES.to_string()]);
    command.args(["--deliveries", &settings.deliveries.to_string()]);
    command.args(["--connections", &settings.connections.to_string()]);
    command.args(["--seconds", &settings.seconds.to_string()]);
    if let Some(rate) = rate {
        command.args(["--rate", &rate.to_string()]);
    }
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("starting the load generator")?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stdout);
        bail!("the load generator ended with {}: {words}", output.status);
    }
    serde_json::from_slice(&output.stdout).context("reading the load generator's report")
}

/// A program that was built beside this one.
pub fn sibling(own: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let program = own.with_file_name(name);
    if !program.exists() {
        bail!("there is no {name} beside this program: `cargo xtask bench` builds what is needed");
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn report(per_second: f64) -> Report {
        let latency_us = Quantiles {
            p50: 1.0,
            p90: 1.0,
            p99: 1.0,
            p99_9: 1.0,
            max: 1.0,
        };
        Report {
            rate: None,
            connections: 1,
            threads: 1,
            posted: 1,
            answered: 1,
            not_ok: BTreeMap::new(),
            seconds: 1.0,
            per_second,
            latency_us,
            busy: None,
        }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let measured = |name, figures: [f64; 2]| Measured {
            name,
            closed: figures.map(report).to_vec(),
            processor_us: Vec::new(),
            open: Vec::new(),
        };
        let disk = report(1.0).latency_us;
        let comparison = Comparison {
            servers: vec![measured("a", [100.0, 200.0]), measured("b", [50.0, 50.0])],
            disk: [disk, disk],
            is_pinned: false,
        };
        let ratios = comparison.ratios(&comparison.servers[1]);
        assert_eq!(ratios, [0.5, 0.25]);
        let figure = Figure::of(&ratios).unwrap();
        assert_eq!((figure.median, figure.least, figure.most), (0.5, 0.25, 0.5));
    }
}
