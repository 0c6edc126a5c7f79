//! Runs scenarios, keeps what each found, and makes the page of all that was kept.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::machine::Machine;
use crate::page;
use crate::scenario::{Scenario, Settings};
use crate::section::Section;

/// What was found, each section in a file of its own.
#[derive(Debug, Clone)]
pub struct Kept {
    directory: PathBuf,
}

impl Kept {
    /// In this directory, which is made if there is none.
    pub fn in_directory(directory: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&directory)
            .with_context(|| format!("making {}", directory.display()))?;
        Ok(Self { directory })
    }

    /// Keeps a section in place of the one with the same key.
    pub fn put(&self, section: &Section) -> anyhow::Result<()> {
        let path = self.directory.join(format!("{}.json", section.key));
        let text = serde_json::to_string_pretty(section)?;
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }

    /// Every section kept: first those of the scenarios in their order, then others by key.
    pub fn all(&self, order: &[Scenario]) -> anyhow::Result<Vec<Section>> {
        let mut sections = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "json") {
                sections.push(read(&path)?);
            }
        }
        let place = |section: &Section| {
            let place = order.iter().position(|known| known.key == section.key);
            place.unwrap_or(order.len())
        };
        sections.sort_by(|left, right| {
            let places = place(left).cmp(&place(right));
            places.then_with(|| left.key.cmp(&right.key))
        });
        Ok(sections)
    }
}

fn read(path: &Path) -> anyhow::Result<Section> {
    let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))
}

/// The scenarios with these keys, in their own order; all of them when no key is given.
pub fn choose(all: &[Scenario], only: &[String]) -> anyhow::Result<Vec<Scenario>> {
    for key in only {
        if !all.iter().any(|scenario| scenario.key == key) {
            let known: Vec<_> = all.iter().map(|scenario| scenario.key).collect();
            bail!("there is no `{key}`; there are {}", known.join(", "));
        }
    }
    let is_chosen = |scenario: &&Scenario| only.is_empty() || only.contains(&scenario.key.into());
    Ok(all.iter().filter(is_chosen).copied().collect())
}

/// Runs each, whatever became of the others, and keeps what it found or why it found nothing;
/// tells how many failed.
pub fn measure(
    scenarios: &[Scenario],
    settings: &Settings,
    kept: &Kept,
    progress: impl Fn(&str),
) -> anyhow::Result<usize> {
    let mut failed = 0;
    for scenario in scenarios {
        progress(&format!("{}: measuring", scenario.key));
        let section = (scenario.run)(settings).unwrap_or_else(|error| {
            failed += 1;
            progress(&format!("{}: FAILED: {error:#}", scenario.key));
            scenario.failed(&error)
        });
        for bar in &section.bars {
            let verdict = if bar.is_met { "met" } else { "MISSED" };
            let (what, wanted, reached) = (&bar.what, &bar.wanted, &bar.reached);
            progress(&format!(
                "{}: {verdict}: {what}: {reached} (wanted {wanted})",
                scenario.key
            ));
        }
        kept.put(&section)?;
    }
    Ok(failed)
}

/// The page of everything kept.
pub fn page(machine: &Machine, kept: &Kept, order: &[Scenario]) -> anyhow::Result<String> {
    Ok(page::write(machine, &kept.all(order)?))
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    fn section(key: &str) -> Section {
        Section {
            key: key.to_owned(),
            title: key.to_owned(),
            text: "measured".to_owned(),
            tables: Vec::new(),
            bars: Vec::new(),
        }
    }

    const SCENARIOS: [Scenario; 2] = [
        Scenario {
            key: "zebra",
            title: "Zebra",
            run: |_| Err(anyhow!("no zebra")),
        },
        Scenario {
            key: "ant",
            title: "Ant",
            run: |_| Ok(section("ant")),
        },
    ];

    fn settings() -> Settings {
        Settings {
            flames: None,
            own: PathBuf::new(),
            target: PathBuf::new(),
            peers: PathBuf::new(),
            data: PathBuf::new(),
            rounds: 1,
            seconds: 1,
            connections: 1,
            events: 1,
            cores: None,
        }
    }

    #[test]
    fn one_failure_stops_nothing_and_stands_on_the_page() {
        let directory = tempfile::tempdir().unwrap();
        let kept = Kept::in_directory(directory.path().join("bench")).unwrap();
        kept.put(&section("other")).unwrap();
        let failed = measure(&SCENARIOS, &settings(), &kept, |_| {}).unwrap();
        assert_eq!(failed, 1);
        let keys: Vec<_> = kept.all(&SCENARIOS).unwrap();
        let keys: Vec<_> = keys.iter().map(|section| section.key.as_str()).collect();
        assert_eq!(keys, ["zebra", "ant", "other"]);
        let page = page(&Machine::of([]), &kept, &SCENARIOS).unwrap();
        assert!(page.contains("It failed: no zebra"), "{page}");
        assert!(page.contains("## ant (`ant`)\n\nmeasured"), "{page}");
    }

    #[test]
    fn measuring_again_replaces_what_was_kept() {
        let directory = tempfile::tempdir().unwrap();
        let kept = Kept::in_directory(directory.path().to_owned()).unwrap();
        kept.put(&section("ant")).unwrap();
        let mut again = section("ant");
        again.text = "again".to_owned();
        kept.put(&again).unwrap();
        assert_eq!(kept.all(&SCENARIOS).unwrap(), [again]);
    }

    #[test]
    fn scenarios_are_chosen_by_key() {
        let keys = |only: &[&str]| -> anyhow::Result<Vec<&str>> {
            let only: Vec<_> = only.iter().map(|key| (*key).to_owned()).collect();
            let chosen = choose(&SCENARIOS, &only)?;
            Ok(chosen.iter().map(|scenario| scenario.key).collect())
        };
        assert_eq!(keys(&[]).unwrap(), ["zebra", "ant"]);
        assert_eq!(keys(&["ant"]).unwrap(), ["ant"]);
        let problem = keys(&["bee"]).unwrap_err().to_string();
        assert!(problem.contains("zebra, ant"), "{problem}");
    }
}
