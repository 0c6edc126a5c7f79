//! What a world is told once: the app, the limits, and which of Meta's habits to play.

use serde::{Deserialize, Serialize};

/// The app and the habits of a world.
#[derive(Debug, Clone)]
pub struct WorldConfig {
    /// The Meta app's id.
    pub app_id: String,
    /// The app's secrets; the first signs deliveries.
    pub app_secrets: Vec<String>,
    /// The verify token the app's callback was configured with.
    pub verify_token: String,
    /// The version on deliveries and answers, such as `v26.0`.
    pub api_version: String,
    /// Fixes every identifier and every random choice.
    pub seed: u64,
    /// Meta's limits, and the bounds of the world's own memory.
    pub limits: Limits,
    /// Which of Meta's habits to play.
    pub policy: Policy,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            app_id: "900000000000001".to_owned(),
            app_secrets: vec!["0123456789abcdef0123456789abcdef".to_owned()],
            verify_token: "verify-me".to_owned(),
            api_version: "v26.0".to_owned(),
            seed: 1,
            limits: Limits::default(),
            policy: Policy::default(),
        }
    }
}

/// Rates of contract section 9, and bounds of the world's memory.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Private replies to posts and reels per account in any hour.
    pub private_replies_per_hour: usize,
    /// Private replies to live comments per account in any second.
    pub live_replies_per_second: usize,
    /// Text, link, reaction and sticker sends per account in any second.
    pub texts_per_second: usize,
    /// Audio, video and file sends per account in any second.
    pub media_per_second: usize,
    /// Conversation reads per account in any second.
    pub conversation_reads_per_second: usize,
    /// All other calls per account in any 24 hours (`4800 x impressions`).
    pub calls_per_day: usize,
    /// Whether a refused call counts against the limit that refused it.
    pub refused_calls_count: bool,
    /// Entries kept in each of the logs.
    pub log_entries: usize,
    /// Effects kept in the log of what was sent.
    pub sent_entries: usize,
    /// Accounts, people, media, comments and threads: at most this many of each.
    pub objects_max: usize,
    /// Messages kept per thread; the oldest go first.
    pub messages_per_thread: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            private_replies_per_hour: 750,
            live_replies_per_second: 100,
            texts_per_second: 100,
            media_per_second: 10,
            conversation_reads_per_second: 2,
            calls_per_day: 4800 * 1000,
            refused_calls_count: false,
            log_entries: 10_000,
            sent_entries: 200_000,
            objects_max: 1_000_000,
            messages_per_thread: 500,
        }
    }
}

/// When the echo of something sent is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EchoTiming {
    /// So many milliseconds after the send took effect.
    AfterMs(i64),
    /// At once, with the answer of the send held back for so many milliseconds.
    BeforeAnswerMs(u64),
    /// Not at all.
    Never,
}

/// How a second private reply to a comment is refused (contract 5.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondReply {
    /// HTTP 400, code 100, subcode 2534023.
    BadRequest,
    /// HTTP 500, code -1, subcode 2534023, as one code base reports.
    ServerError,
}

/// How delivery failures end (contract 2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndPolicy {
    /// A delivery is dropped 36 hours after its first try.
    DropAfter36Hours,
    /// An alert after 15 minutes of failures; the account is unsubscribed after one hour.
    /// What belongs to no account is still dropped after 36 hours.
    UnsubscribeAfter1Hour,
}

/// The habits of Meta that documents leave open or that a test wants otherwise.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent habit with its own name"
)]
pub struct Policy {
    /// How delivery failures end.
    pub end: EndPolicy,
    /// Waits between tries of a failed delivery; the last repeats.
    pub retry_after_ms: Vec<i64>,
    /// Whether a retry carries a new `entry.time`; else it is byte-identical.
    pub restamp_retries: bool,
    /// Milliseconds between what happened and its delivery.
    pub delivery_delay_ms: i64,
    /// At most this many events in one POST (Meta: 1000).
    pub events_per_delivery: usize,
    /// How long an event waits for others to share its POST, in milliseconds.
    pub batch_window_ms: i64,
    /// Whether one POST may hold entries of several accounts.
    pub mixes_accounts: bool,
    /// Whether `<`, `%` and `@` are escaped too.
    pub escapes_more: bool,
    /// When echoes are delivered.
    pub echo: EchoTiming,
    /// Whether echoes carry `app_id`, as Messenger's do.
    pub echo_app_id: bool,
    /// Whether the field `messages` also brings echoes.
    pub echoes_with_messages: bool,
    /// Whether an account gets only the fields it was itself subscribed to.
    pub fields_per_account: bool,
    /// How a second private reply is refused.
    pub second_reply: SecondReply,
    /// Whether a reaction opens the 24-hour window.
    pub reaction_opens_window: bool,
    /// Whether the app has the Human Agent feature.
    pub has_human_agent: bool,
    /// How long a fresh token lives, in milliseconds.
    pub token_lifetime_ms: i64,
    /// Whether the old token stays valid after a refresh.
    pub refresh_keeps_old_token: bool,
    /// Names of fields that this version of Meta no longer knows, or not yet.
    pub refused_fields: Vec<String>,
    /// Whether `GET /me` of Instagram Login wraps its answer in `data`, as one sample does.
    pub wraps_me: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            end: EndPolicy::DropAfter36Hours,
            retry_after_ms: vec![
                0, 5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000,
            ],
            restamp_retries: false,
            delivery_delay_ms: 0,
            events_per_delivery: 1,
            batch_window_ms: 0,
            mixes_accounts: false,
            escapes_more: false,
            echo: EchoTiming::AfterMs(0),
            echo_app_id: false,
            echoes_with_messages: true,
            fields_per_account: false,
            second_reply: SecondReply::BadRequest,
            reaction_opens_window: false,
            has_human_agent: false,
            token_lifetime_ms: 60 * 24 * 3_600_000,
            refresh_keeps_old_token: true,
            refused_fields: Vec::new(),
            wraps_me: false,
        }
    }
}
