//! The table of every key: what it is called, what it holds, what it is for.

use super::optout::{START_WORDS, STOP_WORDS};

/// What a key holds; decides how lists are read and what the reference says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Address,
    Url,
    StoreUrl,
    QueueUrl,
    SmtpUrl,
    Text,
    Texts,
    Truth,
    Duration,
    Size,
    Count,
    Keys,
}

impl Kind {
    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::Texts | Self::Keys)
    }

    /// The kind in the words of the reference.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Address => "host:port",
            Self::Url => "URL",
            Self::StoreUrl => "store URL",
            Self::QueueUrl => "queue URL",
            Self::SmtpUrl => "SMTP URL",
            Self::Text => "text",
            Self::Texts => "list of texts",
            Self::Truth => "true or false",
            Self::Duration => "duration",
            Self::Size => "size",
            Self::Count => "whole number",
            Self::Keys => "list of base64 keys",
        }
    }
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// `section.name`
    pub(super) path: &'static str,
    pub(super) kind: Kind,
    /// As it would be written in the environment; none when the key is unset by default.
    pub(super) default: Option<&'static str>,
    /// Has a `_file` twin, and its value is never printed.
    pub(super) is_secret: bool,
    pub(super) doc: &'static str,
}

impl Key {
    /// `HOOKLINE_<SECTION>__<KEY>`
    pub(super) fn variable(&self) -> String {
        variable(self.path)
    }

    /// The path of the `_file` twin.
    pub(super) fn twin(&self) -> String {
        format!("{}_file", self.path)
    }

    pub(super) fn section(&self) -> &'static str {
        self.path
            .split_once('.')
            .map_or(self.path, |(section, _)| section)
    }
}

/// What every variable of ours starts with.
pub(super) const VARIABLE_PREFIX: &str = "HOOKLINE_";

pub(super) fn variable(path: &str) -> String {
    let name = path.replacen('.', "__", 1).to_ascii_uppercase();
    format!("{VARIABLE_PREFIX}{name}")
}

const fn key(
    path: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    doc: &'static str,
) -> Key {
    Key {
        path,
        kind,
        default,
        is_secret: false,
        doc,
    }
}

const fn secret(path: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key {
        path,
        kind,
        default: None,
        is_secret: true,
        doc,
    }
}

/// What each section is for, in the order of the reference.
pub(super) const SECTIONS: &[(&str, &str)] = &[
    ("server", "Where and how the server listens."),
    ("store", "Where everything is kept."),
    ("queue", "How work is handed to workers."),
    ("meta", "The Meta app, and where Meta is."),
    ("sending", "When and how fast things are sent."),
    (
        "watch",
        "How often Hookline looks for itself whether everything still works.",
    ),
    ("admin", "Who may use the REST API and the dashboard."),
    (
        "encryption",
        "What access tokens are encrypted with at rest.",
    ),
    ("connect", "Who may connect accounts in a browser."),
    ("metrics", "Who may read `/metrics`."),
    ("retention", "How long things are kept."),
    (
        "alerts",
        "Who is told of what is wrong, beside the log, the API and the metrics. [Alerts](ALERTS.md) says of what, and how a notice looks.",
    ),
    (
        "optout",
        "The words with which a contact stops messages from an account, and starts them again. The \
         whole text has to be one of them, in a message, a story reply or the title of a tapped \
         button; case, accents, and punctuation and emoji around it make no difference. The payload \
         of a button can stop too. Comments do not count: they are said to everybody.",
    ),
    ("log", "What is logged, and how."),
];

use Kind::{
    Address, Count, Duration, Keys, QueueUrl, Size, SmtpUrl, StoreUrl, Text, Texts, Truth, Url,
};

/// Every key, in the order of the reference.
pub(super) static KEYS: &[Key] = &[
    key(
        "server.listen",
        Address,
        Some("127.0.0.1:8080"),
        "Where to listen. Put a proxy with TLS in front: Meta calls nothing but https.",
    ),
    key(
        "server.public_url",
        Url,
        None,
        "The address Meta and browsers reach this server under; needed for OAuth, Meta's callbacks and `hookline subscribe`.",
    ),
    key(
        "server.body_limit",
        Size,
        Some("4MiB"),
        "Largest request body; larger ones are answered 413. Meta may send 3 MB at once.",
    ),
    key(
        "server.header_timeout",
        Duration,
        Some("10s"),
        "How long a client may take to send a request's header.",
    ),
    key(
        "server.body_timeout",
        Duration,
        Some("20s"),
        "How long a client may take to send a request's body.",
    ),
    key(
        "server.idle_timeout",
        Duration,
        Some("75s"),
        "How long a connection may stay open without a request.",
    ),
    key(
        "server.max_connections",
        Count,
        Some("800"),
        "Connections open at once; when all are taken, the longest idle one is closed for the next. `serve` raises its limit of open files to what they need, as far as the system lets it.",
    ),
    key(
        "server.receive_only",
        Truth,
        Some("false"),
        "Take in and keep what Meta delivers, and act on none of it: for while something is being put right. The next start without it works through what was kept.",
    ),
    key(
        "server.shutdown_timeout",
        Duration,
        Some("10s"),
        "How long requests under way may take to finish when the server stops.",
    ),
    Key {
        is_secret: true,
        ..key(
            "store.url",
            StoreUrl,
            Some("sqlite:hookline.db"),
            "Where everything is kept: `sqlite:<path>`, created when it does not exist.",
        )
    },
    secret(
        "queue.url",
        QueueUrl,
        "Reserved for handing work over through streams; this version refuses it.",
    ),
    key(
        "meta.app_id",
        Text,
        None,
        "The app's id; needed for OAuth and `hookline subscribe`.",
    ),
    secret(
        "meta.app_secrets",
        Texts,
        "The app's secrets. Deliveries signed with any of them are accepted; the first signs our own calls. With Instagram Login an app has two: list both. `serve` needs one.",
    ),
    secret(
        "meta.verify_token",
        Text,
        "The word you typed into Meta's webhook form; without it the handshake is answered 403.",
    ),
    key(
        "meta.graph_url",
        Url,
        Some("https://graph.facebook.com"),
        "The Graph API of accounts connected with Facebook Login.",
    ),
    key(
        "meta.instagram_graph_url",
        Url,
        Some("https://graph.instagram.com"),
        "The Graph API of accounts connected with Instagram Login.",
    ),
    key(
        "meta.api_version",
        Text,
        Some("v26.0"),
        "The version of the Graph API.",
    ),
    key(
        "meta.facebook_oauth_url",
        Url,
        Some("https://www.facebook.com"),
        "Where Facebook Login asks for consent.",
    ),
    key(
        "meta.instagram_oauth_url",
        Url,
        Some("https://www.instagram.com"),
        "Where Instagram Login asks for consent.",
    ),
    key(
        "meta.instagram_token_url",
        Url,
        Some("https://api.instagram.com"),
        "Where Instagram Login exchanges codes for tokens.",
    ),
    key(
        "meta.instagram_app_id",
        Text,
        None,
        "The id of the app in Business Login for Instagram, which has an id and a secret of its own (App Dashboard, Instagram, API setup with Instagram login). Without it `meta.app_id` and the first of `meta.app_secrets` are used.",
    ),
    secret(
        "meta.instagram_app_secret",
        Text,
        "The secret beside `meta.instagram_app_id`. List it in `meta.app_secrets` too: Meta may sign deliveries with it.",
    ),
    key(
        "meta.manage_subscription",
        Truth,
        Some("false"),
        "Whether `serve` itself subscribes the app to webhooks and repairs the subscription when Meta has dropped it.",
    ),
    key(
        "sending.first_reply_delay",
        Duration,
        Some("10s"),
        "How long after a comment was received its first reply waits.",
    ),
    key(
        "sending.dm_delay",
        Duration,
        Some("0s"),
        "How long after a message was received the first answer waits.",
    ),
    key(
        "sending.private_replies_per_hour",
        Count,
        Some("750"),
        "Private replies to comments, in any hour and for each account. Meta allows 750.",
    ),
    key(
        "sending.private_reply_burst",
        Count,
        Some("25"),
        "How many of those may go out at once before they are spread evenly.",
    ),
    key(
        "sending.public_replies_per_hour",
        Count,
        Some("750"),
        "Public replies, in any hour and for each account.",
    ),
    key(
        "sending.live_private_replies_per_second",
        Count,
        Some("100"),
        "Private replies to live comments, in any second and for each account.",
    ),
    key(
        "sending.texts_per_second",
        Count,
        Some("100"),
        "Text messages, in any second and for each account.",
    ),
    key(
        "sending.media_per_second",
        Count,
        Some("10"),
        "Messages with media, in any second and for each account.",
    ),
    key(
        "sending.conversation_reads_per_second",
        Count,
        Some("2"),
        "Reads of conversations, in any second and for each account.",
    ),
    key(
        "sending.workers",
        Count,
        Some("64"),
        "Lanes (an account's sends of one kind) worked at once; each has up to 8 calls to Meta under way.",
    ),
    key(
        "watch.subscriptions_every",
        Duration,
        Some("15m"),
        "How often it is looked whether Meta still delivers the events of each account; what Meta dropped is asked for again.",
    ),
    key(
        "watch.silence_every",
        Duration,
        Some("30m"),
        "How often it is looked whether comments exist whose events never came.",
    ),
    secret(
        "admin.token",
        Text,
        "The bearer token of the REST API and the dashboard; without it both are closed.",
    ),
    secret(
        "encryption.keys",
        Keys,
        "Base64 of 32 random bytes each. The first encrypts, all decrypt. Without any, a key is made and kept in `hookline.key` beside the database.",
    ),
    secret(
        "connect.password",
        Text,
        "What `/oauth/…/start` asks for before it sends a browser to Meta (HTTP Basic, any user name); without it whoever reaches the address can connect an account of theirs.",
    ),
    secret(
        "metrics.token",
        Text,
        "The bearer token of `/metrics`; without it the metrics are open.",
    ),
    key(
        "retention.unknown_accounts",
        Duration,
        Some("7d"),
        "How long deliveries for accounts that are not connected are kept.",
    ),
    key(
        "retention.compress_after",
        Duration,
        Some("1d"),
        "How old deliveries are when they are compressed. Their bytes stay as they came, and can be shown, replayed and erased as before.",
    ),
    secret(
        "alerts.urls",
        Texts,
        "Each notice is sent to each of these as a POST of JSON, signed with `alerts.secret`. At most 16.",
    ),
    secret(
        "alerts.secret",
        Text,
        "Signs those: `X-Hookline-Signature-256: sha256=` and the HMAC-SHA256 of the body in lower-case hex. Needed with `alerts.urls`.",
    ),
    secret(
        "alerts.smtp_url",
        SmtpUrl,
        "The mail server: `smtps://user:password@host:465`, or `smtp://user:password@host:587`, which must offer STARTTLS unless it is this machine.",
    ),
    key(
        "alerts.email_from",
        Text,
        None,
        "Whom the mail is from. Needed with `alerts.smtp_url`.",
    ),
    key(
        "alerts.email_to",
        Texts,
        None,
        "Whom the mail goes to, each by a message of their own. Needed with `alerts.smtp_url`. At most 16.",
    ),
    key(
        "optout.stop_words",
        Texts,
        Some(STOP_WORDS),
        "Stop every automation for their sender on that account, until they start it again. Your list replaces the one below; `stop` and `unsubscribe` always count.",
    ),
    key(
        "optout.start_words",
        Texts,
        Some(START_WORDS),
        "Lift that. Your list replaces the one below; `start` always counts.",
    ),
    key(
        "log.level",
        Text,
        Some("info"),
        "`off`, `error`, `warn`, `info`, `debug` or `trace`; or a list such as `info,hookline_engine=debug`.",
    ),
    key(
        "log.format",
        Text,
        Some("text"),
        "`text` for people, `json` for machines.",
    ),
];

/// The key of that path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The key whose `_file` twin has that path.
pub(super) fn find_twin(path: &str) -> Option<&'static Key> {
    let path = path.strip_suffix("_file")?;
    find(path).filter(|key| key.is_secret)
}

/// The path that is spelt most like this one, if any is close.
pub(super) fn nearest(path: &str) -> Option<String> {
    const CLOSE: f64 = 0.75;
    let name = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    KEYS.iter()
        .flat_map(|key| {
            let twin = key.is_secret.then(|| key.twin());
            std::iter::once(key.path.to_owned()).chain(twin)
        })
        .map(|known| {
            // A right name in a wrong section is as likely a slip as a misspelt one.
            let whole = strsim::jaro_winkler(&known, path);
            let part = strsim::jaro_winkler(&name(&known), &name(path)) - 0.05;
            (whole.max(part), known)
        })
        .filter(|(likeness, _)| *likeness >= CLOSE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}
