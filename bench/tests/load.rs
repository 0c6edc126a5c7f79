//! The load generator against the bare server, in small.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use hookline_bench::bare::{self, Duty};
use hookline_bench::deliveries::{BODY_BYTES, deliveries};
use hookline_bench::journal::Journal;
use hookline_bench::latency::Report;
use hookline_bench::load::{self, LoadProblem, Plan};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A listener, and the runtime that will serve it until dropped.
fn listen() -> (Runtime, TcpListener, SocketAddr) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime
        .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .unwrap();
    let address = listener.local_addr().unwrap();
    (runtime, listener, address)
}

fn plan(address: SocketAddr, count: usize) -> Plan {
    Plan {
        target: format!("http://{address}/webhooks/instagram")
            .parse()
            .unwrap(),
        deliveries: deliveries(0, count, BODY_BYTES),
        connections: 5,
        threads: 2,
        rate: None,
        warm_up: Duration::ZERO,
        duration: Duration::from_secs(30),
    }
}

#[test]
fn a_closed_loop_posts_every_delivery_once() {
    let (runtime, listener, address) = listen();
    let serving = runtime.spawn(bare::serve(listener, Duty::Read));
    let report = load::run(plan(address, 400)).unwrap();
    assert_eq!(report.answered, 400);
    assert_eq!(report.threads, 2);
    assert!(report.not_ok.is_empty(), "{report:?}");
    assert!(report.per_second > 0.0, "{report:?}");
    let json = serde_json::to_string(&report).unwrap();
    let read_back: Report = serde_json::from_str(&json).unwrap();
    assert_eq!((read_back.posted, read_back.answered), (400, 400), "{json}");
    serving.abort();
}

#[test]
fn the_durable_reference_keeps_what_is_signed_and_nothing_else() {
    let (runtime, listener, address) = listen();
    let directory = tempfile::tempdir().unwrap();
    let (journal, durable) = Journal::open(directory.path()).unwrap();
    runtime.spawn(durable.tell());
    let serving = runtime.spawn(bare::serve(listener, Duty::keep(journal)));
    let signed = plan(address, 20);
    let bytes: usize = signed.deliveries.iter().map(|each| each.body.len()).sum();
    let mut forged = plan(address, 20);
    for delivery in &mut forged.deliveries {
        delivery.signature = signed.deliveries.first().unwrap().signature.clone();
    }
    forged.deliveries.remove(0);
    assert_eq!(load::run(forged).unwrap().not_ok.get(&401), Some(&19));
    assert!(load::run(signed).unwrap().not_ok.is_empty());
    let kept = std::fs::read(directory.path().join("journal")).unwrap();
    let (whole, rest) = kept.split_at(bytes);
    assert!(!whole.contains(&0) && rest.iter().all(|byte| *byte == 0));
    serving.abort();
}

#[test]
fn an_open_loop_keeps_its_rate() {
    let (runtime, listener, address) = listen();
    let serving = runtime.spawn(bare::serve(listener, Duty::Read));
    let report = load::run(Plan {
        rate: Some(400),
        ..plan(address, 200)
    })
    .unwrap();
    assert_eq!(report.answered, 200);
    // The last of 200 is due 199 intervals after the first, never sooner.
    assert!(report.seconds >= 199.0 / 400.0, "{report:?}");
    serving.abort();
}

#[test]
fn an_open_loop_charges_a_stall_to_everything_that_waited() {
    let (runtime, listener, address) = listen();
    let stall = Duration::from_millis(300);
    let serving = runtime.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let mut is_first = true;
        while stream.read(&mut request).await.unwrap_or(0) > 0 {
            if std::mem::take(&mut is_first) {
                tokio::time::sleep(stall).await;
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    });
    let one_connection = Plan {
        connections: 1,
        threads: 1,
        rate: Some(100),
        ..plan(address, 30)
    };
    let report = load::run(one_connection).unwrap();
    // All thirty were due within 300 ms; half of them waited for at least half of the stall.
    assert_eq!(report.answered, 30);
    assert!(report.latency_us.p50 >= 100_000.0, "{report:?}");
    serving.abort();
}

#[test]
fn other_answers_than_200_are_counted() {
    let (runtime, listener, address) = listen();
    let serving = runtime.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        while stream.read(&mut request).await.unwrap_or(0) > 0 {
            let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    });
    let one_connection = Plan {
        connections: 1,
        threads: 1,
        ..plan(address, 3)
    };
    let report = load::run(one_connection).unwrap();
    assert_eq!(report.not_ok.get(&503), Some(&3));
    serving.abort();
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    let (runtime, listener, address) = listen();
    drop((listener, runtime));
    let error = load::run(plan(address, 1)).unwrap_err();
    assert!(matches!(error, LoadProblem::Connect { .. }), "{error:?}");
}
