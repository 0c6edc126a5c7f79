//! Nouns and pure rules.
//!
//! Nothing here does I/O, reads a clock or draws a random number: every rule is a function of its
//! arguments, so it can be proved by tables and properties.
//!
//! - [`ids`], [`clock`], [`secret`], [`limits`]: the small words everything else is written in
//! - [`event`]: what happened, as facts taken from a delivery
//! - [`account`], [`automation`], [`matching`], [`template`]: what the owner connected and wants
//! - [`routing`], [`once`]: which automations one event is considered for, who wins, and what its
//!   limit is used up for
//! - [`send`], [`attempt`], [`backoff`]: what we owe, what we tried, when to try again
//! - [`budget`], [`conversation`], [`wish`]: how fast, inside which window, and whether the contact
//!   wants it
//! - [`forecast`]: when what waits will go out, and what would be too late
//! - [`upkeep`]: what comes back for as long as an account is connected
//! - [`alert`]: what a person has to know of, and what to do about it
//! - [`erasure`]: whom an erasure is about

pub mod account;
pub mod alert;
pub mod attempt;
pub mod automation;
pub mod backoff;
pub mod budget;
pub mod clock;
pub mod conversation;
pub mod erasure;
pub mod event;
pub mod forecast;
pub mod ids;
mod keys;
pub mod limits;
pub mod matching;
pub mod once;
pub mod routing;
pub mod secret;
pub mod send;
pub mod template;
pub mod upkeep;
pub mod wish;
