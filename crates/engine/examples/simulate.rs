//! Plays many seeds of the simulation and says which of them break a promise.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is a test that takes arguments"
)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what it prints is its work"
)]

#[path = "../tests/simulation/play.rs"]
mod play;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use clap::Parser;
use play::{Options, Totals, play};

/// Plays seeds, each a world of its own under a virtual clock.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first one.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Things people do in each.
    #[arg(long, default_value_t = 40)]
    actions: usize,
    /// People do one of everything, and nothing misbehaves but the process.
    #[arg(long)]
    plain: bool,
    /// Nothing misbehaves.
    #[arg(long)]
    no_faults: bool,
    /// The process dies before (even) or after (odd) the durable step of this number.
    #[arg(long)]
    dies_at: Option<usize>,
    /// Seeds played at once.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Go on after the first seed that breaks a promise.
    #[arg(long)]
    keep_going: bool,
}

impl Args {
    fn options(&self, seed: u64) -> Options {
        if self.plain {
            return Options {
                seed,
                ..Options::plain(self.dies_at)
            };
        }
        Options {
            actions: self.actions,
            has_faults: !self.no_faults,
            dies_at: self.dies_at,
            ..Options::seeded(seed)
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let next = AtomicU64::new(args.from);
    let is_over = AtomicBool::new(false);
    let totals = Mutex::new(Totals::default());
    std::thread::scope(|scope| {
        for _ in 0..args.threads.max(1) {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= args.from + args.seeds {
                        return;
                    }
                    let outcome = play(args.options(seed));
                    let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
                    totals.add(&outcome);
                    if !outcome.violations.is_empty() {
                        eprintln!("{outcome}");
                        is_over.fetch_or(!args.keep_going, Ordering::Relaxed);
                    }
                    if totals.seeds.is_multiple_of(1000) {
                        println!("{totals}");
                    }
                }
            });
        }
    });
    let totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{totals}");
    if totals.broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
