//! Stories over real HTTP against the simulator: one for each trigger and each refusal.

mod alerts;
mod connecting;
mod deletion;
mod doctor;
mod evidence;
mod lifecycle;
mod optout;
mod routing;
mod sending;
mod triggers;
mod trouble;
