//! What is measured, one file per question.
//!
//! A scenario gives one [`Section`] of docs/PERFORMANCE.md. To add one: a file beside the others
//! with `pub fn run(settings: &Settings) -> anyhow::Result<Section>`, and a line in [`ALL`].

pub mod accounts;
pub mod batches;
pub mod behind;
pub mod binary;
pub mod claims;
pub mod counts;
pub mod ingest;
pub mod latency;
pub mod lateness;
pub mod memory;
pub mod plan;
pub mod sends;
pub mod size;
pub mod start;
pub mod steps;

use std::path::PathBuf;

use anyhow::Context;

use crate::comparison::sibling;
use crate::section::{Bar, Section, Table};

/// What every scenario is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A program of this build; the others lie beside it.
    pub own: PathBuf,
    /// Where everything that is built, installed or found lies: `target`.
    pub target: PathBuf,
    /// The sources of the peers: `bench/peers`.
    pub peers: PathBuf,
    /// Where databases are made: a directory on the disk that is measured.
    pub data: PathBuf,
    /// Rounds; in each everything is measured once, in turning order.
    pub rounds: u32,
    /// Seconds of each measurement.
    pub seconds: u64,
    /// Connections the load generator keeps open.
    pub connections: u16,
    /// Events in the database that is started with; beyond a million, sends that are claimed from too.
    pub events: u32,
    /// The server's core and the load generator's; `None` where programs cannot be kept to one.
    pub cores: Option<(usize, usize)>,
    /// Where flame graphs of Hookline are drawn; none when they are not wanted.
    pub flames: Option<PathBuf>,
}

impl Settings {
    /// A program that was built beside this one.
    pub fn program(&self, name: &str) -> anyhow::Result<PathBuf> {
        sibling(&self.own, name)
    }

    /// An empty directory on the disk that is measured; gone when dropped.
    pub fn directory(&self) -> anyhow::Result<tempfile::TempDir> {
        tempfile::tempdir_in(&self.data).context("making a data directory")
    }
}

/// One question the report answers.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name on the command line, and that of its file below `target/bench`.
    pub key: &'static str,
    /// Its heading when it fails and cannot say so itself.
    pub title: &'static str,
    /// Measures.
    pub run: fn(&Settings) -> anyhow::Result<Section>,
}

/// All of them, in the order of the page.
pub const ALL: &[Scenario] = &[
    Scenario {
        key: "ingest",
        title: "Deliveries taken in, as fast as answers come",
        run: ingest::run,
    },
    Scenario {
        key: "ingest-behind",
        title: "Deliveries taken in while the rest runs behind",
        run: behind::run,
    },
    Scenario {
        key: "latency",
        title: "Time to 200 at a constant rate",
        run: latency::run,
    },
    Scenario {
        key: "batches",
        title: "Deliveries of many events",
        run: batches::run,
    },
    Scenario {
        key: "sends",
        title: "Sends to a Graph API that answers at once",
        run: sends::run,
    },
    Scenario {
        key: "lateness",
        title: "Lateness of due sends",
        run: lateness::run,
    },
    Scenario {
        key: "claims",
        title: "Claiming from a backlog",
        run: claims::run,
    },
    Scenario {
        key: "accounts",
        title: "Many accounts",
        run: accounts::run,
    },
    Scenario {
        key: "plan",
        title: "From event to planned send",
        run: plan::run,
    },
    Scenario {
        key: "memory",
        title: "Memory",
        run: memory::run,
    },
    Scenario {
        key: "start",
        title: "Start to ready",
        run: start::run,
    },
    Scenario {
        key: "size",
        title: "Size of the database",
        run: size::run,
    },
    Scenario {
        key: "binary",
        title: "Size of the program",
        run: binary::run,
    },
    Scenario {
        key: "steps",
        title: "Time of single steps",
        run: steps::run,
    },
    Scenario {
        key: "instructions",
        title: "Instructions of single steps",
        run: counts::run,
    },
];

impl Scenario {
    /// What stands on the page when measuring failed.
    pub fn failed(&self, error: &anyhow::Error) -> Section {
        Section {
            key: self.key.to_owned(),
            title: self.title.to_owned(),
            text: format!("**Not measured.** It failed: {error:#}"),
            tables: Vec::new(),
            bars: vec![Bar {
                what: self.title.to_lowercase(),
                wanted: "to be measured".to_owned(),
                reached: "failed".to_owned(),
                is_met: false,
            }],
        }
    }
}

/// A table with these columns.
fn table<const N: usize>(columns: [&str; N], rows: Vec<Vec<String>>) -> Table {
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    }
}

/// A figure that has to reach the least wanted; one that was not measured does not.
fn at_least(what: &str, wanted: f64, reached: Option<f64>, digits: usize) -> Bar {
    Bar {
        what: what.to_owned(),
        wanted: format!("at least {wanted:.digits$}"),
        reached: shown(reached, digits),
        is_met: reached.is_some_and(|reached| reached >= wanted),
    }
}

/// A figure that may reach the most wanted; one that was not measured does not.
fn at_most(what: &str, wanted: f64, reached: Option<f64>, digits: usize) -> Bar {
    Bar {
        what: what.to_owned(),
        wanted: format!("at most {wanted:.digits$}"),
        reached: shown(reached, digits),
        is_met: reached.is_some_and(|reached| reached <= wanted),
    }
}

fn shown(reached: Option<f64>, digits: usize) -> String {
    reached.map_or("not measured".to_owned(), |reached| {
        format!("{reached:.digits$}")
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_key_names_one_scenario_and_can_be_a_file_name() {
        let keys: HashSet<_> = ALL.iter().map(|scenario| scenario.key).collect();
        assert_eq!(keys.len(), ALL.len());
        for key in keys {
            let is_plain = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(key.chars().all(is_plain), "{key}");
        }
    }

    #[test]
    fn a_failure_is_a_bar_that_is_not_met() {
        let error = anyhow::anyhow!("no disk").context("writing");
        let section = ALL[0].failed(&error);
        assert_eq!(section.key, ALL[0].key);
        assert!(section.text.contains("writing: no disk"), "{section:?}");
        assert!(!section.bars[0].is_met);
    }

    #[test]
    fn what_was_not_measured_meets_no_bar() {
        assert!(at_least("speed", 0.5, Some(0.5), 2).is_met);
        assert!(!at_least("speed", 0.5, Some(0.49), 2).is_met);
        assert!(!at_least("speed", 0.5, None, 2).is_met);
        assert!(at_most("size", 13.0, Some(13.0), 0).is_met);
        let missing = at_most("size", 13.0, None, 0);
        assert_eq!(
            (missing.reached.as_str(), missing.is_met),
            ("not measured", false)
        );
    }
}
