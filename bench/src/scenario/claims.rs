//! What claiming, starting and ending a batch of sends costs, however many wait.

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

use super::{Place, median};
use crate::drain::float;
use crate::section::{Bar, Section, Table};
use crate::stock::{self, Stock};
use crate::{epoch_ms, now};

/// Lanes of a batch, and sends of each.
const LANES: u32 = 16;
const SENDS_PER_LANE: u32 = 8;

/// Accounts with sends: so many that each has a multiple of [`SENDS_PER_LANE`] of ten thousand.
/// With any other number the lanes that were just given back, which come first again, would have
/// a few left, and small batches would pass for dear ones.
const ACCOUNTS: u32 = 1250;

/// Batches measured, after as many to warm up.
const BATCHES: usize = 30;

/// How much more a batch may cost than with the fewest sends.
const GROWTH_MAX: f64 = 1.5;

/// Measures with so many planned sends each; the first is what the others are compared with.
pub fn run(place: &Place, backlogs: &[u64]) -> anyhow::Result<Section> {
    let mut rows = Vec::new();
    let mut bars = Vec::new();
    let mut least = None;
    for sends in backlogs {
        let cost = cost(place, *sends)?;
        let growth = cost / *least.get_or_insert(cost);
        rows.push(vec![
            sends.to_string(),
            format!("{cost:.0}"),
            format!("{growth:.2}"),
        ]);
        if rows.len() > 1 {
            bars.push(Bar {
                what: format!("cost of a batch with {sends} planned sends"),
                wanted: format!("at most {GROWTH_MAX} times that with the fewest"),
                reached: format!("{growth:.2}"),
                is_met: growth <= GROWTH_MAX,
            });
        }
    }
    let columns = ["planned sends", "µs a send", "times the first"];
    Ok(Section {
        key: "claims".to_owned(),
        title: "Claiming from a backlog".to_owned(),
        text: format!(
            "Batches of {LANES} lanes with {SENDS_PER_LANE} sends each are claimed, their attempts \
             started and ended as accepted, and the lanes given back: three commits. The sends are \
             planned for {ACCOUNTS} accounts. Median of {BATCHES} batches."
        ),
        tables: vec![Table {
            columns: columns.map(str::to_owned).to_vec(),
            rows,
        }],
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

/// Microseconds a send.
fn cost(place: &Place, sends: u64) -> anyhow::Result<f64> {
    let directory = place.directory()?;
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
        let mut costs = Vec::with_capacity(BATCHES);
        for batch in 0..2 * BATCHES {
            let began = now();
            let done = work(&store).await?;
            if batch >= BATCHES {
                costs.push(began.elapsed().as_secs_f64() * 1e6 / done);
            }
        }
        store.close().await;
        Ok(median(costs))
    })
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
