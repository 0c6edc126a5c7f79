//! What columns of a packed row most often hold, told from the rows before it and the columns
//! before: an id stands in the delivery, and a digest is of what stands there.
//!
//! A guess that is right is a small number in the pack, one that is wrong costs a byte. None of this
//! ever changes, also not when the program reads deliveries otherwise: a pack is read with the
//! guesses it was written with, and others would be a later form. So nothing here asks the nouns of
//! the model; a delivery is no more than the texts between its quotation marks.

use std::collections::HashMap;

use rusqlite::types::Value;

use super::keys::{comment_key, is_like_a_message, message_key, postback_key};
use super::row::{PackedRow, Rows, Table};
use crate::digest;
use crate::ids::{self, Column};

/// The rows that others belong to, by their ids.
pub(super) struct Guesses<'a> {
    deliveries: HashMap<i64, &'a PackedRow>,
    events: HashMap<i64, &'a PackedRow>,
    sends: HashMap<i64, &'a PackedRow>,
}

type Tried<'a> = Box<dyn Iterator<Item = Value> + 'a>;

impl<'a> Guesses<'a> {
    pub(super) fn new(rows: &'a Rows) -> Self {
        let by_id = |table| rows.of(table).iter().map(|row| (row.id(), row)).collect();
        Self {
            deliveries: by_id(Table::Deliveries),
            events: by_id(Table::Events),
            sends: by_id(Table::Sends),
        }
    }

    /// What a column may hold, the likeliest first, behind the columns `before` it.
    pub(super) fn of(&self, table: Table, column: &str, before: &[Value]) -> Tried<'a> {
        let above = table.place(table.above()).and_then(|it| before.get(it));
        let above = above.map_or(0, number);
        match table {
            Table::Deliveries => Box::new(std::iter::empty()),
            Table::Events => of_event(column, before, self.deliveries.get(&above).copied()),
            Table::Runs => match self.events.get(&above) {
                Some(event) if column == "once_key" => {
                    let delivery = self.deliveries.get(&event.number("delivery_id"));
                    used_up(event, delivery.copied())
                }
                Some(_) | None => Box::new(std::iter::empty()),
            },
            Table::Sends => self.of_send(column, before, above),
            Table::Attempts => match (column, self.sends.get(&above)) {
                ("lane_id" | "finished_at", Some(send)) => same(send, column),
                _ => Box::new(std::iter::empty()),
            },
        }
    }

    fn of_send(&self, column: &str, before: &[Value], event: i64) -> Tried<'a> {
        match (column, self.events.get(&event)) {
            ("account_id" | "contact_id" | "comment_id", Some(event)) => same(event, column),
            ("message_digest", _) => {
                let place = Table::Sends.place("message_id");
                let message = place.and_then(|place| before.get(place)).cloned();
                let message = message.and_then(|message| text_of_message(&message));
                Box::new(message.into_iter().map(|text| digest::short(&text).into()))
            }
            _ => Box::new(std::iter::empty()),
        }
    }
}

fn number(value: &Value) -> i64 {
    match value {
        Value::Integer(number) => *number,
        Value::Null | Value::Real(_) | Value::Text(_) | Value::Blob(_) => 0,
    }
}

/// What the row above holds in the same column.
fn same<'a>(row: &PackedRow, column: &str) -> Tried<'a> {
    let value = row.value(column).map(Value::try_from);
    Box::new(value.and_then(Result::ok).into_iter())
}

/// The texts between the quotation marks of a delivery.
fn texts(delivery: Option<&PackedRow>) -> impl Iterator<Item = &str> {
    let body = delivery.and_then(|row| row.value("body"));
    let body = body.and_then(|body| body.as_bytes().ok());
    let text = body.and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.unwrap_or_default().split('"')
}

fn of_event<'a>(column: &str, before: &[Value], delivery: Option<&'a PackedRow>) -> Tried<'a> {
    match column {
        "account_id" | "comment_id" | "contact_id" => {
            Box::new(texts(delivery).map(|text| Column::of(text).into()))
        }
        "mid_digest" => Box::new(
            texts(delivery)
                .filter(|text| is_like_a_message(text))
                .map(|text| digest::short(text).into()),
        ),
        "key" => Box::new(keys(before, delivery).into_iter()),
        "received_at" => match delivery {
            Some(delivery) => same(delivery, column),
            None => Box::new(std::iter::empty()),
        },
        _ => Box::new(std::iter::empty()),
    }
}

/// What the key of an event is made of, if it is a comment or a message.
fn keys(before: &[Value], delivery: Option<&PackedRow>) -> Vec<Value> {
    let column = |name| Table::Events.place(name).and_then(|it| before.get(it));
    let Some(account) = column("account_id").and_then(text_of_id) else {
        return Vec::new();
    };
    let mut keys = Vec::new();
    if let Some(comment) = column("comment_id").and_then(text_of_id) {
        keys.push(comment_key(&account, &comment));
    }
    if let Some(mid) = column("mid_digest") {
        let is_it = |text: &&str| is_like_a_message(text) && *mid == digest::short(text).into();
        if let Some(message) = texts(delivery).find(is_it) {
            keys.push(message_key(&account, message, "new"));
            keys.push(postback_key(&account, message));
            keys.push(message_key(&account, message, "deleted"));
        }
    }
    keys.into_iter()
        .map(|key| Value::Blob(key.into()))
        .collect()
}

/// What a run may have used up (`once_scope` of the model).
fn used_up<'a>(event: &PackedRow, delivery: Option<&'a PackedRow>) -> Tried<'a> {
    let text = |column: &str| {
        let value = event.value(column).map(Value::try_from)?.ok()?;
        // Others are written otherwise in what is used up.
        text_of_id(&value).filter(|text| !text.contains([':', '%']))
    };
    let Some(account) = text("account_id") else {
        return Box::new(std::iter::empty());
    };
    let used = |scope: String| Value::Blob(digest::key(scope.as_bytes()).into());
    let comment = text("comment_id").map(|comment| format!("comment:{account}:{comment}"));
    let Some(contact) = text("contact_id") else {
        return Box::new(comment.into_iter().map(used));
    };
    let person = format!("person:{account}:{contact}");
    let on_media = format!("{person}:");
    let media = texts(delivery)
        .filter(|text| text.len() > 8 && matches!(Column::of(text), Column::Number(_)))
        .map(move |media| format!("{on_media}{media}"));
    let scopes = comment.into_iter().chain([person]).chain(media);
    Box::new(scopes.map(used))
}

/// The text of an id that a column holds.
pub(super) fn text_of_id(value: &Value) -> Option<String> {
    use rusqlite::types::FromSql as _;
    ids::Text::column_result(value.into())
        .ok()
        .map(|text| text.0)
}

fn text_of_message(value: &Value) -> Option<String> {
    use rusqlite::types::FromSql as _;
    crate::mids::Text::column_result(value.into())
        .ok()
        .map(|text| text.0)
}
