//! The steps everything else is made of, each alone, with something realistic to do.
//!
//! - [`Step`], [`STEPS`]: what there is, by name
//! - [`verify`], [`interpret`], [`matching`], [`render`]: rules, without a database
//! - [`claim`]: the store's part of sending
//!
//! `cargo xtask instructions` counts them (the program `count`), the benchmarks of `hookline-bench`
//! time them. A step does the same work each time it is taken: no clock, no threads, nothing random
//! of our own.

pub mod claim;
pub mod interpret;
pub mod matching;
pub mod render;
pub mod verify;

/// Takes the step once. An error says that it did not do its work, so that its cost means nothing.
pub type Take = Box<dyn FnMut() -> anyhow::Result<()>>;

/// One step by its name.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The name, unlike any other's: the baseline and the pages know it.
    pub name: &'static str,
    /// What taking it once does.
    pub what: &'static str,
    /// Makes everything it needs.
    pub prepare: fn() -> anyhow::Result<Take>,
}

/// Every step, in the order a delivery meets them.
pub const STEPS: [Step; 8] = [
    Step {
        name: "verify-one-secret",
        what: "verify a comment of 700 bytes against one secret",
        prepare: verify::with_one_secret,
    },
    Step {
        name: "verify-two-secrets",
        what: "the same against two, the second of which fits",
        prepare: verify::with_two_secrets,
    },
    Step {
        name: "interpret-one-event",
        what: "interpret a comment of 700 bytes",
        prepare: interpret::one_event,
    },
    Step {
        name: "interpret-batch",
        what: "interpret a batch of 100 comments of 600 bytes",
        prepare: interpret::batch,
    },
    Step {
        name: "match",
        what: "consider 20 automations for one comment",
        prepare: matching::twenty_automations,
    },
    Step {
        name: "claim",
        what: "claim 4 lanes of 1250, start and finish 32 sends of 10,000, give the lanes back",
        prepare: claim::four_lanes,
    },
    Step {
        name: "render",
        what: "render a private reply",
        prepare: render::parsed,
    },
    Step {
        name: "render-from-source",
        what: "parse the text of a private reply and render it, as a send does",
        prepare: render::from_source,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_step_can_be_taken_again_and_again() {
        for step in STEPS {
            let mut take = (step.prepare)().unwrap();
            for time in 0..3 {
                assert!(take().is_ok(), "{}, time {time}", step.name);
            }
        }
    }

    #[test]
    fn no_two_steps_have_one_name() {
        let names: HashSet<_> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(names.len(), STEPS.len());
    }
}
