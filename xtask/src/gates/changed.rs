//! Which packages a gate looks at, and which of them differ from a commit.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use super::package_args;
use crate::shell;

/// What a gate looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    Workspace,
    Packages(Vec<String>),
}

impl Scope {
    /// The arguments that tell cargo.
    pub(super) fn args(&self) -> Vec<OsString> {
        match self {
            Self::Workspace => vec!["--workspace".into()],
            Self::Packages(names) => package_args(names),
        }
    }

    /// The part of it that has a library, since nothing else can have doctests.
    pub(super) fn libraries(&self) -> anyhow::Result<Self> {
        match self {
            Self::Workspace => Ok(Self::Workspace),
            Self::Packages(names) => {
                let mut libraries = Vec::new();
                for name in names {
                    let has_library = directories()?.iter().any(|(package, directory)| {
                        package == name && Path::new(directory).join("src/lib.rs").exists()
                    });
                    if has_library {
                        libraries.push(name.clone());
                    }
                }
                Ok(Self::Packages(libraries))
            }
        }
    }

    /// Whether nothing is left to look at.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Workspace => false,
            Self::Packages(names) => names.is_empty(),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workspace => f.write_str("the whole workspace"),
            Self::Packages(names) => f.write_str(&names.join(", ")),
        }
    }
}

/// The packages with files that differ from the commit, new files included; everything if
/// something changed that all packages share; `None` if nothing differs.
pub(super) fn since(commit: &str) -> anyhow::Result<Option<Scope>> {
    let mut files = git(&["diff", "--name-only", commit])?;
    files.extend(git(&["ls-files", "--others", "--exclude-standard"])?);
    Ok(scope_of(&files, &directories()?))
}

fn scope_of(files: &[String], directories: &[(String, String)]) -> Option<Scope> {
    const SHARED: [&str; 5] = [
        "Cargo.toml",
        "Cargo.lock",
        "clippy.toml",
        "rust-toolchain.toml",
        "rustfmt.toml",
    ];
    if files.iter().any(|file| SHARED.contains(&file.as_str())) {
        return Some(Scope::Workspace);
    }
    let mut changed = BTreeSet::new();
    for file in files {
        let owner = directories
            .iter()
            .find(|(_, directory)| Path::new(file).starts_with(directory));
        changed.extend(owner.map(|(package, _)| package.clone()));
    }
    (!changed.is_empty()).then(|| Scope::Packages(changed.into_iter().collect()))
}

/// Every package of the workspace with its directory.
fn directories() -> anyhow::Result<Vec<(String, String)>> {
    let mut found = vec![
        ("xtask".to_owned(), "xtask".to_owned()),
        ("hookline-bench".to_owned(), "bench".to_owned()),
    ];
    for entry in fs::read_dir("crates").context("reading crates")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        found.push((format!("hookline-{name}"), format!("crates/{name}")));
    }
    Ok(found)
}

fn git(args: &[&str]) -> anyhow::Result<Vec<String>> {
    let captured = shell::capture(shell::program("git").args(args))?;
    if !captured.is_success {
        bail!("git {}: {}", args.join(" "), captured.text.trim());
    }
    Ok(captured.text.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(files: &[&str]) -> Option<Scope> {
        let files: Vec<_> = files.iter().map(|&file| file.to_owned()).collect();
        let directories = [
            ("hookline-meta", "crates/meta"),
            ("hookline-model", "crates/model"),
        ]
        .map(|(package, directory)| (package.to_owned(), directory.to_owned()));
        scope_of(&files, &directories)
    }

    #[test]
    fn files_belong_to_the_package_around_them() {
        let changed = scope(&[
            "crates/model/src/a.rs",
            "docs/STYLE.md",
            "crates/model/Cargo.toml",
        ]);
        assert_eq!(
            changed,
            Some(Scope::Packages(vec!["hookline-model".to_owned()]))
        );
        assert_eq!(scope(&["crates/models/src/a.rs", "docs/STYLE.md"]), None);
    }

    #[test]
    fn what_all_packages_share_changes_all() {
        assert_eq!(
            scope(&["crates/meta/src/a.rs", "Cargo.lock"]),
            Some(Scope::Workspace)
        );
    }
}
