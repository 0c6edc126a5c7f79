//! What a simulation is told; the rest follows from the seed.

use std::fmt;

/// A seed with the sizes of its world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    /// Things people do.
    pub(crate) actions: usize,
    /// Whether Meta, the network, the clock and the process misbehave.
    pub(crate) has_faults: bool,
    /// The process dies before (even) or after (odd) the durable step of this number.
    pub(crate) dies_at: Option<usize>,
}

impl Options {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self {
            seed,
            actions: 40,
            has_faults: true,
            dies_at: None,
        }
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--from {} --seeds 1", self.seed)?;
        write!(f, " --actions {}", self.actions)?;
        if !self.has_faults {
            f.write_str(" --no-faults")?;
        }
        if let Some(step) = self.dies_at {
            write!(f, " --dies-at {step}")?;
        }
        Ok(())
    }
}
