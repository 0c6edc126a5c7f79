//! The accounts, events and media an automation is for.

use serde_json::Value;

use crate::automation::reader::Reader;
use crate::automation::{ACCOUNTS_MAX, AccountScope, MEDIA_MAX, MediaScope, Trigger, TriggerKind};
use crate::ids::MediaId;

/// Longest id or username: Instagram's usernames have at most 30 characters, its ids 20.
const ACCOUNT_CHARS_MAX: usize = 40;

const EVERY: &str = "*";

pub(super) fn accounts(reader: &mut Reader, value: Option<&Value>) -> Option<AccountScope> {
    let Some(value) = value else {
        return Some(AccountScope::Every);
    };
    let names = reader.list(value, "accounts", ACCOUNTS_MAX, account)?;
    if names.is_empty() {
        reader.problem("accounts", "name at least one account, or \"*\" for all");
        return None;
    }
    if !names.iter().any(|name| name == EVERY) {
        return Some(AccountScope::Only(names));
    }
    if names.len() > 1 {
        reader.problem(
            "accounts",
            "\"*\" means all accounts: remove it, or the others",
        );
        return None;
    }
    Some(AccountScope::Every)
}

fn account(reader: &mut Reader, value: &Value, path: &str) -> Option<String> {
    let written = reader.string(value, path)?;
    if written == EVERY {
        return Some(written.to_owned());
    }
    let name = written
        .strip_prefix('@')
        .unwrap_or(written)
        .to_ascii_lowercase();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
    if name.is_empty() || name.len() > ACCOUNT_CHARS_MAX || !name.bytes().all(allowed) {
        reader.problem(
            path,
            "expected the id of an account, its username, or \"*\" for all",
        );
        return None;
    }
    Some(name)
}

const TRIGGER_KEYS: [&str; 3] = ["on", "media", "include_replies"];

pub(super) fn trigger(reader: &mut Reader, value: &Value) -> Option<Trigger> {
    let table = reader.table(value, "trigger", &TRIGGER_KEYS)?;
    if !table.contains_key("on") {
        reader.problem("trigger.on", "a trigger needs the kind of event it is on");
    }
    let on = table.get("on").and_then(|value| kinds(reader, value));
    let media = match table.get("media") {
        Some(value) => media(reader, value),
        None => Some(MediaScope::Any),
    };
    let include_replies = match table.get("include_replies") {
        Some(value) => reader.boolean(value, "trigger.include_replies"),
        None => Some(false),
    };
    let trigger = Trigger {
        on: on?,
        media: media?,
        include_replies: include_replies?,
    };
    check_trigger(reader, &trigger);
    // Steps can be checked against the kinds even if media or replies do not fit them.
    Some(trigger)
}

fn kinds(reader: &mut Reader, value: &Value) -> Option<Vec<TriggerKind>> {
    let path = "trigger.on";
    let kind = |reader: &mut Reader, value: &Value, path: &str| {
        reader.choice(value, path, &TriggerKind::ALL, TriggerKind::as_str)
    };
    match value {
        Value::String(_) => kind(reader, value, path).map(|kind| vec![kind]),
        Value::Array(_) => {
            let kinds = reader.list(value, path, TriggerKind::ALL.len(), kind)?;
            if kinds.is_empty() {
                reader.problem(path, "name at least one kind of event");
                return None;
            }
            for (index, kind) in kinds.iter().enumerate() {
                if kinds.iter().take(index).any(|before| before == kind) {
                    let path = format!("{path}[{index}]");
                    reader.problem(&path, format_args!("{} is named twice", kind.as_str()));
                }
            }
            Some(kinds)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            reader.wrong_type(path, "a string or a list of strings", value);
            None
        }
    }
}

fn media(reader: &mut Reader, value: &Value) -> Option<MediaScope> {
    let path = "trigger.media";
    match value.as_str() {
        Some("any") => return Some(MediaScope::Any),
        Some("next") => return Some(MediaScope::Next),
        Some(_) => {
            reader.problem(path, "expected \"any\", \"next\" or a list of media ids");
            return None;
        }
        None => {}
    }
    if !value.is_array() {
        reader.wrong_type(path, "\"any\", \"next\" or a list of media ids", value);
        return None;
    }
    let ids = reader.list(value, path, MEDIA_MAX, media_id)?;
    if ids.is_empty() {
        reader.problem(path, "name at least one media id, or write \"any\"");
        return None;
    }
    Some(MediaScope::Only(ids))
}

fn media_id(reader: &mut Reader, value: &Value, path: &str) -> Option<MediaId> {
    let id = reader.string(value, path)?;
    if id.is_empty() || id.len() > ACCOUNT_CHARS_MAX || !id.bytes().all(|b| b.is_ascii_digit()) {
        reader.problem(
            path,
            "expected a media id: digits only, as in \"18000000000000021\"",
        );
        return None;
    }
    Some(MediaId::new(id))
}

fn check_trigger(reader: &mut Reader, trigger: &Trigger) {
    let outside = |fits: fn(TriggerKind) -> bool| {
        trigger
            .on
            .iter()
            .copied()
            .find(|kind| !fits(*kind))
            .map(TriggerKind::as_str)
    };
    let path = "trigger.media";
    match &trigger.media {
        MediaScope::Any => {}
        MediaScope::Only(_) => {
            if let Some(kind) = outside(TriggerKind::has_media) {
                reader.problem(
                    path,
                    format_args!("an event of kind {kind} is not on media"),
                );
            }
        }
        MediaScope::Next => {
            if let Some(kind) = outside(TriggerKind::is_comment) {
                let reason = "is not on media the account publishes";
                reader.problem(path, format_args!("an event of kind {kind} {reason}"));
            }
        }
    }
    if trigger.include_replies && !trigger.on.iter().copied().any(TriggerKind::is_comment) {
        reader.problem(
            "trigger.include_replies",
            "only comments have replies: use it with comment or live_comment",
        );
    }
}

impl TriggerKind {
    /// Whether events of this kind are comments on the account's own media.
    pub const fn is_comment(self) -> bool {
        match self {
            Self::Comment | Self::LiveComment => true,
            Self::Message
            | Self::StoryReply
            | Self::StoryMention
            | Self::Mention
            | Self::Postback
            | Self::Referral
            | Self::Reaction => false,
        }
    }

    /// Whether events of this kind name the media they are on.
    pub const fn has_media(self) -> bool {
        match self {
            Self::Comment | Self::LiveComment | Self::Mention => true,
            Self::Message
            | Self::StoryReply
            | Self::StoryMention
            | Self::Postback
            | Self::Referral
            | Self::Reaction => false,
        }
    }
}
