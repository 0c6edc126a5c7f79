//! The simulated Meta, Hookline beside it, and the accounts they have in common.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use hookline_sim::world::inspect::{Sent, SentKind};
use hookline_sim::world::{Limits, NewAccount};
use hookline_sim::{World, WorldConfig, http};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::FloodPlan;
use crate::api::{Api, TOKEN};
use crate::peer::{Peer, RunningPeer};
use crate::{epoch_ms, now};

/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// An account as both sides know it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: String,
    token: String,
    username: String,
}

/// Everything that runs.
pub(super) struct Scene {
    world: Arc<Mutex<World>>,
    pub(super) server: RunningPeer,
    pub(super) api: Api,
    pub(super) flooded: Known,
    pub(super) quiet: Vec<Known>,
    program: PathBuf,
    directory: PathBuf,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Scene {
    pub(super) async fn build(plan: &FloodPlan, directory: &Path) -> anyhow::Result<Self> {
        let world = Arc::new(Mutex::new(World::new(config(plan))));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let meta = listener.local_addr()?;
        let clock: http::Clock = Arc::new(epoch_ms);
        let face = http::serve(listener, Arc::clone(&world), clock, None, stop.clone());
        tasks.spawn(face);
        let server = start(plan, directory, meta).await?;
        let api = Api {
            address: server.address(),
        };
        let mut scene = Self {
            flooded: create(&world, "viral_store")?,
            quiet: (0..plan.quiet)
                .map(|number| create(&world, &format!("quiet_store_{number}")))
                .collect::<anyhow::Result<_>>()?,
            world,
            server,
            api,
            program: plan.hookline.clone(),
            directory: directory.to_owned(),
            stop,
            tasks,
        };
        scene.connect().await?;
        let callback = format!("http://{}/webhooks/instagram", api.address);
        scene.world().set_callback_url(Some(callback));
        Ok(scene)
    }

    async fn connect(&mut self) -> anyhow::Result<()> {
        for account in self.quiet.iter().chain([&self.flooded]) {
            let body = json!({
                "username": account.username,
                "access_token": account.token,
                "login": "instagram",
            });
            let path = format!("/accounts/{}", account.id);
            self.api.put(&path, &body).await?;
        }
        let automation = json!({
            "name": "link-on-comment",
            "trigger": {"on": "comment"},
            "match": {"mode": "word", "any": ["link"]},
            "steps": [{"do": "private_reply", "text": "Hi {{ contact.username }}, here it is"}],
        });
        let path = "/automations/link-on-comment";
        self.api.put(path, &automation).await?;
        Ok(())
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The private replies that reached someone, in their order.
    pub(super) fn replies(&self) -> Vec<Sent> {
        let mut sent = self.world().sent();
        sent.retain(|sent| sent.kind == SentKind::PrivateReply);
        sent
    }

    /// Waits until Meta has nothing left to deliver and every quiet account's reply has arrived;
    /// `false` when that does not come.
    pub(super) async fn wait_for_quiet_replies(&self, plan: &FloodPlan) -> bool {
        let until = now() + plan.first_reply_delay + plan.patience;
        while now() < until {
            let arrived = self
                .replies()
                .iter()
                .filter(|sent| !self.is_flooded(sent))
                .count();
            if arrived >= self.quiet.len() && self.world().is_settled() {
                return true;
            }
            tokio::time::sleep(GLANCE).await;
        }
        false
    }

    pub(super) fn is_flooded(&self, sent: &Sent) -> bool {
        sent.account == self.flooded.id
    }

    /// When Meta no longer allows an answer to each of the comments: seven days after it was
    /// written (contract 5.8).
    pub(super) fn deadlines(&self, comments: &[String]) -> anyhow::Result<Vec<i64>> {
        const WEEK_MS: i64 = 7 * 24 * 3_600_000;
        let world = self.world();
        comments
            .iter()
            .map(|id| Ok(world.find_comment(id)?.created_ms + WEEK_MS))
            .collect()
    }

    /// What `hookline queue` prints.
    pub(super) fn words(&self) -> anyhow::Result<String> {
        let output = Command::new(&self.program)
            .arg("queue")
            .env("HOOKLINE_STORE__URL", "sqlite:bench.db")
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .output()
            .context("starting hookline queue")?;
        if !output.status.success() {
            bail!(
                "hookline queue ended with {}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub(super) async fn clear(self) {
        drop(self.server);
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// A world whose logs hold everything a flood does.
fn config(plan: &FloodPlan) -> WorldConfig {
    let comments = usize::try_from(plan.comments.saturating_add(plan.quiet)).unwrap_or(usize::MAX);
    WorldConfig {
        limits: Limits {
            log_entries: comments.saturating_mul(2).saturating_add(10_000),
            ..Limits::default()
        },
        ..WorldConfig::default()
    }
}

async fn start(
    plan: &FloodPlan,
    directory: &Path,
    meta: SocketAddr,
) -> anyhow::Result<RunningPeer> {
    let variables = [
        ("HOOKLINE_META__GRAPH_URL", format!("http://{meta}/fb")),
        (
            "HOOKLINE_META__INSTAGRAM_GRAPH_URL",
            format!("http://{meta}/ig"),
        ),
        ("HOOKLINE_ADMIN__TOKEN", TOKEN.to_owned()),
        (
            "HOOKLINE_SENDING__FIRST_REPLY_DELAY",
            format!("{}ms", plan.first_reply_delay.as_millis()),
        ),
    ];
    let peer = Peer::Hookline {
        program: plan.hookline.clone(),
    };
    let directory = directory.to_owned();
    let starting = tokio::task::spawn_blocking(move || {
        RunningPeer::start_with(&peer, &directory, None, &variables)
    });
    starting.await.context("starting hookline")?
}

fn create(world: &Mutex<World>, username: &str) -> anyhow::Result<Known> {
    let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
    let account = world.create_account(epoch_ms(), NewAccount::named(username))?;
    Ok(Known {
        id: account.ig_id,
        token: account.token,
        username: account.username,
    })
}
