//! Old deliveries, packed: many of them, with what was taken from each and decided about it, are
//! compressed as one.
//!
//! Neighbours tell of the same media, in the same words, and an event repeats its delivery: what one
//! row shares with the others costs next to nothing. A pack needs no dictionary for that, which
//! would keep pieces of people's words for as long as it is used (docs/adr/0016).
//!
//! - [`contents`](self): the bytes of a pack, and reading them back
//! - `sends`, `runs`: what of a send and of a run goes into it
//! - `swap`: making a pack beside the writer, and putting it in the place of its rows
//! - `undo`: putting the rows back, because one of them is about to change
//!
//! What holds: a row that names a pack is in it exactly as it was, and every row of a pack names
//! it. Whoever changes or deletes such a row undoes the pack first, in the same transaction.

mod contents;
mod read;
mod runs;
mod sends;
mod shrink;
mod swap;
mod undo;

pub use swap::{NextPack, Pack};

pub(crate) use read::Unpacker;
pub(crate) use runs::PackedRun;
pub(crate) use sends::sends_known_by;
pub(crate) use undo::{undo_delivery, undo_event};
