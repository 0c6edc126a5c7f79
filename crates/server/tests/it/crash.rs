//! kill -9, again and again, while hundreds of comments are in flight.
//!
//! The real binary works against the simulated Meta over HTTP. People comment and write messages
//! all the time; Meta delivers late, twice and out of order, answers slowly, wrongly, or not at
//! all. At random moments the process is killed with SIGKILL and started again on the same database
//! and the same port. In the end the trouble stops, everything is let settle, and what really
//! reached people is counted, by the simulator, and laid beside what Hookline believes:
//!
//! - a comment that was delivered with a 200 has its private reply, and only one;
//! - a message has its DM, and only one; a comment has its public reply, and only one;
//! - whatever is neither is `unknown` and waits, visibly and with its reason, for a person;
//! - nothing is left leased, overdue, or tried without an outcome.
//!
//! Everything random follows from the seed, except what the machine decides: how far the process
//! has come when the signal arrives.

mod audit;
mod load;
mod meta;

use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;
use std::time::Duration;

use hookline_model::clock::{Clock as _, Timestamp};
use hookline_server::clock::SystemClock;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};

use super::binary::{Server, hookline};
use audit::Audit;
use load::Load;
use meta::{ADMIN_TOKEN, Meta};

/// The longest a process may live before it is killed.
const LIFE_MAX_MS: f64 = 2_000.0;

/// The shortest, once it listens.
const LIFE_MIN_MS: f64 = 5.0;

/// How long nothing may change while everything settles: longer than the wait after the last of the
/// tries that a send is allowed.
const STANDSTILL: Duration = Duration::from_mins(4);

/// What a trial is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    /// How often the process is killed.
    pub(crate) crashes: u32,
    /// Where everything random comes from.
    pub(crate) seed: u64,
    /// Comments without their reply at any time.
    pub(crate) in_flight: usize,
}

/// How one life of the process ended.
#[derive(Debug, Clone, Copy)]
struct Life {
    /// How long after its start it began to listen; none when it was killed before.
    ready_ms: Option<i64>,
    /// How long after that, or after its start, it was killed.
    killed_ms: i64,
    /// Comments without their reply at that moment.
    in_flight: usize,
}

/// What a trial showed.
#[derive(Debug)]
pub(crate) struct Outcome {
    trial: Trial,
    lives: Vec<Life>,
    took: Duration,
    settled_in: Duration,
    pub(crate) audit: Audit,
}

/// A process that is started again and again.
struct Victim {
    directory: tempfile::TempDir,
    graph: String,
    port: u16,
    random: ChaCha8Rng,
}

fn now() -> Timestamp {
    SystemClock.now()
}

fn millis_since(then: Timestamp) -> i64 {
    now().as_millis() - then.as_millis()
}

/// How often a long trial says how far it is.
const TELL_EVERY: usize = 25;

/// Runs a trial from the first start to the audit; `tell` hears how far it is.
pub(crate) async fn run(trial: Trial, tell: fn(&str)) -> Outcome {
    let started_at = now();
    let meta = Meta::build(trial.seed).await;
    let mut victim = Victim::new(&meta.url, trial.seed);
    let server = victim.start(&meta);
    meta.connect(&server.url).await;
    let load = Load::start(&meta, trial.seed, trial.in_flight);
    let mut lives = Vec::new();
    let mut server = Some(server);
    for _ in 0..trial.crashes {
        meta.change_habits(&mut victim.random);
        lives.push(victim.live(server.take(), &meta, &load).await);
        if lives.len().is_multiple_of(TELL_EVERY) {
            tell(&format!(
                "{} crashes, {} comments in flight",
                lives.len(),
                load.in_flight()
            ));
        }
    }
    let made = load.stop().await;
    meta.end_trouble();
    let mut server = victim.start(&meta);
    let settled_in = settle(&meta, &server).await;
    assert_eq!(
        server.terminate(),
        Some(0),
        "the last life did not end well"
    );
    let audit = audit::audit(victim.directory.path(), &meta, &made).await;
    meta.stop();
    Outcome {
        trial,
        lives,
        took: now().since(started_at),
        settled_in,
        audit,
    }
}

impl Victim {
    fn new(graph: &str, seed: u64) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            graph: graph.to_owned(),
            port: 0,
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    fn command(&self) -> Command {
        let mut command = hookline(self.directory.path());
        command
            .env(
                "HOOKLINE_SERVER__LISTEN",
                format!("127.0.0.1:{}", self.port),
            )
            .env("HOOKLINE_META__GRAPH_URL", format!("{}/fb", self.graph))
            .env(
                "HOOKLINE_META__INSTAGRAM_GRAPH_URL",
                format!("{}/ig", self.graph),
            )
            .env("HOOKLINE_ADMIN__TOKEN", ADMIN_TOKEN)
            .env("HOOKLINE_SENDING__FIRST_REPLY_DELAY", "50ms")
            .env("HOOKLINE_SENDING__PRIVATE_REPLIES_PER_HOUR", "1000000")
            .env("HOOKLINE_SENDING__PUBLIC_REPLIES_PER_HOUR", "1000000")
            .env("HOOKLINE_SENDING__PRIVATE_REPLY_BURST", "100000")
            .env("HOOKLINE_SENDING__TEXTS_PER_SECOND", "10000")
            .env("HOOKLINE_SENDING__CONVERSATION_READS_PER_SECOND", "1000")
            .env("HOOKLINE_SENDING__WORKERS", "32")
            .env("HOOKLINE_LOG__LEVEL", "error,hookline_server::wiring=info");
        command
    }

    /// Starts the process on the port it had before. The port is below those that the system gives
    /// to outgoing connections, and another one is taken when somebody else has it.
    fn start(&mut self, meta: &Meta) -> Server {
        for _ in 0..50 {
            if self.port == 0 {
                self.port = self.random.random_range(20_000..32_000);
                meta.deliver_to(self.port);
            }
            match tokio::task::block_in_place(|| Server::start(self.command())) {
                Ok(server) => return server,
                Err(log) if log.contains("cannot listen") => self.port = 0,
                Err(log) => panic!("the server did not start again: {log}"),
            }
        }
        panic!("no port is free");
    }

    /// One life: started unless it runs, killed at a random moment.
    async fn live(&mut self, running: Option<Server>, meta: &Meta, load: &Load) -> Life {
        let is_early = running.is_none() && self.random.random_range(0..6) == 0;
        if is_early {
            return self.live_shortly(load).await;
        }
        let started_at = now();
        let server = match running {
            Some(server) => server,
            None => self.start(meta),
        };
        let ready_ms = millis_since(started_at);
        // Evenly over the orders of magnitude: start-up, the first batches, the steady state.
        let exponent = self.random.random_range(LIFE_MIN_MS.ln()..LIFE_MAX_MS.ln());
        tokio::time::sleep(Duration::from_secs_f64(exponent.exp() / 1000.0)).await;
        let in_flight = load.in_flight();
        let killed_ms = millis_since(started_at) - ready_ms;
        server.kill();
        Life {
            ready_ms: Some(ready_ms),
            killed_ms,
            in_flight,
        }
    }

    /// A life that ends while the process starts: opens, migrates, recovers, binds.
    async fn live_shortly(&mut self, load: &Load) -> Life {
        let started_at = now();
        let mut command = self.command();
        command.arg("serve").stderr(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        let life_ms = self.random.random_range(0..120);
        tokio::time::sleep(Duration::from_millis(life_ms)).await;
        let in_flight = load.in_flight();
        let killed_ms = millis_since(started_at);
        child.kill().unwrap();
        child.wait().unwrap();
        Life {
            ready_ms: None,
            killed_ms,
            in_flight,
        }
    }
}

/// Waits until nothing is on its way any more, as long as things still change.
async fn settle(meta: &Meta, server: &Server) -> Duration {
    let started_at = now();
    let mut last = (BTreeMap::new(), now());
    loop {
        let open = meta.open_ends(&server.url).await;
        if open.values().all(|count| *count == 0) {
            return now().since(started_at);
        }
        if open == last.0 {
            if now().since(last.1) >= STANDSTILL {
                let told = meta.tell_open_ends(&server.url).await;
                let log = server.last_words();
                panic!("nothing moves any more; open: {open:?}\n{told}\n{log}");
            }
        } else {
            last = (open, now());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ready_ms {
            Some(ready_ms) => write!(
                f,
                "{} ms after it was ready in {ready_ms} ms",
                self.killed_ms
            ),
            None => write!(f, "{} ms after its start", self.killed_ms),
        }
    }
}

impl Outcome {
    /// Panics with everything that is needed to look for the cause, unless nothing was lost,
    /// doubled or left behind, and the trial was one.
    pub(crate) fn assert_sound(&self) {
        let lives: Vec<String> = self.lives.iter().map(Life::to_string).collect();
        assert!(
            self.audit.problems.is_empty(),
            "{self}\n{} problems, the first of them:\n{}\nkilled {}",
            self.audit.problems.len(),
            self.audit.told.join("\n"),
            lives.join(", "),
        );
        self.audit.assert_meaningful();
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let crashes = u32::try_from(self.lives.len()).unwrap_or(u32::MAX).max(1);
        let early = self.lives.iter().filter(|life| life.ready_ms.is_none());
        let in_flight: usize = self.lives.iter().map(|life| life.in_flight).sum();
        writeln!(
            f,
            "seed {}: {} crashes in {:.0} s, {} of them before the process listened; on average {} \
             comments were in flight; settled in {:.0} s",
            self.trial.seed,
            self.lives.len(),
            self.took.as_secs_f64(),
            early.count(),
            in_flight / usize::try_from(crashes).unwrap_or(1),
            self.settled_in.as_secs_f64(),
        )?;
        write!(f, "{}", self.audit)
    }
}
