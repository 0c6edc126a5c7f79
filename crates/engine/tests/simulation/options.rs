//! What a simulation is told; the rest follows from the seed.

use std::fmt;

/// A seed with the sizes of its world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    /// Things people do.
    pub(crate) actions: usize,
    /// Whether people do one of everything, shortly one after the other, instead of what chance
    /// says.
    pub(crate) is_plain: bool,
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
            is_plain: false,
            has_faults: true,
            dies_at: None,
        }
    }

    /// A comment with two steps, one with a limit, and a message; nothing misbehaves but the
    /// process, which dies at this durable step.
    pub(crate) fn plain(dies_at: Option<usize>) -> Self {
        Self {
            is_plain: true,
            has_faults: false,
            dies_at,
            ..Self::seeded(0)
        }
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--from {} --seeds 1", self.seed)?;
        if self.is_plain {
            f.write_str(" --plain")?;
        } else {
            write!(f, " --actions {}", self.actions)?;
        }
        if !self.has_faults {
            f.write_str(" --no-faults")?;
        }
        if let Some(step) = self.dies_at {
            write!(f, " --dies-at {step}")?;
        }
        Ok(())
    }
}
