//! What Meta itself does.

use serde::Deserialize;
use serde_json::json;

use super::{Ask, Outcome, to_value};
use crate::graph::LoginChoice;
use crate::wire::StoryCounts;
use crate::world::World;
use crate::world::app::AppChange;
use crate::world::platform::Tamper;

pub(super) fn route(world: &mut World, ask: &Ask<'_>, call: (&str, &[&str])) -> Option<Outcome> {
    Some(match call {
        ("POST", ["thread_owner"]) => thread_owner(world, ask),
        ("POST", ["story_insights"]) => story_insights(world, ask),
        ("POST", ["dashboard_test"]) => dashboard_test(world, ask),
        ("POST", ["signed_requests"]) => signed_request(world, ask),
        ("POST", ["oauth"]) => login(world, ask),
        ("GET", ["app"]) => to_value(world.app()),
        ("POST" | "PATCH", ["app"]) => change_app(world, ask),
        _ => return None,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThreadOwner {
    account: String,
    person: String,
    app_id: Option<String>,
}

fn thread_owner(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let owner: ThreadOwner = ask.body()?;
    let app = owner.app_id.as_deref();
    world.set_thread_owner(ask.now_ms, &owner.account, &owner.person, app)?;
    Ok(json!({ "ok": true }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Insights {
    media: String,
    counts: StoryCounts,
}

fn story_insights(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let insights: Insights = ask.body()?;
    world.story_insights(ask.now_ms, &insights.media, insights.counts)?;
    Ok(json!({ "ok": true }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    field: String,
}

fn dashboard_test(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let test: Test = ask.body()?;
    let id = world.dashboard_test(ask.now_ms, &test.field)?;
    Ok(json!({ "id": id }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    account: String,
    #[serde(default)]
    tamper: Tamper,
}

fn signed_request(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let signed: Signed = ask.body()?;
    let request = world.signed_request(ask.now_ms, &signed.account, signed.tamper)?;
    Ok(json!({ "signed_request": request }))
}

fn login(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let choice: LoginChoice = ask.body()?;
    world.set_login(choice)?;
    Ok(json!({ "ok": true }))
}

fn change_app(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let change: AppChange = ask.body()?;
    to_value(world.change_app(change)?)
}
