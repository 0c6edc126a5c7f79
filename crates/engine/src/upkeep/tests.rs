//! The process dies before or after any durable step of the upkeep, and comes back.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use futures_util::FutureExt as _;
use hookline_meta::graph::{Authority, Carried, GraphConfig, Reply, Request, Transport, Usage};
use hookline_model::account::Login;
use hookline_model::secret::Secret;
use hookline_sim::world::{Account, CommentDraft, NewAccount, NewMedia};
use hookline_sim::{SimRequest, World, WorldConfig};
use hookline_store::alerts::AlertFilter;
use hookline_store::gaps::{Gap, GapState};
use hookline_store::{ConnectAccount, Gate, Grant, PageRequest, Pass, SealedToken};
use rand::SeedableRng as _;

use super::*;
use crate::keyring::EncryptionKey;
use crate::settings::Settings;
use crate::worker::Deaf;

const START: i64 = 1_790_000_000_000;
const HOUR_MS: i64 = 3_600_000;

struct Stopped(AtomicI64);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// Lets so many steps pass, and no more.
struct Heart(AtomicI64);

impl Heart {
    fn beat(&self) -> Pass {
        if self.0.fetch_sub(1, Ordering::Relaxed) > 0 {
            Pass::Go
        } else {
            Pass::Stop
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

/// A wire on which everything arrives at once.
struct Direct {
    world: Arc<Mutex<World>>,
    clock: Arc<Stopped>,
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Direct")
    }
}

impl Transport for Direct {
    fn carry<'a>(&'a self, authority: Authority<'a>, request: &'a Request) -> Carried<'a> {
        let mut headers = Vec::new();
        if let Some(token) = authority.token() {
            let bearer = format!("Bearer {}", token.expose());
            headers.push(("Authorization".to_owned(), bearer));
        }
        let body = request.full_body().map_or_else(Bytes::new, |(kind, body)| {
            headers.push(("Content-Type".to_owned(), kind.to_owned()));
            Bytes::from(body)
        });
        let url = request.full_url();
        let asked = SimRequest {
            method: request.method.as_str().to_owned(),
            path: url.path().to_owned(),
            query: url.query_pairs().into_owned().collect(),
            headers,
            body,
        };
        let now = self.clock.now().as_millis();
        let response = self.world.lock().unwrap().request(now, &asked);
        let reply = Reply {
            http_status: response.status,
            body: response.body,
            usage: Usage::default(),
        };
        Box::pin(async move { Ok(reply) })
    }
}

/// A world with one account, and the place of a database.
struct Town {
    world: Arc<Mutex<World>>,
    clock: Arc<Stopped>,
    account: Account,
    directory: tempfile::TempDir,
}

const NEVER: i64 = i64::MAX;

impl Town {
    fn build() -> Self {
        let mut world = World::new(WorldConfig::default());
        let account = world
            .create_account(START, NewAccount::named("acme"))
            .unwrap();
        let media = NewMedia {
            account: account.ig_id.clone(),
            ..NewMedia::default()
        };
        world.create_media(START, media).unwrap();
        Self {
            world: Arc::new(Mutex::new(world)),
            clock: Arc::new(Stopped(AtomicI64::new(START))),
            account,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn pass(&self, millis: i64) {
        self.clock.0.fetch_add(millis, Ordering::Relaxed);
    }

    /// A process that lives for so many steps.
    fn rise(&self, steps: i64) -> Upkeep {
        let path = self.directory.path().join("hookline.db");
        let url = format!("sqlite:{}", path.display());
        let heart = Arc::new(Heart(AtomicI64::new(steps)));
        let store = Arc::new(Store::open_stepwise(&url, heart).unwrap());
        let clock: Arc<dyn Clock> = Arc::<Stopped>::clone(&self.clock);
        let config = GraphConfig {
            graph_url: "http://meta/fb".to_owned(),
            instagram_graph_url: "http://meta/ig".to_owned(),
            api_version: "v26.0".to_owned(),
        };
        let wire = Direct {
            world: Arc::clone(&self.world),
            clock: Arc::clone(&self.clock),
        };
        let graph = Arc::new(GraphClient::through(config, Arc::new(wire)));
        let keys = Arc::new(KeyRing::new(vec![EncryptionKey::new([7; 32])]).unwrap());
        let sender = SendWorker::new(
            Arc::clone(&store),
            Arc::clone(&clock),
            Arc::clone(&graph),
            Arc::clone(&keys),
            Arc::new(Settings::default()),
            Arc::new(Deaf),
        );
        let app_id = Some(WorldConfig::default().app_id);
        Upkeep {
            store,
            clock,
            subscriber: Subscriber::new(Arc::clone(&graph), app_id, None),
            graph,
            keys,
            sender,
            settings: UpkeepSettings {
                manages_subscription: true,
                watch_every: Duration::from_mins(15),
                listen_every: Duration::from_hours(24),
                conversation_reads: 2,
            },
            random: Mutex::new(StdRng::seed_from_u64(1)),
            recorded: Arc::new(Notify::new()),
        }
    }

    fn connect(&self, upkeep: &Upkeep) {
        let id = AccountId::new(self.account.ig_id.as_str());
        let token = Secret::new(self.account.token.as_str());
        let sealed = upkeep.keys.seal(&id, &token, [3; 24]).unwrap();
        let account = ConnectAccount {
            id,
            username: "acme".to_owned(),
            login: Login::Instagram,
            app_scoped_id: None,
            token: SealedToken {
                key: sealed.key_id.0.to_vec(),
                bytes: sealed.bytes,
            },
            grant: Grant::default(),
        };
        let connect = upkeep.store.connect_account(account, self.clock.now());
        connect.now_or_never().unwrap().unwrap();
    }

    /// A life without trouble, in which everything is seen to be well.
    fn live_well(&self) {
        let upkeep = self.rise(NEVER);
        self.connect(&upkeep);
        assert!(live(&upkeep));
        end(upkeep);
    }

    fn is_subscribed(&self) -> bool {
        let world = self.world.lock().unwrap();
        !world
            .find_account("acme")
            .unwrap()
            .subscribed_fields
            .is_empty()
    }
}

/// One beat and one tick; `false` when the process died over it.
fn live(upkeep: &Upkeep) -> bool {
    let life = async {
        upkeep.beat().await.unwrap();
        upkeep.tick().await.unwrap();
    };
    life.now_or_never().is_some()
}

/// Lets go of the database, as the dead do.
fn end(upkeep: Upkeep) {
    drop(upkeep);
}

fn gaps(upkeep: &Upkeep) -> Vec<Gap> {
    let gaps = upkeep.store.list_gaps(None, 100).now_or_never();
    gaps.unwrap().unwrap()
}

fn alerts(upkeep: &Upkeep, is_open: bool) -> Vec<AlertCode> {
    let filter = AlertFilter {
        is_open,
        ..AlertFilter::default()
    };
    let page = PageRequest {
        before: None,
        limit: 10,
    };
    let found = upkeep.store.list_alerts(filter, page).now_or_never();
    let records = found.unwrap().unwrap().items.into_iter();
    records.map(|record| record.alert.code).collect()
}

/// Plays a life that dies after each number of steps, and one after it; until one lives through.
fn die_everywhere(play: impl Fn(i64) -> bool) {
    for steps in 0.. {
        if play(steps) {
            assert!(steps > 2, "nothing durable happened");
            return;
        }
        assert!(steps < 500, "no life is long enough");
    }
}

#[test]
fn a_downtime_is_noticed_however_its_first_life_ends() {
    die_everywhere(|steps| {
        let town = Town::build();
        town.live_well();
        town.pass(2 * HOUR_MS);
        let first = town.rise(steps);
        let has_lived = live(&first);
        end(first);
        let second = town.rise(NEVER);
        assert!(live(&second));
        let found = gaps(&second);
        let begins = found.iter().map(|gap| gap.begins_at.as_millis()).min();
        assert_eq!(begins, Some(START), "after {steps} steps: {found:?}");
        has_lived
    });
}

#[test]
fn what_a_dropped_subscription_cost_is_read_back_however_its_repair_ends() {
    die_everywhere(|steps| {
        let town = Town::build();
        town.live_well();
        let none = serde_json::from_value(serde_json::json!({"subscribed_fields": []}));
        town.world
            .lock()
            .unwrap()
            .change_account("acme", none.unwrap())
            .unwrap();
        // Sooner than a downtime would be noticed.
        town.pass(100_000);
        let first = town.rise(steps);
        let account = AccountId::new(town.account.ig_id.as_str());
        let life = async {
            let (task, now) = (Task::Subscription, town.clock.now());
            first
                .store
                .hasten_task(task, Some(account), now)
                .await
                .unwrap();
            first.tick().await.unwrap();
        };
        let has_lived = life.now_or_never().is_some();
        end(first);
        let second = town.rise(NEVER);
        second
            .look_at_subscriptions()
            .now_or_never()
            .unwrap()
            .unwrap();
        assert!(live(&second));
        assert!(town.is_subscribed(), "after {steps} steps");
        let found = gaps(&second);
        assert!(
            !found.is_empty(),
            "nothing is read back, after {steps} steps"
        );
        assert_eq!(found[0].begins_at.as_millis(), START);
        assert!(
            alerts(&second, false).contains(&AlertCode::AccountNotSubscribed),
            "after {steps} steps"
        );
        has_lived
    });
}

#[test]
fn everything_missed_is_recorded_however_its_reading_ends() {
    die_everywhere(|steps| {
        let town = Town::build();
        town.live_well();
        town.pass(HOUR_MS);
        let mut missed = BTreeSet::new();
        for person in 0..5 {
            let name = format!("person{person}");
            let draft = CommentDraft::new(town.account.ig_id.as_str(), name, "link");
            let now = town.clock.now().as_millis();
            missed.insert(town.world.lock().unwrap().comment(now, draft).unwrap());
        }
        town.pass(HOUR_MS);
        let first = town.rise(steps);
        let mut has_lived = live(&first);
        for _ in 0..20 {
            town.pass(61_000);
            has_lived = has_lived && live(&first);
        }
        end(first);
        let second = town.rise(NEVER);
        for _ in 0..40 {
            town.pass(61_000);
            assert!(live(&second));
        }
        let found = gaps(&second);
        assert!(
            found.iter().all(|gap| gap.state == GapState::Read),
            "{found:?}"
        );
        let batch = second.store.next_batch(100, 1 << 24).now_or_never();
        let recorded: String = batch
            .unwrap()
            .unwrap()
            .deliveries
            .into_iter()
            .map(|delivery| String::from_utf8(delivery.body).unwrap())
            .collect();
        let lost: Vec<_> = missed.iter().filter(|id| !recorded.contains(*id)).collect();
        assert!(lost.is_empty(), "after {steps} steps: {lost:?}");
        // Half an hour later people can still read what it came to.
        let is_told = alerts(&second, true).contains(&AlertCode::EventsMissed);
        assert!(is_told || steps > 0, "over before anybody could read it");
        has_lived
    });
}

#[test]
fn a_token_is_refreshed_however_the_first_try_ends() {
    die_everywhere(|steps| {
        let town = Town::build();
        town.live_well();
        town.pass(48 * HOUR_MS);
        let first = town.rise(steps);
        let has_lived = live(&first);
        end(first);
        // Meta lets the old token live on, so whatever was lost is made again.
        let second = town.rise(NEVER);
        town.pass(25 * HOUR_MS);
        assert!(live(&second));
        let id = AccountId::new(town.account.ig_id.as_str());
        let caller = Caller::find(&second.store, &second.keys, &id);
        let caller = caller.now_or_never().unwrap().unwrap();
        assert!(caller.grant().expires_at.is_some(), "after {steps} steps");
        assert_ne!(caller.token().expose(), town.account.token);
        has_lived
    });
}
