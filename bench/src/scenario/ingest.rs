//! How many deliveries a second are taken in for good, beside what people write today.

use super::{Settings, at_least, at_most, table};
use crate::comparison::{
    self, Contestant, Load, Run, WARM_UP_MS, WARM_UP_OF_STACK_MS, in_turn, middle, middle_ratio,
    ratios, shown,
};
use crate::deliveries::BODY_BYTES;
use crate::figure::show;
use crate::machine::version;
use crate::peer::Peer;
use crate::redis::{self, Fsync};
use crate::section::{Bar, Section, Table};
use crate::stack::{Installed, Kind, Stack};

/// Where the generator is near the most it can do, so that it may be what was measured.
const BUSY_MAX: f64 = 0.95;

/// A server and what it reached in every round.
struct Found {
    contestant: Contestant,
    runs: Vec<Run>,
}

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Section> {
    let (stacks, notes) = stacks(settings);
    let mut pinned = vec![
        Contestant::bare(settings)?,
        Contestant::bare_durable(settings)?,
        Contestant::receive_only(settings)?,
        Contestant::hookline(settings)?,
    ];
    pinned.extend(Contestant::in_memory(settings)?);
    let mut free = vec![Contestant::bare_free(settings)?];
    for installed in &stacks {
        pinned.push(stack(installed, Fsync::Always, 1));
        pinned.push(stack(installed, Fsync::EverySecond, 1));
        free.push(stack(installed, Fsync::Always, 2));
    }
    let count = pinned.len();
    let all: Vec<_> = pinned.into_iter().chain(free).collect();
    let load = Load::closed(settings);
    let results = in_turn(settings.rounds, &all, |contestant| {
        comparison::measure(contestant, settings, &load)
    })?;
    let mut pinned: Vec<_> = all
        .into_iter()
        .zip(results)
        .map(|(contestant, runs)| Found { contestant, runs })
        .collect();
    let free = pinned.split_off(count);
    Ok(Section {
        key: "ingest".to_owned(),
        title: "Deliveries taken in, as fast as answers come".to_owned(),
        text: text(settings, &notes, pinned.iter().chain(&free)),
        tables: vec![rows(&pinned), rows(&free)],
        bars: bars(&pinned, &notes),
    })
}

/// The stacks that can be measured, and of the others why not; none for flame graphs, which are of
/// Hookline alone.
pub(super) fn stacks(settings: &Settings) -> (Vec<Installed>, Vec<String>) {
    let (mut stacks, mut notes) = (Vec::new(), Vec::new());
    if settings.flames.is_some() {
        return (stacks, notes);
    }
    let below = settings.target.join("peers");
    for kind in Kind::ALL {
        let problem = match kind.missing() {
            Some(missing) => missing,
            None => match kind.install(&settings.peers, &below) {
                Ok(installed) => {
                    stacks.push(installed);
                    continue;
                }
                Err(error) => format!("could not be installed: {error:#}"),
            },
        };
        notes.push(format!("**Left out: {}**, which {problem}.", kind.name()));
    }
    (stacks, notes)
}

pub(super) fn stack(installed: &Installed, fsync: Fsync, workers: u8) -> Contestant {
    let stack = Stack {
        installed: installed.clone(),
        fsync,
        workers,
    };
    Contestant {
        name: stack.name(),
        peer: Peer::Stack(stack),
        variables: Vec::new(),
        is_pinned: workers == 1,
        is_in_memory: false,
    }
}

fn text<'a>(settings: &Settings, notes: &[String], all: impl Iterator<Item = &'a Found>) -> String {
    let place = if settings.cores.is_some() {
        "In the first table each server has one core and the generator another; a peer's Redis \
         shares the core of its server."
    } else {
        "Programs cannot be kept to a core on this machine: all share all cores."
    };
    let text = format!(
        "Signed comments of {} bytes, no two alike, over {} keep-alive connections; each posts its \
         next delivery when the last is answered. Every answer was checked to be 200. Each server \
         starts on an empty database for each measurement and warms up for {} s before it, the peers for \
         {} s because their runtimes compile as they go. {place} In the second table server, \
         Redis and generator run free on all cores, the peers with two processes. Each ratio is to \
         the bare server of the same table.\n\n\
         The bare server reads each request and answers 200, on one thread: what HTTP alone \
         costs. \"A file synced\" is the same server that verifies each delivery, appends it to a file \
         and answers when that is synced, for as many at once as have come: the simplest \
         receiver that is durable, in whose file nothing is ever found again. \"hookline, receiving only\" verifies and commits (`server.receive_only`); \"all of \
         it\" interprets and routes on the same core meanwhile; no account is connected. \"No disk\" \
         is the first of them with its database in memory, where a sync returns at once: what is \
         between the two is the disk's. The peers \
         (`bench/peers`) verify the same signature and answer when Redis has acknowledged: \"always\" \
         means that it has synced its log, \"everysec\" that a power cut may lose the last second or \
         two. No worker takes anything out of their queues.\n\n\
         Versions: Node {}, {}, {}; the libraries are pinned in `bench/peers`.",
        BODY_BYTES,
        settings.connections,
        f64::from(WARM_UP_MS) / 1000.0,
        WARM_UP_OF_STACK_MS / 1000,
        version("node", "--version"),
        version("python3", "--version"),
        version(redis::PROGRAM, "--version"),
    );
    let busy: Vec<_> = all
        .filter(|found| middle(&found.runs, busy).is_some_and(|busy| busy > BUSY_MAX))
        .map(|found| found.contestant.name.as_str())
        .collect();
    let limited = format!(
        "The generator was busy for more than {:.0} % of the time with {}: these can do more than is \
         shown, and what is held against them is flattered accordingly.",
        BUSY_MAX * 100.0,
        busy.join(" and "),
    );
    let mut paragraphs = vec![text];
    paragraphs.extend_from_slice(notes);
    if !busy.is_empty() {
        paragraphs.push(limited);
    }
    paragraphs.join("\n\n")
}

fn busy(run: &Run) -> Option<f64> {
    run.report.busy
}

fn rows(found: &[Found]) -> Table {
    let reference = found.first().map(|first| first.runs.as_slice());
    let row = |found: &Found| {
        let latency = |of: fn(&Run) -> f64| shown(&found.runs, |run| Some(of(run)), 0);
        vec![
            found.contestant.name.clone(),
            show(&comparison::rates(&found.runs), 0),
            show(&ratios(&found.runs, reference.unwrap_or_default()), 2),
            shown(&found.runs, |run| run.processor_us, 1),
            latency(|run| run.report.latency_us.p50),
            latency(|run| run.report.latency_us.p99),
            latency(|run| run.report.latency_us.p99_9),
            shown(&found.runs, |run| Some(busy(run)? * 100.0), 0),
        ]
    };
    table(
        [
            "server",
            "deliveries a second",
            "of bare",
            "processor µs for each",
            "p50 µs",
            "p99 µs",
            "p99.9 µs",
            "generator busy %",
        ],
        found.iter().map(row).collect(),
    )
}

fn bars(pinned: &[Found], notes: &[String]) -> Vec<Bar> {
    let runs = |name: &str| {
        let found = pinned
            .iter()
            .find(|found| found.contestant.name.starts_with(name));
        found.map_or(&[][..], |found| found.runs.as_slice())
    };
    let (bare, hookline) = (runs("bare"), runs("hookline, receiving only"));
    let mut bars = vec![
        at_least(
            "durable ingest, of bare hyper",
            0.50,
            middle_ratio(hookline, bare),
            2,
        ),
        at_most(
            "processor µs for each delivery taken in",
            13.0,
            middle(hookline, |run| run.processor_us),
            1,
        ),
    ];
    for (kind, wanted) in [(Kind::Fastify, 5.0), (Kind::Express, 12.0)] {
        let peer = runs(&format!("{}, always", kind.name()));
        let ratio = middle_ratio(hookline, peer);
        let what = format!("durable ingest, times {} with fsync", kind.name());
        let mut bar = at_least(&what, wanted, ratio, 1);
        if ratio.is_none() && notes.iter().any(|note| note.contains(kind.name())) {
            "not measured: the peer was left out".clone_into(&mut bar.reached);
        }
        bars.push(bar);
    }
    bars
}
