//! Writing comments at a constant rate, whatever becomes of them.

use std::time::Duration;

use hookline_sim::world::comments::CommentDraft;

use super::FloodPlan;
use super::scene::Scene;
use crate::{epoch_ms, now};

/// How often comments are written: those whose moment has come since the last time.
const TICK: Duration = Duration::from_millis(2);

/// The comments that were written.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// On the flooded account, in their order.
    pub(super) flooded: Vec<String>,
    /// On the quiet accounts.
    pub(super) quiet: Vec<String>,
}

/// Writes every comment of the plan at its moment.
pub(super) async fn pour(scene: &Scene, plan: &FloodPlan) -> anyhow::Result<Written> {
    let started = now();
    let mut written = Written::default();
    let mut ticks = tokio::time::interval(TICK);
    while written.flooded.len() < count(plan.comments) || written.quiet.len() < scene.quiet.len() {
        ticks.tick().await;
        let elapsed = now().saturating_duration_since(started);
        let mut world = scene.world();
        for number in written.flooded.len()..count(due(plan.comments, plan.within, elapsed)) {
            let draft = CommentDraft::new(&scene.flooded.id, format!("fan{number}"), "LINK please");
            written.flooded.push(world.comment(epoch_ms(), draft)?);
        }
        let due_quiet = count(due(plan.quiet, plan.within, elapsed));
        for account in scene.quiet.iter().take(due_quiet).skip(written.quiet.len()) {
            let draft = CommentDraft::new(&account.id, "regular", "LINK please");
            written.quiet.push(world.comment(epoch_ms(), draft)?);
        }
    }
    Ok(written)
}

/// How many of `all` should have come by now, each in the middle of its share of the time.
fn due(all: u32, within: Duration, elapsed: Duration) -> u32 {
    let within = within.as_nanos().max(1);
    let due = (elapsed.as_nanos() * u128::from(all) * 2 + within) / (within * 2);
    u32::try_from(due).unwrap_or(all).min(all)
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_come_evenly_and_all_of_them() {
        let within = Duration::from_secs(10);
        let at = |millis| due(10, within, Duration::from_millis(millis));
        assert_eq!((at(0), at(499), at(501), at(5_499)), (0, 0, 1, 5));
        assert_eq!((at(9_499), at(9_501), at(60_000)), (9, 10, 10));
    }
}
