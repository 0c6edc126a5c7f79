//! What 100,000 connected accounts cost beside one.

use std::time::Duration;

use anyhow::Context;
use hookline_model::send::SendKind;

use super::{Place, median, spread};
use crate::deliveries::{BODY_BYTES, Delivery, SECRET, comment_body, sign};
use crate::drain::{self, Running, float};
use crate::load::{self, Plan, Target};
use crate::section::{Bar, Section, Table};
use crate::stock::{Stock, account_id};
use crate::{epoch_ms, now};

/// Connected accounts, and those of them with traffic.
const ACCOUNTS: u32 = 100_000;
const BUSY: u32 = 10_000;

/// Sends of one run.
const SENDS: u64 = 40_000;

/// Deliveries of one run, at most.
const DELIVERIES: u64 = 200_000;

/// Time the ingest is measured.
const MEASURED: Duration = Duration::from_secs(4);

/// What must be left of the figures of one account.
const LEFT_MIN: f64 = 0.8;

struct Run {
    start_ms: f64,
    sends: f64,
    deliveries: f64,
    memory_megabytes: f64,
}

/// Ingest and sends with one account, and with very many.
pub fn run(place: &Place) -> anyhow::Result<Section> {
    let one = runs(place, 1, 1)?;
    let many = runs(place, ACCOUNTS, BUSY)?;
    let row = |what: &str, runs: &[Run]| {
        let of = |figure: fn(&Run) -> f64| spread(&runs.iter().map(figure).collect::<Vec<_>>());
        vec![
            what.to_owned(),
            of(|run| run.deliveries),
            of(|run| run.sends),
            of(|run| run.start_ms),
            of(|run| run.memory_megabytes),
        ]
    };
    let bar = |what: &str, figure: fn(&Run) -> f64| {
        let of = |runs: &[Run]| median(runs.iter().map(figure).collect());
        let left = of(&many) / of(&one);
        Bar {
            what: format!("{what} with {ACCOUNTS} accounts beside one"),
            wanted: format!("at least {LEFT_MIN}"),
            reached: format!("{left:.2}"),
            is_met: left >= LEFT_MIN,
        }
    };
    let columns = [
        "accounts",
        "deliveries/s",
        "sends/s",
        "start ms",
        "memory peak MB",
    ];
    Ok(Section {
        key: "accounts".to_owned(),
        title: "Many accounts".to_owned(),
        text: format!(
            "One connected account, and {ACCOUNTS} of which {BUSY} have traffic. First {SENDS} \
             planned messages go out, then comments come over 64 connections in a closed loop."
        ),
        tables: vec![Table {
            columns: columns.map(str::to_owned).to_vec(),
            rows: vec![row("1", &one), row("100,000", &many)],
        }],
        bars: vec![
            bar("ingest", |run| run.deliveries),
            bar("sends", |run| run.sends),
        ],
    })
}

fn runs(place: &Place, accounts: u32, busy: u32) -> anyhow::Result<Vec<Run>> {
    (0..place.runs)
        .map(|_| once(place, accounts, busy))
        .collect()
}

fn once(place: &Place, accounts: u32, busy: u32) -> anyhow::Result<Run> {
    let directory = place.directory()?;
    let stock = Stock {
        accounts,
        busy,
        sends: SENDS,
        kind: SendKind::Dm,
        first_due_ms: epoch_ms(),
        per_second: None,
    };
    crate::stock::make(directory.path(), &stock)?;
    let began = now();
    let running = place.start_on(directory.path())?;
    let start_ms = began.elapsed().as_secs_f64() * 1000.0;
    let counts = running.wait_for(SENDS, Duration::from_mins(1))?;
    let deliveries = ingest(&running, busy)?;
    Ok(Run {
        start_ms,
        sends: drain::rate(&counts).context("too few sends for a rate")?,
        deliveries,
        memory_megabytes: float(running.server.memory_peak_bytes().unwrap_or(0)) / 1e6,
    })
}

fn ingest(running: &Running, busy: u32) -> anyhow::Result<f64> {
    let url = format!("http://{}/webhooks/instagram", running.server.address());
    let plan = Plan {
        target: url.parse::<Target>()?,
        deliveries: (0..DELIVERIES)
            .map(|number| to_one_of(number, busy))
            .collect(),
        connections: 64,
        threads: 1,
        rate: None,
        warm_up: Duration::from_secs(1),
        duration: MEASURED,
    };
    Ok(load::run(plan)?.per_second)
}

/// A comment on the media of one of the accounts, in turn.
fn to_one_of(number: u64, busy: u32) -> Delivery {
    let account = u32::try_from(number % u64::from(busy.max(1))).unwrap_or(0);
    // The accounts of a stock begin with the one every generated comment is for.
    let body = comment_body(1_000_000_000 + number, BODY_BYTES);
    let body = body.replacen(account_id(0).as_str(), account_id(account).as_str(), 1);
    let signature = sign(SECRET, body.as_bytes());
    Delivery {
        body: body.into(),
        signature,
    }
}
