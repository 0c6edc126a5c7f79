//! The rules of the house that no compiler checks.
//!
//! - [`crates`]: which crate may use which, and where SQL may stand
//! - [`columns`]: how ids of Meta get into statements
//! - [`modules`]: no orphan files, no `mod.rs`, sizes
//! - [`words`]: what no text of ours says
//! - [`links`]: what documents point at exists
//! - [`tree`]: walking the files of the repository

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod columns;
mod crates;
mod links;
mod modules;
mod tree;
mod words;

/// Fails with one line for each problem.
#[track_caller]
fn assert_none(problems: &[String]) {
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
}
