//! Whether the text of an event satisfies the condition of an automation, and why.
//!
//! - [`normalize()`]: the form in which both sides are compared
//! - [`NormalizedText`]: the text of one event, prepared once for any number of automations
//! - [`CompiledMatch`]: the condition of one automation, prepared once for any number of texts
//! - [`MatchVerdict`]: matched or not, and the [`crate::automation::Because`] for it

mod bounds;
mod compiled;
mod condition;
mod keywords;
mod normalize;
mod text;
mod verdict;

pub use compiled::{CompiledMatch, KeywordProblem, MatchProblem, check_keyword, check_pattern};
pub use normalize::normalize;
pub use text::{NormalizedText, TEXT_CHARS_MAX};
pub use verdict::MatchVerdict;

#[cfg(test)]
mod tests;
