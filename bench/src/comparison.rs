//! Several servers measured in turn, so that all of them see the same machine.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};

use crate::deliveries::BODY_BYTES;
use crate::figure::{Figure, float, show};
use crate::flames::Recording;
use crate::latency::{Report, median};
use crate::peer::{self, Peer, RunningPeer};
use crate::scenario::Settings;

/// Deliveries prepared for a closed loop of a server that is fast, for each second.
const PREPARED_PER_SECOND: u32 = 170_000;

/// The same for one that is not.
const PREPARED_PER_SECOND_OF_STACK: u32 = 30_000;

/// A file system in memory, where Linux has one.
const MEMORY: &str = "/dev/shm";

/// Milliseconds at the start that are not measured.
pub const WARM_UP_MS: u32 = 500;

/// The same of stacks whose runtimes compile while they run.
pub const WARM_UP_OF_STACK_MS: u32 = 3000;

/// A server as it takes part.
#[derive(Debug, Clone)]
pub struct Contestant {
    /// What pages call it.
    pub name: String,
    /// What is started.
    pub peer: Peer,
    /// Variables in its environment.
    pub variables: Vec<(&'static str, String)>,
    /// Whether it is kept to one core and the generator to another; both use all cores otherwise.
    pub is_pinned: bool,
    /// Whether its data lies in memory, where a sync costs nothing and keeps nothing.
    pub is_in_memory: bool,
}

impl Contestant {
    /// The reference on a core of its own.
    pub fn bare(settings: &Settings) -> anyhow::Result<Self> {
        Self::bare_with(settings, 1)
    }

    /// The reference that verifies, keeps and syncs, on a core of its own.
    pub fn bare_durable(settings: &Settings) -> anyhow::Result<Self> {
        let peer = Peer::Bare {
            program: settings.program("bare")?,
            threads: 1,
            is_durable: true,
        };
        Ok(Self {
            name: peer.name(),
            peer,
            ..Self::bare(settings)?
        })
    }

    /// The reference on all cores.
    pub fn bare_free(settings: &Settings) -> anyhow::Result<Self> {
        Self::bare_with(settings, 2)
    }

    fn bare_with(settings: &Settings, threads: u16) -> anyhow::Result<Self> {
        let is_pinned = threads == 1;
        let peer = Peer::Bare {
            program: settings.program("bare")?,
            threads,
            is_durable: false,
        };
        Ok(Self {
            name: if is_pinned {
                peer.name()
            } else {
                format!("{}, {threads} threads", peer.name())
            },
            peer,
            variables: Vec::new(),
            is_pinned,
            is_in_memory: false,
        })
    }

    /// Hookline with everything it does, on a core of its own.
    pub fn hookline(settings: &Settings) -> anyhow::Result<Self> {
        let program = settings.program("hookline")?;
        Ok(Self {
            name: "hookline, all of it".to_owned(),
            peer: Peer::Hookline { program },
            variables: Vec::new(),
            is_pinned: true,
            is_in_memory: false,
        })
    }

    /// Hookline, told to keep what is delivered and do nothing with it yet.
    pub fn receive_only(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self {
            name: "hookline, receiving only".to_owned(),
            variables: vec![("HOOKLINE_SERVER__RECEIVE_ONLY", "true".to_owned())],
            ..Self::hookline(settings)?
        })
    }

    /// The same with its database in memory, to see what is the disk's part; none where the system
    /// has no such place.
    pub fn in_memory(settings: &Settings) -> anyhow::Result<Option<Self>> {
        if !Path::new(MEMORY).is_dir() {
            return Ok(None);
        }
        Ok(Some(Self {
            name: "hookline, receiving only, no disk".to_owned(),
            is_in_memory: true,
            ..Self::receive_only(settings)?
        }))
    }

    fn directory(&self, settings: &Settings) -> anyhow::Result<tempfile::TempDir> {
        if self.is_in_memory {
            tempfile::tempdir_in(MEMORY).context("making a data directory in memory")
        } else {
            settings.directory()
        }
    }
}

/// What the generator does.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Seconds measured.
    pub seconds: u64,
    /// Deliveries per second of an open loop; `None` for a closed one.
    pub rate: Option<u32>,
    /// Deliveries prepared; `None` for as many as may be needed.
    pub deliveries: Option<u32>,
    /// Number of the first comment.
    pub first: u64,
    /// Whether it is measured from the first delivery on.
    pub is_cold: bool,
    /// Events of each delivery.
    pub events: u32,
    /// Bytes of each delivery, or of each event where there are several.
    pub bytes: usize,
    /// Accounts they are for, in turn.
    pub accounts: u32,
}

impl Load {
    /// As fast as answers come.
    pub fn closed(settings: &Settings) -> Self {
        Self {
            seconds: settings.seconds,
            rate: None,
            deliveries: None,
            first: 0,
            is_cold: false,
            events: 1,
            bytes: BODY_BYTES,
            accounts: 1,
        }
    }

    /// At a constant rate.
    pub fn open(seconds: u64, rate: u32) -> Self {
        Self {
            seconds,
            rate: Some(rate),
            deliveries: None,
            first: 0,
            is_cold: false,
            events: 1,
            bytes: BODY_BYTES,
            accounts: 1,
        }
    }

    fn prepared(&self, peer: &Peer) -> u32 {
        let per_second = match (self.rate, peer) {
            (Some(rate), _) => rate,
            (None, Peer::Stack(_)) => PREPARED_PER_SECOND_OF_STACK,
            (None, _) => PREPARED_PER_SECOND,
        };
        let seconds = u32::try_from(self.seconds).unwrap_or(u32::MAX);
        let warming = self.warm_up_ms(peer).div_ceil(1000);
        let needed = per_second.saturating_mul(seconds.saturating_add(warming));
        self.deliveries.unwrap_or(needed.min(2_000_000))
    }

    fn warm_up_ms(&self, peer: &Peer) -> u32 {
        match peer {
            _ if self.is_cold => 0,
            Peer::Stack(_) => WARM_UP_OF_STACK_MS,
            Peer::Bare { .. } | Peer::Hookline { .. } => WARM_UP_MS,
        }
    }
}

/// What one measurement of one server gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What the generator saw.
    pub report: Report,
    /// Processor time for each delivery, in microseconds; `None` where the system does not tell.
    pub processor_us: Option<f64>,
    /// The most memory that was resident, in bytes; `None` where the system does not tell.
    pub memory_peak: Option<u64>,
}

/// Measures each of several things once in every round, in turning order: its results for each, by
/// round.
pub fn in_turn<T, R>(
    rounds: u32,
    all: &[T],
    mut measure: impl FnMut(&T) -> anyhow::Result<R>,
) -> anyhow::Result<Vec<Vec<R>>> {
    let mut results: Vec<Vec<R>> = all.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        let mut turn: Vec<_> = all.iter().zip(&mut results).collect();
        if round % 2 == 1 {
            turn.reverse();
        }
        for (each, results) in turn {
            results.push(measure(each)?);
        }
    }
    Ok(results)
}

/// One run of the generator, in a program of its own, against a server just started on an empty
/// database.
pub fn measure(contestant: &Contestant, settings: &Settings, load: &Load) -> anyhow::Result<Run> {
    let directory = contestant.directory(settings)?;
    let cores = settings.cores.filter(|_| contestant.is_pinned);
    let core = cores.map(|(server, _)| server);
    let server = RunningPeer::start_with(
        &contestant.peer,
        directory.path(),
        core,
        &contestant.variables,
    )?;
    let doing = || format!("measuring {}", contestant.name);
    let recording = match contestant.peer {
        Peer::Hookline { .. } => Recording::start(settings, &server, &contestant.name)?,
        Peer::Bare { .. } | Peer::Stack(_) => None,
    };
    let run = measure_running(&server, contestant, settings, load).with_context(doing)?;
    recording
        .map_or(Ok(()), Recording::finish)
        .with_context(doing)?;
    Ok(run)
}

/// The same against a server that is running.
pub fn measure_running(
    server: &RunningPeer,
    contestant: &Contestant,
    settings: &Settings,
    load: &Load,
) -> anyhow::Result<Run> {
    let before = server.processor_time();
    let cores = settings.cores.filter(|_| contestant.is_pinned);
    let core = cores.map(|(_, generator)| generator);
    let target = format!("http://{}/webhooks/instagram", server.address());
    let mut command = peer::pinned(&settings.program("loadgen")?, core);
    command.args([&target, "--json", "--threads", "1"]);
    command.args(["--body-bytes", &load.bytes.to_string()]);
    command.args(["--events", &load.events.to_string()]);
    command.args(["--deliveries", &load.prepared(&contestant.peer).to_string()]);
    let warm_up_ms = load.warm_up_ms(&contestant.peer);
    command.args(["--warm-up-ms", &warm_up_ms.to_string()]);
    command.args(["--accounts", &load.accounts.to_string()]);
    command.args(["--first", &load.first.to_string()]);
    command.args(["--connections", &settings.connections.to_string()]);
    command.args(["--seconds", &load.seconds.to_string()]);
    if let Some(rate) = load.rate {
        command.args(["--rate", &rate.to_string()]);
    }
    let output = command
        // Its words may come to stand on the page.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .output()
        .context("starting the load generator")?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stdout);
        let complaints = String::from_utf8_lossy(&output.stderr);
        let status = output.status;
        bail!(
            "the load generator ended with {status}: {} {}",
            words.trim(),
            complaints.trim()
        );
    }
    let report: Report =
        serde_json::from_slice(&output.stdout).context("reading the load generator's report")?;
    let posted = float(report.posted).max(1.0);
    let spent = before
        .zip(server.processor_time())
        .map(|(before, after)| after.saturating_sub(before).as_secs_f64() * 1e6 / posted);
    Ok(Run {
        report,
        processor_us: spent,
        memory_peak: server.memory_peak_bytes(),
    })
}

/// Answers per second, by round.
pub fn rates(runs: &[Run]) -> Vec<f64> {
    runs.iter().map(|run| run.report.per_second).collect()
}

/// One's answers per second as a multiple of the other's, round by round: what disturbs the
/// machine in one round disturbs both.
pub fn ratios(runs: &[Run], reference: &[Run]) -> Vec<f64> {
    let pairs = rates(runs).into_iter().zip(rates(reference));
    pairs.map(|(own, reference)| own / reference).collect()
}

/// Any figure of runs, for a table.
pub fn shown(runs: &[Run], of: impl Fn(&Run) -> Option<f64>, digits: usize) -> String {
    show(&runs.iter().filter_map(of).collect::<Vec<_>>(), digits)
}

/// The median of any figure of runs.
pub fn middle(runs: &[Run], of: impl Fn(&Run) -> Option<f64>) -> Option<f64> {
    median(&runs.iter().filter_map(of).collect::<Vec<_>>())
}

/// The median of the ratios.
pub fn middle_ratio(runs: &[Run], reference: &[Run]) -> Option<f64> {
    Figure::of(&ratios(runs, reference)).map(|figure| figure.median)
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
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::latency::Quantiles;

    pub(crate) fn run(per_second: f64) -> Run {
        let latency_us = Quantiles {
            p50: 1.0,
            p90: 1.0,
            p99: 1.0,
            p99_9: 1.0,
            max: 1.0,
        };
        Run {
            report: Report {
                rate: None,
                connections: 1,
                threads: 1,
                posted: 1,
                answered: 1,
                not_ok: BTreeMap::new(),
                seconds: 1.0,
                per_second,
                latency_us,
                busy: Some(0.5),
            },
            processor_us: Some(10.0),
            memory_peak: None,
        }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let reference = [100.0, 200.0, 300.0].map(run);
        let own = [50.0, 50.0, 60.0].map(run);
        assert_eq!(ratios(&own, &reference), [0.5, 0.25, 0.2]);
        assert_eq!(middle_ratio(&own, &reference), Some(0.25));
        assert_eq!(middle_ratio(&[], &reference), None);
    }

    #[test]
    fn the_order_turns_from_round_to_round() {
        let mut order = Vec::new();
        let results = in_turn(2, &["a", "b"], |each| {
            order.push(*each);
            Ok(order.len())
        });
        assert_eq!(results.unwrap(), [[1, 4], [2, 3]]);
        assert_eq!(order, ["a", "b", "b", "a"]);
    }

    #[test]
    fn an_open_loop_has_as_many_as_it_posts() {
        let peer = Peer::Hookline {
            program: PathBuf::new(),
        };
        assert_eq!(Load::open(5, 1000).prepared(&peer), 6000);
    }
}
