//! How long single steps take.

use std::fs;
use std::path::Path;

use anyhow::ensure;
use serde::Deserialize;

use super::Settings;
use crate::section::{Section, Table};

/// Directories below the benchmarks' own that are looked into.
const DEPTH_MAX: u32 = 4;

/// A micro benchmark's result.
#[derive(Debug, Clone, PartialEq)]
struct Step {
    name: String,
    nanoseconds: f64,
}

/// What the micro benchmarks left.
pub fn run(settings: &Settings) -> anyhow::Result<Section> {
    let steps = found(&settings.target.join("criterion"));
    ensure!(
        !steps.is_empty(),
        "there are no results: run `cargo bench --package hookline-bench --benches`"
    );
    let row = |step: &Step| vec![step.name.clone(), format!("{:.2}", step.nanoseconds / 1e3)];
    Ok(Section {
        key: "steps".to_owned(),
        title: "Time of single steps".to_owned(),
        text: "Each step alone, over and over, in one thread (criterion; the median).".to_owned(),
        tables: vec![Table {
            columns: ["step", "median µs"].map(str::to_owned).to_vec(),
            rows: steps.iter().map(row).collect(),
        }],
        bars: Vec::new(),
    })
}

/// The medians below the directory, by name.
fn found(criterion: &Path) -> Vec<Step> {
    let mut found = Vec::new();
    collect(criterion, DEPTH_MAX, &mut found);
    found.sort_by(|left, right| left.name.cmp(&right.name));
    found
}

fn collect(directory: &Path, depth: u32, found: &mut Vec<Step>) {
    #[derive(Deserialize)]
    struct Benchmark {
        full_id: String,
    }
    #[derive(Deserialize)]
    struct Estimates {
        median: Estimate,
    }
    #[derive(Deserialize)]
    struct Estimate {
        point_estimate: f64,
    }
    let name = fs::read(directory.join("new/benchmark.json")).ok();
    let estimates = fs::read(directory.join("new/estimates.json")).ok();
    if let (Some(name), Some(estimates)) = (name, estimates)
        && let Ok(Benchmark { full_id }) = serde_json::from_slice(&name)
        && let Ok(Estimates { median }) = serde_json::from_slice(&estimates)
    {
        found.push(Step {
            name: full_id,
            nanoseconds: median.point_estimate,
        });
    }
    if depth == 0 {
        return;
    }
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            collect(&entry.path(), depth - 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_found_by_what_was_left() {
        let directory = tempfile::tempdir().unwrap();
        let new = directory.path().join("verify/1 secrets/700/new");
        fs::create_dir_all(&new).unwrap();
        let benchmark = r#"{"full_id":"verify/1 secrets/700"}"#;
        fs::write(new.join("benchmark.json"), benchmark).unwrap();
        let estimates = r#"{"median":{"point_estimate":1500.0}}"#;
        fs::write(new.join("estimates.json"), estimates).unwrap();
        let step = Step {
            name: "verify/1 secrets/700".to_owned(),
            nanoseconds: 1500.0,
        };
        assert_eq!(found(directory.path()), [step]);
        assert_eq!(found(&directory.path().join("nowhere")), []);
    }
}
