//! The loops that drive the stages. Waking is a hint; a poll always stands behind it.

use std::sync::Arc;
use std::time::Duration;

use hookline_model::clock::Clock;
use hookline_store::Store;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alerts::{Alerts, TellReport};
use crate::erase::{EraseStep, Eraser};
use crate::interpret::{InterpretReport, Interpreter};
use crate::media::MediaReader;
use crate::pack::Packer;
use crate::reconcile::{ReconcileReport, Reconciler};
use crate::send::{SendWorker, chain};
use crate::upkeep::Upkeep;

/// The longest time any stage sleeps: what a lost wake-up can cost, and how soon a command beside
/// the server is noticed.
const POLL: Duration = Duration::from_millis(500);

/// The shortest sleep: what is due within it is waited for, not asked for again and again.
const SHORTEST: Duration = Duration::from_millis(1);

/// How long the interpreter lets deliveries gather after a batch that held all there were: one
/// commit for several of them leaves the writer more time to record.
const GATHER: Duration = Duration::from_millis(2);

/// Batches that may follow each other before events that waited are looked at.
const BATCHES_BETWEEN: u32 = 16;

/// How long a stage rests after an error before it tries again.
const REST: Duration = Duration::from_secs(1);

/// How often open ends are looked for.
const RECONCILE_EVERY: Duration = Duration::from_secs(1);

/// How often it is looked for what a person has to know of, and whom to tell.
const ALERTS_EVERY: Duration = Duration::from_secs(1);

/// How often it is kept that we live; a downtime is known that exactly.
const BEAT_EVERY: Duration = Duration::from_secs(10);

/// How often it is looked for what accounts need.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);

/// How long the upkeep rests when more is due than it looks at in one go: after a downtime every
/// account is, just when what was missed comes in. At most some 250 tasks a second, which is half
/// again what 100,000 accounts need.
const UPKEEP_BREATH: Duration = Duration::from_millis(250);

/// How often it is looked for deliveries that are old by now.
const PACK_EVERY: Duration = Duration::from_secs(10);

/// Hears what the stages do; the server counts it.
pub trait Observer: Send + Sync {
    /// A batch was interpreted and routed.
    fn interpreted(&self, report: &InterpretReport);
    /// An attempt ended, begun so long after it was due.
    fn attempt(&self, outcome: &'static str, lateness: Duration);
    /// Open ends were looked for.
    fn reconciled(&self, report: &ReconcileReport);
    /// Whether many accounts get the same error from Meta at once, so that sending waits.
    fn incident(&self, is_open: bool);
    /// People were told of alerts, or could not be.
    fn told(&self, report: &TellReport);
}

/// An observer that hears nothing.
#[derive(Debug, Clone, Copy)]
pub struct Deaf;

impl Observer for Deaf {
    fn interpreted(&self, _report: &InterpretReport) {}
    fn attempt(&self, _outcome: &'static str, _lateness: Duration) {}
    fn reconciled(&self, _report: &ReconcileReport) {}
    fn incident(&self, _is_open: bool) {}
    fn told(&self, _report: &TellReport) {}
}

/// Everything the loops need.
pub struct Workers {
    /// The durable record.
    pub store: Arc<Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Notified after each recorded delivery, and by whoever changed something by hand.
    pub recorded: Arc<Notify>,
    /// Interprets and routes.
    pub interpreter: Interpreter,
    /// Reads what routing needs.
    pub media: MediaReader,
    /// Sends.
    pub sender: SendWorker,
    /// Settles.
    pub reconciler: Reconciler,
    /// Lanes worked at once.
    pub lanes_at_once: usize,
    /// Looks after the rest.
    pub house: HouseWorkers,
    /// Hears what is done.
    pub observer: Arc<dyn Observer>,
}

/// What is looked after whether or not anything is sent.
pub struct HouseWorkers {
    /// Raises, resolves and tells.
    pub alerts: Alerts,
    /// Erases.
    pub eraser: Eraser,
    /// Compresses what is old.
    pub packer: Packer,
    /// Looks after accounts.
    pub upkeep: Upkeep,
}

impl Workers {
    /// Starts every loop on `tracker`. Each ends soon after `stop`, having finished what it has in
    /// hand.
    pub fn start(self, tracker: &TaskTracker, stop: &CancellationToken) {
        let planned = Arc::new(Notify::new());
        tracker.spawn(interpret(
            self.interpreter,
            Arc::clone(&self.observer),
            Arc::clone(&self.recorded),
            Arc::clone(&planned),
            stop.clone(),
        ));
        tracker.spawn(read_media(self.media, self.recorded, stop.clone()));
        tracker.spawn(send(
            (self.store, self.clock),
            self.sender,
            self.lanes_at_once,
            planned,
            (tracker.clone(), stop.clone()),
        ));
        let reconciler = Arc::new(self.reconciler);
        let observer = Arc::clone(&self.observer);
        tracker.spawn(sweep(Arc::clone(&reconciler), observer, stop.clone()));
        let observer = Arc::clone(&self.observer);
        tracker.spawn(look(reconciler, observer, stop.clone()));
        self.house.start(self.observer, tracker, stop);
    }

    /// Starts what looks after the house, and nothing that acts on what was recorded.
    pub fn start_receiving_only(self, tracker: &TaskTracker, stop: &CancellationToken) {
        self.house.start(self.observer, tracker, stop);
    }
}

impl HouseWorkers {
    fn start(self, observer: Arc<dyn Observer>, tracker: &TaskTracker, stop: &CancellationToken) {
        let alerts = Arc::new(self.alerts);
        tracker.spawn(watch(Arc::clone(&alerts), stop.clone()));
        tracker.spawn(tell(alerts, observer, stop.clone()));
        tracker.spawn(erase(self.eraser, stop.clone()));
        tracker.spawn(pack(self.packer, stop.clone()));
        let upkeep = Arc::new(self.upkeep);
        tracker.spawn(beat(Arc::clone(&upkeep), stop.clone()));
        tracker.spawn(keep_up(upkeep, stop.clone()));
    }
}

async fn interpret(
    mut interpreter: Interpreter,
    observer: Arc<dyn Observer>,
    recorded: Arc<Notify>,
    planned: Arc<Notify>,
    stop: CancellationToken,
) {
    let nothing = Notify::new();
    let mut batches = 0;
    while !stop.is_cancelled() {
        let (mut pause, mut gather) = (POLL, Duration::ZERO);
        match interpreter.tick().await {
            Ok(report) => {
                if report.deliveries > 0 {
                    observer.interpreted(&report);
                    planned.notify_one();
                    gather = GATHER;
                }
                if report.has_more {
                    batches += 1;
                    (pause, gather) = (Duration::ZERO, Duration::ZERO);
                }
            }
            Err(error) => {
                tracing::error!(error = chain(&error), "deliveries could not be interpreted");
                pause = REST;
            }
        }
        if !pause.is_zero() || batches >= BATCHES_BETWEEN {
            batches = 0;
            route_waiting(&mut interpreter, &planned).await;
        }
        if !gather.is_zero() {
            sleep(gather, &nothing, &stop).await;
        }
        sleep(pause, &recorded, &stop).await;
    }
}

async fn route_waiting(interpreter: &mut Interpreter, planned: &Notify) {
    match interpreter.tick_waiting().await {
        Ok(report) if report.sends == 0 => {}
        Ok(_) => planned.notify_one(),
        Err(error) => {
            tracing::error!(error = chain(&error), "waiting events could not be routed");
        }
    }
}

/// Asks Meta beside the interpreter, so that one account's slow answers delay nobody's routing.
async fn read_media(mut media: MediaReader, recorded: Arc<Notify>, stop: CancellationToken) {
    let nothing = Notify::new();
    while !stop.is_cancelled() {
        match media.tick().await {
            Ok(0) => {}
            Ok(_) => recorded.notify_one(),
            Err(error) => {
                tracing::error!(error = chain(&error), "media could not be asked for");
            }
        }
        sleep(POLL, &nothing, &stop).await;
    }
}

async fn send(
    (store, clock): (Arc<Store>, Arc<dyn Clock>),
    sender: SendWorker,
    lanes_at_once: usize,
    planned: Arc<Notify>,
    (tracker, stop): (TaskTracker, CancellationToken),
) {
    let places = Arc::new(Semaphore::new(lanes_at_once));
    while !stop.is_cancelled() {
        let free = places.available_permits();
        if free == 0 {
            // Every place is taken; one that is freed wakes us.
            sleep(POLL, &planned, &stop).await;
            continue;
        }
        if let Some(until) = sender.closed_until() {
            let pause = until.since(clock.now()).clamp(SHORTEST, POLL);
            sleep(pause, &planned, &stop).await;
            continue;
        }
        let pause = match sender.claim(u32::try_from(free).unwrap_or(u32::MAX)).await {
            Ok(claimed) if claimed.is_empty() => until_next(&store, clock.as_ref()).await,
            Ok(claimed) => {
                for lane in claimed {
                    let (sender, planned) = (sender.clone(), Arc::clone(&planned));
                    let place = Arc::clone(&places).try_acquire_owned().ok();
                    tracker.spawn(async move {
                        sender.work(lane).await;
                        drop(place);
                        planned.notify_one();
                    });
                }
                Duration::ZERO
            }
            Err(error) => {
                tracing::error!(error = chain(&error), "lanes could not be claimed");
                REST
            }
        };
        sleep(pause, &planned, &stop).await;
    }
}

/// How long until the next lane has something to do, at most a poll.
async fn until_next(store: &Store, clock: &dyn Clock) -> Duration {
    match store.next_lane_at().await {
        Ok(Some(at)) => at.since(clock.now()).clamp(SHORTEST, POLL),
        Ok(None) => POLL,
        Err(error) => {
            tracing::error!(
                error = chain(&error),
                "the next lane could not be looked for"
            );
            REST
        }
    }
}

async fn sweep(reconciler: Arc<Reconciler>, observer: Arc<dyn Observer>, stop: CancellationToken) {
    let nothing = Notify::new();
    while !stop.is_cancelled() {
        match reconciler.sweep().await {
            Ok(report) => observer.reconciled(&report),
            Err(error) => tracing::error!(error = chain(&error), "open ends could not be swept"),
        }
        sleep(RECONCILE_EVERY, &nothing, &stop).await;
    }
}

async fn look(reconciler: Arc<Reconciler>, observer: Arc<dyn Observer>, stop: CancellationToken) {
    let nothing = Notify::new();
    while !stop.is_cancelled() {
        match reconciler.look().await {
            Ok(report) => observer.reconciled(&report),
            Err(error) => tracing::error!(error = chain(&error), "open ends could not be settled"),
        }
        sleep(RECONCILE_EVERY, &nothing, &stop).await;
    }
}

async fn watch(alerts: Arc<Alerts>, stop: CancellationToken) {
    let nothing = Notify::new();
    while !stop.is_cancelled() {
        if let Err(error) = alerts.watch().await {
            tracing::error!(
                error = chain(&error),
                "alerts could not be raised or resolved"
            );
        }
        sleep(ALERTS_EVERY, &nothing, &stop).await;
    }
}

/// Beside the watch, so that a receiver that does not answer keeps nothing from being raised.
async fn tell(alerts: Arc<Alerts>, observer: Arc<dyn Observer>, stop: CancellationToken) {
    let nothing = Notify::new();
    while !stop.is_cancelled() {
        match alerts.tell().await {
            Ok(report) => observer.told(&report),
            Err(error) => tracing::error!(error = chain(&error), "nobody could be told of alerts"),
        }
        sleep(ALERTS_EVERY, &nothing, &stop).await;
    }
}

/// Steps of an erasure follow each other with a breath between, in which the writer serves others.
async fn erase(mut eraser: Eraser, stop: CancellationToken) {
    const BREATH: Duration = Duration::from_millis(2);
    let nothing = Notify::new();
    while !stop.is_cancelled() {
        let pause = match eraser.tick().await {
            Ok(EraseStep::Working) => BREATH,
            Ok(EraseStep::Idle | EraseStep::Done | EraseStep::LogInUse) => POLL,
            Err(error) => {
                tracing::error!(error = chain(&error), "an erasure could not go on");
                REST
            }
        };
        sleep(pause, &nothing, &stop).await;
    }
}

async fn pack(packer: Packer, stop: CancellationToken) {
    let nothing = Notify::new();
    while !stop.is_cancelled() {
        let pause = match packer.tick().await {
            Ok(report) => report.pause.unwrap_or(PACK_EVERY),
            Err(error) => {
                tracing::error!(
                    error = chain(&error),
                    "old deliveries could not be compressed"
                );
                PACK_EVERY
            }
        };
        sleep(pause, &nothing, &stop).await;
    }
}

/// Beside the upkeep, so that calls that take long are not taken for a downtime.
async fn beat(upkeep: Arc<Upkeep>, stop: CancellationToken) {
    let nothing = Notify::new();
    while !stop.is_cancelled() {
        if let Err(error) = upkeep.beat().await {
            tracing::error!(error = chain(&error), "it was not kept that we live");
        }
        sleep(BEAT_EVERY, &nothing, &stop).await;
    }
}

async fn keep_up(upkeep: Arc<Upkeep>, stop: CancellationToken) {
    let nothing = Notify::new();
    if let Err(error) = upkeep.begin().await {
        tracing::error!(error = chain(&error), "upkeep was not begun");
    }
    while !stop.is_cancelled() {
        let pause = match upkeep.tick().await {
            Ok(true) => UPKEEP_BREATH,
            Ok(false) => UPKEEP_EVERY,
            Err(error) => {
                tracing::error!(error = chain(&error), "upkeep was not done");
                REST
            }
        };
        sleep(pause, &nothing, &stop).await;
    }
}

async fn sleep(pause: Duration, wake: &Notify, stop: &CancellationToken) {
    if pause.is_zero() {
        tokio::task::yield_now().await;
        return;
    }
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = wake.notified() => {}
        () = stop.cancelled() => {}
    }
}
