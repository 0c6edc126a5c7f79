//! Scripted trouble.

use serde_json::json;

use super::{Ask, Outcome};
use crate::faults::{DeliveryRule, FaultRule};
use crate::world::World;

pub(super) fn route(world: &mut World, ask: &Ask<'_>, call: (&str, &[&str])) -> Option<Outcome> {
    Some(match call {
        ("POST", ["faults"]) => add(world, ask),
        ("POST", ["delivery_faults"]) => add_for_deliveries(world, ask),
        ("GET", ["faults"]) => Ok(waiting(world)),
        ("DELETE", ["faults"]) => {
            world.clear_faults();
            Ok(waiting(world))
        }
        _ => return None,
    })
}

fn add(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let (rules, _) = ask.bodies::<FaultRule>()?;
    for rule in rules {
        world.script_fault(rule)?;
    }
    Ok(waiting(world))
}

fn add_for_deliveries(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let (rules, _) = ask.bodies::<DeliveryRule>()?;
    for rule in rules {
        world.script_delivery_fault(rule)?;
    }
    Ok(waiting(world))
}

fn waiting(world: &World) -> serde_json::Value {
    let (calls, deliveries) = world.faults();
    json!({ "calls": calls, "deliveries": deliveries })
}
