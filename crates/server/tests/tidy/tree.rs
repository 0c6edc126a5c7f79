//! Walking the files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Directories that are built or fetched, not written.
const NOT_OURS: [&str; 6] = [
    ".git",
    "target",
    "node_modules",
    "dist",
    "corpus",
    "artifacts",
];

/// One file, read.
pub(crate) struct Text {
    /// Relative to the repository, with `/` between directories.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Text {
    /// The file's lines, counted from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All files whose name ends so, relative to the root, sorted.
pub(crate) fn files(endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    collect(&root(), "", &mut found);
    found.retain(|path| endings.iter().any(|ending| path.ends_with(ending)));
    found.sort();
    found
}

/// All files whose name ends so, read.
pub(crate) fn texts(endings: &[&str]) -> Vec<Text> {
    let read = |path: String| {
        // Somebody may remove a file while we read; then it has no problem.
        let text = fs::read_to_string(root().join(&path)).ok()?;
        Some(Text { path, text })
    };
    files(endings).into_iter().filter_map(read).collect()
}

fn collect(directory: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_directory {
            found.push(path);
        } else if !NOT_OURS.contains(&name.as_str()) {
            collect(&entry.path(), &format!("{path}/"), found);
        }
    }
}
