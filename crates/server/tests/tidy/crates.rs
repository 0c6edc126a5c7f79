//! Which crate may use which, and where SQL may stand.

use std::collections::BTreeSet;
use std::fs;

use crate::{assert_none, tree};

/// What one crate may and may not use, tests of its own apart.
struct Rule {
    name: &'static str,
    /// The crates of ours it may use.
    ours: &'static [&'static str],
    /// The crates of others it must not use, because then it would do another crate's work.
    never: &'static [&'static str],
}

const DATABASES: [&str; 5] = [
    "rusqlite",
    "tokio-postgres",
    "postgres",
    "deadpool-postgres",
    "sqlx",
];

const RULES: [Rule; 6] = [
    Rule {
        name: "model",
        ours: &[],
        never: &[
            "tokio",
            "axum",
            "hyper",
            "reqwest",
            "rand",
            "getrandom",
            "clap",
            "tracing",
        ],
    },
    Rule {
        name: "meta",
        ours: &["model"],
        never: &["axum", "clap"],
    },
    Rule {
        name: "store",
        ours: &["model"],
        never: &["axum", "hyper", "reqwest", "clap"],
    },
    Rule {
        name: "engine",
        ours: &["meta", "model", "store"],
        never: &["axum", "clap"],
    },
    Rule {
        name: "server",
        ours: &["engine", "meta", "model", "sim", "store"],
        never: &[],
    },
    Rule {
        name: "sim",
        ours: &[],
        never: &["clap"],
    },
];

/// The beginnings of statements, as a program would write them.
const STATEMENTS: [&str; 9] = [
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "CREATE UNIQUE ",
    "ALTER TABLE ",
    "PRAGMA ",
];

struct Manifest {
    name: String,
    used: BTreeSet<String>,
    used_by_tests: BTreeSet<String>,
}

fn manifests() -> Vec<Manifest> {
    let mut found = Vec::new();
    for path in tree::files(&["Cargo.toml"]) {
        let mut parts = path.split('/');
        let (Some("crates"), Some(name), Some("Cargo.toml")) =
            (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let text = fs::read_to_string(tree::root().join(&path)).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        let mut used = BTreeSet::new();
        let mut used_by_tests = BTreeSet::new();
        let targets = manifest.get("target").and_then(toml::Value::as_table);
        let tables = targets
            .into_iter()
            .flatten()
            .filter_map(|(_, table)| table.as_table());
        for table in tables.chain([&manifest]) {
            used.extend(keys(table, "dependencies"));
            used.extend(keys(table, "build-dependencies"));
            used_by_tests.extend(keys(table, "dev-dependencies"));
        }
        found.push(Manifest {
            name: name.to_owned(),
            used,
            used_by_tests,
        });
    }
    found
}

fn keys(table: &toml::Table, section: &str) -> Vec<String> {
    let section = table.get(section).and_then(toml::Value::as_table);
    section
        .into_iter()
        .flatten()
        .map(|(key, _)| key.clone())
        .collect()
}

#[test]
fn crates_use_only_what_they_may() {
    let manifests = manifests();
    assert!(manifests.len() >= RULES.len(), "the crates were not found");
    let mut problems = Vec::new();
    for manifest in &manifests {
        let name = &manifest.name;
        let Some(rule) = RULES.iter().find(|rule| rule.name == name) else {
            problems.push(format!(
                "crates/{name}: a new crate needs a decision in docs/adr and a rule here"
            ));
            continue;
        };
        for used in &manifest.used {
            let is_foreign_to_it = if let Some(ours) = used.strip_prefix("hookline-") {
                !rule.ours.contains(&ours)
            } else {
                let is_database = DATABASES.contains(&used.as_str()) && rule.name != "store";
                is_database || rule.never.contains(&used.as_str())
            };
            if is_foreign_to_it {
                problems.push(format!("crates/{name} must not use {used}"));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn the_simulator_shares_nothing_with_what_it_tests() {
    let manifests = manifests();
    let sim = manifests
        .iter()
        .find(|manifest| manifest.name == "sim")
        .unwrap();
    let all = sim.used.iter().chain(&sim.used_by_tests);
    let problems: Vec<_> = all
        .filter(|used| used.starts_with("hookline"))
        .map(|used| format!("crates/sim must not use {used}, not even in tests"))
        .collect();
    assert_none(&problems);
}

#[test]
fn sql_stands_in_the_store_and_nowhere_else() {
    let mut problems = Vec::new();
    for file in tree::texts(&[".rs"]) {
        let is_source = file.path.contains("/src/") && !file.path.starts_with("crates/store/");
        if !is_source {
            continue;
        }
        for (number, line) in file.lines() {
            let is_comment = line.trim_start().starts_with("//");
            let statement = STATEMENTS
                .iter()
                .find(|statement| line.contains(**statement));
            if let (false, Some(statement)) = (is_comment, statement) {
                problems.push(format!(
                    "{}:{number}: SQL outside crates/store: {statement}",
                    file.path
                ));
            }
        }
    }
    assert_none(&problems);
}
