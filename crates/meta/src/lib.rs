//! Everything in Hookline that knows Meta.
//!
//! Meta's wire forms stay in here: what goes in and comes out are the nouns of the model.
//!
//! - [`signature`]: which deliveries are Meta's; the only way to a verified one
//! - [`signed_request`]: what Meta says of a person when an app is removed or data is to be deleted
//! - [`webhook`]: from the bytes of a delivery to events
//! - [`redact`]: cuts somebody out of a delivery
//! - [`graph`]: the calls we make, and what their answers mean
//! - [`backfill`]: what was read back, as the delivery that never came

pub mod backfill;
pub mod graph;
pub mod redact;
pub mod signature;
pub mod signed_request;
pub mod webhook;

mod wire;
