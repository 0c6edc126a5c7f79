//! The stage: Meta, simulated, and a server on an empty database, both on free loopback ports.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hookline_model::clock::{Clock, Timestamp};
use hookline_sim::world::accounts::{Account, NewAccount};
use hookline_sim::world::media::NewMedia;
use hookline_sim::{World, WorldConfig, http};
use hookline_store::Store;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::SystemClock;
use crate::config::{self, Flags, Purpose, Sources};
use crate::wiring::{self, Running};

/// The sample automation.
pub(super) const AUTOMATION: &str = "link-on-comment";

/// Everything the story needs.
pub(super) struct Stage {
    world: Arc<Mutex<World>>,
    running: Running,
    meta: String,
    server: String,
    admin_token: String,
    directory: tempfile::TempDir,
    stop: CancellationToken,
    pub(super) account: Account,
}

impl Stage {
    /// Starts Meta and the server, connects an account and publishes the sample automation, all
    /// through the public API.
    pub(super) async fn build() -> anyhow::Result<Self> {
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        let world = Arc::new(Mutex::new(World::new(WorldConfig::default())));
        let stop = CancellationToken::new();
        let meta = raise_meta(&world, &stop).await?;
        let admin_token = hex(&crate::keys::nonce()?);
        let loaded = config::load(&sources(
            &meta,
            &admin_token,
            crate::keys::random_bytes()?,
            directory.path(),
        ))?;
        let running = wiring::start(&loaded.config, Arc::new(SystemClock)).await?;
        let server = format!("http://{}", running.address);
        let now = now().as_millis();
        let account = {
            let mut world = lock(&world);
            world.set_callback_url(Some(format!("{server}/webhooks/instagram")));
            let account = world.create_account(now, NewAccount::named("acme_store"))?;
            world.create_media(
                now,
                NewMedia {
                    account: account.ig_id.clone(),
                    ..NewMedia::default()
                },
            )?;
            account
        };
        let stage = Self {
            world,
            running,
            meta,
            server,
            admin_token,
            directory,
            stop,
            account,
        };
        println!(
            "Meta, simulated, plays at {}; the server listens at {}.",
            stage.meta, stage.server
        );
        stage.connect().await?;
        stage.publish().await?;
        Ok(stage)
    }

    /// The simulated Meta.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    /// The server's durable record.
    pub(super) fn store(&self) -> &Store {
        &self.running.store
    }

    async fn connect(&self) -> anyhow::Result<()> {
        let body = json!({
            "username": self.account.username,
            "access_token": self.account.token,
            "login": "instagram",
        });
        self.put(&format!("/api/v1/accounts/{}", self.account.ig_id), body)
            .await?;
        println!(
            "Connected the account @{} ({}).",
            self.account.username, self.account.ig_id
        );
        Ok(())
    }

    async fn publish(&self) -> anyhow::Result<()> {
        let body = json!({
            "name": AUTOMATION,
            "trigger": {"on": "comment"},
            "match": {"mode": "word", "any": ["link"]},
            "steps": [{
                "do": "private_reply",
                "text": "Hi {{ contact.username }}, here it is: https://example.com/guide",
            }],
        });
        self.put(&format!("/api/v1/automations/{AUTOMATION}"), body)
            .await?;
        println!("Published the automation {AUTOMATION}: the word \"link\" gets one DM.");
        Ok(())
    }

    async fn put(&self, path: &str, body: Value) -> anyhow::Result<()> {
        let client = reqwest::Client::builder()
            .timeout(std::time::Duration::from_secs(10))
            .build()
            .context("cannot build an HTTP client")?;
        let response = client
            .put(format!("{}{path}", self.server))
            .bearer_auth(&self.admin_token)
            .json(&body)
            .send()
            .await
            .with_context(|| format!("PUT {path} got no answer"))?;
        let status = response.status();
        anyhow::ensure!(
            status.is_success(),
            "PUT {path} answered {status}: {}",
            response.text().await.unwrap_or_default()
        );
        Ok(())
    }

    /// Says what to try while everything keeps running.
    pub(super) fn invite(&self) {
        println!("\nEverything keeps running until Ctrl-C. Try, in another terminal:");
        println!(
            "  curl -X POST {}/_sim/comments -H 'content-type: application/json' \\\n       -d '{{\"account\":\"{}\",\"person\":\"you\",\"text\":\"link please\"}}'",
            self.meta, self.account.username
        );
        println!(
            "  curl -H 'authorization: Bearer {}' {}/api/v1/sends",
            self.admin_token, self.server
        );
    }

    /// Ends everything the stage started.
    pub(super) async fn clear(self) {
        self.running.shut_down().await;
        self.stop.cancel();
        drop(self.directory);
    }
}

/// The present moment, as the demo's one clock tells it.
pub(super) fn now() -> Timestamp {
    SystemClock.now()
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn raise_meta(world: &Arc<Mutex<World>>, stop: &CancellationToken) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("no free loopback port")?;
    let address = listener
        .local_addr()
        .context("cannot tell the simulator's address")?;
    let clock: http::Clock = Arc::new(|| now().as_millis());
    let serving = http::serve(listener, Arc::clone(world), clock, None, stop.clone());
    tokio_util::task::TaskTracker::new().spawn(serving);
    Ok(format!("http://{address}"))
}

/// A configuration of nothing but what the stage decides: the machine's own files and environment
/// have no part in it.
fn sources(meta: &str, admin_token: &str, key: [u8; 32], directory: &std::path::Path) -> Sources {
    let world = WorldConfig::default();
    let variables = [
        ("HOOKLINE_SERVER__LISTEN", "127.0.0.1:0".to_owned()),
        (
            "HOOKLINE_STORE__URL",
            format!("sqlite:{}", directory.join("hookline.db").display()),
        ),
        ("HOOKLINE_META__APP_ID", world.app_id),
        ("HOOKLINE_META__APP_SECRETS", world.app_secrets.join(",")),
        ("HOOKLINE_META__VERIFY_TOKEN", world.verify_token),
        ("HOOKLINE_META__GRAPH_URL", format!("{meta}/fb")),
        ("HOOKLINE_META__INSTAGRAM_GRAPH_URL", format!("{meta}/ig")),
        ("HOOKLINE_ADMIN__TOKEN", admin_token.to_owned()),
        ("HOOKLINE_ENCRYPTION__KEYS", BASE64.encode(key)),
    ];
    Sources {
        file: None,
        directory: directory.to_owned(),
        variables: variables
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect(),
        flags: Flags::default(),
        purpose: Purpose::Serve,
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
