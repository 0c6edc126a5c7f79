//! How many instructions single steps take.

use super::Settings;
use crate::instructions;
use crate::section::Section;

/// What `cargo xtask instructions` left.
pub fn run(settings: &Settings) -> anyhow::Result<Section> {
    instructions::section(&settings.target)
}
