//! Asking the world and Hookline what came of a flood, and holding it against the promises.

mod by_hand;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context;
use hookline_model::clock::Timestamp;
use hookline_sim::delivery::{DeliveryRecord, DeliveryState};
use hookline_sim::world::inspect::Sent;
use serde_json::Value;

use super::pour::Written;
use super::report::{FloodReport, Pace, Told};
use super::scene::Scene;
use super::{BURST, FloodPlan, HOURLY};
use crate::latency::{Latencies, Quantiles};
use crate::{epoch_ms, now};

/// How often the forecast is asked for, to see how long it takes.
const ASKED: u32 = 5;

/// How far the forecast end may lie from the one worked out by hand.
const END_TOLERANCE_MS: i64 = 60_000;

/// How many attempts the flooded account may be behind its budget: one is due, one on its way.
const BEHIND_MAX: u32 = 2;

/// How long attempts begun at once may overtake each other.
const AT_ONCE_MS: i64 = 1000;

/// An attempt of the flooded account.
struct Attempt {
    started_ms: i64,
    deadline_ms: i64,
}

type Problems = Vec<String>;

/// Gathers everything; what cannot be asked is an error, what is wrong is a problem.
pub(super) async fn gather(
    scene: &Scene,
    plan: &FloodPlan,
    written: &Written,
    is_in_time: bool,
) -> anyhow::Result<FloodReport> {
    let mut problems = Problems::new();
    if !is_in_time {
        problems.push("deliveries or replies to quiet accounts did not come in time".to_owned());
    }
    let (deliveries, ack_us) = acknowledged(scene, &mut problems)?;
    let recorded = recorded(scene, written, &mut problems).await?;
    let (quiet_served, lateness_us) = lateness(scene, &mut problems).await?;
    nobody_twice(&scene.replies(), &mut problems);
    let told = asked(scene).await?;
    let attempts = attempts(scene).await?;
    let pace = pace(scene, &attempts, &mut problems);
    in_order(&attempts, &told.lane, &mut problems)?;
    let told = forecast(scene, written, &told, &attempts, &mut problems)?;
    let all = written.flooded.len() + written.quiet.len();
    Ok(FloodReport {
        comments: number(all),
        per_second: f64::from(plan.comments) / plan.within.as_secs_f64().max(f64::MIN_POSITIVE),
        deliveries,
        ack_us,
        recorded,
        quiet_served,
        lateness_us,
        pace,
        told,
        memory_peak_bytes: scene.server.memory_peak_bytes(),
        processor_seconds: scene.server.processor_time().map(|time| time.as_secs_f64()),
        problems,
    })
}

fn acknowledged(scene: &Scene, problems: &mut Problems) -> anyhow::Result<(u32, Quantiles)> {
    let records = scene.world().deliveries();
    let mut latencies = Latencies::new()?;
    let mut refused = 0_u32;
    for attempt in records.iter().flat_map(|record| &record.attempts) {
        if attempt.status != Some(200) {
            refused += 1;
        } else if let Some(answered_ms) = attempt.answered_ms {
            latencies.record(millis(answered_ms - attempt.at_ms));
        }
    }
    if refused > 0 {
        problems.push(format!("{refused} deliveries were not answered with 200"));
    }
    let is_open = |record: &&DeliveryRecord| record.state != DeliveryState::Succeeded;
    // The flooded account goes on sending, and its newest echo may be on its way.
    let open = records.iter().filter(is_open).count();
    if open > 1 {
        problems.push(format!("{open} deliveries are not acknowledged"));
    }
    Ok((number(records.len()), latencies.quantiles()))
}

async fn recorded(
    scene: &Scene,
    written: &Written,
    problems: &mut Problems,
) -> anyhow::Result<u32> {
    let events = scene.api.all("/events?kind=comment_received").await?;
    let recorded: BTreeSet<&str> = events
        .iter()
        .filter_map(|event| event["comment_id"].as_str())
        .collect();
    let all = written.flooded.iter().chain(&written.quiet);
    let lost = all.filter(|id| !recorded.contains(id.as_str())).count();
    if lost > 0 {
        problems.push(format!("{lost} comments are not recorded"));
    }
    if events.len() != recorded.len() {
        problems.push("a comment is recorded more than once".to_owned());
    }
    Ok(number(recorded.len()))
}

async fn lateness(scene: &Scene, problems: &mut Problems) -> anyhow::Result<(u32, Quantiles)> {
    let mut arrived: BTreeMap<String, i64> = BTreeMap::new();
    for sent in scene.replies() {
        arrived.insert(sent.account, sent.at_ms);
    }
    let mut latencies = Latencies::new()?;
    for account in &scene.quiet {
        let path = format!("/sends?account_id={}", account.id);
        let sends = scene.api.all(&path).await?;
        let [send] = sends.as_slice() else {
            let count = sends.len();
            problems.push(format!("quiet account {} has {count} sends", account.id));
            continue;
        };
        let due_ms = time(send, "due_at")?;
        match arrived.get(&account.id) {
            Some(at_ms) if *at_ms < due_ms => {
                problems.push(format!("quiet account {} was served too early", account.id));
            }
            Some(at_ms) => latencies.record(millis(at_ms - due_ms)),
            None => problems.push(format!("quiet account {} was not served", account.id)),
        }
    }
    let served = u32::try_from(latencies.count())?;
    Ok((served, latencies.quantiles()))
}

fn nobody_twice(replies: &[Sent], problems: &mut Problems) {
    let mut answered = BTreeSet::new();
    for sent in replies {
        if !answered.insert(sent.comment_id.as_deref()) || sent.calls > 1 {
            problems.push(format!("comment {:?} was answered twice", sent.comment_id));
        }
    }
}

/// The attempts of the flooded account, oldest first.
async fn attempts(scene: &Scene) -> anyhow::Result<Vec<Attempt>> {
    let path = format!("/sends?account_id={}&state=accepted", scene.flooded.id);
    let mut attempts = Vec::new();
    for send in scene.api.all(&path).await? {
        for attempt in send
            .get("attempts")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            attempts.push(Attempt {
                started_ms: time(attempt, "started_at")?,
                deadline_ms: time(&send, "deadline_at")?,
            });
        }
    }
    attempts.sort_by_key(|attempt| (attempt.started_ms, attempt.deadline_ms));
    Ok(attempts)
}

fn pace(scene: &Scene, attempts: &[Attempt], problems: &mut Problems) -> Pace {
    let times: Vec<i64> = attempts.iter().map(|attempt| attempt.started_ms).collect();
    let first_ms = times.first().copied().unwrap_or_default();
    let allowed = by_hand::allowed(epoch_ms() - first_ms);
    let sent = number(times.len());
    for (place, begin_ms) in times.iter().enumerate() {
        for (later, end_ms) in times.iter().enumerate().skip(place) {
            if number(later - place + 1) > by_hand::allowed(end_ms - begin_ms) {
                problems.push(format!(
                    "the budget was exceeded: {} attempts in {} ms",
                    later - place + 1,
                    end_ms - begin_ms
                ));
                return summed(scene, &times, allowed);
            }
        }
    }
    if sent + BEHIND_MAX < allowed {
        problems.push(format!(
            "{sent} were sent where the budget allowed {allowed}"
        ));
    }
    summed(scene, &times, allowed)
}

fn summed(scene: &Scene, times: &[i64], allowed: u32) -> Pace {
    let requests = scene.world().requests();
    let reads = requests.iter().filter(|request| {
        request.endpoint == "read_comment"
            && request.account.as_deref() == Some(scene.flooded.id.as_str())
    });
    Pace {
        sent: number(times.len()),
        allowed,
        most_in_a_second: most_in(times, 1000),
        most_in_an_hour: most_in(times, 3_600_000),
        reads: number(reads.count()),
    }
}

fn most_in(times: &[i64], window_ms: i64) -> u32 {
    let in_window = |begin_ms: &i64| {
        let end_ms = begin_ms + window_ms;
        let inside = times.iter().filter(|at| (*begin_ms..end_ms).contains(*at));
        number(inside.count())
    };
    times.iter().map(in_window).max().unwrap_or(0)
}

/// Earliest deadline first: nothing that waits is more urgent than what was sent, and what was
/// sent went in its order, but for what was begun at once.
fn in_order(attempts: &[Attempt], lane: &Value, problems: &mut Problems) -> anyhow::Result<()> {
    let latest_sent = attempts.iter().map(|attempt| attempt.deadline_ms).max();
    if lane["waiting"] != 0 && latest_sent > Some(time(lane, "first_deadline_at")?) {
        problems.push("something more urgent waits than was sent".to_owned());
    }
    let is_overtaken = |(place, attempt): (usize, &Attempt)| {
        attempts.iter().take(place).any(|earlier| {
            earlier.deadline_ms > attempt.deadline_ms
                && earlier.started_ms + AT_ONCE_MS < attempt.started_ms
        })
    };
    if attempts.iter().enumerate().any(is_overtaken) {
        problems.push("an attempt overtook a more urgent one".to_owned());
    }
    Ok(())
}

/// The queue's answer about the flooded account, and what was sent before and after it was asked.
struct Asked {
    lane: Value,
    answer_ms_max: f64,
    sent_before: u32,
    sent_after: u32,
}

async fn asked(scene: &Scene) -> anyhow::Result<Asked> {
    let path = format!("/queue?account_id={}", scene.flooded.id);
    let sent = || {
        let replies = scene.replies();
        number(replies.iter().filter(|sent| scene.is_flooded(sent)).count())
    };
    let mut answer_ms_max: f64 = 0.0;
    let mut asked = None;
    for _ in 0..ASKED {
        let sent_before = sent();
        let started = now();
        let answer = scene.api.get(&path).await?;
        let took = now().saturating_duration_since(started);
        answer_ms_max = answer_ms_max.max(took.as_secs_f64() * 1000.0);
        let lane = answer.pointer("/items/0").cloned().unwrap_or(Value::Null);
        asked = Some((lane, sent_before, sent()));
    }
    let (lane, sent_before, sent_after) = asked.context("the queue was never asked for")?;
    Ok(Asked {
        lane,
        answer_ms_max,
        sent_before,
        sent_after,
    })
}

fn forecast(
    scene: &Scene,
    written: &Written,
    asked: &Asked,
    attempts: &[Attempt],
    problems: &mut Problems,
) -> anyhow::Result<Told> {
    let lane = &asked.lane;
    let count = |field: &str| -> anyhow::Result<u32> {
        let count = lane[field].as_u64();
        let count = count.with_context(|| format!("the queue's {field} is {}", lane[field]))?;
        Ok(u32::try_from(count)?)
    };
    let (waiting, will_miss) = (count("waiting")?, count("will_miss")?);
    let known = waiting + count("in_flight")?;
    let comments = number(written.flooded.len());
    // What was sent and not yet committed as such is in both counts.
    let fewest = comments - asked.sent_after;
    if !(fewest..=comments - asked.sent_before + 1).contains(&known) {
        problems.push(format!(
            "{known} wait or are on the way, but {comments} came and {} were sent",
            asked.sent_after
        ));
    }
    let first_ms = attempts
        .first()
        .map_or_else(epoch_ms, |attempt| attempt.started_ms);
    let deadlines = scene.deadlines(&written.flooded)?;
    let by_hand = by_hand::outlook(first_ms, &deadlines);
    let last_ms = match lane["last_at"].as_str() {
        Some(_) => time(lane, "last_at")?,
        None => first_ms,
    };
    if (last_ms - by_hand.last_ms).abs() > END_TOLERANCE_MS {
        problems.push(format!(
            "the last is forecast for {last_ms}, by hand it is {}",
            by_hand.last_ms
        ));
    }
    if will_miss.abs_diff(by_hand.will_miss) > 1 + by_hand.will_miss / 500 {
        problems.push(format!(
            "{will_miss} are forecast to miss their deadline, by hand {}",
            by_hand.will_miss
        ));
    }
    let words = scene.words()?;
    let words = words.lines().find(|line| line.starts_with("viral_store"));
    Ok(Told {
        waiting,
        hours: hours(last_ms - first_ms),
        hours_expected: hours(by_hand.last_ms - first_ms),
        will_miss,
        will_miss_expected: by_hand.will_miss,
        answer_ms_max: asked.answer_ms_max,
        words: words
            .context("hookline queue does not name the account")?
            .to_owned(),
    })
}

fn time(value: &Value, field: &str) -> anyhow::Result<i64> {
    let text = value[field].as_str();
    text.and_then(Timestamp::from_graph)
        .map(Timestamp::as_millis)
        .with_context(|| format!("{field} is no time: {}", value[field]))
}

fn millis(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

fn hours(elapsed_ms: i64) -> f64 {
    millis(elapsed_ms).as_secs_f64() / 3600.0
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
