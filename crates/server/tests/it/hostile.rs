//! What strangers, and Meta on its worst day, could send: the server stays up and serves others.
//!
//! - [`idle`]: thousands of connections that are opened and left alone

mod idle;
