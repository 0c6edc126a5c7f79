//! Trials of the real binary.

use crate::crash;

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
