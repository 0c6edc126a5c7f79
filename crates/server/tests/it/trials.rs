//! The long trials of the real binary in their short form; `cargo xtask crash` and
//! `cargo xtask power` run them long.

use crate::{crash, power};

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_under_load_loses_nothing_and_doubles_nothing() {
    let trial = crash::Trial {
        crashes: 15,
        seed: 1,
        in_flight: 200,
    };
    let outcome = crash::run(trial, |line| println!("{line}")).await;
    println!("{outcome}");
    outcome.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_takes_nothing_that_was_promised() {
    let trial = power::Trial { cuts: 360, seed: 1 };
    if let Some(outcome) = power::run(trial, |line| println!("{line}")).await {
        println!("{outcome}");
        outcome.assert_sound();
    }
}
