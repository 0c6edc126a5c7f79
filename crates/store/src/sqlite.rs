//! SQLite, embedded: one writer that commits in groups, a few readers, a syncer, a checkpointer; or, for
//! commands and the simulation, everything on the caller's thread.

mod checkpoint;
mod connection;
mod intake;
mod log;
mod migrate;
mod readers;
mod stepper;
mod syncer;
mod work;
mod writer;

pub(crate) use connection::{Purpose, open_connection};
pub(crate) use intake::NewDelivery;
pub(crate) use migrate::{known_schema, migrate};
pub(crate) use readers::{Readers, at_one_moment};
pub(crate) use stepper::Stepper;
pub use stepper::{Gate, Pass};
pub(crate) use writer::Writer;
