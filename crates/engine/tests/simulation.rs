//! Promises under faults, crashes and chance, in virtual time.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed unwrap is a failed test"
)]

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

#[path = "simulation/play.rs"]
mod play;

use play::{Options, Totals, play};

/// Plays seeds and shows every one that broke a promise; `cargo xtask simulate` plays as many as
/// it is told.
fn play_all(seeds: Range<u64>) {
    let (mut broken, mut totals) = (Vec::new(), Totals::default());
    for seed in seeds {
        let outcome = play(Options::seeded(seed));
        totals.add(&outcome);
        if !outcome.violations.is_empty() {
            broken.push(outcome.to_string());
        }
    }
    assert_eq!(totals.broken, 0, "{totals}\n{}", broken.join("\n"));
}

#[test]
fn no_seed_breaks_a_promise_0() {
    play_all(0..50);
}

#[test]
fn no_seed_breaks_a_promise_50() {
    play_all(50..100);
}

#[test]
fn no_seed_breaks_a_promise_100() {
    play_all(100..150);
}

#[test]
fn no_seed_breaks_a_promise_150() {
    play_all(150..200);
}

#[test]
fn a_seed_plays_the_same_every_time() {
    for seed in [1, 2, 3] {
        let (first, second) = (play(Options::seeded(seed)), play(Options::seeded(seed)));
        assert_eq!(first.fingerprint, second.fingerprint);
        assert_eq!(first.steps, second.steps);
    }
}

#[test]
fn a_death_before_or_after_any_durable_step_loses_and_doubles_nothing() {
    let undisturbed = play(Options::plain(None));
    assert_eq!(undisturbed.violations.len(), 0, "{undisturbed}");
    assert_eq!(
        undisturbed.sends,
        [("accepted".to_owned(), 4)].into(),
        "two private replies, a public reply and a dm"
    );
    let (next, deaths) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let broken = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let step = next.fetch_add(1, Ordering::Relaxed);
                    if step >= undisturbed.steps {
                        return;
                    }
                    let outcome = play(Options::plain(Some(step)));
                    deaths.fetch_add(usize::try_from(outcome.deaths).unwrap(), Ordering::Relaxed);
                    if !outcome.violations.is_empty() || outcome.sends != undisturbed.sends {
                        broken.lock().unwrap().push(outcome.to_string());
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().unwrap();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    // All but the steps before the first comment, at which nobody dies.
    assert!(deaths.into_inner() + 20 > undisturbed.steps);
}
