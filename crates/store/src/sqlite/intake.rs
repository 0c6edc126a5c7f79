//! Where deliveries wait for their commit, and how those who brought them learn of it.
//!
//! Deliveries brought by one thread gather in one batch. A batch costs two messages, however many
//! deliveries it holds: the first to join, having let everyone who is ready join too, wakes the
//! writer; the writer wakes one of the batch, and that one wakes its neighbours, which wait on the
//! same thread and so cost no system call each.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::Thread;

use bytes::Bytes;
use hookline_model::clock::Timestamp;
use hookline_model::ids::DeliveryId;

use crate::error::StoreError;

/// Places where batches gather; threads share one when there are more.
const PLACES: usize = 8;

/// Deliveries of one batch, at most: bounds how long the first of them waits for the last.
const BATCH_MAX: usize = 256;

/// Bytes of one batch, as good as at most: the last delivery may go beyond.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A batch of so many is worth a commit: the writer is woken without waiting for more, so that
/// those who come next gather while the disk works.
pub(super) const WORTH_A_COMMIT: usize = 32;

/// What is recorded of a delivery.
#[derive(Debug)]
pub(crate) struct NewDelivery {
    pub(crate) received_at: Timestamp,
    pub(crate) secret_index: usize,
    pub(crate) api_version: Option<String>,
    /// Where it comes from, if not from Meta.
    pub(crate) source: Option<&'static str>,
    pub(crate) body: Bytes,
}

/// The places, and the one who empties them.
#[derive(Default)]
pub(crate) struct Intake {
    places: [Mutex<Place>; PLACES],
    /// Deliveries that have joined a batch nobody has taken.
    waiting: AtomicUsize,
    writer: OnceLock<Thread>,
}

#[derive(Default)]
struct Place {
    /// The last is open.
    batches: VecDeque<Arc<Batch>>,
    is_closed: bool,
}

#[derive(Default)]
struct Batch(Mutex<Gathered>);

#[derive(Default)]
struct Gathered {
    /// Emptied by the writer. One whose bringer has gone is not recorded.
    deliveries: Vec<Option<NewDelivery>>,
    bytes: usize,
    /// By position, like the deliveries.
    wakers: Vec<Option<Waker>>,
    outcome: Option<Outcome>,
}

/// The ids of a batch by position, or why none of it is kept.
type Outcome = Result<Vec<Option<DeliveryId>>, StoreError>;

impl Batch {
    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, outcome: Outcome) {
        let first = {
            let mut gathered = self.lock();
            gathered.outcome = Some(outcome);
            gathered.wakers.iter_mut().find_map(Option::take)
        };
        if let Some(waker) = first {
            waker.wake();
        }
    }
}

impl Gathered {
    fn is_full(&self) -> bool {
        self.deliveries.len() >= BATCH_MAX || self.bytes >= BATCH_BYTES_MAX
    }

    fn push(&mut self, delivery: NewDelivery, waker: &Waker) -> usize {
        self.bytes += delivery.body.len();
        self.deliveries.push(Some(delivery));
        self.wakers.push(Some(waker.clone()));
        self.wakers.len() - 1
    }
}

impl Place {
    fn lock(place: &Mutex<Self>) -> MutexGuard<'_, Self> {
        place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The batch that a delivery joins next.
    fn open(&mut self) -> Arc<Batch> {
        match self.batches.back() {
            Some(batch) if !batch.lock().is_full() => Arc::clone(batch),
            Some(_) | None => {
                let batch = Arc::<Batch>::default();
                self.batches.push_back(Arc::clone(&batch));
                batch
            }
        }
    }
}

/// A thread's place, chosen once.
fn own_place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % PLACES;
    }
    OWN.with(|own| *own)
}

impl Intake {
    /// Brings a delivery. It joins a batch when the answer is first waited for.
    pub(crate) fn bring(self: &Arc<Self>, delivery: NewDelivery) -> Recording {
        Recording {
            intake: Arc::clone(self),
            stage: Stage::Brought(delivery),
        }
    }

    /// From now on the current thread is the one that is woken; when it stops attending, however
    /// that comes about, who waits is told that the store is closed.
    pub(super) fn attend(self: &Arc<Self>) -> Attended {
        let _ = self.writer.set(std::thread::current());
        Attended(Arc::clone(self))
    }

    /// Wakes the writer, or keeps it from falling asleep.
    pub(super) fn wake_writer(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    /// How many deliveries wait to be taken.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The oldest batch of every place.
    pub(super) fn take(&self) -> Vec<Taken> {
        let oldest = |place| Place::lock(place).batches.pop_front();
        let taken: Vec<_> = self
            .places
            .iter()
            .filter_map(oldest)
            .map(Taken::new)
            .collect();
        let deliveries = taken.iter().map(|batch| batch.deliveries.len()).sum();
        self.waiting.fetch_sub(deliveries, Ordering::Relaxed);
        taken
    }

    /// Lets nobody in any more.
    pub(super) fn close(&self) {
        for place in &self.places {
            Place::lock(place).is_closed = true;
        }
    }

    fn join(&self, delivery: NewDelivery, waker: &Waker) -> Result<Joined, StoreError> {
        let place = self.places.get(own_place()).ok_or(StoreError::Closed)?;
        // Held until the delivery is in: a batch that was taken is joined by nobody.
        let mut place = Place::lock(place);
        if place.is_closed {
            return Err(StoreError::Closed);
        }
        let batch = place.open();
        let position = batch.lock().push(delivery, waker);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Ok(Joined { batch, position })
    }
}

/// Says that somebody looks after the intake.
pub(super) struct Attended(Arc<Intake>);

impl Drop for Attended {
    fn drop(&mut self) {
        self.0.close();
        // Dropped without an answer, each batch answers for itself.
        while !self.0.take().is_empty() {}
    }
}

/// A batch in the hands of the writer. Dropped without an answer, it answers that the store is
/// closed.
pub(super) struct Taken {
    batch: Arc<Batch>,
    pub(super) deliveries: Vec<Option<NewDelivery>>,
    is_settled: bool,
}

impl Taken {
    fn new(batch: Arc<Batch>) -> Self {
        let deliveries = std::mem::take(&mut batch.lock().deliveries);
        Self {
            batch,
            deliveries,
            is_settled: false,
        }
    }

    /// Answers everyone who waits: with the ids, given in the order of the deliveries, or with why
    /// nothing of the batch is kept.
    pub(super) fn settle(mut self, outcome: Outcome) {
        self.is_settled = true;
        self.batch.settle(outcome);
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if !self.is_settled {
            self.batch.settle(Err(StoreError::Closed));
        }
    }
}

/// A place in a batch.
struct Joined {
    batch: Arc<Batch>,
    position: usize,
}

impl Joined {
    /// The answer, if it is there; whoever finds it lets its neighbours know.
    fn poll(&self, cx: &Context<'_>) -> Poll<Result<DeliveryId, StoreError>> {
        let mut gathered = self.batch.lock();
        let answer = match &gathered.outcome {
            None => {
                if let Some(waker) = gathered.wakers.get_mut(self.position) {
                    *waker = Some(cx.waker().clone());
                }
                return Poll::Pending;
            }
            Some(Ok(ids)) => ids
                .get(self.position)
                .copied()
                .flatten()
                .ok_or(StoreError::Closed),
            Some(Err(error)) => Err(error.shared()),
        };
        let neighbours = std::mem::take(&mut gathered.wakers);
        drop(gathered);
        neighbours.into_iter().flatten().for_each(Waker::wake);
        Poll::Ready(answer)
    }

    /// Nobody waits here any more.
    fn leave(&self) {
        let mut gathered = self.batch.lock();
        if gathered.outcome.is_some() {
            // It may be the one that was woken, and owes that to its neighbours.
            let neighbours = std::mem::take(&mut gathered.wakers);
            drop(gathered);
            neighbours.into_iter().flatten().for_each(Waker::wake);
            return;
        }
        if let Some(delivery) = gathered.deliveries.get_mut(self.position) {
            *delivery = None;
        }
        if let Some(waker) = gathered.wakers.get_mut(self.position) {
            *waker = None;
        }
    }
}

/// Waits until a delivery is committed. Dropped before the writer has taken it, nothing is
/// recorded.
pub(crate) struct Recording {
    intake: Arc<Intake>,
    stage: Stage,
}

enum Stage {
    Brought(NewDelivery),
    /// First of its batch: has yet to wake the writer, once everyone who is ready has joined.
    Leading(Joined),
    Waiting(Joined),
    Over,
}

impl Future for Recording {
    type Output = Result<DeliveryId, StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let joined = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Brought(delivery) => {
                let joined = match self.intake.join(delivery, cx.waker()) {
                    Ok(joined) => joined,
                    Err(error) => return Poll::Ready(Err(error)),
                };
                if joined.position == 0 {
                    cx.waker().wake_by_ref();
                    self.stage = Stage::Leading(joined);
                    return Poll::Pending;
                }
                if joined.position + 1 == WORTH_A_COMMIT {
                    self.intake.wake_writer();
                }
                joined
            }
            Stage::Leading(joined) => {
                self.intake.wake_writer();
                joined
            }
            Stage::Waiting(joined) => joined,
            Stage::Over => return Poll::Ready(Err(StoreError::Closed)),
        };
        let answer = joined.poll(cx);
        if answer.is_pending() {
            self.stage = Stage::Waiting(joined);
        }
        answer
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Brought(_) | Stage::Over => {}
            Stage::Leading(joined) => {
                joined.leave();
                self.intake.wake_writer();
            }
            Stage::Waiting(joined) => joined.leave(),
        }
    }
}

#[cfg(test)]
mod tests;
