//! POSTs what is due to the callback, a bounded number at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Face;
use crate::delivery::{Answered, Delivery};

/// Deliveries on their way at once.
const IN_FLIGHT_MAX: usize = 64;
/// The injected clock may jump without telling, so it is looked at again at least this often.
const GLANCE: Duration = Duration::from_millis(100);
/// Meta ignores the body of an answer; this much is read to reuse the connection.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Delivers until shutdown.
pub(super) async fn run(face: Arc<Face>, tracker: TaskTracker, shutdown: CancellationToken) {
    let in_flight = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    while !shutdown.is_cancelled() {
        let (due, next_due_ms, url, now_ms) = {
            let mut world = face.world();
            let now_ms = face.now_ms(&world);
            let url = world.callback_url().map(str::to_owned);
            let room = if url.is_some() {
                in_flight.available_permits()
            } else {
                0
            };
            let due = world.deliveries_due_up_to(now_ms, room);
            (due, world.next_due(), url, now_ms)
        };
        for delivery in due {
            let permit = Arc::clone(&in_flight).acquire_owned().await;
            let face = Arc::clone(&face);
            let url = url.clone().unwrap_or_default();
            tracker.spawn(async move {
                deliver(&face, &url, delivery).await;
                drop(permit);
                face.wake.notify_one();
            });
        }
        let wait = next_due_ms
            .and_then(|due_ms| u64::try_from(due_ms.saturating_sub(now_ms)).ok())
            .filter(|wait_ms| *wait_ms > 0)
            .map_or(GLANCE, |wait_ms| Duration::from_millis(wait_ms).min(GLANCE));
        tokio::select! {
            () = face.wake.notified() => {}
            () = tokio::time::sleep(wait) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

async fn deliver(face: &Face, url: &str, delivery: Delivery) {
    let mut request = face.client.post(url).body(delivery.body);
    for (name, value) in &delivery.headers {
        request = request.header(name, value);
    }
    let answered = match request.send().await {
        Ok(mut response) => {
            let status = response.status().as_u16();
            let mut read = 0_usize;
            while let Ok(Some(chunk)) = response.chunk().await {
                read = read.saturating_add(chunk.len());
                if read > ANSWER_BYTES_MAX {
                    break;
                }
            }
            Answered::Status(status)
        }
        Err(error) => {
            tracing::debug!(error = %error.without_url(), "sim.delivery: no answer");
            Answered::NoAnswer
        }
    };
    let mut world = face.world();
    let now_ms = face.now_ms(&world);
    world.delivery_answered(now_ms, delivery.id, answered);
}
