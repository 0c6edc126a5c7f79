//! A stage for stories: Meta, simulated, over real HTTP, and a whole server on an empty database.

use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hookline_model::clock::{Clock, Timestamp};
use hookline_server::clock::SystemClock;
use hookline_server::config::{self, Flags, Purpose, Sources};
use hookline_server::wiring::{self, Running};
use hookline_sim::world::accounts::{Account, NewAccount};
use hookline_sim::world::comments::CommentDraft;
use hookline_sim::world::inspect::Sent;
use hookline_sim::world::media::NewMedia;
use hookline_sim::{FaultRule, Trouble, World, WorldConfig, http};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) const ADMIN_TOKEN: &str = "an-admin-token";

/// The longest a story waits for something that should happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a story looks on when nothing should happen.
pub(crate) const QUIET: Duration = Duration::from_millis(700);

pub(crate) struct Stage {
    world: Arc<Mutex<World>>,
    running: Option<Running>,
    pub(crate) meta: String,
    pub(crate) server: String,
    directory: tempfile::TempDir,
    stop: CancellationToken,
    pub(crate) account: Account,
    /// Whether the server is told its own address when it starts.
    pub(crate) has_public_url: bool,
    client: reqwest::Client,
    /// What the server is told beside the usual, from its next start on.
    settings: Vec<(&'static str, String)>,
}

/// What a browser was shown.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) cookie: Option<String>,
    pub(crate) text: String,
}

/// How far the clock of the stage is ahead of the machine's. One for the process: each test has a
/// process of its own.
static PASSED_MS: AtomicI64 = AtomicI64::new(0);

/// The time on the stage, for Meta and for the server.
pub(crate) fn now() -> i64 {
    SystemClock.now().as_millis() + PASSED_MS.load(Ordering::Relaxed)
}

/// Lets so much time pass at once.
pub(crate) fn pass(time: Duration) {
    let millis = i64::try_from(time.as_millis()).unwrap();
    PASSED_MS.fetch_add(millis, Ordering::Relaxed);
}

#[derive(Debug)]
struct StageClock;

impl Clock for StageClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(now())
    }
}

impl Stage {
    /// A connected Instagram Login account `acme` with one post, and a server that waits 50 ms
    /// before the first reply.
    pub(crate) async fn build() -> Self {
        Self::build_with(NewAccount::named("acme"), WorldConfig::default()).await
    }

    pub(crate) async fn build_with(account: NewAccount, config: WorldConfig) -> Self {
        let world = Arc::new(Mutex::new(World::new(config)));
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let meta = format!("http://{}", listener.local_addr().unwrap());
        let clock: http::Clock = Arc::new(now);
        let face = http::serve(listener, Arc::clone(&world), clock, None, stop.clone());
        tokio_util::task::TaskTracker::new().spawn(face);
        let account = {
            let mut world = lock(&world);
            let account = world.create_account(now(), account).unwrap();
            let media = NewMedia {
                account: account.ig_id.clone(),
                caption: Some("Autumn".to_owned()),
                ..NewMedia::default()
            };
            world.create_media(now(), media).unwrap();
            account
        };
        // Whoever comes first installs it; a second installation is refused without harm.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let directory = tempfile::tempdir().unwrap();
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        let mut stage = Self {
            world,
            running: None,
            meta,
            server: String::new(),
            directory,
            stop,
            account,
            has_public_url: true,
            client,
            settings: Vec::new(),
        };
        stage.start().await;
        stage.connect().await;
        stage
    }

    /// What the server, and commands beside it, are told.
    fn variables(&self) -> Vec<(&'static str, String)> {
        let database = self.database();
        let mut variables = vec![
            ("HOOKLINE_SERVER__LISTEN", "127.0.0.1:0".to_owned()),
            (
                "HOOKLINE_STORE__URL",
                format!("sqlite:{}", database.display()),
            ),
            (
                "HOOKLINE_META__APP_SECRETS",
                WorldConfig::default().app_secrets.join(","),
            ),
            (
                "HOOKLINE_META__VERIFY_TOKEN",
                WorldConfig::default().verify_token,
            ),
            ("HOOKLINE_META__GRAPH_URL", format!("{}/fb", self.meta)),
            (
                "HOOKLINE_META__INSTAGRAM_GRAPH_URL",
                format!("{}/ig", self.meta),
            ),
            ("HOOKLINE_ADMIN__TOKEN", ADMIN_TOKEN.to_owned()),
            ("HOOKLINE_SENDING__FIRST_REPLY_DELAY", "50ms".to_owned()),
        ];
        variables.extend(self.settings.clone());
        if self.has_public_url {
            let address = "https://hooks.example.com".to_owned();
            variables.push(("HOOKLINE_SERVER__PUBLIC_URL", address));
        }
        variables
    }

    /// Runs a command beside the server, as the real binary: its exit code and all it printed.
    pub(crate) fn run(&self, line: &str) -> (i32, String) {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hookline"));
        command
            .args(line.split(' '))
            .current_dir(self.directory.path())
            .env_clear()
            .envs(self.variables());
        let output = tokio::task::block_in_place(|| command.output()).unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code().unwrap(),
            String::from_utf8(said).unwrap(),
        )
    }

    /// Starts the server on the stage's database and points Meta at it.
    pub(crate) async fn start(&mut self) {
        let loaded = config::load(&Sources {
            file: None,
            directory: self.directory.path().to_owned(),
            variables: self
                .variables()
                .into_iter()
                .map(|(k, v)| (k.into(), v.into()))
                .collect(),
            flags: Flags::default(),
            purpose: Purpose::Serve,
        })
        .unwrap();
        let running = wiring::start(&loaded.config, Arc::new(StageClock))
            .await
            .unwrap();
        self.server = format!("http://{}", running.address);
        self.running = Some(running);
        let callback = format!("{}/webhooks/instagram", self.server);
        self.world().set_callback_url(Some(callback));
    }

    /// Starts the server again, and tells it this beside the usual.
    pub(crate) async fn restart_with(&mut self, settings: Vec<(&'static str, String)>) {
        self.stop().await;
        self.settings = settings;
        self.start().await;
    }

    /// Starts the server again as an installation that keeps its own subscription: Meta and people
    /// reach it under one address, which stays the same from start to start.
    pub(crate) async fn move_to_public(&mut self, more: &[(&'static str, &str)]) {
        // Free now; nobody else is given it within the moments until it is taken.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        self.has_public_url = false;
        let mut settings = vec![
            ("HOOKLINE_SERVER__LISTEN", address.clone()),
            ("HOOKLINE_SERVER__PUBLIC_URL", format!("http://{address}")),
            ("HOOKLINE_META__APP_ID", WorldConfig::default().app_id),
            (
                "HOOKLINE_META__INSTAGRAM_OAUTH_URL",
                format!("{}/ig", self.meta),
            ),
            (
                "HOOKLINE_META__INSTAGRAM_TOKEN_URL",
                format!("{}/ig", self.meta),
            ),
            (
                "HOOKLINE_META__FACEBOOK_OAUTH_URL",
                format!("{}/fb", self.meta),
            ),
        ];
        settings.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
        self.restart_with(settings).await;
    }

    /// A browser without patience: it follows nothing.
    pub(crate) async fn browse(&self, address: &str, cookie: Option<&str>) -> Page {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let mut request = client.get(address);
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        let response = request.send().await.unwrap();
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        Page {
            status: response.status().as_u16(),
            location: header("location"),
            cookie: header("set-cookie").map(|cookie| cookie.split(';').next().unwrap().to_owned()),
            text: response.text().await.unwrap(),
        }
    }

    /// The database file.
    pub(crate) fn database(&self) -> PathBuf {
        self.directory.path().join("hookline.db")
    }

    /// Stops the server; Meta goes on.
    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            assert!(running.shut_down().await, "the server did not stop in time");
        }
    }

    pub(crate) async fn clear(mut self) {
        self.stop().await;
        self.stop.cancel();
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub(crate) async fn connect(&self) {
        let account = self.account.clone();
        self.connect_account(&account, &account.token).await;
    }

    pub(crate) async fn connect_account(&self, account: &Account, token: &str) {
        let mut body = json!({
            "username": account.username,
            "access_token": token,
            "login": account.login,
        });
        if let Some(page) = &account.page_id {
            body["page_id"] = json!(page);
        }
        let (status, answer) = self
            .call(
                "PUT",
                &format!("/api/v1/accounts/{}", account.ig_id),
                Some(body),
            )
            .await;
        assert!((200..300).contains(&status), "{status} {answer}");
    }

    /// Publishes an automation: `{"name", …}` over a comment automation for the word "link".
    pub(crate) async fn publish(&self, name: &str, changes: Value) {
        let mut document = json!({
            "name": name,
            "trigger": {"on": "comment"},
            "match": {"mode": "word", "any": ["link"]},
            "steps": [{"do": "private_reply", "text": "Here it is"}],
        });
        for (key, value) in changes.as_object().unwrap() {
            document[key] = value.clone();
        }
        let path = format!("/api/v1/automations/{name}");
        let (status, answer) = self.call("PUT", &path, Some(document)).await;
        assert!((200..300).contains(&status), "{status} {answer}");
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method = method.parse().unwrap();
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.server))
            .bearer_auth(ADMIN_TOKEN);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    /// Asks as anybody can: without a token, with a body of this type.
    pub(crate) async fn plain(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, String)>,
    ) -> (u16, String) {
        let address = format!("{}{path}", self.server);
        let mut request = self.client.request(method.parse().unwrap(), address);
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.text().await.unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.call("GET", path, None).await;
        assert_eq!(status, 200, "GET {path}: {answer}");
        answer
    }

    /// Someone comments on the account's newest post.
    pub(crate) fn comment(&self, person: &str, text: &str) -> String {
        let draft = CommentDraft::new(self.account.ig_id.as_str(), person, text);
        self.world().comment(now(), draft).unwrap()
    }

    pub(crate) fn trouble(&self, on: &str, then: Trouble) {
        self.world()
            .script_fault(FaultRule::once(on, then))
            .unwrap();
    }

    /// Waits until the explanation of `subject` is as wanted.
    pub(crate) async fn explained(
        &self,
        subject: &str,
        is_wanted: impl Fn(&Value) -> bool + Sync,
    ) -> Value {
        let last = Mutex::new(Value::Null);
        let found = wait(|| async {
            let (status, answer) = self
                .call("GET", &format!("/api/v1/explain/{subject}"), None)
                .await;
            *last.lock().unwrap() = answer.clone();
            (status == 200 && is_wanted(&answer)).then_some(answer)
        })
        .await;
        let last = last.into_inner().unwrap();
        found.unwrap_or_else(|| panic!("waited in vain; this is what is known: {last:#}"))
    }

    /// Waits until every send of the subject has this state.
    pub(crate) async fn settled(&self, subject: &str, state: &str) -> Value {
        self.explained(subject, |story| {
            let sends = story["sends"].as_array().unwrap();
            !sends.is_empty() && sends.iter().all(|send| send["state"] == state)
        })
        .await
    }

    /// Waits until the subject has been routed and answers its verdicts as `name: verdict`.
    pub(crate) async fn verdicts(&self, subject: &str) -> Vec<String> {
        let story = self
            .explained(subject, |story| {
                !story["runs"].as_array().unwrap().is_empty()
            })
            .await;
        let runs = story["runs"].as_array().unwrap();
        runs.iter()
            .map(|run| {
                format!(
                    "{}: {}",
                    run["automation"].as_str().unwrap(),
                    run["verdict"].as_str().unwrap()
                )
            })
            .collect()
    }

    /// What really reached people, as `person: text`, in order.
    pub(crate) fn reached(&self) -> Vec<String> {
        self.world().sent().iter().map(line).collect()
    }

    /// Waits until so many things have reached people, and looks on for a while whether more do.
    pub(crate) async fn reached_exactly(&self, count: usize) -> Vec<String> {
        let reached = wait(|| async { (self.reached().len() >= count).then_some(()) }).await;
        assert!(
            reached.is_some(),
            "only {:?} reached people",
            self.reached()
        );
        tokio::time::sleep(QUIET).await;
        let all = self.reached();
        assert_eq!(all.len(), count, "{all:?}");
        all
    }
}

fn line(sent: &Sent) -> String {
    let to = sent.person.as_deref().unwrap_or("everyone");
    format!("{to}: {}", sent.text.as_deref().unwrap_or_default())
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks again and again until there is an answer, bounded by [`PATIENCE`].
pub(crate) async fn wait<T, F: Future<Output = Option<T>>>(
    mut look: impl FnMut() -> F,
) -> Option<T> {
    let deadline = SystemClock.now().plus(PATIENCE);
    while SystemClock.now() < deadline {
        if let Some(found) = look().await {
            return Some(found);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    None
}
