//! The sections of a configuration as plain values.

use std::path::PathBuf;
use std::time::Duration;

use hookline_engine::keyring::EncryptionKey;
use hookline_model::secret::Secret;

use super::reader::Reader;
use super::value::{self, BaseUrl, LogFormat, StoreUrl};
use super::{Config, alerts};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// The least that any time limit can be and still let a healthy client through.
const TIMEOUT_MIN: Duration = Duration::from_millis(100);

/// `[server]`
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// `host:port` to listen on.
    pub listen: String,
    /// The address Meta and browsers reach this server under.
    pub public_url: Option<BaseUrl>,
    /// Largest request body, in bytes.
    pub body_limit: usize,
    /// How long a client may take to send a header.
    pub header_timeout: Duration,
    /// How long a client may take to send a body.
    pub body_timeout: Duration,
    /// How long a connection may stay open without a request.
    pub idle_timeout: Duration,
    /// Connections open at once.
    pub max_connections: usize,
    /// Whether what is recorded is left alone: nothing is interpreted, nothing is sent.
    pub is_receive_only: bool,
    /// How long requests under way may take to finish at the end.
    pub shutdown_timeout: Duration,
}

/// `[store]`
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Where everything is kept.
    pub url: StoreUrl,
}

/// `[queue]`; this version hands work over inside the process only, so it holds nothing.
#[derive(Debug, Clone, Copy)]
pub struct QueueConfig;

/// `[meta]`
#[derive(Debug, Clone)]
pub struct MetaConfig {
    /// The app's id: digits.
    pub app_id: Option<String>,
    /// All accepted; the first signs our own calls. Never empty for `serve`.
    pub app_secrets: Vec<Secret>,
    /// The word of the handshake; without it every handshake is refused.
    pub verify_token: Option<Secret>,
    /// The Graph API for Facebook Login.
    pub graph_url: BaseUrl,
    /// The Graph API for Instagram Login.
    pub instagram_graph_url: BaseUrl,
    /// The Graph API's version, such as `v26.0`.
    pub api_version: String,
    /// Where Facebook Login asks for consent.
    pub facebook_oauth_url: BaseUrl,
    /// Where Instagram Login asks for consent.
    pub instagram_oauth_url: BaseUrl,
    /// Where Instagram Login exchanges codes.
    pub instagram_token_url: BaseUrl,
    /// The app of Instagram Login, where it differs.
    pub instagram_app_id: Option<String>,
    /// Its secret.
    pub instagram_app_secret: Option<Secret>,
    /// Whether `serve` keeps the app's subscription itself.
    pub manage_subscription: bool,
}

/// `[watch]`
#[derive(Debug, Clone, Copy)]
pub struct WatchConfig {
    /// How often subscriptions are looked at.
    pub subscriptions_every: Duration,
    /// How often missed comments are looked for.
    pub silence_every: Duration,
}

/// `[sending]`; every rate is for each account.
#[derive(Debug, Clone)]
pub struct SendingConfig {
    /// From the receipt of a comment to its first reply.
    pub first_reply_delay: Duration,
    /// From the receipt of a message to the first answer.
    pub dm_delay: Duration,
    /// Private replies in any hour.
    pub private_replies_per_hour: u32,
    /// Of those, at once; at most [`Self::private_replies_per_hour`].
    pub private_reply_burst: u32,
    /// Public replies in any hour.
    pub public_replies_per_hour: u32,
    /// Private replies to live comments in any second.
    pub live_private_replies_per_second: u32,
    /// Text messages in any second.
    pub texts_per_second: u32,
    /// Messages with media in any second.
    pub media_per_second: u32,
    /// Reads of conversations in any second.
    pub conversation_reads_per_second: u32,
    /// Lanes worked at once, each with a few calls to Meta under way.
    pub workers: usize,
}

/// `[admin]`
#[derive(Debug, Clone)]
pub struct AdminConfig {
    /// The bearer token of the REST API; without it the API is closed.
    pub token: Option<Secret>,
}

/// `[encryption]`
#[derive(Debug, Clone)]
pub struct EncryptionConfig {
    /// The first encrypts, all decrypt. Empty: the key file beside the database is used.
    pub keys: Vec<EncryptionKey>,
}

/// `[connect]`
#[derive(Debug, Clone)]
pub struct ConnectConfig {
    /// What the page that begins a login asks for; without it the page is open.
    pub password: Option<Secret>,
}

/// `[metrics]`
#[derive(Debug, Clone)]
pub struct MetricsConfig {
    /// The bearer token of `/metrics`; without it the metrics are open.
    pub token: Option<Secret>,
}

/// `[retention]`
#[derive(Debug, Clone, Copy)]
pub struct RetentionConfig {
    /// How long deliveries for accounts that are not connected are kept.
    pub unknown_accounts: Duration,
    /// How old deliveries are when they are compressed.
    pub compress_after: Duration,
}

/// `[optout]`; words as written, to be compared in the form all text is compared in.
#[derive(Debug, Clone)]
pub struct OptoutConfig {
    /// Always holds `stop` and `unsubscribe`.
    pub stop_words: Vec<String>,
    /// Always holds `start`.
    pub start_words: Vec<String>,
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// A level, or levels by module.
    pub level: String,
    /// For people or machines.
    pub format: LogFormat,
}

/// Reads every section. What has a problem is replaced by something harmless, for the rest to be
/// read all the same; the reader's problems keep it from being used.
pub(super) fn read(reader: &mut Reader) -> Config {
    reader.optional("queue.url", value::no_queue_url);
    Config {
        server: read_server(reader),
        store: StoreConfig {
            url: reader.required(
                "store.url",
                StoreUrl::Sqlite {
                    path: PathBuf::new(),
                },
                value::store_url,
            ),
        },
        queue: QueueConfig,
        meta: read_meta(reader),
        sending: read_sending(reader),
        watch: WatchConfig {
            subscriptions_every: reader
                .duration("watch.subscriptions_every", Duration::from_secs(10)..=DAY),
            silence_every: reader.duration("watch.silence_every", Duration::from_secs(10)..=DAY),
        },
        admin: AdminConfig {
            token: reader.secret("admin.token"),
        },
        encryption: EncryptionConfig {
            keys: reader.list_of("encryption.keys", value::encryption_key),
        },
        connect: ConnectConfig {
            password: reader.secret("connect.password"),
        },
        metrics: MetricsConfig {
            token: reader.secret("metrics.token"),
        },
        retention: RetentionConfig {
            unknown_accounts: reader.duration("retention.unknown_accounts", HOUR..=365 * DAY),
            compress_after: reader.duration("retention.compress_after", Duration::ZERO..=365 * DAY),
        },
        alerts: alerts::read(reader),
        optout: OptoutConfig {
            stop_words: words(reader, "optout.stop_words", &["stop", "unsubscribe"]),
            start_words: words(reader, "optout.start_words", &["start"]),
        },
        log: LogConfig {
            level: reader.required("log.level", "info".to_owned(), value::log_level),
            format: reader.required("log.format", LogFormat::Text, value::log_format),
        },
    }
}

fn read_server(reader: &mut Reader) -> ServerConfig {
    ServerConfig {
        listen: reader.required("server.listen", String::new(), value::address),
        public_url: reader.optional("server.public_url", value::base_url),
        body_limit: reader.size("server.body_limit", 1024..=64 * 1024 * 1024),
        header_timeout: reader.duration("server.header_timeout", TIMEOUT_MIN..=HOUR),
        body_timeout: reader.duration("server.body_timeout", TIMEOUT_MIN..=HOUR),
        idle_timeout: reader.duration("server.idle_timeout", TIMEOUT_MIN..=HOUR),
        max_connections: reader.count("server.max_connections", 1..=1_000_000),
        is_receive_only: reader.required("server.receive_only", false, value::truth),
        shutdown_timeout: reader.duration("server.shutdown_timeout", Duration::ZERO..=HOUR),
    }
}

fn read_meta(reader: &mut Reader) -> MetaConfig {
    MetaConfig {
        app_id: reader.optional("meta.app_id", value::app_id),
        app_secrets: reader
            .list("meta.app_secrets")
            .iter()
            .filter(|entry| !entry.is_empty())
            .map(|entry| Secret::new(entry.as_str()))
            .collect(),
        verify_token: reader.secret("meta.verify_token"),
        graph_url: read_url(reader, "meta.graph_url"),
        instagram_graph_url: read_url(reader, "meta.instagram_graph_url"),
        api_version: reader.required("meta.api_version", String::new(), value::api_version),
        facebook_oauth_url: read_url(reader, "meta.facebook_oauth_url"),
        instagram_oauth_url: read_url(reader, "meta.instagram_oauth_url"),
        instagram_token_url: read_url(reader, "meta.instagram_token_url"),
        instagram_app_id: reader.optional("meta.instagram_app_id", value::app_id),
        instagram_app_secret: reader.secret("meta.instagram_app_secret"),
        manage_subscription: reader.required("meta.manage_subscription", false, value::truth),
    }
}

fn read_url(reader: &mut Reader, path: &str) -> BaseUrl {
    reader.required(path, BaseUrl::unusable(), value::base_url)
}

fn read_sending(reader: &mut Reader) -> SendingConfig {
    SendingConfig {
        first_reply_delay: reader.duration("sending.first_reply_delay", Duration::ZERO..=DAY),
        dm_delay: reader.duration("sending.dm_delay", Duration::ZERO..=HOUR),
        private_replies_per_hour: reader.count("sending.private_replies_per_hour", 1..=1_000_000),
        private_reply_burst: reader.count("sending.private_reply_burst", 1..=1_000_000),
        public_replies_per_hour: reader.count("sending.public_replies_per_hour", 1..=1_000_000),
        live_private_replies_per_second: reader
            .count("sending.live_private_replies_per_second", 1..=10_000),
        texts_per_second: reader.count("sending.texts_per_second", 1..=10_000),
        media_per_second: reader.count("sending.media_per_second", 1..=10_000),
        conversation_reads_per_second: reader
            .count("sending.conversation_reads_per_second", 1..=10_000),
        workers: reader.count("sending.workers", 1..=1024),
    }
}

fn words(reader: &mut Reader, path: &str, always: &[&str]) -> Vec<String> {
    let mut words: Vec<String> = always.iter().map(|&word| word.to_owned()).collect();
    for entry in reader.list(path) {
        if !words.contains(&entry) {
            words.push(entry.as_str().to_owned());
        }
    }
    words
}
