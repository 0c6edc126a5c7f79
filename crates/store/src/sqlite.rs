//! SQLite, embedded: one writer that commits in groups, a few readers, a checkpointer.

mod connection;
mod migrate;
mod readers;
mod writer;

pub(crate) use connection::{Purpose, open_connection};
pub(crate) use migrate::{known_schema, migrate};
pub(crate) use readers::Readers;
pub(crate) use writer::{NewDelivery, Writer};
