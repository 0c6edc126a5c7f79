//! Posts deliveries over keep-alive connections and times the answers.
//!
//! In a closed loop each connection posts its next delivery when the answer to the last one is
//! there: that finds the most a server can take. In an open loop delivery `n` is due `n` intervals
//! after the start, however slow the answers are, and its latency counts from then: a server that
//! stalls is charged for everything that had to wait.

mod answer;
mod connection;
mod target;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::deliveries::Delivery;
use crate::latency::{Latencies, Report};
use crate::{now, processor_time};
use connection::Connection;
pub use target::{Target, TargetProblem};

/// How long after the planned end the last answers may come.
const GRACE: Duration = Duration::from_secs(15);

/// How far ahead of a delivery's time its connection stops sleeping and stays awake: the timer's
/// own grain is a millisecond, which would be counted as latency.
const STAY_AWAKE: Duration = Duration::from_millis(2);

/// What to post, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where to.
    pub target: Target,
    /// Each is posted once at most.
    pub deliveries: Vec<Delivery>,
    /// Connections kept open.
    pub connections: usize,
    /// Threads that drive them.
    pub threads: usize,
    /// Deliveries per second; `None` for a closed loop.
    pub rate: Option<u32>,
    /// Time at the start that is not measured.
    pub warm_up: Duration,
    /// Time measured; the run ends sooner when the deliveries do.
    pub duration: Duration,
}

/// Why a run has no result.
#[derive(Debug, thiserror::Error)]
pub enum LoadProblem {
    /// The server could not be reached.
    #[error("connecting to {address}")]
    Connect {
        /// Where to.
        address: std::net::SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A connection broke with an answer outstanding.
    #[error("a connection broke")]
    Broken(#[from] std::io::Error),
    /// What came back was not an answer, or not one that lets the connection stay.
    #[error("an answer cannot be read: {0}")]
    NotAnAnswer(&'static str),
    /// Answers were outstanding long after the end.
    #[error("answers are missing {} s after the end", GRACE.as_secs())]
    Late,
    /// The deliveries were used up before measuring began.
    #[error("nothing was measured: more deliveries or less warming up would help")]
    NothingMeasured,
    /// The generator itself failed.
    #[error("the load generator cannot run")]
    Generator(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl LoadProblem {
    fn generator(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Generator(Box::new(source))
    }
}

/// What all connections of a run share.
struct Run {
    plan: Plan,
    /// Number of the delivery to post next.
    next: AtomicUsize,
    /// Set by whoever begins first, when all connections are open.
    started: OnceLock<Instant>,
    everyone_connected: Barrier,
}

/// When a delivery should be posted, and whether it counts.
struct Turn {
    position: usize,
    due: Instant,
    is_measured: bool,
}

impl Run {
    fn started(&self) -> Instant {
        *self.started.get_or_init(now)
    }

    fn measured_from(&self) -> Instant {
        self.started() + self.plan.warm_up
    }

    /// Takes the next delivery; `None` when the time or the deliveries are used up.
    fn next_turn(&self) -> Option<Turn> {
        let position = self.next.fetch_add(1, Ordering::Relaxed);
        if position >= self.plan.deliveries.len() {
            return None;
        }
        // Read first: the very first turn sets the start, and must not be due before it.
        let measured_from = self.measured_from();
        let due = match self.plan.rate {
            Some(rate) => self.started() + due_after(position, rate),
            None => now(),
        };
        let is_over = due >= measured_from + self.plan.duration;
        (!is_over).then_some(Turn {
            position,
            due,
            is_measured: due >= measured_from,
        })
    }
}

/// When delivery `position` is due at a constant rate, counted from the start.
fn due_after(position: usize, rate: u32) -> Duration {
    let nanoseconds = u128::try_from(position)
        .unwrap_or(u128::MAX)
        .saturating_mul(1_000_000_000)
        / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// What one thread saw.
struct Tally {
    posted: u64,
    latencies: Latencies,
    not_ok: BTreeMap<u16, u64>,
    last_answer: Option<Instant>,
}

impl Tally {
    fn new() -> Result<Self, LoadProblem> {
        let latencies = Latencies::new().map_err(LoadProblem::generator)?;
        Ok(Self {
            posted: 0,
            latencies,
            not_ok: BTreeMap::new(),
            last_answer: None,
        })
    }

    fn add(&mut self, other: &Self) -> Result<(), LoadProblem> {
        self.latencies
            .add(&other.latencies)
            .map_err(LoadProblem::generator)?;
        for (status, count) in &other.not_ok {
            *self.not_ok.entry(*status).or_default() += count;
        }
        self.posted += other.posted;
        self.last_answer = self.last_answer.max(other.last_answer);
        Ok(())
    }
}

/// Runs the plan to its end on threads of its own; blocks until then.
pub fn run(plan: Plan) -> Result<Report, LoadProblem> {
    let threads = plan.threads.clamp(1, plan.connections.max(1));
    let run = Arc::new(Run {
        next: AtomicUsize::new(0),
        started: OnceLock::new(),
        everyone_connected: Barrier::new(threads),
        plan,
    });
    let mut all = Tally::new()?;
    let began = (now(), processor_time::of_this());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let share = share_of(run.plan.connections, threads, thread);
                let run = &run;
                scope.spawn(move || drive(run, share))
            })
            .collect();
        for worker in workers {
            let tally = worker.join().map_err(|_| LoadProblem::NothingMeasured)??;
            all.add(&tally)?;
        }
        Ok::<_, LoadProblem>(())
    })?;
    let mut report = report(&run, threads, all)?;
    report.busy = busy(began, threads);
    Ok(report)
}

/// The share of its threads' time the generator was working, at most 1; `None` where the system
/// does not tell.
fn busy(began: (Instant, Option<Duration>), threads: usize) -> Option<f64> {
    let (started, before) = began;
    let spent = processor_time::of_this()?.checked_sub(before?)?;
    let threads = f64::from(u32::try_from(threads).ok()?);
    let lasted = now().saturating_duration_since(started).as_secs_f64() * threads;
    Some((spent.as_secs_f64() / lasted.max(f64::MIN_POSITIVE)).min(1.0))
}

fn report(run: &Run, threads: usize, tally: Tally) -> Result<Report, LoadProblem> {
    let answered = tally.latencies.count();
    let last_answer = tally.last_answer.ok_or(LoadProblem::NothingMeasured)?;
    let seconds = last_answer
        .saturating_duration_since(run.measured_from())
        .as_secs_f64();
    let counted = u32::try_from(answered).map_err(LoadProblem::generator)?;
    Ok(Report {
        rate: run.plan.rate,
        connections: run.plan.connections,
        threads,
        posted: tally.posted,
        answered,
        not_ok: tally.not_ok,
        seconds,
        per_second: f64::from(counted) / seconds.max(f64::MIN_POSITIVE),
        latency_us: tally.latencies.quantiles(),
        busy: None,
    })
}

/// How many of the connections belong to this thread.
fn share_of(connections: usize, threads: usize, thread: usize) -> usize {
    connections / threads + usize::from(thread < connections % threads)
}

/// One thread's part: opens its connections, waits for the others, posts until the end.
fn drive(run: &Arc<Run>, connections: usize) -> Result<Tally, LoadProblem> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let opened = match &runtime {
        Ok(runtime) => runtime.block_on(open(run, connections)),
        Err(_) => Ok(Vec::new()),
    };
    // Reached whatever happened, or the other threads would wait for ever.
    run.everyone_connected.wait();
    let runtime = runtime.map_err(LoadProblem::generator)?;
    let opened = opened?;
    let limit = run.plan.warm_up + run.plan.duration + GRACE;
    runtime.block_on(async {
        let posting = post_all(run, opened);
        tokio::time::timeout(limit, posting)
            .await
            .map_err(|_| LoadProblem::Late)?
    })
}

/// Posts over all of a thread's connections; the first that breaks ends it.
async fn post_all(run: &Arc<Run>, opened: Vec<Connection>) -> Result<Tally, LoadProblem> {
    let mut tally = Tally::new()?;
    let mut posting = JoinSet::new();
    for connection in opened {
        let run = Arc::clone(run);
        posting.spawn(async move { post_until_over(&run, connection).await });
    }
    while let Some(posted) = posting.join_next().await {
        tally.add(&posted.map_err(LoadProblem::generator)??)?;
    }
    Ok(tally)
}

/// Posts over one connection until there is nothing left to post.
async fn post_until_over(run: &Run, mut connection: Connection) -> Result<Tally, LoadProblem> {
    let mut tally = Tally::new()?;
    while let Some(turn) = run.next_turn() {
        let Some(delivery) = run.plan.deliveries.get(turn.position) else {
            break;
        };
        wait_until(turn.due).await;
        let status = connection.post(delivery).await?;
        let answered = now();
        tally.posted += 1;
        if status != 200 {
            *tally.not_ok.entry(status).or_default() += 1;
        }
        if turn.is_measured {
            tally
                .latencies
                .record(answered.saturating_duration_since(turn.due));
            tally.last_answer = Some(answered);
        }
    }
    Ok(tally)
}

/// Sleeps while the moment is far off, and lets the other connections work while it is near.
async fn wait_until(due: Instant) {
    if let Some(early) = due.checked_sub(STAY_AWAKE)
        && now() < early
    {
        tokio::time::sleep_until(early.into()).await;
    }
    while now() < due {
        tokio::task::yield_now().await;
    }
}

async fn open(run: &Run, count: usize) -> Result<Vec<Connection>, LoadProblem> {
    let mut opened = Vec::with_capacity(count);
    for _ in 0..count {
        opened.push(Connection::open(&run.plan.target).await?);
    }
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_rate_spaces_deliveries_evenly() {
        assert_eq!(due_after(0, 1000), Duration::ZERO);
        assert_eq!(due_after(1, 1000), Duration::from_millis(1));
        assert_eq!(due_after(3, 3), Duration::from_secs(1));
        assert_eq!(due_after(usize::MAX, 1), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn connections_are_shared_out_completely() {
        let shares: Vec<_> = (0..3).map(|thread| share_of(8, 3, thread)).collect();
        assert_eq!(shares, [3, 3, 2]);
    }
}
