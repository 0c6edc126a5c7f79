//! The simulated Meta of a trial: its accounts, its habits, its trouble, and what it is asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hookline_sim::world::accounts::{Account, Login, NewAccount};
use hookline_sim::world::media::NewMedia;
use hookline_sim::world::{EchoTiming, SecondReply};
use hookline_sim::{
    DeliveryRule, DeliveryTrouble, ErrorSpec, FaultRule, Trouble, World, WorldConfig, http,
};
use rand::RngExt as _;
use rand::rngs::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::binary::client;
use super::now;

pub(crate) const ADMIN_TOKEN: &str = "an-admin-token-of-a-trial";

/// Accounts of a trial: two lanes for replies and one for DMs each.
const ACCOUNTS: usize = 6;

/// Waits between the tries of a delivery, as Meta's but shorter, so that a crash costs little.
const RETRIES_MS: [i64; 6] = [0, 20, 50, 100, 200, 400];

/// How long one answer of the API may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Calls with an effect.
const EFFECTS: [&str; 3] = ["private_reply", "send_message", "public_reply"];

/// What no list of open ends may hold in the end, and which of its entries do not count.
const OPEN: [(&str, &str); 5] = [
    ("deliveries", "recorded"),
    ("sends", "leased"),
    ("sends", "held"),
    ("sends", "planned"),
    ("sends", "unknown"),
];

/// The simulated Meta, with its HTTP face.
pub(crate) struct Meta {
    world: Arc<Mutex<World>>,
    pub(crate) url: String,
    accounts: Vec<Account>,
    client: reqwest::Client,
    stop: CancellationToken,
}

impl Meta {
    /// A Meta with accounts of both logins, one post each, and trouble until further notice.
    pub(crate) async fn build(seed: u64) -> Self {
        let world = Arc::new(Mutex::new(World::new(config(seed))));
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let clock: http::Clock = Arc::new(|| now().as_millis());
        let face = http::serve(listener, Arc::clone(&world), clock, None, stop.clone());
        TaskTracker::new().spawn(face);
        let client = client(PATIENCE);
        let accounts = (0..ACCOUNTS).map(|number| open_account(&mut lock(&world), number));
        let accounts = accounts.collect();
        cause_trouble(&mut lock(&world));
        Self {
            world,
            url,
            accounts,
            client,
            stop,
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub(crate) fn shared_world(&self) -> Arc<Mutex<World>> {
        Arc::clone(&self.world)
    }

    pub(crate) fn accounts(&self) -> Vec<String> {
        let ids = self.accounts.iter().map(|account| account.ig_id.clone());
        ids.collect()
    }

    /// Where deliveries go from now on.
    pub(crate) fn deliver_to(&self, port: u16) {
        let callback = format!("http://127.0.0.1:{port}/webhooks/instagram");
        self.world().set_callback_url(Some(callback));
    }

    /// Connects the accounts and publishes the automations.
    pub(crate) async fn connect(&self, server: &str) {
        for account in &self.accounts {
            let mut body = json!({
                "username": account.username,
                "access_token": account.token,
                "login": account.login,
            });
            if let Some(page) = &account.page_id {
                body["page_id"] = json!(page);
            }
            self.put(
                &format!("{server}/api/v1/accounts/{}", account.ig_id),
                &body,
            )
            .await;
        }
        for document in automations() {
            let name = document["name"].as_str().unwrap();
            self.put(&format!("{server}/api/v1/automations/{name}"), &document)
                .await;
        }
    }

    async fn put(&self, url: &str, body: &Value) {
        let request = self.client.put(url).bearer_auth(ADMIN_TOKEN).json(body);
        let response = request.send().await.unwrap();
        let status = response.status();
        let answer = response.text().await.unwrap();
        assert!(status.is_success(), "{url}: {status} {answer}");
    }

    /// Other habits of Meta's for the next life: when echoes come, how a second reply is refused.
    pub(crate) fn change_habits(&self, random: &mut ChaCha8Rng) {
        let mut world = self.world();
        let mut policy = world.config().policy.clone();
        policy.echo = match random.random_range(0..6) {
            0 => EchoTiming::Never,
            1 => EchoTiming::BeforeAnswerMs(20),
            2 => EchoTiming::AfterMs(2_000),
            3 => EchoTiming::AfterMs(200),
            _ => EchoTiming::AfterMs(0),
        };
        policy.second_reply = if random.random_range(0..2) == 0 {
            SecondReply::BadRequest
        } else {
            SecondReply::ServerError
        };
        world.set_policy(policy);
    }

    /// No more faults; what is on its way arrives.
    pub(crate) fn end_trouble(&self) {
        self.world().clear_faults();
    }

    /// How much is still on its way, by what it is.
    pub(crate) async fn open_ends(&self, server: &str) -> BTreeMap<String, usize> {
        let mut open = BTreeMap::new();
        for (list, word) in OPEN {
            let items = self.open_items(server, list, word).await;
            open.insert(format!("{word} {list}"), items.len());
        }
        let undelivered = usize::from(!self.world().is_settled());
        open.insert("undelivered".to_owned(), undelivered);
        open
    }

    /// The first of what is open, as the API shows it, and the accounts.
    pub(crate) async fn tell_open_ends(&self, server: &str) -> String {
        let mut told = String::new();
        for (list, word) in OPEN {
            for item in self.open_items(server, list, word).await.iter().take(3) {
                writeln!(told, "{word} {list}: {item:#}").unwrap();
            }
        }
        let accounts = self.get(&format!("{server}/api/v1/accounts")).await;
        told + &accounts.to_string()
    }

    async fn open_items(&self, server: &str, list: &str, word: &str) -> Vec<Value> {
        let filter = if list == "sends" { "state" } else { "status" };
        let url = format!("{server}/api/v1/{list}?{filter}={word}&limit=500");
        let page = self.get(&url).await;
        let items = page["items"].as_array().unwrap().iter();
        items.filter(|item| is_open(word, item)).cloned().collect()
    }

    async fn get(&self, url: &str) -> Value {
        let request = self.client.get(url).bearer_auth(ADMIN_TOKEN);
        request.send().await.unwrap().json().await.unwrap()
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }
}

/// A step behind one that a person has to decide waits with it, and neither is open.
fn is_open(word: &str, item: &Value) -> bool {
    match word {
        "planned" => !item["due_at"].is_null(),
        "unknown" => item["reason"] != "needs_a_person",
        _ => true,
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

fn config(seed: u64) -> WorldConfig {
    let mut config = WorldConfig {
        seed,
        ..WorldConfig::default()
    };
    config.policy.retry_after_ms = RETRIES_MS.to_vec();
    // Rates are not what is tried here.
    config.limits.private_replies_per_hour = 100_000_000;
    config.limits.texts_per_second = 1_000_000;
    config.limits.conversation_reads_per_second = 1_000_000;
    config.limits.calls_per_day = 1_000_000_000;
    config.limits.sent_entries = 2_000_000;
    config
}

fn open_account(world: &mut World, number: usize) -> Account {
    let login = if number.is_multiple_of(2) {
        Login::Instagram
    } else {
        Login::Facebook
    };
    let new = NewAccount {
        login,
        ..NewAccount::named(format!("shop{number}"))
    };
    let account = world.create_account(now().as_millis(), new).unwrap();
    let media = NewMedia {
        account: account.ig_id.clone(),
        ..NewMedia::default()
    };
    world.create_media(now().as_millis(), media).unwrap();
    account
}

/// The words are the same for everybody, as private reply and as DM: what was sent to whom, and for
/// what, cannot be told from them.
fn automations() -> [Value; 2] {
    [
        json!({
            "name": "link",
            "trigger": {"on": "comment"},
            "match": {"mode": "word", "any": ["link"]},
            "steps": [
                {"do": "private_reply", "text": "Here it is"},
                {"do": "public_reply", "texts": ["Sent you a DM", "Look into your inbox"]},
            ],
        }),
        json!({
            "name": "hello",
            "trigger": {"on": "message"},
            "match": {"mode": "any"},
            "steps": [{"do": "dm", "text": "Here it is"}],
        }),
    ]
}

/// Deliveries come twice and out of order; one call in twenty with an effect goes wrong, some are
/// slow, all take a while.
fn cause_trouble(world: &mut World) {
    let mut deliver = |one_in, then| {
        let rule = DeliveryRule {
            times: 0,
            one_in,
            ..DeliveryRule::once(then)
        };
        world.script_delivery_fault(rule).unwrap();
    };
    deliver(8, DeliveryTrouble::Duplicate(1));
    deliver(4, DeliveryTrouble::ReorderMs(500));
    let mut call = |on: &str, one_in, then| {
        let rule = FaultRule {
            times: 0,
            one_in,
            ..FaultRule::once(on, then)
        };
        world.script_fault(rule).unwrap();
    };
    for effect in EFFECTS {
        call(effect, 100, Trouble::DropAfter);
        call(effect, 100, Trouble::DropBefore);
        call(effect, 100, Trouble::ErrorAfterEffect);
        call(effect, 200, Trouble::Malformed);
        call(effect, 200, Trouble::HtmlAfterEffect);
        call(effect, 200, Trouble::Html);
        call(effect, 200, Trouble::Error(unavailable()));
        call(effect, 20, Trouble::DelayMs(400));
        call(effect, 1, Trouble::DelayMs(20));
    }
    call("read_comment", 200, Trouble::Error(unavailable()));
    call("read_comment", 200, Trouble::DropBefore);
    call("any", 2, Trouble::DelayMs(10));
}

/// Meta's words for "try again later".
fn unavailable() -> ErrorSpec {
    ErrorSpec {
        status: 500,
        code: 2,
        subcode: None,
        message: None,
        is_transient: Some(true),
        regain_minutes: None,
    }
}
