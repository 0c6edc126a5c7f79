//! A seeded simulation: the engine and Meta in one thread, under one virtual clock.
//!
//! One seed decides everything: who comments and writes when, what Meta breaks and when, how long
//! answers take, in which order the stages get their turn, where the process dies. First the
//! *safety* phase, with faults; then the *liveness* phase, with faults off, in which everything
//! must drain. [`check`] says what must hold.
//!
//! - [`clock`]: the virtual clock, as Meta and as the engine see it
//! - [`wire`]: calls on their way to Meta and answers on their way back
//! - [`machine`]: one life of the engine after another, on the same database
//! - [`scenario`]: what people, owners and fate do
//! - [`check`]: what must hold at every moment and at the end

pub(crate) mod check;
pub(crate) mod clock;
pub(crate) mod machine;
pub(crate) mod options;
pub(crate) mod scenario;
pub(crate) mod script;
pub(crate) mod wire;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookline_sim::{Answered, World};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

pub(crate) use check::Totals;
use check::{Findings, Outcome};
use clock::SimClock;
use machine::Machine;
pub(crate) use options::Options;
use scenario::Scenario;
use wire::Wire;

/// The longest the clock leaps when nothing is known to happen.
const LEAP_MAX_MS: i64 = 600_000;

/// The first leap after something happened.
const LEAP_FIRST_MS: i64 = 20;

/// Virtual time the liveness phase may take: longer than any deadline.
const DRAIN_MS_MAX: i64 = 10 * 24 * 3_600_000;

/// Turns of the loop, so that a simulation that goes in circles ends and fails.
const TURNS_MAX: u64 = 400_000;

pub(crate) struct Play {
    pub(crate) options: Options,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) machine: Machine,
    pub(crate) scenario: Scenario,
    pub(crate) findings: Findings,
    pub(crate) acknowledged: HashSet<u64>,
    random: StdRng,
    leap_ms: i64,
    turns: u64,
}

/// Plays one seed and says what was found.
pub(crate) fn play(options: Options) -> Outcome {
    // Recording has a time limit, which wants a timer; nothing here waits for it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _timers = runtime.enter();
    let mut play = Play::new(options);
    play.safety_phase();
    play.liveness_phase();
    check::at_the_end(&mut play);
    play.findings.outcome(&play)
}

impl Play {
    pub(crate) fn new(options: Options) -> Self {
        let mut random = StdRng::seed_from_u64(options.seed);
        let clock = Arc::new(SimClock::new());
        let world = Arc::new(Mutex::new(scenario::world(&options, &mut random)));
        let wire = Arc::new(Wire::new(
            Arc::clone(&world),
            Arc::clone(&clock),
            random.random(),
        ));
        let scenario = Scenario::new(&options, &world, &clock, &mut random);
        let machine = Machine::new(&clock, &wire, random.random());
        Self {
            options,
            clock,
            world,
            wire,
            machine,
            scenario,
            findings: Findings::default(),
            acknowledged: HashSet::new(),
            random,
            leap_ms: LEAP_FIRST_MS,
            turns: 0,
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until everything that was to happen has happened.
    pub(crate) fn safety_phase(&mut self) {
        self.scenario.prepare(&self.world, &mut self.machine);
        if self.options.has_faults {
            self.wire.roughen();
        }
        if let Some(step) = self.options.dies_at {
            self.machine.die_in(i64::try_from(step).unwrap() + 1);
        }
        while !self.scenario.is_over() && self.turns < TURNS_MAX {
            self.turn();
        }
    }

    /// Until nothing is open any more.
    pub(crate) fn liveness_phase(&mut self) {
        self.wire.calm();
        if self.options.dies_at.is_none() {
            self.machine.calm();
        }
        self.scenario.calm(&self.world, &self.clock);
        self.machine.start_if_down(&self.clock);
        for account in self.scenario.known(&self.world) {
            // The owner tries until it takes: the process may die of this very step.
            while !self.machine.connect(&account) {
                self.turn();
            }
        }
        let ends_at = self.clock.now_ms() + DRAIN_MS_MAX;
        while !self.is_drained() {
            if self.clock.now_ms() > ends_at || self.turns >= TURNS_MAX {
                let open = self.machine.open_ends();
                self.findings
                    .add("liveness", format!("not drained: {open}"));
                return;
            }
            self.turn();
        }
    }

    fn is_drained(&mut self) -> bool {
        self.wire.is_idle() && self.world().is_settled() && self.machine.is_drained()
    }

    /// Everything that can happen now, in an order of chance; then the clock goes on.
    pub(crate) fn turn(&mut self) {
        self.turns += 1;
        let now_ms = self.clock.now_ms();
        let calls_before = self.wire.calls();
        let mut has_moved = self
            .scenario
            .act(now_ms, &self.world, &self.clock, &mut self.machine);
        has_moved |= self.wire.advance(now_ms);
        has_moved |= self.deliver(now_ms);
        self.machine.work(&mut self.random);
        self.take_answers(now_ms);
        if self.machine.has_died() {
            for id in self.machine.bury(now_ms, &mut self.random) {
                self.world()
                    .delivery_answered(now_ms, id, Answered::NoAnswer);
            }
            self.wire.forget_callers();
            has_moved = true;
        }
        self.machine.rise_when_due(now_ms);
        check::now(self);
        if has_moved || self.wire.calls() != calls_before {
            self.leap_ms = LEAP_FIRST_MS;
        }
        self.leap(now_ms);
    }

    /// POSTs what is due; without a living process nobody answers.
    fn deliver(&mut self, now_ms: i64) -> bool {
        let most = self.random.random_range(1..=16);
        let due = self.world().deliveries_due_up_to(now_ms, most);
        let has_any = !due.is_empty();
        for delivery in due {
            if !self.machine.receive(&delivery) {
                let answered = Answered::NoAnswer;
                self.world()
                    .delivery_answered(now_ms, delivery.id, answered);
            }
        }
        has_any
    }

    fn take_answers(&mut self, now_ms: i64) {
        for (id, status) in self.machine.answered() {
            if status == 200 {
                self.acknowledged.insert(id);
            }
            self.world()
                .delivery_answered(now_ms, id, Answered::Status(status));
        }
    }

    /// To the next moment at which something is known to happen, or a little further each time.
    fn leap(&mut self, now_ms: i64) {
        let known = [
            self.machine.next_at(),
            self.wire.next_at(),
            self.scenario.next_at(),
            self.world().next_due(),
        ];
        let blind = now_ms + self.leap_ms;
        let next = known.into_iter().flatten().fold(blind, i64::min);
        self.leap_ms = (self.leap_ms * 2).min(LEAP_MAX_MS);
        self.clock.set(next.max(now_ms + 1));
    }
}
