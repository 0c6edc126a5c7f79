//! What claiming, starting and ending a batch of sends costs, however many wait.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use hookline_model::attempt::{AttemptOutcome, MetaAnswer};
use hookline_model::budget::Budget;
use hookline_model::clock::Timestamp;
use hookline_model::ids::MessageId;
use hookline_model::send::SendKind;
use hookline_store::Store;
use hookline_store::lanes::{
    Budgets, ClaimRequest, ClaimedLane, Ending, FinishAttempt, LaneEffect, StartAttempt,
    StartResult,
};

use super::{Settings, at_most, table};
use crate::figure::{float, show};
use crate::latency::median;
use crate::section::Section;
use crate::stock::{self, Stock};
use crate::{epoch_ms, now};

/// Lanes of a batch, and sends of each.
const LANES: u32 = 16;
const SENDS_PER_LANE: u32 = 8;

/// Accounts with sends, each with a whole number of claims of ten thousand, so that every batch
/// is of one size.
const ACCOUNTS: u32 = 1250;

/// Planned sends; the first is what the others are compared with.
const BACKLOGS: [u64; 3] = [10_000, 100_000, 1_000_000];

/// Batches measured, after as many to warm up: all of them together are fewer lanes than there
/// are, so that no lane has to be found empty.
const BATCHES: usize = 30;

/// How much more a batch may cost than with the fewest sends.
const GROWTH_MAX: f64 = 1.5;

/// Measures. With more events than the largest backlog wanted for the database, that many are
/// planned too.
pub fn run(settings: &Settings) -> anyhow::Result<Section> {
    let largest = BACKLOGS.into_iter().max().unwrap_or_default();
    let wanted = u64::from(settings.events);
    let all = BACKLOGS
        .into_iter()
        .chain(Some(wanted).filter(|wanted| *wanted > largest));
    let (mut rows, mut bars) = (Vec::new(), Vec::new());
    let mut least = None;
    for sends in all {
        let costs = costs(settings, sends)?;
        let cost = median(&costs).context("nothing was measured")?;
        let growth = cost / *least.get_or_insert(cost);
        rows.push(vec![
            sends.to_string(),
            show(&costs, 0),
            format!("{growth:.2}"),
        ]);
        if rows.len() > 1 {
            let what = format!("cost with {sends} planned sends, of that with the fewest");
            bars.push(at_most(&what, GROWTH_MAX, Some(growth), 2));
        }
    }
    Ok(Section {
        key: "claims".to_owned(),
        title: "Claiming from a backlog".to_owned(),
        text: format!(
            "Batches of {LANES} lanes with {SENDS_PER_LANE} sends each are claimed, their attempts \
             started and ended as accepted, and the lanes given back: three commits. The sends are \
             planned for {ACCOUNTS} accounts, in a database of each size, which the disk has whole by \
             then. Median of {BATCHES} \
             batches, with the least and the most."
        ),
        tables: vec![table(
            ["planned sends", "µs for each send", "times the first"],
            rows,
        )],
        bars,
    })
}

fn request() -> ClaimRequest {
    let unpaced = Budget::new(1_000_000, Duration::from_hours(1), 1_000_000);
    ClaimRequest {
        lease: Duration::from_mins(1),
        lanes: LANES,
        sends_per_lane: SENDS_PER_LANE,
        budgets: Budgets {
            private_reply: unpaced,
            live_private_reply: unpaced,
            text: unpaced,
            media: unpaced,
            public_reply: unpaced,
        },
    }
}

/// Microseconds a send, by batch.
fn costs(settings: &Settings, sends: u64) -> anyhow::Result<Vec<f64>> {
    let directory = settings.directory()?;
    let stock = Stock {
        accounts: ACCOUNTS,
        busy: ACCOUNTS,
        sends,
        kind: SendKind::PrivateReply,
        first_due_ms: epoch_ms(),
        per_second: None,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let store = stock::open(directory.path())?;
        stock::fill(&store, &stock).await?;
        settle()?;
        let mut costs = Vec::with_capacity(BATCHES);
        for batch in 0..2 * BATCHES {
            let began = now();
            let done = work(&store).await?;
            if batch >= BATCHES {
                costs.push(began.elapsed().as_secs_f64() * 1e6 / done);
            }
        }
        store.close().await;
        Ok(costs)
    })
}

/// Waits until the disk has what was filled in: it would be busy with that meanwhile, the longer the
/// more it was.
fn settle() -> anyhow::Result<()> {
    let done = Command::new("sync").status().context("running sync")?;
    ensure!(done.success(), "sync ended with {done}");
    Ok(())
}

/// Works one batch and says how many sends it was.
async fn work(store: &Store) -> anyhow::Result<f64> {
    let at = Timestamp::from_millis(epoch_ms());
    let lanes = store.claim_lanes(request(), at).await?;
    let mut attempts = Vec::new();
    for lane in &lanes {
        attempts.extend(lane.sends.iter().map(|send| {
            let attempt = StartAttempt {
                send: send.id,
                text: "Hi guest".to_owned(),
                budget: request().budgets.private_reply,
                learnt: None,
            };
            (lane.claim.clone(), attempt)
        }));
    }
    let count = u64::try_from(attempts.len())?;
    let whole = u64::from(LANES * SENDS_PER_LANE);
    ensure!(
        count == whole,
        "a batch has {count} sends instead of {whole}"
    );
    let mut endings = Vec::new();
    for started in store.start_attempts(attempts, at).await {
        endings.push(accepted(started?).context("an attempt was not started")?);
    }
    endings.extend(lanes.into_iter().map(given_back));
    let budgets = request().budgets;
    for ended in store.end_attempts(endings, budgets, at).await {
        ended?;
    }
    Ok(float(count))
}

fn accepted(started: StartResult) -> Option<Ending> {
    let StartResult::Started(attempt) = started else {
        return None;
    };
    let message_id = MessageId::new(format!("mid.{}.{}", attempt.lane.0, attempt.seq));
    Some(Ending {
        finish: Some(FinishAttempt {
            outcome: AttemptOutcome::Accepted {
                message_id: Some(message_id),
                recipient_id: None,
            },
            answer: MetaAnswer::default(),
            retry_at: Timestamp::EPOCH,
            effect: LaneEffect::None,
            attempt,
        }),
        release: None,
    })
}

fn given_back(lane: ClaimedLane) -> Ending {
    Ending {
        finish: None,
        release: Some(lane.claim),
    }
}
