//! What letting a delivery in costs: HMAC-SHA256 over its bytes, against one secret and two.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hookline_bench::deliveries::{SECRET, comment_body, sign};
use hookline_meta::signature::{UnverifiedDelivery, Verifier};
use hookline_model::secret::Secret;

fn verify(criterion: &mut Criterion) {
    let one = [Secret::new(SECRET)];
    let two = [Secret::new("another-secret"), Secret::new(SECRET)];
    let mut group = criterion.benchmark_group("verify");
    for (bytes, secrets) in [(700, &one[..]), (700, &two[..]), (4096, &one[..])] {
        let body = Bytes::from(comment_body(1, bytes));
        let delivery = UnverifiedDelivery {
            signature: Some(sign(SECRET, &body).into_bytes()),
            body,
            api_version: None,
        };
        let verifier = Verifier::new(secrets);
        assert!(
            verifier.verify(delivery.clone()).is_ok(),
            "the signature does not fit"
        );
        group.throughput(Throughput::Bytes(u64::try_from(bytes).unwrap_or_default()));
        let name = BenchmarkId::new(format!("{} secrets", secrets.len()), bytes);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || delivery.clone(),
                |delivery| verifier.verify(black_box(delivery)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, verify);
criterion_main!(benches);
