//! One life of the engine after another, on the same database. Every stage runs as in production,
//! tick by tick; its turn comes when the play says so.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hookline_engine::interpret::Interpreter;
use hookline_engine::keyring::{EncryptionKey, KeyRing};
use hookline_engine::media::MediaReader;
use hookline_engine::reconcile::Reconciler;
use hookline_engine::record::Recorder;
use hookline_engine::send::SendWorker;
use hookline_engine::settings::Settings;
use hookline_engine::worker::Deaf;
use hookline_meta::graph::{GraphClient, GraphConfig};
use hookline_meta::signature::{UnverifiedDelivery, Verifier};
use hookline_model::account::Login;
use hookline_model::budget::Budget;
use hookline_model::clock::Clock as _;
use hookline_model::ids::{AccountId, PageId};
use hookline_model::secret::Secret;
use hookline_sim::world::accounts::Account;
use hookline_sim::{Delivery, WorldConfig};
use hookline_store::records::{SendFilter, SendRecord, Story};
use hookline_store::{ConnectAccount, Gate, Grant, PageRequest, Pass, SealedToken, Stats, Store};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::Notify;

use super::clock::SimClock;
use super::wire::Wire;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// How often each stage looks by itself, as the workers do: interpret, media, send, sweep, look.
/// Lanes are looked at whenever the clock moves, because it moves to when they are due.
const POLLS_MS: [i64; 5] = [500, 500, 0, 1_000, 1_000];

/// Lanes worked at once.
const PLACES: u32 = 8;

/// Counts durable steps over all lives, and stops everything at a chosen one.
pub(crate) struct Heart {
    steps: AtomicUsize,
    left: AtomicI64,
}

impl Heart {
    fn beat(&self) -> Pass {
        if self.left.load(Ordering::Relaxed) <= 0 {
            return Pass::Stop;
        }
        self.steps.fetch_add(1, Ordering::Relaxed);
        if self.left.fetch_sub(1, Ordering::Relaxed) <= 1 {
            Pass::Stop
        } else {
            Pass::Go
        }
    }
}

impl Gate for Heart {
    fn before(&self) -> Pass {
        self.beat()
    }

    fn after(&self) -> Pass {
        self.beat()
    }
}

/// The stages that get their turn.
#[derive(Clone)]
struct Turns([Arc<Notify>; 5]);

struct Life {
    store: Arc<Store>,
    recorder: Recorder,
    verifier: Rc<Verifier>,
    turns: Turns,
    tasks: Vec<Task>,
    born: Rc<RefCell<Vec<Task>>>,
    answered: Rc<RefCell<Vec<(u64, u16)>>>,
    receiving: HashSet<u64>,
}

pub(crate) struct Machine {
    directory: tempfile::TempDir,
    clock: Arc<SimClock>,
    graph: Arc<GraphClient>,
    wire: Arc<Wire>,
    keys: Arc<KeyRing>,
    settings: Arc<Settings>,
    heart: Arc<Heart>,
    random: StdRng,
    life: Option<Life>,
    rises_at: i64,
    /// When each stage had its last turn.
    polled_at: [i64; 5],
    pub(crate) deaths: u32,
}

/// A budget small enough to be felt.
pub(crate) fn budget() -> Budget {
    Budget::new(20, Duration::from_mins(1), 4)
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.budgets.private_reply = budget();
    settings.budgets.text = budget();
    settings.budgets.public_reply = budget();
    settings
}

impl Machine {
    pub(crate) fn new(clock: &Arc<SimClock>, wire: &Arc<Wire>, seed: u64) -> Self {
        // Whether the disk keeps its word is another test's question.
        let shared_memory = std::path::Path::new("/dev/shm");
        let mut builder = tempfile::Builder::new();
        builder.prefix("hookline-simulation");
        let directory = if shared_memory.is_dir() {
            builder.tempdir_in(shared_memory)
        } else {
            builder.tempdir()
        }
        .unwrap();
        let config = GraphConfig {
            graph_url: "http://meta/fb".to_owned(),
            instagram_graph_url: "http://meta/ig".to_owned(),
            api_version: "v26.0".to_owned(),
        };
        let transport: Arc<Wire> = Arc::clone(wire);
        let mut machine = Self {
            directory,
            clock: Arc::clone(clock),
            graph: Arc::new(GraphClient::through(config, transport)),
            wire: Arc::clone(wire),
            keys: Arc::new(KeyRing::new(vec![EncryptionKey::new([7; 32])]).unwrap()),
            settings: Arc::new(settings()),
            heart: Arc::new(Heart {
                steps: AtomicUsize::new(0),
                left: AtomicI64::new(i64::MAX),
            }),
            random: StdRng::seed_from_u64(seed),
            life: None,
            rises_at: 0,
            polled_at: [0; 5],
            deaths: 0,
        };
        machine.rise();
        machine
    }

    /// Everything that was durable so far: the places a process can die at.
    pub(crate) fn steps(&self) -> usize {
        self.heart.steps.load(Ordering::Relaxed)
    }

    fn progress(&self) -> (usize, u64) {
        (self.steps(), self.wire.calls())
    }

    /// The process dies after so many more durable steps.
    pub(crate) fn die_in(&mut self, steps: i64) {
        self.heart.left.store(steps.max(1), Ordering::Relaxed);
    }

    pub(crate) fn has_died(&self) -> bool {
        self.life.is_some() && self.heart.left.load(Ordering::Relaxed) <= 0
    }

    /// No more deaths.
    pub(crate) fn calm(&mut self) {
        if !self.has_died() {
            self.heart.left.store(i64::MAX, Ordering::Relaxed);
        }
    }

    /// Clears away what died, and answers which deliveries were never answered.
    pub(crate) fn bury(&mut self, now_ms: i64, random: &mut StdRng) -> Vec<u64> {
        self.deaths += 1;
        self.rises_at = now_ms + random.random_range(0..20_000);
        let life = self.life.take();
        life.map_or_else(Vec::new, |life| life.receiving.into_iter().collect())
    }

    pub(crate) fn rise_when_due(&mut self, now_ms: i64) {
        if self.life.is_none() && self.rises_at <= now_ms {
            self.heart.left.store(i64::MAX, Ordering::Relaxed);
            self.rise();
        }
    }

    pub(crate) fn start_if_down(&mut self, clock: &SimClock) {
        self.rises_at = self.rises_at.min(clock.now_ms());
        if self.has_died() {
            self.life = None;
            self.wire.forget_callers();
        }
        self.rise_when_due(clock.now_ms());
    }

    fn rise(&mut self) {
        let url = format!(
            "sqlite:{}",
            self.directory.path().join("hookline.db").display()
        );
        let gate: Arc<Heart> = Arc::clone(&self.heart);
        let store = Arc::new(Store::open_stepwise(&url, gate).unwrap());
        let clock: Arc<SimClock> = Arc::clone(&self.clock);
        let sender = SendWorker::new(
            Arc::clone(&store),
            clock.clone(),
            Arc::clone(&self.graph),
            Arc::clone(&self.keys),
            Arc::clone(&self.settings),
            Arc::new(Deaf),
        );
        let interpreter = Interpreter::new(
            Arc::clone(&store),
            clock.clone(),
            Arc::clone(&self.settings),
            StdRng::seed_from_u64(self.random.random()),
        );
        let media = MediaReader::new(
            Arc::clone(&store),
            clock.clone(),
            Arc::clone(&self.graph),
            sender.clone(),
        );
        let reconciler = Reconciler::new(
            Arc::clone(&store),
            clock,
            Arc::clone(&self.graph),
            Arc::clone(&self.settings),
            sender.clone(),
        );
        let turns = Turns(std::array::from_fn(|_| Arc::new(Notify::new())));
        let born = Rc::new(RefCell::new(Vec::new()));
        let tasks = stages(&turns, &born, interpreter, media, reconciler, sender);
        let secrets: Vec<Secret> = WorldConfig::default()
            .app_secrets
            .iter()
            .map(Secret::new)
            .collect();
        self.life = Some(Life {
            recorder: Recorder::new(Arc::clone(&store), Arc::new(Notify::new())),
            store,
            verifier: Rc::new(Verifier::new(&secrets)),
            turns,
            tasks,
            born,
            answered: Rc::new(RefCell::new(Vec::new())),
            receiving: HashSet::new(),
        });
    }

    /// Takes a POST; `false` when nobody is there to take it.
    pub(crate) fn receive(&mut self, delivery: &Delivery) -> bool {
        let Some(life) = &mut self.life else {
            return false;
        };
        let header = |wanted: &str| {
            let found = delivery
                .headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.clone())
        };
        let unverified = UnverifiedDelivery {
            body: delivery.body.clone(),
            signature: header("x-hub-signature-256").map(String::into_bytes),
            api_version: header("facebook-api-version"),
        };
        let (id, received_at) = (delivery.id, self.clock.now());
        life.receiving.insert(id);
        let answered = Rc::clone(&life.answered);
        let Ok(verified) = life.verifier.verify(unverified) else {
            answered.borrow_mut().push((id, 401));
            return true;
        };
        let recorder = life.recorder.clone();
        life.tasks.push(Box::pin(async move {
            let recorded = recorder.record(verified, received_at).await;
            let status = if recorded.is_ok() { 200 } else { 503 };
            answered.borrow_mut().push((id, status));
        }));
        true
    }

    /// The deliveries that were answered, with their status.
    pub(crate) fn answered(&mut self) -> Vec<(u64, u16)> {
        let Some(life) = &mut self.life else {
            return Vec::new();
        };
        let answered = std::mem::take(&mut *life.answered.borrow_mut());
        for (id, _) in &answered {
            life.receiving.remove(id);
        }
        answered
    }

    /// Every stage gets its turn when its poll is due, and sometimes before, as a wake-up would
    /// have it; in an order of chance.
    pub(crate) fn work(&mut self, random: &mut StdRng) {
        let now_ms = self.clock.now_ms();
        // What came over the wire, and what was delivered, goes on first.
        self.poll();
        let mut order = [0, 1, 2, 3, 4];
        for place in (1..order.len()).rev() {
            order.swap(place, random.random_range(0..=place));
        }
        for stage in order {
            let is_due = now_ms >= self.polled_at[stage] + POLLS_MS[stage];
            if let Some(life) = &self.life
                && (is_due || random.random_bool(0.2))
            {
                life.turns.0[stage].notify_one();
                self.polled_at[stage] = now_ms;
                self.poll();
            }
        }
    }

    /// Polls everything until nothing moves any more.
    fn poll(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let mut is_moving = true;
        while is_moving {
            let before = self.progress();
            let Some(life) = &mut self.life else { return };
            let born = std::mem::take(&mut *life.born.borrow_mut());
            let has_new = !born.is_empty();
            life.tasks.extend(born);
            let count = life.tasks.len();
            life.tasks
                .retain_mut(|task| task.as_mut().poll(&mut context) == Poll::Pending);
            is_moving = has_new || life.tasks.len() != count || self.progress() != before;
        }
    }

    /// Does one thing with the store to its end, as the API does; nothing if the process dies.
    pub(crate) fn with_store<T>(&mut self, work: impl AsyncFnOnce(Arc<Store>) -> T) -> Option<T> {
        let store = Arc::clone(&self.life.as_ref()?.store);
        let working = std::pin::pin!(work(store));
        match working.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }

    /// Gives an account its token; `false` when there is no process, or none any more.
    pub(crate) fn connect(&mut self, account: &Account) -> bool {
        let id = AccountId::new(account.ig_id.clone());
        let nonce = std::array::from_fn(|_| self.random.random());
        let sealed = self
            .keys
            .seal(&id, &Secret::new(account.token.clone()), nonce)
            .unwrap();
        let login = match &account.page_id {
            Some(page) if account.login == hookline_sim::world::Login::Facebook => {
                Login::Facebook {
                    page_id: PageId::new(page.clone()),
                }
            }
            _ => Login::Instagram,
        };
        let draft = ConnectAccount {
            id,
            username: account.username.clone(),
            login,
            app_scoped_id: None,
            token: SealedToken {
                key: sealed.key_id.0.to_vec(),
                bytes: sealed.bytes,
            },
            grant: Grant::default(),
        };
        let now = self.clock.now();
        let connected =
            self.with_store(async |store| store.connect_account(draft, now).await.unwrap());
        connected.is_some()
    }

    pub(crate) fn publish(&mut self, name: &str, document: serde_json::Value) {
        let (name, now) = (name.to_owned(), self.clock.now());
        self.with_store(async |store| {
            store.publish_automation(name, document, now).await.unwrap();
        });
    }

    pub(crate) fn stats(&mut self) -> Option<Stats> {
        let now = self.clock.now();
        self.with_store(async |store| store.stats(now).await.unwrap())
    }

    /// When a lane has something to do, in true time.
    pub(crate) fn next_at(&mut self) -> Option<i64> {
        if self.life.is_none() {
            return Some(self.rises_at);
        }
        let next = self.with_store(async |store| store.next_lane_at().await.unwrap());
        next.flatten().map(|at| self.clock.true_time_of(at))
    }

    pub(crate) fn sends(&mut self) -> Vec<SendRecord> {
        let now = self.clock.now();
        let page = PageRequest {
            before: None,
            limit: 10_000,
        };
        self.with_store(async |store| {
            let sends = store.list_sends(SendFilter::default(), page, now).await;
            sends.unwrap().items
        })
        .unwrap_or_default()
    }

    pub(crate) fn story(&mut self, subject: &str) -> Option<Story> {
        let (subject, now) = (subject.to_owned(), self.clock.now());
        self.with_store(async |store| store.find_story(subject, now).await.unwrap())
            .flatten()
    }

    /// Whether only what a person must decide is open.
    pub(crate) fn is_drained(&mut self) -> bool {
        let Some(stats) = self.stats() else {
            return false;
        };
        let waiting = stats.sends.iter().any(|(state, count)| {
            matches!(state.as_str(), "planned" | "leased" | "held") && *count > 0
        });
        if stats.backlog > 0
            || waiting
            || self
                .life
                .as_ref()
                .is_some_and(|life| !life.receiving.is_empty())
        {
            return false;
        }
        let unknown = stats.sends.get("unknown").copied().unwrap_or(0);
        unknown == 0
            || self
                .sends()
                .iter()
                .filter(|send| send.state == "unknown")
                .all(|send| send.reason.as_deref() == Some("needs_a_person"))
    }

    pub(crate) fn open_ends(&mut self) -> String {
        let open: Vec<String> = self
            .sends()
            .iter()
            .filter(|send| {
                matches!(
                    send.state.as_str(),
                    "planned" | "leased" | "held" | "unknown"
                )
            })
            .map(|send| {
                format!(
                    "send {} {} {} {:?} due {:?}",
                    send.id,
                    send.kind.as_str(),
                    send.state,
                    send.reason,
                    send.due_at
                )
            })
            .collect();
        format!("{:?}; {}", self.stats(), open.join("; "))
    }
}

/// The loops of the workers, with the play's turns in the place of time.
fn stages(
    turns: &Turns,
    born: &Rc<RefCell<Vec<Task>>>,
    mut interpreter: Interpreter,
    mut media: MediaReader,
    reconciler: Reconciler,
    sender: SendWorker,
) -> Vec<Task> {
    let [interpret, read_media, send, sweep, look] = turns.0.clone();
    let reconciler = Rc::new(reconciler);
    let (sweeper, looker) = (Rc::clone(&reconciler), Rc::clone(&reconciler));
    let born = Rc::clone(born);
    vec![
        Box::pin(async move {
            reconciler.recover_all().await.unwrap();
            loop {
                interpret.notified().await;
                while interpreter.tick().await.unwrap().has_more {}
                interpreter.tick_waiting().await.unwrap();
            }
        }),
        Box::pin(async move {
            loop {
                read_media.notified().await;
                media.tick().await.unwrap();
            }
        }),
        Box::pin(async move {
            let busy = Rc::new(Cell::new(0));
            loop {
                send.notified().await;
                let free = PLACES.saturating_sub(busy.get());
                if free == 0 || sender.closed_until().is_some() {
                    continue;
                }
                for lane in sender.claim(free).await.unwrap() {
                    busy.set(busy.get() + 1);
                    let (sender, busy) = (sender.clone(), Rc::clone(&busy));
                    born.borrow_mut().push(Box::pin(async move {
                        sender.work(lane).await;
                        busy.set(busy.get() - 1);
                    }));
                }
            }
        }),
        Box::pin(async move {
            loop {
                sweep.notified().await;
                sweeper.sweep().await.unwrap();
            }
        }),
        Box::pin(async move {
            loop {
                look.notified().await;
                looker.look().await.unwrap();
            }
        }),
    ]
}
