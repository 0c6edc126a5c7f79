//! Accounts, people, media, tokens, the clock and the habits.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Ask, ControlError, Outcome, to_value};
use crate::world::accounts::{AccountChange, NewAccount};
use crate::world::media::NewMedia;
use crate::world::people::NewPerson;
use crate::world::tokens::TokenEnd;
use crate::world::{Limits, Policy, Refusal, World};

pub(super) fn route(world: &mut World, ask: &Ask<'_>, call: (&str, &[&str])) -> Option<Outcome> {
    Some(match call {
        ("POST", ["accounts"]) => create_account(world, ask),
        ("GET", ["accounts"]) => to_value(world.accounts().collect::<Vec<_>>()),
        ("POST" | "PATCH", ["accounts", id]) => change_account(world, ask, id),
        ("POST", ["accounts", id, "tokens"]) => change_tokens(world, ask, id),
        ("POST", ["people"]) => create_people(world, ask),
        ("POST" | "PATCH", ["people", username]) => change_person(world, ask, username),
        ("POST", ["media"]) => create_media(world, ask),
        ("POST" | "PATCH", ["media", id]) => change_media(world, ask, id),
        ("GET", ["clock"]) => Ok(clock(world, ask)),
        ("POST", ["clock"]) => advance(world, ask),
        ("GET", ["policy"]) => to_value(&world.config().policy),
        ("POST" | "PATCH", ["policy"]) => change_policy(world, ask),
        ("GET", ["limits"]) => to_value(&world.config().limits),
        ("POST" | "PATCH", ["limits"]) => change_limits(world, ask),
        ("POST", ["callback"]) => set_callback(world, ask),
        _ => return None,
    })
}

fn create_account(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let new: NewAccount = ask.body()?;
    to_value(world.create_account(ask.now_ms, new)?)
}

fn change_account(world: &mut World, ask: &Ask<'_>, id: &str) -> Outcome {
    let change: AccountChange = ask.body()?;
    to_value(world.change_account(id, change)?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenChange {
    /// How the tokens of the account end; they stay as they are when absent.
    end: Option<TokenEnd>,
    /// Whether a new token is issued.
    #[serde(default)]
    issue: bool,
}

fn change_tokens(world: &mut World, ask: &Ask<'_>, id: &str) -> Outcome {
    let change: TokenChange = ask.body()?;
    if let Some(end) = change.end {
        world.end_tokens(id, end)?;
    }
    let token = if change.issue {
        Some(world.issue_token(ask.now_ms, id)?)
    } else {
        None
    };
    Ok(json!({ "access_token": token }))
}

fn create_people(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let (drafts, is_list) = ask.bodies::<NewPerson>()?;
    let people = drafts
        .into_iter()
        .map(|draft| world.create_person(draft))
        .collect::<Result<Vec<_>, Refusal>>()?;
    one_or_list(people, is_list)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonChange {
    account: String,
    follows: Option<bool>,
    blocks: Option<bool>,
}

fn change_person(world: &mut World, ask: &Ask<'_>, username: &str) -> Outcome {
    let change: PersonChange = ask.body()?;
    if let Some(follows) = change.follows {
        world.set_follows(username, &change.account, follows)?;
    }
    if let Some(blocks) = change.blocks {
        world.set_blocks(username, &change.account, blocks)?;
    }
    to_value(world.find_person(username)?)
}

fn create_media(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let new: NewMedia = ask.body()?;
    to_value(world.create_media(ask.now_ms, new)?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MediaChange {
    is_on_air: bool,
}

fn change_media(world: &mut World, ask: &Ask<'_>, id: &str) -> Outcome {
    let change: MediaChange = ask.body()?;
    world.set_on_air(id, change.is_on_air)?;
    to_value(world.find_media(id)?)
}

fn clock(world: &World, ask: &Ask<'_>) -> Value {
    json!({ "now_ms": ask.now_ms, "offset_ms": world.offset_ms() })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: i64,
}

fn advance(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let advance: Advance = ask.body()?;
    if advance.advance_ms < 0 {
        return Err(Refusal::Invalid("time only moves forward".to_owned()).into());
    }
    world.advance(advance.advance_ms);
    let now_ms = ask.now_ms.saturating_add(advance.advance_ms);
    Ok(json!({ "now_ms": now_ms, "offset_ms": world.offset_ms() }))
}

fn change_policy(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let merged = merge(to_value(&world.config().policy)?, ask.body()?);
    let policy: Policy = serde_json::from_value(merged).map_err(ControlError::Body)?;
    world.set_policy(policy);
    to_value(&world.config().policy)
}

fn change_limits(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let merged = merge(to_value(&world.config().limits)?, ask.body()?);
    let limits: Limits = serde_json::from_value(merged).map_err(ControlError::Body)?;
    world.set_limits(limits);
    to_value(&world.config().limits)
}

/// Lays the keys of a change over what there is.
fn merge(current: Value, change: Map<String, Value>) -> Value {
    let mut merged = current;
    if let Value::Object(members) = &mut merged {
        members.extend(change);
    }
    merged
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Callback {
    url: Option<String>,
}

fn set_callback(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let callback: Callback = ask.body()?;
    world.set_callback_url(callback.url);
    Ok(json!({ "callback_url": world.callback_url() }))
}

/// Answers a list with a list and a single object with a single object.
pub(super) fn one_or_list(items: Vec<impl serde::Serialize>, is_list: bool) -> Outcome {
    if is_list {
        return to_value(items);
    }
    match items.into_iter().next() {
        Some(item) => to_value(item),
        None => Ok(Value::Null),
    }
}
