//! People who comment and write, so that there is always something in flight.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hookline_sim::World;
use hookline_sim::world::comments::CommentDraft;
use hookline_sim::world::messages::MessageDraft;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::meta::Meta;
use super::now;

/// How often people look whether they have something to say.
const EVERY: Duration = Duration::from_millis(10);

/// Comments of one moment at most: a burst that the process feels, not one that stops it.
const BURST: usize = 20;

/// People who come again and again, for each account.
const REGULARS: u32 = 30;

/// A comment somebody wrote.
#[derive(Debug, Clone)]
pub(crate) struct MadeComment {
    pub(crate) id: String,
}

/// Messages, by account and scoped id of their author.
#[derive(Debug, Clone)]
pub(crate) struct MadeMessage {
    pub(crate) mid: String,
    pub(crate) account: String,
    pub(crate) scoped_id: String,
}

/// Everything people said.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) comments: Vec<MadeComment>,
    pub(crate) messages: Vec<MadeMessage>,
}

/// People at work.
pub(crate) struct Load {
    in_flight: Arc<AtomicUsize>,
    stop: CancellationToken,
    people: JoinHandle<Made>,
}

impl Load {
    /// People keep `in_flight` comments unanswered until they are stopped.
    pub(crate) fn start(meta: &Meta, seed: u64, in_flight: usize) -> Self {
        let stop = CancellationToken::new();
        let shown = Arc::new(AtomicUsize::new(0));
        let people = People {
            world: meta.shared_world(),
            accounts: meta.accounts(),
            random: ChaCha8Rng::seed_from_u64(seed.wrapping_add(1)),
            unanswered: VecDeque::new(),
            wanted: in_flight,
            made: Made::default(),
        };
        let work = people.work(Arc::clone(&shown), stop.clone());
        Self {
            in_flight: shown,
            stop,
            people: TaskTracker::new().spawn(work),
        }
    }

    /// Comments without their reply now.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// No one says anything more; answers what was said.
    pub(crate) async fn stop(self) -> Made {
        self.stop.cancel();
        self.people.await.unwrap()
    }
}

struct People {
    world: Arc<Mutex<World>>,
    accounts: Vec<String>,
    random: ChaCha8Rng,
    unanswered: VecDeque<String>,
    wanted: usize,
    made: Made,
}

impl People {
    async fn work(mut self, shown: Arc<AtomicUsize>, stop: CancellationToken) -> Made {
        while !stop.is_cancelled() {
            self.look();
            shown.store(self.unanswered.len(), Ordering::Relaxed);
            tokio::time::sleep(EVERY).await;
        }
        self.made
    }

    fn look(&mut self) {
        let world = Arc::clone(&self.world);
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        self.unanswered
            .retain(|id| world.find_comment(id).unwrap().private_reply.is_none());
        let missing = self.wanted.saturating_sub(self.unanswered.len());
        for _ in 0..missing.min(BURST) {
            self.comment(&mut world);
            if self.random.random_range(0..4) == 0 {
                self.write(&mut world);
            }
        }
    }

    fn comment(&mut self, world: &mut World) {
        let (account, person) = self.somebody();
        let draft = CommentDraft::new(account, person, "The link please");
        let id = world.comment(now().as_millis(), draft).unwrap();
        self.unanswered.push_back(id.clone());
        self.made.comments.push(MadeComment { id });
    }

    fn write(&mut self, world: &mut World) {
        let (account, person) = self.somebody();
        let scoped_id = world.igsid(&account, &person).unwrap();
        let draft = MessageDraft::text(&account, person, "Hello");
        let mid = world.message(now().as_millis(), draft).unwrap();
        self.made.messages.push(MadeMessage {
            mid,
            account,
            scoped_id,
        });
    }

    /// Half of all words come from people who speak once, half from regulars, whose conversations
    /// hold the same text many times.
    fn somebody(&mut self) -> (String, String) {
        let account = self.random.random_range(0..self.accounts.len());
        let said = self.made.comments.len() + self.made.messages.len();
        let person = if self.random.random_range(0..2) == 0 {
            format!("guest{said}")
        } else {
            format!("regular{}", self.random.random_range(0..REGULARS))
        };
        (self.accounts[account].clone(), person)
    }
}
