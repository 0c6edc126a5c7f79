//! What happened: effects, calls, deliveries.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ask, Outcome, to_value};
use crate::delivery::RawDelivery;
use crate::wire::Signing;
use crate::world::{Refusal, World};

/// Entries answered when the call names no limit.
const LIMIT: usize = 1000;

pub(super) fn route(world: &mut World, ask: &Ask<'_>, call: (&str, &[&str])) -> Option<Outcome> {
    Some(match call {
        ("GET", ["state"]) => Ok(world.snapshot(ask.now_ms, ask.number("objects", 100))),
        ("GET", ["sent"]) => sent(world, ask),
        ("GET", ["requests"]) => requests(world, ask),
        ("GET", ["alerts"]) => to_value(world.alerts()),
        ("GET", ["deliveries"]) => to_value(newest(world.deliveries(), ask)),
        ("GET", ["deliveries", id]) => delivery(world, id),
        ("POST", ["deliveries", id, "redeliver"]) => redeliver(world, ask, id),
        ("POST", ["raw"]) => raw(world, ask),
        _ => return None,
    })
}

/// The newest entries, oldest first.
fn newest<T>(entries: Vec<T>, ask: &Ask<'_>) -> Vec<T> {
    let kept = entries.len().saturating_sub(ask.number("limit", LIMIT));
    entries.into_iter().skip(kept).collect()
}

fn sent(world: &World, ask: &Ask<'_>) -> Outcome {
    let account = ask
        .query("account")
        .map(|account| world.find_account(account))
        .transpose()?;
    let account = account.map(|account| account.ig_id.as_str());
    let person = ask.query("person");
    let mut found = world.sent();
    found.retain(|sent| {
        account.is_none_or(|account| sent.account == account)
            && person.is_none_or(|person| sent.person.as_deref() == Some(person))
    });
    let mut per_person: BTreeMap<String, usize> = BTreeMap::new();
    for sent in &found {
        if let Some(person) = &sent.person {
            *per_person.entry(person.clone()).or_default() += 1;
        }
    }
    let total = found.len();
    Ok(json!({ "total": total, "per_person": per_person, "sent": newest(found, ask) }))
}

fn requests(world: &World, ask: &Ask<'_>) -> Outcome {
    let endpoint = ask.query("endpoint");
    let mut found = world.requests();
    found.retain(|request| endpoint.is_none_or(|endpoint| request.endpoint == endpoint));
    to_value(newest(found, ask))
}

fn parse_id(id: &str) -> Result<u64, Refusal> {
    id.parse()
        .map_err(|_| Refusal::Invalid(format!("{id} is no delivery id")))
}

fn delivery(world: &World, id: &str) -> Outcome {
    let id = parse_id(id)?;
    let record = world
        .deliveries()
        .into_iter()
        .find(|record| record.id == id)
        .ok_or(Refusal::UnknownDelivery(id))?;
    let body = world
        .delivery_body(id)
        .map(|body| String::from_utf8_lossy(&body).into_owned());
    let mut value = to_value(record)?;
    if let Value::Object(members) = &mut value {
        members.insert("body".to_owned(), json!(body));
    }
    Ok(value)
}

fn redeliver(world: &mut World, ask: &Ask<'_>, id: &str) -> Outcome {
    let id = parse_id(id)?;
    world.redeliver(ask.now_ms, id)?;
    Ok(json!({ "id": id }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    /// The body as text.
    body: Option<String>,
    /// The body as base64, for bytes that are no text.
    body_base64: Option<String>,
    #[serde(default)]
    signing: Signing,
    /// Headers to send instead of Meta's.
    headers: Option<BTreeMap<String, String>>,
}

fn raw(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let raw: Raw = ask.body()?;
    let body = match (raw.body, raw.body_base64) {
        (Some(text), None) => Bytes::from(text),
        (None, Some(text)) => STANDARD
            .decode(text)
            .map(Bytes::from)
            .map_err(|_| Refusal::Invalid("body_base64 is no base64".to_owned()))?,
        (Some(_), Some(_)) | (None, None) => {
            return Err(Refusal::Invalid("exactly one of body and body_base64".to_owned()).into());
        }
    };
    let headers = raw.headers.map(|headers| headers.into_iter().collect());
    let id = world.deliver_raw(
        ask.now_ms,
        RawDelivery {
            body,
            signing: raw.signing,
            headers,
        },
    );
    Ok(json!({ "id": id }))
}
