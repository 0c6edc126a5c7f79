//! Builds the whole server once, in reading order.

pub mod meta;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use hookline_engine::alerts::Alerts;
use hookline_engine::erase::Eraser;
use hookline_engine::interpret::Interpreter;
use hookline_engine::keyring::{KeyRing, NONCE_BYTES};
use hookline_engine::media::MediaReader;
use hookline_engine::pack::Packer;
use hookline_engine::reconcile::Reconciler;
use hookline_engine::record::Recorder;
use hookline_engine::send::SendWorker;
use hookline_engine::settings::{OptWords, Settings};
use hookline_engine::upkeep::{Upkeep, UpkeepSettings};
use hookline_engine::worker::{HouseWorkers, Observer, Workers};
use hookline_meta::signature::Verifier;
use hookline_model::budget::Budget;
use hookline_model::clock::Clock;
use hookline_store::lanes::Budgets;
use hookline_store::{Ownership, Store};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, SendingConfig, StoreUrl};
use crate::http::api::{self, ApiState, Nonces};
use crate::http::callbacks::{self, CallbackState};
use crate::http::health::{self, HealthState};
use crate::http::listener::{self, Listener, ListenerConfig, Site};
use crate::http::oauth::{self, OAuthState};
use crate::http::webhook::{Webhook, WebhookConfig};
use crate::keys;
use crate::metrics::Metrics;
use crate::notify::Outside;

/// A server that runs.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its durable record.
    pub store: Arc<Store>,
    stop: CancellationToken,
    tracker: TaskTracker,
    shutdown_timeout: Duration,
}

impl Running {
    /// Stops accepting, finishes what is in flight within the time limit, and closes the store.
    /// Says whether everything was finished in time; what was not is found again by its lease.
    pub async fn shut_down(self) -> bool {
        // What is cut off at the limit needs a moment to end.
        const CUT_OFF: Duration = Duration::from_secs(2);
        self.stop.cancel();
        self.tracker.close();
        let limit = self.shutdown_timeout + CUT_OFF;
        let finished = tokio::time::timeout(limit, self.tracker.wait())
            .await
            .is_ok();
        self.store.close().await;
        finished
    }
}

/// Starts everything `config` asks for. Nothing is left running when this fails.
pub async fn start(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<Running> {
    let store_url = store_url(&config.store.url);
    let store = Arc::new(Store::open(&store_url, Ownership::Exclusive)?);
    let loaded = keys::load(&config.encryption, &config.store.url)?;
    if let Some(warning) = &loaded.warning {
        tracing::warn!("{warning}");
    }
    let keys = Arc::new(loaded.ring);
    let listener = bind(&config.server.listen).await?;
    let address = listener
        .local_addr()
        .context("cannot tell the address listened on")?;
    let metrics = Arc::new(Metrics::new());
    let recorded = Arc::new(Notify::new());
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());

    let workers = workers(config, &store, &clock, &keys, (&recorded, &metrics))?;
    let recovered = workers.reconciler.recover_all().await?;
    if recovered.unknown + recovered.untried > 0 {
        let (unknown, untried) = (recovered.unknown, recovered.untried);
        tracing::warn!(
            unknown,
            untried,
            "took over sends an earlier run had not finished"
        );
    }
    if config.server.is_receive_only {
        workers.start_receiving_only(&tracker, &stop);
    } else {
        workers.start(&tracker, &stop);
    }

    let webhook = webhook(config, &store, &recorded, (&metrics, &clock));
    let rest = rest(config, &store, keys, recorded, (&metrics, &clock))?;
    let limits = ListenerConfig {
        header_timeout: config.server.header_timeout,
        body_timeout: config.server.body_timeout,
        idle_timeout: config.server.idle_timeout,
        max_connections: config.server.max_connections,
        shutdown_timeout: config.server.shutdown_timeout,
    };
    tracker.spawn(listener::serve(
        listener,
        limits,
        Site {
            webhook,
            rest,
            metrics,
            clock,
        },
        stop.clone(),
        tracker.clone(),
    ));
    tracing::info!(%address, store = %store.path().display(), "listening");
    let shutdown_timeout = config.server.shutdown_timeout;
    Ok(Running {
        address,
        store,
        stop,
        tracker,
        shutdown_timeout,
    })
}

fn webhook(
    config: &Config,
    store: &Arc<Store>,
    recorded: &Arc<Notify>,
    (metrics, clock): (&Arc<Metrics>, &Arc<dyn Clock>),
) -> Arc<Webhook> {
    Arc::new(Webhook::new(
        WebhookConfig {
            verify_token: config.meta.verify_token.clone(),
            body_limit: config.server.body_limit,
            body_timeout: config.server.body_timeout,
        },
        Verifier::new(&config.meta.app_secrets),
        Arc::new(Recorder::new(Arc::clone(store), Arc::clone(recorded))),
        Arc::clone(metrics),
        Arc::clone(clock),
    ))
}

/// Everything but the webhook.
fn rest(
    config: &Config,
    store: &Arc<Store>,
    keys: Arc<KeyRing>,
    wake: Arc<Notify>,
    (metrics, clock): (&Arc<Metrics>, &Arc<dyn Clock>),
) -> anyhow::Result<axum::Router> {
    let nonces = nonces()?;
    let public_url = config
        .server
        .public_url
        .as_ref()
        .map(|url| url.as_str().to_owned());
    let shared = meta::Shared {
        store,
        clock,
        graph: &meta::graph(config)?,
        keys: &keys,
        nonces: &nonces,
        wake: &wake,
    };
    let connector = Arc::new(meta::connector(config, &shared));
    let oauth = oauth::router(OAuthState {
        connector: Arc::clone(&connector),
        clock: Arc::clone(clock),
        public_url: public_url.clone(),
        nonces: Nonces::clone(&nonces),
        password: config.connect.password.clone(),
    });
    let callbacks = callbacks::router(CallbackState {
        store: Arc::clone(store),
        clock: Arc::clone(clock),
        verifier: Arc::new(Verifier::new(&config.meta.app_secrets)),
        public_url,
        nonces: Nonces::clone(&nonces),
        refused: Arc::default(),
    });
    let api = api::router(ApiState {
        store: Arc::clone(store),
        keys,
        connector,
        clock: Arc::clone(clock),
        budgets: budgets(&config.sending),
        connect_page: meta::connect_page(config),
        admin_token: config.admin.token.clone(),
        wake,
        nonces,
    });
    Ok(api
        .merge(callbacks)
        .merge(oauth)
        .merge(health::health_router(HealthState::new(
            Arc::clone(store),
            Arc::clone(clock),
            Arc::clone(metrics),
            config.metrics.token.clone(),
        ))))
}

/// The URL of the store, as the store reads it.
pub fn store_url(url: &StoreUrl) -> String {
    match url {
        StoreUrl::Sqlite { path } => format!("sqlite:{}", path.display()),
    }
}

/// Nonces for tokens, from a generator the system seeds.
pub fn nonces() -> anyhow::Result<Nonces> {
    let random = Mutex::new(StdRng::from_seed(keys::random_bytes()?));
    Ok(Arc::new(move || {
        let mut nonce = [0; NONCE_BYTES];
        random
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(&mut nonce);
        nonce
    }))
}

async fn bind(listen: &str) -> anyhow::Result<Listener> {
    let hint = || {
        format!(
            "cannot listen on {listen}: is another server there already? \
             Choose another address with server.listen or --listen"
        )
    };
    Listener::bind(listen).await.with_context(hint)
}

fn workers(
    config: &Config,
    store: &Arc<Store>,
    clock: &Arc<dyn Clock>,
    keys: &Arc<KeyRing>,
    (recorded, metrics): (&Arc<Notify>, &Arc<Metrics>),
) -> anyhow::Result<Workers> {
    let settings = Arc::new(settings(config));
    let graph = meta::graph(config)?;
    let observer: Arc<dyn Observer> = metrics.clone();
    let sender = SendWorker::new(
        Arc::clone(store),
        Arc::clone(clock),
        Arc::clone(&graph),
        Arc::clone(keys),
        Arc::clone(&settings),
        Arc::clone(&observer),
    );
    let media = MediaReader::new(
        Arc::clone(store),
        Arc::clone(clock),
        Arc::clone(&graph),
        sender.clone(),
    );
    let random = StdRng::from_seed(keys::random_bytes()?);
    let upkeep = Upkeep {
        store: Arc::clone(store),
        clock: Arc::clone(clock),
        graph: Arc::clone(&graph),
        keys: Arc::clone(keys),
        sender: sender.clone(),
        subscriber: meta::subscriber(config, &graph),
        settings: upkeep_settings(config),
        random: Mutex::new(StdRng::from_seed(keys::random_bytes()?)),
        recorded: Arc::clone(recorded),
    };
    let packer = Packer::new(Arc::clone(store), Arc::clone(clock), Arc::clone(&settings));
    Ok(Workers {
        store: Arc::clone(store),
        clock: Arc::clone(clock),
        recorded: Arc::clone(recorded),
        interpreter: Interpreter::new(
            Arc::clone(store),
            Arc::clone(clock),
            Arc::clone(&settings),
            random,
        ),
        media,
        reconciler: Reconciler::new(
            Arc::clone(store),
            Arc::clone(clock),
            graph,
            settings,
            sender.clone(),
        ),
        sender,
        lanes_at_once: config.sending.workers,
        house: HouseWorkers {
            alerts: Alerts::new(
                Arc::clone(store),
                Arc::clone(clock),
                metrics.clone(),
                Arc::new(Outside::new(&config.alerts, meta::connect_page(config))?),
            ),
            eraser: Eraser::new(Arc::clone(store), Arc::clone(clock)),
            packer,
            upkeep,
        },
        observer,
    })
}

fn upkeep_settings(config: &Config) -> UpkeepSettings {
    UpkeepSettings {
        manages_subscription: config.meta.manage_subscription,
        watch_every: config.watch.subscriptions_every,
        listen_every: config.watch.silence_every,
        conversation_reads: config.sending.conversation_reads_per_second,
    }
}

fn settings(config: &Config) -> Settings {
    let sending = &config.sending;
    Settings {
        first_reply_delay: sending.first_reply_delay,
        dm_delay: sending.dm_delay,
        budgets: budgets(sending),
        stop_words: OptWords::new(&config.optout.stop_words),
        start_words: OptWords::new(&config.optout.start_words),
        keep_unknown_accounts: config.retention.unknown_accounts,
        compress_after: config.retention.compress_after,
        conversation_reads: sending.conversation_reads_per_second,
    }
}

/// How fast each class of send may go.
pub fn budgets(sending: &SendingConfig) -> Budgets {
    let hour = Duration::from_hours(1);
    let second = Duration::from_secs(1);
    let burst = sending.private_reply_burst;
    Budgets {
        private_reply: Budget::new(sending.private_replies_per_hour, hour, burst),
        public_reply: Budget::new(sending.public_replies_per_hour, hour, burst),
        live_private_reply: Budget::new(sending.live_private_replies_per_second, second, burst),
        text: Budget::new(sending.texts_per_second, second, burst),
        media: Budget::new(sending.media_per_second, second, burst),
    }
}
