//! What people, owners and fate do, and when.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use hookline_sim::world::accounts::{Account, NewAccount};
use hookline_sim::world::comments::CommentDraft;
use hookline_sim::world::media::NewMedia;
use hookline_sim::world::messages::MessageDraft;
use hookline_sim::world::{EchoTiming, EndPolicy, Limits, Login, Policy, SecondReply, TokenEnd};
use hookline_sim::{DeliveryRule, FaultRule, World, WorldConfig};
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::clock::SimClock;
use super::machine::Machine;
use super::options::Options;
use super::script;

#[derive(Debug, Clone)]
enum Action {
    Comment {
        account: usize,
        person: usize,
        text: String,
    },
    Message {
        account: usize,
        person: usize,
        text: String,
    },
    DeleteComment(usize),
    OwnerWrites {
        account: usize,
        person: usize,
    },
    OwnComment {
        account: usize,
    },
    RepeatComment(usize),
    CallFault(FaultRule),
    DeliveryFault(DeliveryRule),
    EndToken(usize),
    NewToken(usize),
    Block(usize),
    Die(i64),
    ClockOff(i64),
}

pub(crate) struct Scenario {
    accounts: Vec<String>,
    media: Vec<String>,
    actions: VecDeque<(i64, Action)>,
    pub(crate) comments: Vec<String>,
    pub(crate) messages: Vec<String>,
    last_messages: HashMap<(String, String), i64>,
}

fn lock(world: &Mutex<World>) -> std::sync::MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Meta with the habits this seed has.
pub(crate) fn world(options: &Options, random: &mut StdRng) -> World {
    let echo = match random.random_range(0..4) {
        0 => EchoTiming::Never,
        1 => EchoTiming::BeforeAnswerMs(random.random_range(1..2_000)),
        2 => EchoTiming::AfterMs(random.random_range(0..20_000)),
        _ => EchoTiming::AfterMs(0),
    };
    let policy = Policy {
        end: EndPolicy::DropAfter36Hours,
        restamp_retries: random.random_bool(0.5),
        delivery_delay_ms: random.random_range(0..500),
        events_per_delivery: random.random_range(1..20),
        batch_window_ms: random.random_range(0..2_000),
        mixes_accounts: random.random_bool(0.3),
        echo,
        echo_app_id: random.random_bool(0.2),
        second_reply: if random.random_bool(0.5) {
            SecondReply::BadRequest
        } else {
            SecondReply::ServerError
        },
        ..Policy::default()
    };
    let mut limits = Limits::default();
    if options.has_faults && random.random_bool(0.2) {
        limits.private_replies_per_hour = random.random_range(5..40);
    }
    World::new(WorldConfig {
        seed: options.seed,
        policy,
        limits,
        ..WorldConfig::default()
    })
}

impl Scenario {
    pub(crate) fn new(
        options: &Options,
        world: &Mutex<World>,
        clock: &SimClock,
        random: &mut StdRng,
    ) -> Self {
        let mut world = lock(world);
        let now_ms = clock.now_ms();
        let (accounts, media): (Vec<String>, Vec<String>) = (0..random.random_range(1..=4))
            .map(|number| create_account(&mut world, now_ms, number, random))
            .unzip();
        let people = random.random_range(2..=8);
        let span_ms = random.random_range(10_000..1_800_000);
        if options.is_plain {
            return Self::with(accounts, media, plain_deeds(now_ms));
        }
        let mut actions: Vec<(i64, Action)> = (0..options.actions)
            .map(|number| {
                let at = now_ms + random.random_range(0..span_ms);
                (at, deed(number, accounts.len(), people, random))
            })
            .collect();
        if options.has_faults {
            let fates = random.random_range(0..options.actions / 2 + 1);
            for _ in 0..fates {
                let at = now_ms + random.random_range(0..span_ms);
                actions.extend(fate(at, accounts.len(), random));
            }
        }
        actions.sort_by_key(|(at, _)| *at);
        Self::with(accounts, media, actions)
    }

    fn with(accounts: Vec<String>, media: Vec<String>, actions: Vec<(i64, Action)>) -> Self {
        Self {
            accounts,
            media,
            actions: actions.into(),
            comments: Vec::new(),
            messages: Vec::new(),
            last_messages: HashMap::new(),
        }
    }

    /// When this person last wrote to the account.
    pub(crate) fn last_message(&self, account: &str, person: &str) -> Option<i64> {
        let key = (account.to_owned(), person.to_owned());
        self.last_messages.get(&key).copied()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.actions.is_empty()
    }

    pub(crate) fn next_at(&self) -> Option<i64> {
        self.actions.front().map(|(at, _)| *at)
    }

    /// Connects the accounts and publishes the automations.
    pub(crate) fn prepare(&self, world: &Mutex<World>, machine: &mut Machine) {
        for account in self.known(world) {
            machine.connect(&account);
        }
        for (name, document) in automations() {
            machine.publish(name, document);
        }
    }

    /// The accounts as Meta knows them now, with the token that is good now.
    pub(crate) fn known(&self, world: &Mutex<World>) -> Vec<Account> {
        let world = lock(world);
        self.accounts
            .iter()
            .map(|id| world.find_account(id).unwrap().clone())
            .collect()
    }

    /// Faults off, and every account with a token that works.
    pub(crate) fn calm(&mut self, world: &Mutex<World>, clock: &SimClock) {
        let mut world = lock(world);
        world.clear_faults();
        world.set_limits(Limits::default());
        for account in &self.accounts {
            world.replace_token(clock.now_ms(), account).unwrap();
        }
    }

    /// Does what is due; says whether anything was.
    pub(crate) fn act(
        &mut self,
        now_ms: i64,
        world: &Mutex<World>,
        clock: &SimClock,
        machine: &mut Machine,
    ) -> bool {
        let mut has_acted = false;
        while self.next_at().is_some_and(|at| at <= now_ms) {
            let Some((_, action)) = self.actions.pop_front() else {
                break;
            };
            self.perform(action, now_ms, world, clock, machine);
            has_acted = true;
        }
        has_acted
    }

    fn perform(
        &mut self,
        action: Action,
        now_ms: i64,
        world: &Mutex<World>,
        clock: &SimClock,
        machine: &mut Machine,
    ) {
        let account = |number: usize| self.accounts[number % self.accounts.len()].clone();
        match action {
            Action::Comment {
                account: number,
                person,
                text,
            } => {
                let draft = CommentDraft::new(account(number), name(person), text);
                self.comments
                    .push(lock(world).comment(now_ms, draft).unwrap());
            }
            Action::Message {
                account: number,
                person,
                text,
            } => {
                let account = account(number);
                let draft = MessageDraft::text(&account, name(person), &text);
                let mid = lock(world).message(now_ms, draft).unwrap();
                let scoped_id = lock(world).igsid(&account, &name(person)).unwrap();
                self.last_messages
                    .insert((account.clone(), scoped_id), now_ms);
                self.messages.push(mid);
            }
            Action::DeleteComment(number) => {
                if let Some(id) = pick(&self.comments, number) {
                    let _ = lock(world).delete_comment(id);
                }
            }
            Action::OwnerWrites {
                account: number,
                person,
            } => {
                let text = format!("the owner says link and hello at {now_ms}");
                let _ = lock(world).owner_message(now_ms, &account(number), &name(person), &text);
            }
            Action::OwnComment { account: number } => {
                let media = &self.media[number % self.media.len()];
                let text = "link in our own words";
                lock(world)
                    .owner_comment(now_ms, media, None, text)
                    .unwrap();
            }
            Action::RepeatComment(number) => {
                if let Some(id) = pick(&self.comments, number) {
                    let _ = lock(world).repeat_comment_event(now_ms, id);
                }
            }
            Action::CallFault(rule) => lock(world).script_fault(rule).unwrap(),
            Action::DeliveryFault(rule) => lock(world).script_delivery_fault(rule).unwrap(),
            Action::EndToken(number) => {
                lock(world)
                    .end_tokens(&account(number), TokenEnd::Expired)
                    .unwrap();
            }
            Action::NewToken(number) => {
                let id = account(number);
                lock(world).replace_token(now_ms, &id).unwrap();
                let known = lock(world).find_account(&id).unwrap().clone();
                machine.connect(&known);
            }
            Action::Block(number) => {
                lock(world)
                    .script_fault(script::block(&account(number)))
                    .unwrap();
            }
            Action::Die(steps) => machine.die_in(steps),
            Action::ClockOff(by_ms) => clock.put_off(by_ms),
        }
    }
}

fn pick(list: &[String], number: usize) -> Option<&String> {
    list.get(number.checked_rem(list.len())?)
}

fn name(person: usize) -> String {
    format!("person{person}")
}

/// The account and its one post.
fn create_account(
    world: &mut World,
    now_ms: i64,
    number: usize,
    random: &mut StdRng,
) -> (String, String) {
    let mut new = NewAccount::named(format!("account{number}"));
    if random.random_bool(0.4) {
        new.login = Login::Facebook;
    }
    let account = world.create_account(now_ms, new).unwrap();
    let media = NewMedia {
        account: account.ig_id.clone(),
        ..NewMedia::default()
    };
    let media = world.create_media(now_ms, media).unwrap();
    (account.ig_id, media.id)
}

/// One of everything.
fn plain_deeds(now_ms: i64) -> Vec<(i64, Action)> {
    let comment = |person, text: &str| Action::Comment {
        account: 0,
        person,
        text: text.to_owned(),
    };
    let hello = Action::Message {
        account: 0,
        person: 2,
        text: "hello 1".to_owned(),
    };
    vec![
        (now_ms + 100, comment(0, "LINK please 1")),
        (now_ms + 200, comment(1, "price? 2")),
        (now_ms + 300, hello),
    ]
}

fn deed(number: usize, accounts: usize, people: usize, random: &mut StdRng) -> Action {
    let account = random.random_range(0..accounts);
    let person = random.random_range(0..people);
    match random.random_range(0..20) {
        0..=8 => Action::Comment {
            account,
            person,
            text: match random.random_range(0..4) {
                0 => format!("so pretty {number}"),
                1 => format!("price? {number}"),
                _ => format!("LINK please {number}"),
            },
        },
        9..=14 => Action::Message {
            account,
            person,
            text: match random.random_range(0..8) {
                0 => "STOP".to_owned(),
                1 => "start".to_owned(),
                _ => format!("hello {number}"),
            },
        },
        15 => Action::DeleteComment(number),
        16 => Action::OwnerWrites { account, person },
        17 => Action::OwnComment { account },
        _ => Action::RepeatComment(number),
    }
}

/// One piece of bad luck; some of it ends by itself later.
fn fate(at: i64, accounts: usize, random: &mut StdRng) -> Vec<(i64, Action)> {
    let account = random.random_range(0..accounts);
    match random.random_range(0..16) {
        0..=5 => vec![(at, Action::CallFault(script::call_fault(random)))],
        6..=8 => vec![(at, Action::DeliveryFault(script::delivery_fault(random)))],
        9 => {
            let back = at + random.random_range(1_000..600_000);
            vec![
                (at, Action::EndToken(account)),
                (back, Action::NewToken(account)),
            ]
        }
        10 => vec![(at, Action::Block(account))],
        11 | 12 => vec![(at, Action::ClockOff(random.random_range(-3_000..3_000)))],
        _ => vec![(at, Action::Die(random.random_range(1..30)))],
    }
}

fn automations() -> Vec<(&'static str, Value)> {
    let comment = json!({"on": "comment"});
    vec![
        (
            "link",
            json!({
                "name": "link",
                "trigger": comment,
                "match": {"mode": "word", "any": ["link"]},
                "steps": [
                    {"do": "private_reply", "text": "Here it is, {{ comment.id }}: link"},
                    {"do": "public_reply", "texts": ["Sent you the link, {{ comment.id }}"]},
                ],
            }),
        ),
        (
            "price",
            json!({
                "name": "price",
                "priority": 1,
                "trigger": comment,
                "match": {"mode": "contains", "any": ["price"]},
                "limit": {"once_per": "person"},
                "steps": [{"do": "private_reply", "text": "It is 5, {{ comment.id }}"}],
            }),
        ),
        (
            "hello",
            json!({
                "name": "hello",
                "trigger": {"on": "message"},
                "match": {"mode": "word", "any": ["hello"]},
                "steps": [{"do": "dm", "text": "Answer to {{ message.text }}"}],
            }),
        ),
    ]
}
