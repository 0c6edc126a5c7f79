//! The power fails: what was answered is there, byte for byte, whenever it happens.
//!
//! The real binary runs with `power/shim.c` between itself and the C library. The shim writes every
//! change of the database's directory into a trace, in the order of its effect; the test adds a mark
//! after each answer it receives, and the simulated Meta one before each call it takes, so that the
//! marks in front of any point of the trace are promises that were given by then. Afterwards the
//! trace is cut at many points, and for each a directory is made as a power cut at that moment could
//! have left it. The store is opened on it as at any start, and has to keep every promise.
//!
//! # What a power cut may do
//!
//! - What a `fsync` or `fdatasync` that has returned covers is there: all changes of that file made
//!   before the call. What was written during the call is not covered.
//! - Of everything else, anything may be there or not, sector by sector (512 bytes or 4096, drawn
//!   for each cut), in any order, so that pages and records are torn. A sector holds what it held at
//!   some moment since the last sync: the page cache never writes a later change of a sector
//!   without the earlier ones.
//! - The size of a file is one it had since the last sync, drawn apart from its contents: it may
//!   have grown without its data, which then reads as zeros. A truncation happens whole or, as long
//!   as nothing was synced after it, not at all.
//! - Names come and go in order, but nothing says when: a file made, linked, renamed or removed
//!   since the directory was last synced may be as it was before. A synced file can be without a
//!   name, which is less than what ext4, XFS and Btrfs promise, but what POSIX does.
//! - Sectors that nobody wrote to stay as they are (`SQLITE_IOCAP_POWERSAFE_OVERWRITE`), a sync that
//!   returned is not a lie, and the directory itself was there long before.
//!
//! # What has to be there
//!
//! - every delivery answered with 200, byte for byte, and ids that go on behind them without gaps;
//! - progress that does not point behind what is there;
//! - an attempt for each call that Meta saw (promise 4);
//! - every account and automation that the API said it kept, with a key that opens the token;
//! - a database that SQLite finds sound.

mod check;
mod disk;
mod record;
mod shim;
mod trace;

use std::fmt;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};

use check::Checker;
use disk::Disk;
use record::Recording;
use trace::{Kind, Trace};

/// What a trial is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    /// How many cuts are looked at, over all recordings.
    pub(crate) cuts: usize,
    /// Where everything random comes from.
    pub(crate) seed: u64,
}

/// What a trial showed.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    recordings: Vec<String>,
    cuts: usize,
    broken: usize,
    told: Vec<String>,
}

/// Broken promises that are told in full.
const TOLD_MAX: usize = 5;

/// How often a long trial says how far it is.
const TELL_EVERY: usize = 500;

/// Records, cuts and checks; `tell` hears how far it is. None when this machine cannot record,
/// which is said loudly.
pub(crate) async fn run(trial: Trial, tell: fn(&str)) -> Option<Outcome> {
    let directory = tempfile::tempdir().unwrap();
    let shim = match shim::build(directory.path()) {
        Ok(shim) => shim,
        Err(why) => {
            tell(&format!("SKIPPED: the power was not cut: {why}"));
            return None;
        }
    };
    let mut random = ChaCha8Rng::seed_from_u64(trial.seed);
    let mut outcome = Outcome::default();
    let mut recordings = Vec::new();
    let fresh = record::deliveries(&shim, Disk::default(), Vec::new()).await;
    let fresh = fresh.unwrap();
    let (left, promised) = one_cut(&fresh, &mut random);
    match record::deliveries(&shim, left, promised).await {
        Ok(again) => recordings.push(("from what a power cut had left", again)),
        Err(log) => outcome.broke(format!("the binary does not start after a cut: {log}")),
    }
    recordings.push(("from an empty directory", fresh));
    recordings.push((
        "the whole pipeline",
        record::pipeline(&shim, trial.seed).await,
    ));
    let cuts = trial.cuts.div_ceil(recordings.len());
    for (name, recording) in &recordings {
        let is_seen = recording.trace.records().any(|it| it.kind == Kind::SyncEnd);
        assert!(is_seen, "the shim saw nothing of what the binary does");
        outcome.recordings.push(format!("{name}: {recording}"));
        cut(recording, cuts, &mut random, (&mut outcome, tell)).await;
    }
    Some(outcome)
}

/// The directory as one cut in the second half of a recording leaves it, with what was promised.
fn one_cut(recording: &Recording, random: &mut ChaCha8Rng) -> (Disk, Vec<trace::Mark>) {
    let count = recording.trace.records().count();
    let at = random.random_range(count / 2..count);
    let mut disk = recording.base.clone();
    let mut promised = recording.promised.clone();
    for record in recording.trace.records().take(at) {
        disk.apply(&record);
        promised.extend(record.mark());
    }
    (Disk::of(disk.cut(random)), promised)
}

/// Cuts a recording at so many points and checks what is left.
async fn cut(
    recording: &Recording,
    cuts: usize,
    random: &mut ChaCha8Rng,
    (outcome, tell): (&mut Outcome, fn(&str)),
) {
    let points = points(&recording.trace, cuts, random);
    let mut points = points.iter().peekable();
    let mut disk = recording.base.clone();
    let mut checker = Checker::new(recording.promised.clone());
    for (number, record) in recording.trace.records().enumerate() {
        disk.apply(&record);
        checker.promised.extend(record.mark());
        while points.next_if(|point| **point == number).is_some() {
            let left = disk.cut(random);
            outcome.cuts += 1;
            if let Err(broken) = checker.check(&left).await {
                let (kind, name) = (record.kind, recording.name);
                outcome.broke(format!(
                    "cut after record {number} ({kind:?}) of {name}: {broken}"
                ));
            }
            if outcome.cuts.is_multiple_of(TELL_EVERY) {
                tell(&format!("{} cuts, {} broken", outcome.cuts, outcome.broken));
            }
        }
    }
}

/// Numbers of the records after which the power fails, in order. Every kind of record is as likely
/// as any other, so that the rare ones have their share; one cut in four lies before the first
/// promise, while the binary starts and migrates.
fn points(trace: &Trace, cuts: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut by_kind: Vec<(Kind, Vec<usize>)> = Vec::new();
    let mut first_mark = None;
    for (number, record) in trace.records().enumerate() {
        match by_kind.iter_mut().find(|(kind, _)| *kind == record.kind) {
            Some((_, numbers)) => numbers.push(number),
            None => by_kind.push((record.kind, vec![number])),
        }
        if record.kind == Kind::Mark {
            first_mark.get_or_insert(number);
        }
    }
    let draw = |_| {
        if random.random_range(0..4) == 0 {
            return random.random_range(0..first_mark.unwrap_or(1).max(1));
        }
        let (_, numbers) = &by_kind[random.random_range(0..by_kind.len())];
        numbers[random.random_range(0..numbers.len())]
    };
    let mut points: Vec<usize> = (0..cuts).map(draw).collect();
    points.sort_unstable();
    points
}

impl Outcome {
    fn broke(&mut self, how: String) {
        self.broken += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(how);
        }
    }

    /// Panics unless every promise was kept.
    pub(crate) fn assert_sound(&self) {
        assert!(self.broken == 0, "{self}\n{}", self.told.join("\n"));
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for recording in &self.recordings {
            writeln!(f, "{recording}")?;
        }
        write!(
            f,
            "{} cuts, {} with a broken promise",
            self.cuts, self.broken
        )
    }
}
