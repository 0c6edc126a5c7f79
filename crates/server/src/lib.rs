//! The binary, as a library for its tests.
