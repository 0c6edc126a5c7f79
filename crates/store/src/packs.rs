//! Old deliveries, packed: many of them, with what was taken from each and decided about it, are
//! compressed as one.
//!
//! Neighbours tell of the same media, in the same words, and an event repeats its delivery: what one
//! row shares with the others costs next to nothing. A pack needs no dictionary for that, which
//! would keep pieces of people's words for as long as it is used (docs/adr/0016).
//!
//! What nothing will change leaves its tables as whole rows (docs/adr/0022); of anything else only
//! the long texts are packed, and the row stays and names the pack.
//!
//! - [`contents`](self), `columns`, `guesses`: the bytes of a pack, and reading them back
//! - `row`: rows that left their tables
//! - `leave`: which rows leave, taking them out and putting them back
//! - `spans`, `keys`, `marks`: in which pack a row is
//! - `find`: finding rows that left; whoever looks for a row looks in its table first
//! - `sends`, `runs`, `shrink`: what is packed of a send and a run that stay, and of any row
//! - `making`, `swap`: making a pack beside the writer, and putting it in the place of its rows
//! - `undo`: putting the rows back, because one of them is about to change
//!
//! What holds: a row is in its table or in one pack, never in both and never in none. A row that
//! names a pack is in it exactly as it was, and every such row of a pack names it. Whoever changes
//! or deletes what is in a pack undoes it first, in the same transaction.

mod columns;
mod contents;
mod find;
mod guesses;
mod keys;
mod leave;
mod making;
mod marks;
mod read;
mod row;
mod runs;
mod sends;
mod shrink;
mod spans;
mod swap;
mod undo;

pub use swap::{NextPack, Pack};

use undo::packs_of_delivery;

pub(crate) use find::{PackedComments, Wanted};
pub(crate) use marks::Mark;
pub(crate) use read::{ShownSend, Unpacker, if_readable};
pub(crate) use row::{PackedRow, Table};
pub(crate) use runs::PackedRun;
pub(crate) use sends::sends_known_by;
pub(crate) use undo::{undo_delivery, undo_event, undo_unconfirmed};
