//! What the steps are held to, and with what it was counted.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::shell;

/// The file, under version control.
pub(super) const FILE: &str = "bench/instructions.toml";

const HEAD: &str = "\
# What taking each step of bench/micro once costs, in instructions, and what they were counted
# with. `cargo xtask instructions --accept` writes this file; a commit that changes it says why.
";

/// Counts by the name of their step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    /// What has a say in the counts: compilers, C library, counter.
    pub(super) tools: BTreeMap<String, String>,
    /// Instructions for taking each step once.
    pub(super) counts: BTreeMap<String, i64>,
}

impl Baseline {
    pub(super) fn read() -> anyhow::Result<Self> {
        let text = fs::read_to_string(FILE).with_context(|| format!("reading {FILE}"))?;
        toml::from_str(&text).with_context(|| format!("reading {FILE}"))
    }

    pub(super) fn write(&self) -> anyhow::Result<()> {
        let text = format!("{HEAD}\n{}", toml::to_string(self)?);
        fs::write(FILE, text).with_context(|| format!("writing {FILE}"))
    }
}

/// What is installed here of all that has a say in the counts.
pub(super) fn tools() -> BTreeMap<String, String> {
    let commands: [(&str, &str, &[&str]); 4] = [
        ("rustc", "rustc", &["--version"]),
        ("cc", "cc", &["--version"]),
        ("libc", "getconf", &["GNU_LIBC_VERSION"]),
        ("valgrind", "valgrind", &["--version"]),
    ];
    let version = |(name, program, args): (&str, &str, &[&str])| {
        let said = shell::capture(shell::program(program).args(args)).ok();
        let line = said.and_then(|said| said.text.lines().next().map(str::to_owned));
        (
            name.to_owned(),
            line.unwrap_or_else(|| "unknown".to_owned()),
        )
    };
    commands.into_iter().map(version).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_baseline_can_be_read_and_says_what_it_was_counted_with() {
        let root = shell::root().unwrap();
        let text = fs::read_to_string(root.join(FILE)).unwrap();
        let baseline: Baseline = toml::from_str(&text).unwrap();
        let tools: Vec<&str> = baseline.tools.keys().map(String::as_str).collect();
        assert_eq!(tools, ["cc", "libc", "rustc", "valgrind"]);
        assert!(!baseline.counts.is_empty());
        assert!(baseline.counts.values().all(|count| *count > 0));
        let pinned = fs::read_to_string(root.join("rust-toolchain.toml")).unwrap();
        let counted_with = baseline.tools["rustc"].split(' ').nth(1).unwrap();
        assert!(
            pinned.contains(&format!("\"{counted_with}\"")),
            "another compiler is pinned: `cargo xtask instructions --accept`"
        );
    }
}
