//! What matching, claiming and rendering cost: the steps that `cargo xtask instructions` counts,
//! in time.

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use hookline_bench::now;
use hookline_micro::{STEPS, Take};

/// How often claiming finds lanes that were not claimed before.
const CLAIMS_OF_ONE_DATABASE: u64 = 300;

#[expect(
    clippy::expect_used,
    reason = "a step that cannot be prepared has no time"
)]
fn prepare(name: &str) -> Take {
    let step = STEPS.iter().find(|step| step.name == name);
    let step = step.expect("there is such a step");
    (step.prepare)().expect("the step can be prepared")
}

fn rules(criterion: &mut Criterion) {
    for name in ["match", "render", "render-from-source"] {
        let mut take = prepare(name);
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| assert!(take().is_ok(), "{name} did not do its work"));
        });
    }
}

/// With the disk it happens to have: every transaction waits for it.
fn claim(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("claim");
    group.sample_size(10);
    group.bench_function("32 sends of 4 lanes", |bencher| {
        bencher.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            let mut take = None;
            for time in 0..times {
                if time % CLAIMS_OF_ONE_DATABASE == 0 {
                    take = Some(prepare("claim"));
                }
                let Some(take) = &mut take else { continue };
                let begin = now();
                assert!(take().is_ok(), "a claim did not do its work");
                spent += now().saturating_duration_since(begin);
            }
            spent
        });
    });
    group.finish();
}

criterion_group!(benches, rules, claim);
criterion_main!(benches);
