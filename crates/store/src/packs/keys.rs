//! What packed rows are found by, other than their ids: 48 bits of a digest, in one index.
//!
//! An event is found by its key, by its comment and by its message; a send by the message it is
//! known by. For nearly every comment and message two of these are one, because an event's key is
//! made of its account and its comment or message, and then one digest is enough. Whoever finds a
//! digest reads the pack and compares the row itself: two rows may share one.

use std::collections::BTreeSet;

use hookline_model::event::NaturalKey;
use hookline_model::ids::{AccountId, CommentId, MessageId};
use ring::digest::{Context, SHA256};
use rusqlite::types::Value;

use super::guesses::text_of_id;
use super::row::{PackedRow, Rows, Table};
use crate::digest;

/// The digest of an event's key.
pub(super) fn of_key(key: &[u8]) -> i64 {
    let bytes = key.first_chunk().copied().unwrap_or_default();
    cut(i64::from_be_bytes(bytes))
}

/// The digest of a short digest of a message.
pub(super) fn of_short(short: i64) -> i64 {
    cut(short)
}

/// Numbers of so many bits take six bytes of a row; of a hundred million, one in a million is met by
/// chance, and then a pack is read in vain.
fn cut(digest: i64) -> i64 {
    digest >> 16
}

/// Under what an event about a comment is found.
pub(super) fn of_comment(account: &AccountId, comment: &CommentId) -> i64 {
    of_key(&comment_key(account.as_str(), comment.as_str()))
}

/// Under what the event of a message is found; any other event about it under its short digest.
pub(super) fn of_message(account: &AccountId, message: &MessageId) -> i64 {
    of_key(&message_key(account.as_str(), message.as_str(), "new"))
}

/// All under which rows of a pack are found. Told from the rows alone and never changed, so that
/// undoing a pack takes out what packing it put in.
pub(super) fn of_rows(rows: &Rows) -> BTreeSet<i64> {
    let deliveries = rows.of(Table::Deliveries);
    let mut digests = BTreeSet::new();
    for event in rows.of(Table::Events) {
        let delivery = event.number("delivery_id");
        let delivery = deliveries.iter().find(|row| row.id() == delivery);
        digests.extend(of_event(event, delivery));
    }
    for send in rows.of(Table::Sends) {
        if send.number("message_digest") != 0 {
            digests.insert(of_short(send.number("message_digest")));
        }
    }
    digests
}

fn of_event(event: &PackedRow, delivery: Option<&PackedRow>) -> Vec<i64> {
    let key = event.value("key").and_then(|key| key.as_blob().ok());
    let mut digests = vec![of_key(key.unwrap_or_default())];
    let text = |column: &str| {
        let value = event.value(column).map(Value::try_from)?.ok()?;
        text_of_id(&value)
    };
    let account = text("account_id").unwrap_or_default();
    if let Some(comment) = text("comment_id") {
        digests.push(of_key(&comment_key(&account, &comment)));
    }
    let short = event.number("mid_digest");
    if short != 0 {
        let body = delivery.and_then(|row| row.value("body"));
        let body = body.and_then(|body| body.as_bytes().ok());
        let text = body.and_then(|bytes| std::str::from_utf8(bytes).ok());
        let is_it = |text: &&str| is_like_a_message(text) && digest::short(text) == short;
        let message = text.and_then(|text| text.split('"').find(is_it));
        let own = message.map(|message| message_key(&account, message, "new"));
        if own.as_ref().map(|key| &key[..]) != key {
            digests.push(of_short(short));
        }
    }
    digests
}

/// Whether a text may be the id of a message: of so many that only few are looked at closely.
pub(super) fn is_like_a_message(text: &str) -> bool {
    text.len() >= 24
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'.'))
}

/// The key of the event of a comment.
pub(super) fn comment_key(account: &str, comment: &str) -> [u8; NaturalKey::BYTES] {
    natural_key(&[account, "comment", comment])
}

/// The key of the event of a message.
pub(super) fn message_key(account: &str, message: &str, variant: &str) -> [u8; NaturalKey::BYTES] {
    natural_key(&[account, "message", message, variant])
}

/// The key of the event of a postback.
pub(super) fn postback_key(account: &str, message: &str) -> [u8; NaturalKey::BYTES] {
    natural_key(&[account, "postback", message])
}

/// As the interpreter makes keys, as of this version. Should it make others one day, their events
/// get a digest more.
fn natural_key(parts: &[&str]) -> [u8; NaturalKey::BYTES] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        context.update(&length.to_be_bytes());
        context.update(part.as_bytes());
    }
    let digest = context.finish();
    let bytes = digest.as_ref().first_chunk();
    bytes.copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one version put into the index is looked for by every later one.
    #[test]
    fn what_is_found_under_a_digest_is_found_by_every_version() {
        let key = comment_key("17841400000000001", "17900000000000005");
        assert_eq!(key[..4], [200, 156, 207, 99]);
        assert_eq!(of_key(&key), -60_899_156_880_800);
        let (account, comment) = (
            AccountId::new("17841400000000001"),
            CommentId::new("17900000000000005"),
        );
        assert_eq!(of_comment(&account, &comment), of_key(&key));
        let key = message_key("17841400000000001", "mid.1", "new");
        assert_eq!(key[..4], [120, 162, 128, 47]);
        assert_eq!(of_message(&account, &MessageId::new("mid.1")), of_key(&key));
        assert_eq!(
            of_short(digest::short("mid.1")),
            digest::short("mid.1") >> 16
        );
    }

    fn event(comment: Value, mid: Value, key: &[u8]) -> PackedRow {
        let mut values = vec![Value::Null; Table::Events.columns().len()];
        let columns = [
            ("id", 1.into()),
            ("delivery_id", 1.into()),
            ("account_id", 17_841_400_000_000_001_i64.into()),
            ("comment_id", comment),
            ("mid_digest", mid),
            ("key", Value::Blob(key.to_vec())),
        ];
        for (column, value) in columns {
            values[Table::Events.place(column).unwrap()] = value;
        }
        PackedRow::new(Table::Events, values)
    }

    #[test]
    fn one_digest_is_enough_where_the_key_is_of_the_comment_alone() {
        let own = comment_key("17841400000000001", "5");
        assert_eq!(of_event(&event(5.into(), Value::Null, &own), None).len(), 2);
        let mut rows = Rows::default();
        rows.push(event(5.into(), Value::Null, &own));
        assert_eq!(of_rows(&rows), BTreeSet::from([of_key(&own)]));
        let mut rows = Rows::default();
        rows.push(event(5.into(), Value::Null, &[7; 16]));
        assert_eq!(
            of_rows(&rows),
            BTreeSet::from([of_key(&own), of_key(&[7; 16])])
        );
        // Its message is not found in a delivery, so its digest stands for itself.
        let mut rows = Rows::default();
        rows.push(event(Value::Null, (9 << 16).into(), &[7; 16]));
        assert_eq!(of_rows(&rows), BTreeSet::from([9, of_key(&[7; 16])]));
    }
}
