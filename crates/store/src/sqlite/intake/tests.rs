use std::sync::atomic::AtomicUsize;
use std::task::Wake;

use super::*;

/// Counts how often it was woken.
#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Alarm {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Someone who brings a delivery and waits.
struct Bringer {
    recording: Pin<Box<Recording>>,
    alarm: Arc<Alarm>,
}

impl Bringer {
    /// Has joined a batch, and has been polled as often as a runtime would.
    fn joined(intake: &Arc<Intake>) -> Self {
        let mut bringer = Self {
            recording: Box::pin(intake.bring(NewDelivery {
                received_at: Timestamp::from_millis(1),
                secret_index: 0,
                api_version: None,
                source: None,
                body: Bytes::from_static(b"{}"),
            })),
            alarm: Arc::default(),
        };
        while bringer.poll().is_pending() && bringer.alarm.0.swap(0, Ordering::Relaxed) > 0 {}
        bringer
    }

    fn poll(&mut self) -> Poll<Result<DeliveryId, StoreError>> {
        let waker = Waker::from(Arc::clone(&self.alarm));
        self.recording
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
    }

    fn id(&mut self) -> Option<i64> {
        match self.poll() {
            Poll::Ready(Ok(DeliveryId(id))) => Some(id),
            Poll::Ready(Err(_)) | Poll::Pending => None,
        }
    }
}

fn bringers<const N: usize>(intake: &Arc<Intake>) -> [Bringer; N] {
    std::array::from_fn(|_| Bringer::joined(intake))
}

/// What the writer does with everything that waits.
fn commit(intake: &Intake) -> usize {
    let taken = intake.take();
    let mut next = 0;
    for batch in taken {
        let ids = batch.deliveries.iter().map(|delivery| {
            delivery.as_ref().map(|_| {
                next += 1;
                DeliveryId(next)
            })
        });
        let ids = ids.collect();
        batch.settle(Ok(ids));
    }
    usize::try_from(next).unwrap()
}

#[test]
fn one_of_a_batch_is_woken_and_wakes_the_others() {
    let intake = Arc::<Intake>::default();
    let [mut first, mut second, mut third] = bringers(&intake);
    assert_eq!(commit(&intake), 3);
    let counts = [&first, &second, &third].map(|bringer| bringer.alarm.count());
    assert_eq!(counts, [1, 0, 0]);
    assert_eq!(first.id(), Some(1));
    let counts = [&second, &third].map(|bringer| bringer.alarm.count());
    assert_eq!(counts, [1, 1]);
    assert_eq!((second.id(), third.id()), (Some(2), Some(3)));
}

#[test]
fn who_leaves_before_the_writer_came_is_not_recorded() {
    let intake = Arc::<Intake>::default();
    let [first, mut second] = bringers(&intake);
    drop(first);
    assert_eq!(commit(&intake), 1);
    assert_eq!(second.alarm.count(), 1);
    assert_eq!(second.id(), Some(1));
}

#[test]
fn who_was_woken_and_leaves_wakes_the_others() {
    let intake = Arc::<Intake>::default();
    let [first, second] = bringers(&intake);
    commit(&intake);
    assert_eq!(second.alarm.count(), 0);
    drop(first);
    assert_eq!(second.alarm.count(), 1);
}

#[test]
fn a_failed_commit_is_everyones() {
    let intake = Arc::<Intake>::default();
    let [mut first, mut second] = bringers(&intake);
    for batch in intake.take() {
        batch.settle(Err(StoreError::Full));
    }
    for bringer in [&mut first, &mut second] {
        let answer = bringer.poll();
        assert!(
            matches!(answer, Poll::Ready(Err(StoreError::Full))),
            "{answer:?}"
        );
    }
}

#[test]
fn a_batch_the_writer_drops_says_closed() {
    let intake = Arc::<Intake>::default();
    let [mut first] = bringers(&intake);
    drop(intake.take());
    assert!(matches!(first.poll(), Poll::Ready(Err(StoreError::Closed))));
}

#[test]
fn nobody_waits_for_a_writer_that_has_gone() {
    let intake = Arc::<Intake>::default();
    let [mut waiting] = bringers(&intake);
    drop(intake.attend());
    assert_eq!(waiting.alarm.count(), 1);
    assert!(matches!(
        waiting.poll(),
        Poll::Ready(Err(StoreError::Closed))
    ));
    let mut late = Bringer::joined(&intake);
    assert!(matches!(late.poll(), Poll::Ready(Err(StoreError::Closed))));
}

#[test]
fn batches_have_a_bound() {
    let intake = Arc::<Intake>::default();
    let crowd: Vec<_> = (0..=BATCH_MAX).map(|_| Bringer::joined(&intake)).collect();
    assert_eq!(commit(&intake), BATCH_MAX);
    assert_eq!(commit(&intake), 1);
    assert_eq!(commit(&intake), 0);
    drop(crowd);
}

#[test]
fn the_first_lets_everyone_who_is_ready_join_before_it_wakes_the_writer() {
    let intake = Arc::<Intake>::default();
    let attended = intake.attend();
    let waker = Waker::from(Arc::<Alarm>::default());
    let delivery = || NewDelivery {
        received_at: Timestamp::from_millis(1),
        secret_index: 0,
        api_version: None,
        source: None,
        body: Bytes::new(),
    };
    let mut first = Box::pin(intake.bring(delivery()));
    let mut cx = Context::from_waker(&waker);
    assert!(first.as_mut().poll(&mut cx).is_pending());
    assert!(matches!(first.stage, Stage::Leading(_)));
    let mut second = Box::pin(intake.bring(delivery()));
    assert!(second.as_mut().poll(&mut cx).is_pending());
    assert!(first.as_mut().poll(&mut cx).is_pending());
    assert!(matches!(first.stage, Stage::Waiting(_)));
    drop(attended);
}
