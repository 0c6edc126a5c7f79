//! The long trials of the real binary: what the tests try for seconds, tried for as long as one
//! likes. `cargo xtask crash` and `cargo xtask power` run this, built for release.
//!
//! It is a bench target and not a test because it takes arguments, and not an example because only
//! tests and benches are told where the binary is.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed unwrap is a failed trial, and what it prints is its work"
)]

#[path = "../tests/it"]
mod it {
    mod binary;
    pub(crate) mod crash;
    pub(crate) mod power;
}

use clap::{Parser, Subcommand};

use it::{crash, power};

/// The long trials of the real binary.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    trial: Trial,
    /// What `cargo bench` says to every bench.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Trial {
    /// Kills the binary under load, again and again, and counts what reached people.
    Crash {
        /// How often it is killed.
        #[arg(long, default_value_t = 500)]
        times: u32,
        /// Where everything random comes from.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Comments without their reply at any time.
        #[arg(long, default_value_t = 300)]
        in_flight: usize,
    },
    /// Cuts the power at many moments of a few recorded runs, and looks for what is missing.
    Power {
        /// How often.
        #[arg(long, default_value_t = 5000)]
        cuts: usize,
        /// Where everything random comes from.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

fn tell(line: &str) {
    println!("{line}");
}

#[tokio::main]
async fn main() {
    match Args::parse().trial {
        Trial::Crash {
            times,
            seed,
            in_flight,
        } => {
            let trial = crash::Trial {
                crashes: times,
                seed,
                in_flight,
            };
            let outcome = crash::run(trial, tell).await;
            println!("{}\n{outcome}", outcome.audit.undecided.join("\n"));
            outcome.assert_sound();
        }
        Trial::Power { cuts, seed } => {
            let trial = power::Trial { cuts, seed };
            if let Some(outcome) = power::run(trial, tell).await {
                println!("{outcome}");
                outcome.assert_sound();
            }
        }
    }
}
