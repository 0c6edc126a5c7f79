//! What taking the events out of a delivery costs.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hookline_bench::deliveries::{batch_body, comment_body};
use hookline_meta::webhook::interpret;

fn interpret_bodies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("interpret");
    let bodies = [(1, comment_body(1, 700)), (100, batch_body(1, 100, 600))];
    for (events, body) in bodies {
        let found = interpret(body.as_bytes()).map(|found| found.len());
        assert_eq!(
            found,
            Ok(events),
            "the body holds other events than it should"
        );
        group.throughput(Throughput::Elements(
            u64::try_from(events).unwrap_or_default(),
        ));
        group.bench_function(format!("{events} events"), |bencher| {
            bencher.iter(|| interpret(black_box(body.as_bytes())));
        });
    }
    group.finish();
}

criterion_group!(benches, interpret_bodies);
criterion_main!(benches);
