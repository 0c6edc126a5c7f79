//! A database in which everything has happened that happens to deliveries.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use hookline_engine::interpret::Interpreter;
use hookline_engine::settings::Settings;
use hookline_model::account::Login;
use hookline_model::attempt::{AttemptOutcome, MetaAnswer};
use hookline_model::budget::Budget;
use hookline_model::clock::{Clock, Timestamp};
use hookline_model::ids::{AccountId, DeliveryId, MessageId};
use hookline_store::lanes::{
    Budgets, ClaimRequest, ClaimedLane, Ending, FinishAttempt, LaneEffect, StartAttempt,
    StartResult, StartedAttempt,
};
use hookline_store::packs::NextPack;
use hookline_store::{
    ConnectAccount, Grant, Ownership, RecordDelivery, SealedToken, Sizes, Store, StoreError,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::mixed::{Deliveries, Mix};
use crate::now;

const START: i64 = 1_790_000_000_000;

/// Deliveries that wait for their commit at once.
const AT_ONCE: usize = 1000;

/// Of so many deliveries one is compared with what was recorded.
const COMPARED: usize = 7;

struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

pub(super) struct Scene {
    store: Arc<Store>,
    clock: Arc<Hands>,
    deliveries: Deliveries,
    /// Some of what was recorded.
    kept: Vec<(DeliveryId, Bytes)>,
    _directory: TempDir,
}

impl Scene {
    /// A database with accounts and an automation.
    pub(super) async fn build(directory: TempDir, mix: Mix) -> anyhow::Result<Self> {
        let url = format!("sqlite:{}", directory.path().join("hookline.db").display());
        let scene = Self {
            store: Arc::new(Store::open(&url, Ownership::Exclusive)?),
            clock: Arc::new(Hands(AtomicI64::new(START))),
            deliveries: Deliveries::new(mix, 1),
            kept: Vec::new(),
            _directory: directory,
        };
        for (number, id) in scene.deliveries.accounts().enumerate() {
            let account = ConnectAccount {
                id: AccountId::new(id),
                username: format!("shop.{number}"),
                login: Login::Instagram,
                app_scoped_id: None,
                token: SealedToken {
                    key: vec![0; 4],
                    bytes: vec![1; 200],
                },
                grant: Grant::default(),
            };
            scene
                .store
                .connect_account(account, scene.clock.now())
                .await?;
        }
        let name = "link-on-comment";
        let document = serde_json::json!({
            "name": name, "accounts": ["*"], "trigger": {"on": "comment"},
            "match": {"mode": "word", "any": ["link", "guide"]},
            "limit": {"once_per": "person-and-media"},
            "steps": [{"do": "private_reply",
                       "text": "Hi {{ contact.username }}, here it is: https://example.com/guide"}],
        });
        let publish = scene
            .store
            .publish_automation(name.to_owned(), document, scene.clock.now());
        publish.await?;
        Ok(scene)
    }

    /// Records so many deliveries; answers with their bytes.
    pub(super) async fn record(&mut self, count: usize) -> anyhow::Result<usize> {
        let mut recording = JoinSet::new();
        let mut raw_bytes = 0;
        for number in 0..count {
            let body = self
                .deliveries
                .next()
                .context("there are no more deliveries")?;
            raw_bytes += body.len();
            let received_at = self.clock.now();
            self.clock.0.fetch_add(10, Ordering::Relaxed);
            let store = Arc::clone(&self.store);
            recording.spawn(async move {
                let delivery = RecordDelivery {
                    received_at,
                    secret_index: 0,
                    api_version: Some("v26.0".to_owned()),
                    body: body.clone(),
                };
                let kept = number.is_multiple_of(COMPARED).then_some(body);
                store.record_delivery(delivery).await.map(|id| (id, kept))
            });
            if recording.len() >= AT_ONCE {
                self.keep(
                    recording
                        .join_next()
                        .await
                        .context("nothing is recorded")??,
                )?;
            }
        }
        while let Some(recorded) = recording.join_next().await {
            self.keep(recorded?)?;
        }
        Ok(raw_bytes)
    }

    fn keep(
        &mut self,
        recorded: Result<(DeliveryId, Option<Bytes>), StoreError>,
    ) -> anyhow::Result<()> {
        let (id, body) = recorded?;
        self.kept.extend(body.map(|body| (id, body)));
        Ok(())
    }

    /// Interprets and routes everything.
    pub(super) async fn interpret(&self) -> anyhow::Result<()> {
        let mut interpreter = Interpreter::new(
            Arc::clone(&self.store),
            Arc::<Hands>::clone(&self.clock),
            Arc::new(Settings::default()),
            StdRng::seed_from_u64(1),
        );
        while interpreter.tick().await?.deliveries > 0 {}
        Ok(())
    }

    /// Sends everything that is owed to a Meta that takes it at once.
    pub(super) async fn send(&self) -> anyhow::Result<()> {
        let minute = 60_000;
        self.clock.0.fetch_add(minute, Ordering::Relaxed);
        loop {
            let lanes = self.store.claim_lanes(request(), self.clock.now()).await?;
            if lanes.is_empty() {
                return Ok(());
            }
            let mut working = JoinSet::new();
            for lane in lanes {
                working.spawn(work(Arc::clone(&self.store), lane, self.clock.now()));
            }
            while let Some(worked) = working.join_next().await {
                worked??;
            }
            self.clock.0.fetch_add(minute, Ordering::Relaxed);
        }
    }

    /// Compresses all there is, as a day later; answers with how long each swap took, the shortest
    /// first.
    pub(super) async fn pack(&self) -> anyhow::Result<Vec<Duration>> {
        let before = self.clock.now().plus(Duration::from_hours(24));
        let mut swaps = Vec::new();
        while let NextPack::Pack(pack) = self.store.next_pack(before, before).await? {
            let begun = now();
            self.store.commit_pack(pack).await?;
            swaps.push(begun.elapsed());
        }
        swaps.sort_unstable();
        Ok(swaps)
    }

    pub(super) async fn sizes(&self) -> anyhow::Result<Sizes> {
        Ok(self.store.sizes().await?)
    }

    /// Compares some of what is in the database with what was recorded.
    pub(super) async fn compare(&self) -> anyhow::Result<()> {
        ensure!(!self.kept.is_empty(), "nothing was recorded");
        for (id, body) in &self.kept {
            let found = self.store.find_delivery(*id).await?;
            let (_, bytes) = found.with_context(|| format!("delivery {id} is gone"))?;
            ensure!(bytes == *body, "delivery {id} is not what was recorded");
        }
        Ok(())
    }
}

/// As much at once as there may be: here nothing is paced.
fn request() -> ClaimRequest {
    let budget = Budget::new(1_000_000_000, Duration::from_secs(1), 1_000_000);
    ClaimRequest {
        lease: Duration::from_mins(10),
        lanes: 50,
        sends_per_lane: 500,
        budgets: Budgets {
            private_reply: budget,
            live_private_reply: budget,
            text: budget,
            media: budget,
            public_reply: budget,
        },
    }
}

async fn work(store: Arc<Store>, lane: ClaimedLane, now: Timestamp) -> anyhow::Result<()> {
    let budget = request().budgets.of(lane.claim.class);
    let mut attempts = Vec::with_capacity(lane.sends.len());
    let mut recipients = Vec::with_capacity(lane.sends.len());
    for send in lane.sends {
        let username = send.contact_username.as_deref().unwrap_or_default();
        let attempt = StartAttempt {
            send: send.id,
            text: format!("Hi {username}, here it is: https://example.com/guide"),
            budget,
            learnt: None,
        };
        attempts.push((lane.claim.clone(), attempt));
        recipients.push(send.contact_id);
    }
    let started = store.start_attempts(attempts, now).await;
    let mut endings = Vec::with_capacity(started.len());
    for (started, recipient_id) in started.into_iter().zip(recipients) {
        let StartResult::Started(attempt) = started? else {
            bail!("a send was not started");
        };
        let outcome = AttemptOutcome::Accepted {
            message_id: Some(message_id(attempt.send.0)),
            recipient_id,
        };
        endings.push(accepted(attempt, outcome, now));
    }
    if let Some(last) = endings.last_mut() {
        last.release = Some(lane.claim);
    }
    for is_kept in store.end_attempts(endings, request().budgets, now).await {
        ensure!(is_kept?, "a send was settled twice");
    }
    Ok(())
}

fn accepted(attempt: StartedAttempt, outcome: AttemptOutcome, now: Timestamp) -> Ending {
    Ending {
        finish: Some(FinishAttempt {
            attempt,
            outcome,
            answer: MetaAnswer {
                http_status: Some(200),
                ..MetaAnswer::default()
            },
            retry_at: now,
            effect: LaneEffect::None,
        }),
        release: None,
    }
}

/// As long as Meta's.
fn message_id(number: i64) -> MessageId {
    MessageId::new(format!(
        "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQxNDAwMDAwMDAwMDAxOjM0MDI4MjM2Njg0MTcxMDMwMTI0\
         NDIwMDAwMDAwMDAwMDAwMDAwMTozMjQwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA{number:08}QZDZD"
    ))
}
