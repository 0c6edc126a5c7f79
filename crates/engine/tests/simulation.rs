//! Promises under faults, crashes and chance, in virtual time.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed unwrap is a failed test"
)]

#[path = "simulation/play.rs"]
mod play;

use play::{Options, Totals, play};

/// Seeds a run of the tests plays; `cargo xtask simulate` plays as many as it is told.
const SEEDS: u64 = 200;

#[test]
fn no_seed_breaks_a_promise() {
    let (mut broken, mut totals) = (Vec::new(), Totals::default());
    for seed in 0..SEEDS {
        let outcome = play(Options::seeded(seed));
        totals.add(&outcome);
        if !outcome.violations.is_empty() {
            broken.push(outcome.to_string());
        }
    }
    println!("{totals}");
    assert_eq!(totals.broken, 0, "{}", broken.join("\n"));
}

#[test]
fn a_seed_plays_the_same_every_time() {
    for seed in [1, 2, 3] {
        let (first, second) = (play(Options::seeded(seed)), play(Options::seeded(seed)));
        assert_eq!(first.fingerprint, second.fingerprint);
        assert_eq!(first.steps, second.steps);
    }
}
