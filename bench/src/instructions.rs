//! What `cargo xtask instructions` counted, as a part of the report.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

use crate::section::{Bar, Section, Table};

/// The file it leaves in the target directory.
pub const FILE: &str = "instructions.toml";

#[derive(Debug, Deserialize)]
struct Counted {
    tolerance_percent: u32,
    step: Vec<Step>,
    tools: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Step {
    name: String,
    what: String,
    counted: u64,
    expected: Option<u64>,
}

/// The section `instructions`, of the file [`FILE`] in the target directory.
///
/// # Errors
/// When nothing was counted yet, or not by this version.
pub fn section(target: &Path) -> anyhow::Result<Section> {
    let path = target.join(FILE);
    let text = fs::read_to_string(&path)
        .with_context(|| format!("reading {}: run `cargo xtask instructions`", path.display()))?;
    let counted: Counted =
        toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    Ok(of(&counted))
}

fn of(counted: &Counted) -> Section {
    let tools: Vec<&str> = counted.tools.values().map(String::as_str).collect();
    let wanted = format!("at most {} %", counted.tolerance_percent);
    let bars = counted.step.iter().filter_map(|step| {
        let expected = step.expected?;
        let (most, now) = (u128::from(expected), u128::from(step.counted) * 100);
        Some(Bar {
            what: format!("growth of {} in instructions", step.name),
            wanted: wanted.clone(),
            reached: growth(expected, step.counted),
            is_met: now <= most * u128::from(100 + counted.tolerance_percent),
        })
    });
    Section {
        key: "instructions".to_owned(),
        title: "Instructions of single steps".to_owned(),
        text: format!(
            "Counted by callgrind (`cargo xtask instructions`), which gives the same number again \
             and again, and held against `bench/instructions.toml` by continuous integration. \
             Valgrind shows every program a processor with AVX2 and without instructions for \
             hashing. Counted with {}.",
            tools.join("; ")
        ),
        tables: vec![Table {
            columns: ["step", "taking it once", "instructions"]
                .map(str::to_owned)
                .to_vec(),
            rows: counted.step.iter().map(row).collect(),
        }],
        bars: bars.collect(),
    }
}

fn row(step: &Step) -> Vec<String> {
    vec![
        step.name.clone(),
        step.what.clone(),
        step.counted.to_string(),
    ]
}

/// The difference in per cent, with one digit behind the point.
fn growth(expected: u64, counted: u64) -> String {
    let tenths = (i128::from(counted) - i128::from(expected)) * 1000 / i128::from(expected.max(1));
    let sign = if tenths < 0 { "-" } else { "" };
    format!("{sign}{}.{} %", tenths.abs() / 10, tenths.abs() % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTED: &str = r#"
        tolerance_percent = 5
        [[step]]
        counted = 110
        expected = 100
        name = "claim"
        what = "claim a lane"
        [[step]]
        counted = 995
        expected = 1000
        name = "match"
        what = "consider an automation"
        [[step]]
        counted = 7
        name = "render"
        what = "render a text"
        [tools]
        cc = "cc 12"
        valgrind = "valgrind 3"
    "#;

    #[test]
    fn every_step_is_a_row_and_every_expected_one_a_bar() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), COUNTED).unwrap();
        let section = section(directory.path()).unwrap();
        assert_eq!(section.key, "instructions");
        assert!(section.text.contains("cc 12; valgrind 3"));
        let rows = &section.tables[0].rows;
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0], ["claim", "claim a lane", "110"]);
        let bars: Vec<_> = section
            .bars
            .iter()
            .map(|bar| (bar.reached.as_str(), bar.is_met))
            .collect();
        assert_eq!(bars, [("10.0 %", false), ("-0.5 %", true)]);
    }

    #[test]
    fn who_has_counted_nothing_is_told_how() {
        let directory = tempfile::tempdir().unwrap();
        let problem = section(directory.path()).unwrap_err().to_string();
        assert!(problem.contains("cargo xtask instructions"), "{problem}");
    }
}
