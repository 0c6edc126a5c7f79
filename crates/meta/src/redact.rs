//! Cuts somebody out of a delivery and leaves the rest as Meta wrote it.
//!
//! A delivery may tell of several people and accounts. Every event of the erased is cut out
//! whole; all other events keep their bytes. What is cut no longer bears Meta's signature, so
//! whoever keeps it says so.

use std::borrow::Cow;
use std::collections::BTreeSet;

use hookline_model::erasure::{DISTINCT_ID_BYTES, Marks, Part, Whom};
use hookline_model::ids::AccountId;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::wire::{Id, Text};

/// How deep an event is read; what is deeper is searched as bytes.
const DEPTH_MAX: usize = 64;

/// The lists of an entry that hold events.
const LISTS: [&str; 3] = ["changes", "messaging", "standby"];

/// What has to be done with a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redaction {
    /// It tells nothing of the erased.
    Untouched,
    /// What stays of it.
    Cut {
        /// The body without the erased.
        body: Vec<u8>,
        /// Nothing but the frame stays.
        is_bare: bool,
        /// The comments and messages that were cut.
        parts: Vec<Part>,
    },
    /// It cannot be read and holds what the erased are called by: nothing of it may stay.
    Emptied,
}

/// Cuts the events of `whom` out of a delivery's body, and those that are one of `parts`.
pub fn redact(body: &[u8], whom: &Whom, parts: &BTreeSet<Part>) -> Redaction {
    let mut cutter = Cutter {
        whom,
        parts,
        cut: Vec::new(),
        is_changed: false,
        entries_left: 0,
    };
    let whole = std::str::from_utf8(body)
        .ok()
        .and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
    let Some(kept) = whole.and_then(|raw| cutter.whole(raw)) else {
        return if cutter.holds_a_mark(body) {
            Redaction::Emptied
        } else {
            Redaction::Untouched
        };
    };
    if !cutter.is_changed {
        return Redaction::Untouched;
    }
    Redaction::Cut {
        body: kept.into_bytes(),
        is_bare: cutter.entries_left == 0,
        parts: cutter.cut,
    }
}

struct Cutter<'a> {
    whom: &'a Whom,
    parts: &'a BTreeSet<Part>,
    cut: Vec<Part>,
    is_changed: bool,
    entries_left: usize,
}

impl Cutter<'_> {
    /// None when it has no form we know, so that nothing of it can be told apart.
    fn whole(&mut self, raw: &RawValue) -> Option<String> {
        if !raw.get().starts_with('[') {
            return self.body(raw);
        }
        let bodies: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
        let kept: Option<Vec<String>> = bodies.into_iter().map(|body| self.body(body)).collect();
        Some(format!("[{}]", kept?.join(",")))
    }

    fn body(&mut self, raw: &RawValue) -> Option<String> {
        let mut kept = Vec::new();
        for (key, value) in members(raw)? {
            if key != "entry" {
                if self.marks_in(None).any(|marks| mentions(value, &marks, 0)) {
                    return None;
                }
                kept.push(member(&key, value.get())?);
                continue;
            }
            let entries: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
            let entries: Vec<String> = entries
                .into_iter()
                .filter_map(|entry| self.entry(entry))
                .collect();
            self.entries_left += entries.len();
            kept.push(member(&key, &format!("[{}]", entries.join(",")))?);
        }
        Some(format!("{{{}}}", kept.join(",")))
    }

    /// None when nothing of the entry stays.
    fn entry(&mut self, raw: &RawValue) -> Option<String> {
        let Some(read) = members(raw) else {
            let is_theirs = self.marks_in(None).any(|marks| mentions(raw, &marks, 0));
            self.is_changed |= is_theirs;
            return (!is_theirs).then(|| raw.get().to_owned());
        };
        let account = read
            .iter()
            .find(|(key, _)| key == "id")
            .and_then(|(_, id)| serde_json::from_str::<Id<'_>>(id.get()).ok())
            .map(|id| AccountId::new(id.into_string()));
        let is_erased = |id: &AccountId| self.whom.accounts.iter().any(|one| one.id == *id);
        if account.as_ref().is_some_and(is_erased) {
            self.is_changed = true;
            return None;
        }
        let (mut kept, mut cut, mut left) = (Vec::new(), 0, 0);
        for (key, value) in &read {
            let items = LISTS
                .contains(&key.as_ref())
                .then(|| serde_json::from_str::<Vec<&RawValue>>(value.get()).ok())
                .flatten();
            let Some(items) = items else {
                let is_frame = matches!(key.as_ref(), "id" | "time");
                if !is_frame && self.is_theirs(value, account.as_ref()) {
                    self.remember(raw, account.as_ref());
                    self.is_changed = true;
                    return None;
                }
                kept.push(member(key, value.get())?);
                continue;
            };
            let before = items.len();
            let items: Vec<&str> = items
                .into_iter()
                .filter(|item| !self.takes(item, account.as_ref()))
                .map(RawValue::get)
                .collect();
            cut += before - items.len();
            left += items.len();
            kept.push(member(key, &format!("[{}]", items.join(",")))?);
        }
        if cut == 0 {
            return Some(raw.get().to_owned());
        }
        self.is_changed = true;
        (left > 0).then(|| format!("{{{}}}", kept.join(",")))
    }

    /// Whether an event is cut out; what it was is remembered.
    fn takes(&mut self, event: &RawValue, account: Option<&AccountId>) -> bool {
        let is_theirs = self.is_theirs(event, account);
        if is_theirs {
            self.remember(event, account);
        }
        is_theirs
    }

    fn remember(&mut self, event: &RawValue, account: Option<&AccountId>) {
        let Some(account) = account else { return };
        let parts = own_ids(event).into_iter().map(|id| Part {
            account: account.clone(),
            id,
        });
        self.cut.extend(parts);
    }

    fn is_theirs(&self, event: &RawValue, account: Option<&AccountId>) -> bool {
        let is_mentioned = self.marks_in(account).any(|marks| {
            mentions(event, &marks, 0)
                || account.is_some_and(|account| names_in_own_words(event, account, &marks))
        });
        is_mentioned
            || account.is_some_and(|account| {
                own_ids(event).into_iter().any(|id| {
                    let account = account.clone();
                    self.parts.contains(&Part { account, id })
                })
            })
    }

    /// What counts in an entry of this account; where none is named, everything does.
    fn marks_in<'b>(&'b self, account: Option<&'b AccountId>) -> impl Iterator<Item = Marks<'b>> {
        self.whom.marks().filter(move |marks| {
            let (Some(of), Some(account)) = (marks.account, account) else {
                return true;
            };
            of == account
        })
    }

    fn holds_a_mark(&self, bytes: &[u8]) -> bool {
        self.whom.marks().any(|marks| holds(bytes, &marks))
    }
}

/// The members of an object in their order; none for anything else.
fn members(raw: &RawValue) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

    struct MembersVisitor;

    impl<'de> Visitor<'de> for MembersVisitor {
        type Value = Members<'de>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(key) = map.next_key::<Text<'de>>()? {
                members.push((key.0, map.next_value::<&'de RawValue>()?));
            }
            Ok(Members(members))
        }
    }

    impl<'de> Deserialize<'de> for Members<'de> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(MembersVisitor)
        }
    }

    if !raw.get().starts_with('{') {
        return None;
    }
    serde_json::from_str::<Members<'_>>(raw.get())
        .ok()
        .map(|members| members.0)
}

fn member(key: &str, value: &str) -> Option<String> {
    let key = serde_json::to_string(key).ok()?;
    Some(format!("{key}:{value}"))
}

/// Whether anything in `raw` names them: an id as a text or a number, or a handle where a handle
/// stands. Somebody else's words about them are somebody else's.
fn mentions(raw: &RawValue, marks: &Marks<'_>, depth: usize) -> bool {
    let text = raw.get();
    if depth > DEPTH_MAX {
        return holds(text.as_bytes(), marks);
    }
    match text.as_bytes().first() {
        Some(b'{') => members(raw).map_or_else(
            || holds(text.as_bytes(), marks),
            |members| {
                members.into_iter().any(|(key, value)| {
                    (key == "username" && is_handle(value, marks))
                        || mentions(value, marks, depth + 1)
                })
            },
        ),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(text).map_or_else(
            |_| holds(text.as_bytes(), marks),
            |items| {
                items
                    .into_iter()
                    .any(|item| mentions(item, marks, depth + 1))
            },
        ),
        Some(b'"') => words(raw).is_none_or(|words| {
            words == marks.id || (marks.id.len() >= DISTINCT_ID_BYTES && words.contains(marks.id))
        }),
        _ => text == marks.id,
    }
}

fn words(raw: &RawValue) -> Option<Cow<'_, str>> {
    let words = serde_json::from_str::<Text<'_>>(raw.get()).ok()?;
    Some(words.0)
}

fn is_handle(raw: &RawValue, marks: &Marks<'_>) -> bool {
    words(raw).is_some_and(|words| {
        let is_it = |name: &String| name.eq_ignore_ascii_case(&words);
        marks.usernames.iter().any(is_it)
    })
}

/// Whether a comment of the account itself speaks to them by their handle.
fn names_in_own_words(event: &RawValue, account: &AccountId, marks: &Marks<'_>) -> bool {
    let value = field(event, "value").unwrap_or(event);
    let is_own = field(value, "from")
        .and_then(|from| field(from, "id"))
        .and_then(|id| serde_json::from_str::<Id<'_>>(id.get()).ok())
        .is_some_and(|id| id.as_str() == account.as_str());
    let text = field(value, "text").and_then(words);
    is_own
        && text.is_some_and(|text| {
            let is_named = |name: &String| !name.is_empty() && text.contains(name.as_str());
            marks.usernames.iter().any(is_named)
        })
}

fn field<'a>(raw: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    members(raw)?
        .into_iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

/// The ids of the comment or message an event is about, not of those it refers to.
fn own_ids(event: &RawValue) -> Vec<String> {
    let mut ids = Vec::new();
    let mut take = |raw: Option<&RawValue>| {
        let id = raw.and_then(|raw| serde_json::from_str::<Id<'_>>(raw.get()).ok());
        ids.extend(id.map(Id::into_string));
    };
    let value = field(event, "value").unwrap_or(event);
    take(field(value, "id"));
    take(field(value, "comment_id"));
    for (key, member) in members(value).unwrap_or_default() {
        if key != "sender" && key != "recipient" {
            take(field(member, "mid"));
        }
    }
    ids
}

/// Whether the bytes hold an id or a handle, written plainly or in JSON's escapes.
fn holds(bytes: &[u8], marks: &Marks<'_>) -> bool {
    let plain = unescaped(bytes);
    let has = |mark: &str| {
        !mark.is_empty()
            && [bytes, &plain].iter().any(|bytes| {
                bytes
                    .windows(mark.len())
                    .any(|window| window.eq_ignore_ascii_case(mark.as_bytes()))
            })
    };
    has(marks.id) || marks.usernames.iter().any(|name| has(name))
}

/// The bytes with `\u00xx` replaced by what it stands for, as far as that is ASCII.
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        let escaped = rest
            .strip_prefix(br"\u00")
            .and_then(|after| after.split_at_checked(2))
            .and_then(|(digits, after)| {
                let digits = std::str::from_utf8(digits).ok()?;
                let byte = u8::from_str_radix(digits, 16).ok()?;
                byte.is_ascii().then_some((byte, after))
            });
        if let Some((byte, after)) = escaped {
            plain.push(byte);
            rest = after;
        } else {
            plain.push(*first);
            rest = tail;
        }
    }
    plain
}

#[cfg(test)]
mod tests;
