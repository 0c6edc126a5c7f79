//! A viral post: very many comments on one account while many others get one comment each.
//!
//! Hookline runs as a process of its own, the simulated Meta in this one; everything goes over
//! loopback HTTP, as in earnest. Comments are written in the world at a constant rate, however
//! long anything takes. In the end the world says who was reached and when, Hookline says what it
//! knows and forecasts, and [`FloodReport::problems`] lists every promise that was not kept.

mod findings;
mod pour;
mod report;
mod scene;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

pub use report::{FloodReport, Pace, Told};
use scene::Scene;

/// Private replies Meta allows an account in any hour, which is also what Hookline is configured
/// for when nothing is said (contract section 9).
const HOURLY: u32 = 750;

/// Of those, how many Hookline sends at once.
const BURST: u32 = 25;

/// What to do.
#[derive(Debug, Clone)]
pub struct FloodPlan {
    /// The program, with `serve` and `queue`.
    pub hookline: PathBuf,
    /// Where its database is made, in a directory of its own.
    pub data: PathBuf,
    /// Comments on the flooded account.
    pub comments: u32,
    /// How long they take to come, evenly.
    pub within: Duration,
    /// Accounts that get one comment each, evenly over the same time.
    pub quiet: u32,
    /// How long Hookline waits before a first reply.
    pub first_reply_delay: Duration,
    /// How long after the last comment the quiet accounts' replies may take at most.
    pub patience: Duration,
}

/// Floods a Hookline just started on an empty database; it and the world end with this.
pub async fn run(plan: FloodPlan, progress: impl Fn(&str)) -> anyhow::Result<FloodReport> {
    let data = tempfile::tempdir_in(&plan.data).context("making a data directory")?;
    let scene = Scene::build(&plan, data.path()).await?;
    progress(&format!(
        "{} comments on one account in {} s, one on each of {} others",
        plan.comments,
        plan.within.as_secs(),
        plan.quiet
    ));
    let written = pour::pour(&scene, &plan).await?;
    progress("every comment is written; waiting for what is owed to the quiet accounts");
    let is_in_time = scene.wait_for_quiet_replies(&plan).await;
    let report = findings::gather(&scene, &plan, &written, is_in_time).await;
    scene.clear().await;
    report
}
