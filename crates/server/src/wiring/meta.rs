//! What calls Meta, built from the configuration; commands use it too.

use std::sync::Arc;
use std::time::Duration;

use hookline_engine::connect::{Connector, LoginApps, Nonces};
use hookline_engine::keyring::KeyRing;
use hookline_engine::subscribe::{AppWebhook, Subscriber};
use hookline_meta::graph::{AppCredentials, GraphClient, GraphConfig, OAuthHosts};
use hookline_model::clock::Clock;
use hookline_model::limits::GRAPH_CALL_MAX;
use hookline_store::Store;
use tokio::sync::Notify;

use crate::clock::SystemClock;
use crate::config::Config;

/// Where Meta delivers to, behind the public address.
pub const WEBHOOK_PATH: &str = "/webhooks/instagram";

/// The client of the Graph API.
pub fn graph(config: &Config) -> anyhow::Result<Arc<GraphClient>> {
    graph_within(config, GRAPH_CALL_MAX)
}

/// The client of the Graph API for somebody who waits: no call takes longer than `limit`.
pub fn graph_within(config: &Config, limit: Duration) -> anyhow::Result<Arc<GraphClient>> {
    let hosts = GraphConfig {
        graph_url: config.meta.graph_url.as_str().to_owned(),
        instagram_graph_url: config.meta.instagram_graph_url.as_str().to_owned(),
        api_version: config.meta.api_version.clone(),
    };
    Ok(Arc::new(GraphClient::with_call_limit(hosts, limit)?))
}

/// The address Meta is to deliver to, where the configuration says it.
pub fn callback_url(config: &Config) -> Option<String> {
    let public = config.server.public_url.as_ref()?;
    Some(format!(
        "{}{WEBHOOK_PATH}",
        public.as_str().trim_end_matches('/')
    ))
}

/// Where people connect accounts, where the configuration says it.
pub fn connect_page(config: &Config) -> Option<String> {
    let public = config.server.public_url.as_ref()?;
    Some(format!("{}/oauth", public.as_str().trim_end_matches('/')))
}

/// The Meta app, where the configuration says it.
pub fn meta_app(config: &Config) -> Option<AppCredentials> {
    Some(AppCredentials {
        id: config.meta.app_id.clone()?,
        secret: config.meta.app_secrets.first()?.clone(),
    })
}

/// The app of each login.
pub fn login_apps(config: &Config) -> LoginApps {
    let meta = &config.meta;
    let instagram = match (&meta.instagram_app_id, &meta.instagram_app_secret) {
        (Some(id), Some(secret)) => Some(AppCredentials {
            id: id.clone(),
            secret: secret.clone(),
        }),
        _ => meta_app(config),
    };
    LoginApps {
        instagram,
        facebook: meta_app(config),
    }
}

/// Asks Meta to deliver, as far as the configuration allows.
pub fn subscriber(config: &Config, graph: &Arc<GraphClient>) -> Subscriber {
    let webhook = match (
        meta_app(config),
        callback_url(config),
        &config.meta.verify_token,
    ) {
        (Some(app), Some(callback_url), Some(verify_token)) => Some(AppWebhook {
            app,
            callback_url,
            verify_token: verify_token.clone(),
        }),
        _ => None,
    };
    Subscriber::new(Arc::clone(graph), config.meta.app_id.clone(), webhook)
}

/// What a connector shares with the rest.
pub struct Shared<'a> {
    /// The durable record.
    pub store: &'a Arc<Store>,
    /// The time.
    pub clock: &'a Arc<dyn Clock>,
    /// Meta.
    pub graph: &'a Arc<GraphClient>,
    /// Seals tokens.
    pub keys: &'a Arc<KeyRing>,
    /// Nonces for tokens.
    pub nonces: &'a Nonces,
    /// Wakes the workers.
    pub wake: &'a Arc<Notify>,
}

/// Connects accounts.
pub fn connector(config: &Config, shared: &Shared<'_>) -> Connector {
    let meta = &config.meta;
    Connector {
        store: Arc::clone(shared.store),
        clock: Arc::clone(shared.clock),
        graph: Arc::clone(shared.graph),
        keys: Arc::clone(shared.keys),
        hosts: OAuthHosts {
            facebook_oauth_url: meta.facebook_oauth_url.as_str().to_owned(),
            instagram_oauth_url: meta.instagram_oauth_url.as_str().to_owned(),
            instagram_token_url: meta.instagram_token_url.as_str().to_owned(),
        },
        apps: login_apps(config),
        subscriber: subscriber(config, shared.graph),
        nonces: Nonces::clone(shared.nonces),
        wake: Arc::clone(shared.wake),
    }
}

/// Connects accounts from the command line, beside a running server or without one.
pub fn connector_for_command(
    config: &Config,
    store: &Arc<Store>,
    keys: KeyRing,
) -> anyhow::Result<Connector> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Ok(connector(
        config,
        &Shared {
            store,
            clock: &clock,
            graph: &graph(config)?,
            keys: &Arc::new(keys),
            nonces: &super::nonces()?,
            wake: &Arc::new(Notify::new()),
        },
    ))
}
