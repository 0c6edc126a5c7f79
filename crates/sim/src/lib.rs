#![doc = include_str!("../README.md")]

pub mod control;
pub mod delivery;
pub mod faults;
pub mod graph;
pub mod http;
mod ids;
pub mod json;
pub mod wire;
pub mod world;

pub use delivery::{Answered, Delivery};
pub use faults::{DeliveryRule, DeliveryTrouble, ErrorSpec, FaultRule, Trouble};
pub use graph::{Fate, HandshakeAnswer, SimRequest, SimResponse};
pub use world::{World, WorldConfig};
