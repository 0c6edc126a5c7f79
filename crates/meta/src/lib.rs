//! Everything in Hookline that knows Meta.
//!
//! Meta's wire forms stay in here: what comes out are the nouns of the model.
//!
//! - [`signature`]: which deliveries are Meta's; the only way to a verified one
//! - [`webhook`]: from the bytes of a delivery to events

pub mod signature;
pub mod webhook;
