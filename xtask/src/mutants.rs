//! One-line faults, each put into a copy of the tree, and the test that must catch it.
//!
//! A test that passes with its promise broken proves nothing. `mutants.toml` names for every
//! promise a fault that breaks it and a test that fails then; this runs them all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use crate::shell::{self, program};
use crate::tools::{self, NEXTEST};

/// The list, beside this package's manifest.
const LIST: &str = "xtask/mutants.toml";

/// The page that names each of them beside its promise.
const PAGE: &str = "docs/TESTING.md";

/// What nextest ends with when a test failed, as opposed to a build.
const TESTS_FAILED: i32 = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutant: Vec<Mutant>,
}

/// One fault.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    /// Its name, unlike any other's.
    name: String,
    /// The promise of the README it breaks.
    promise: u8,
    /// The file it is in.
    file: PathBuf,
    /// What stands there, in one place only.
    from: String,
    /// What stands there instead.
    to: String,
    /// The package whose test catches it.
    package: String,
    /// The tests that must not all pass with it, as nextest filters them.
    test: String,
}

/// Which of the faults are put in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which<'a> {
    /// All of them.
    All,
    /// Those whose name contains this.
    Named(&'a str),
    /// Those that need no server to be built for each: the others take longer than all of these.
    Quick,
}

/// The package whose tests start the whole server.
const SERVER: &str = "hookline-server";

impl Which<'_> {
    fn has(self, mutant: &Mutant) -> bool {
        match self {
            Self::All => true,
            Self::Named(part) => mutant.name.contains(part),
            Self::Quick => mutant.package != SERVER,
        }
    }
}

/// Puts each fault in and runs its test.
pub(crate) fn run(which: Which<'_>, may_install: bool) -> anyhow::Result<ExitCode> {
    let mutants = read()?;
    if let Which::Named(part) = which {
        ensure!(
            mutants.iter().any(|mutant| which.has(mutant)),
            "no mutant has {part:?} in its name: {LIST} lists them"
        );
    }
    let Some(nextest) = tools::find_tool(NEXTEST, may_install)? else {
        bail!("{}", tools::missing(NEXTEST));
    };
    let tree = copy_tree()?;
    let (mut caught, mut alive) = (0, Vec::new());
    for mutant in &mutants {
        if !which.has(mutant) {
            continue;
        }
        let is_caught = try_mutant(mutant, &tree, &nextest)
            .with_context(|| format!("the mutant {}", mutant.name))?;
        let verdict = if is_caught { "caught" } else { "ALIVE" };
        println!(
            "{verdict:>7}  promise {:>2}  {} by {}",
            mutant.promise, mutant.name, mutant.test
        );
        if is_caught {
            caught += 1;
        } else {
            alive.push(&mutant.name);
        }
    }
    println!("{caught} mutants caught, {} alive", alive.len());
    Ok(if alive.is_empty() && caught > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn read() -> anyhow::Result<Vec<Mutant>> {
    let text = fs::read_to_string(LIST).with_context(|| format!("reading {LIST}"))?;
    let list: List = toml::from_str(&text).with_context(|| format!("reading {LIST}"))?;
    let page = fs::read_to_string(PAGE).with_context(|| format!("reading {PAGE}"))?;
    for (place, mutant) in list.mutant.iter().enumerate() {
        let name = &mutant.name;
        let others = list.mutant.iter().take(place);
        ensure!(
            !others.into_iter().any(|other| other.name == *name),
            "{LIST} has two mutants of the name {name}"
        );
        ensure!(
            page.contains(name.as_str()),
            "{PAGE} does not name the mutant {name}"
        );
        ensure!(
            (1..=10).contains(&mutant.promise),
            "the mutant {name} breaks a promise that was never given"
        );
        let text = fs::read_to_string(&mutant.file)
            .with_context(|| format!("reading {} for {name}", mutant.file.display()))?;
        let count = text.matches(&mutant.from).count();
        ensure!(
            count == 1,
            "what the mutant {name} replaces stands {count} times in {}: it must stand there once",
            mutant.file.display()
        );
    }
    Ok(list.mutant)
}

/// The tree as it is, uncommitted changes included, in a place of its own: a fault must never be
/// left behind in the real one.
fn copy_tree() -> anyhow::Result<PathBuf> {
    let tree = shell::target_directory().join("mutants");
    if tree.exists() {
        fs::remove_dir_all(&tree).context("removing the old copy of the tree")?;
    }
    let listed = shell::capture(program("git").args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    ensure!(listed.is_success, "git does not list the files of the tree");
    for file in listed
        .text
        .lines()
        .map(Path::new)
        .filter(|file| file.is_file())
    {
        let to = tree.join(file);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(file, &to).with_context(|| format!("copying {}", file.display()))?;
    }
    set_apart(&tree)?;
    Ok(tree)
}

/// What our packages are called in the copy. Cargo knows a package by its name, its version and its
/// place within the workspace, so that a copy under the same version would build over the tree's
/// own artifacts, and cargo would take a mutant for what the tree holds.
fn set_apart(tree: &Path) -> anyhow::Result<()> {
    const OURS: &str = "version = \"0.1.0\"";
    const MUTANTS: &str = "version = \"0.1.0-mutant\"";
    let manifest = tree.join("Cargo.toml");
    let text = fs::read_to_string(&manifest)?;
    let inherited = format!("\n{OURS}\n");
    ensure!(
        text.matches(&inherited).count() == 1,
        "Cargo.toml does not give our packages their version in one line {OURS}"
    );
    fs::write(&manifest, text.replace(OURS, MUTANTS))?;
    let lock = tree.join("Cargo.lock");
    let text = fs::read_to_string(&lock)?;
    let packages: Vec<String> = text
        .split("[[package]]")
        .map(|package| {
            if package.contains("\nsource = ") {
                package.to_owned()
            } else {
                package.replace(OURS, MUTANTS)
            }
        })
        .collect();
    fs::write(&lock, packages.join("[[package]]"))?;
    Ok(())
}

fn try_mutant(mutant: &Mutant, tree: &Path, nextest: &Path) -> anyhow::Result<bool> {
    let place = tree.join(&mutant.file);
    let whole = fs::read_to_string(&place)?;
    fs::write(&place, whole.replace(&mutant.from, &mutant.to))?;
    let target = fs::canonicalize(shell::target_directory())?;
    let mut command = program(nextest);
    command
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", target)
        .args(["nextest", "run", "--locked", "--package", &mutant.package])
        .args(["-E", &mutant.test]);
    let output = command.output();
    fs::write(&place, whole)?;
    let output = output.with_context(|| format!("starting {}", shell::line(&command)))?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => Ok(false),
        Some(TESTS_FAILED) => Ok(true),
        _ => bail!("its test did not run: it must build, and its filter find a test\n{said}"),
    }
}
