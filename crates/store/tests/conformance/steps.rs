//! A store without threads, and the gate that stands before and after each of its transactions.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hookline_store::{Gate, Pass, RecordDelivery, Store};

use crate::house::at;

/// Stops at one step, counted from 0; even ones are before a transaction, odd ones after it.
struct StopAt {
    steps: AtomicUsize,
    last: usize,
}

impl Gate for StopAt {
    fn before(&self) -> Pass {
        if self.steps.fetch_add(1, Ordering::SeqCst) >= self.last {
            Pass::Stop
        } else {
            Pass::Go
        }
    }

    fn after(&self) -> Pass {
        self.before()
    }
}

fn open(directory: &tempfile::TempDir, last: usize) -> Store {
    let url = format!("sqlite:{}", directory.path().join("hookline.db").display());
    let steps = AtomicUsize::new(0);
    Store::open_stepwise(&url, Arc::new(StopAt { steps, last })).unwrap()
}

fn record(store: &Store) -> Option<i64> {
    let delivery = RecordDelivery {
        received_at: at(0),
        secret_index: 0,
        api_version: None,
        body: Bytes::from_static(b"{}"),
    };
    let recording = pin!(store.record_delivery(delivery));
    match recording.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(id) => Some(id.unwrap().0),
        Poll::Pending => None,
    }
}

#[test]
fn without_a_stop_everything_happens_at_once_on_the_callers_thread() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory, usize::MAX);
    assert_eq!((record(&store), record(&store)), (Some(1), Some(2)));
}

#[test]
fn stopped_before_nothing_is_kept_and_after_all_is_and_nobody_hears() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(record(&open(&directory, 0)), None);
    assert_eq!(record(&open(&directory, 1)), None);
    assert_eq!(
        record(&open(&directory, usize::MAX)),
        Some(2),
        "the second was committed, the first was not"
    );
}
