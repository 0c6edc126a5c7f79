//! Every property of the store, as stories over its public methods.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed unwrap is a failed test"
)]

#[path = "conformance/alerts.rs"]
mod alerts;
#[path = "conformance/durability.rs"]
mod durability;
#[path = "conformance/erase.rs"]
mod erase;
#[path = "conformance/house.rs"]
mod house;
#[path = "conformance/ids.rs"]
mod ids;
#[path = "conformance/lanes.rs"]
mod lanes;
#[path = "conformance/migrations.rs"]
mod migrations;
#[path = "conformance/packs.rs"]
mod packs;
#[path = "conformance/plans.rs"]
mod plans;
#[path = "conformance/queue.rs"]
mod queue;
#[path = "conformance/sizes.rs"]
mod sizes;
#[path = "conformance/steps.rs"]
mod steps;
#[path = "conformance/together.rs"]
mod together;
#[path = "conformance/trouble.rs"]
mod trouble;
#[path = "conformance/upkeep.rs"]
mod upkeep;
#[path = "conformance/wishes.rs"]
mod wishes;
