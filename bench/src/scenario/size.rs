//! How large a database becomes: everything kept, while it is hot and after it was compressed.

mod scene;

use std::time::Duration;

use anyhow::ensure;
use hookline_store::Sizes;

use self::scene::Scene;
use super::Settings;
use crate::mixed::Mix;
use crate::section::{Bar, Section, Table};

/// The most of what Meta sent that the database may be, while it is hot.
const HOT_MAX: f64 = 2.5;

/// The same when it is compressed.
const COLD_MAX: f64 = 0.7;

/// Deliveries of each kind.
const DELIVERIES: usize = 30_000;

/// Tables and indexes that are shown; the rest is summed up.
const ROOMS_SHOWN: usize = 14;

/// What is recorded: comments of 700 bytes, each of which is answered, and a mix.
const MIXES: [(&str, Mix); 2] = [
    (
        "comments, all answered",
        Mix {
            accounts: 50,
            comments_percent: 100,
            asking_percent: 100,
            text_bytes: 400,
        },
    ),
    (
        "mixed, one in four answered",
        Mix {
            accounts: 50,
            comments_percent: 60,
            asking_percent: 30,
            text_bytes: 400,
        },
    ),
];

/// One database, measured.
struct Found {
    name: &'static str,
    deliveries: usize,
    raw_bytes: usize,
    hot: Sizes,
    cold: Sizes,
    swaps: Vec<Duration>,
}

/// Records deliveries of each kind, lets everything follow from them, and adds up the room. An
/// error also when a compressed delivery does not read back byte by byte.
pub fn run(settings: &Settings) -> anyhow::Result<Section> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(measure(settings, DELIVERIES))
}

async fn measure(settings: &Settings, deliveries: usize) -> anyhow::Result<Section> {
    let mut found = Vec::new();
    for (name, mix) in MIXES {
        let mut scene = Scene::build(settings.directory()?, mix).await?;
        let raw_bytes = scene.record(deliveries).await?;
        scene.interpret().await?;
        scene.send().await?;
        let hot = scene.sizes().await?;
        let swaps = scene.pack().await?;
        ensure!(!swaps.is_empty(), "nothing was compressed");
        let cold = scene.sizes().await?;
        scene.compare().await?;
        found.push(Found {
            name,
            deliveries,
            raw_bytes,
            hot,
            cold,
            swaps,
        });
    }
    Ok(section(&found))
}

fn section(found: &[Found]) -> Section {
    let mut tables = vec![Table {
        columns: [
            "deliveries",
            "bytes each",
            "hot, bytes in use",
            "times raw",
            "compressed, bytes in use",
            "times raw",
            "file afterwards, times raw",
            "a swap, median",
            "at worst",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: found.iter().map(summary).collect(),
    }];
    tables.extend(found.iter().map(rooms));
    Section {
        key: "size".to_owned(),
        title: "Size of the database".to_owned(),
        text: "Deliveries in words drawn at random from a few hundred (not real ones, with which this \
               was not compared) are recorded, interpreted, routed and answered; nothing is thrown \
               away. Then they are compressed as if they were a day old, and one in seven is read \
               back and compared with what was recorded. Bytes in use are the pages that hold \
               something: compressing frees pages, which the next deliveries fill, and the file \
               itself does not shrink. A swap is the time from handing a pack to the writer until \
               it is committed, with its fdatasync and nothing else to do. One run."
            .to_owned(),
        tables,
        bars: found.iter().flat_map(bars).collect(),
    }
}

fn used(sizes: &Sizes) -> u64 {
    sizes.bytes - sizes.free_bytes
}

fn times(bytes: u64, raw_bytes: usize) -> f64 {
    float(bytes) / float(u64::try_from(raw_bytes).unwrap_or(u64::MAX)).max(1.0)
}

fn each(bytes: u64, found: &Found) -> f64 {
    float(bytes) / float(u64::try_from(found.deliveries).unwrap_or(u64::MAX)).max(1.0)
}

fn summary(found: &Found) -> Vec<String> {
    let each = |bytes: u64| format!("{:.0}", each(bytes, found));
    let share = |bytes| format!("{:.2}", times(bytes, found.raw_bytes));
    let milliseconds = |time: Option<&Duration>| {
        time.map_or_else(String::new, |time| {
            format!("{:.1} ms", time.as_secs_f64() * 1e3)
        })
    };
    vec![
        format!("{} {}", found.deliveries, found.name),
        each(u64::try_from(found.raw_bytes).unwrap_or(u64::MAX)),
        each(used(&found.hot)),
        share(used(&found.hot)),
        each(used(&found.cold)),
        share(used(&found.cold)),
        share(found.cold.bytes),
        milliseconds(found.swaps.get(found.swaps.len() / 2)),
        milliseconds(found.swaps.last()),
    ]
}

/// The largest tables and indexes.
fn rooms(found: &Found) -> Table {
    let of = |sizes: &Sizes, name: &str| {
        let room = sizes.rooms.iter().find(|room| room.name == name);
        each(room.map_or(0, |room| room.bytes), found)
    };
    let mut rows: Vec<(String, f64, f64)> = found
        .cold
        .rooms
        .iter()
        .map(|room| {
            (
                room.name.clone(),
                of(&found.hot, &room.name),
                each(room.bytes, found),
            )
        })
        .collect();
    let rest = rows.split_off(rows.len().min(ROOMS_SHOWN));
    let (hot, cold) = rest
        .iter()
        .fold((0.0, 0.0), |(hot, cold), row| (hot + row.1, cold + row.2));
    rows.push(("everything else".to_owned(), hot, cold));
    Table {
        columns: vec![
            format!("bytes a delivery: {}", found.name),
            "hot".to_owned(),
            "compressed".to_owned(),
        ],
        rows: rows
            .into_iter()
            .map(|(name, hot, cold)| vec![name, format!("{hot:.0}"), format!("{cold:.0}")])
            .collect(),
    }
}

fn bars(found: &Found) -> [Bar; 2] {
    let bar = |state, sizes: &Sizes, most: f64| {
        let reached = times(used(sizes), found.raw_bytes);
        Bar {
            what: format!("database size, {state}: {}", found.name),
            wanted: format!("under {most} times the raw bytes"),
            reached: format!("{reached:.2}"),
            is_met: reached < most,
        }
    };
    [
        bar("hot", &found.hot, HOT_MAX),
        bar("compressed", &found.cold, COLD_MAX),
    ]
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "bytes of a database are far below 2^52"
)]
fn float(number: u64) -> f64 {
    number as f64
}
