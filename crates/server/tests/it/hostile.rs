//! What strangers, and Meta on its worst day, could send: the server stays up and serves others.
//!
//! - [`bodies`]: deliveries of every size and form, each correctly signed
//! - [`odd`]: bodies nobody should write
//! - [`idle`]: thousands of connections that are opened and left alone

mod bodies;
mod idle;
mod odd;
