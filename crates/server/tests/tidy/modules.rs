//! No orphan files, no `mod.rs`, files of a readable size.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::Text;
use crate::{assert_none, tree};

/// Lines a file may have, its tests apart.
const LINES_MAX: usize = 600;

#[test]
fn files_are_short_enough_to_read() {
    let mut problems = Vec::new();
    for file in tree::texts(&[".rs"]) {
        let is_apart = file.path.contains("/tests/")
            || file.path.ends_with("/tests.rs")
            || file.path.contains("/generated/");
        let lines = lines_without_tests(&file);
        if !is_apart && lines > LINES_MAX {
            let path = &file.path;
            problems.push(format!(
                "{path}: {lines} lines, at most {LINES_MAX}: split it by meaning"
            ));
        }
    }
    assert_none(&problems);
}

/// Lines before the tests a file ends with.
fn lines_without_tests(file: &Text) -> usize {
    let all: Vec<&str> = file.text.lines().collect();
    let begin = all.windows(2).position(|pair| match pair {
        [attribute, module] => *attribute == "#[cfg(test)]" && module.starts_with("mod tests {"),
        _ => false,
    });
    begin.unwrap_or(all.len())
}

#[test]
fn modules_are_files_beside_their_directory() {
    let problems: Vec<_> = tree::files(&["/mod.rs"])
        .into_iter()
        .map(|path| format!("{path}: call it by its module's name, beside the directory"))
        .collect();
    assert_none(&problems);
}

#[test]
fn every_source_file_is_part_of_a_program() {
    let files: BTreeMap<String, String> = tree::texts(&[".rs"])
        .into_iter()
        .map(|file| (file.path, file.text))
        .collect();
    let mut reached = BTreeSet::new();
    for root in files.keys().filter(|path| is_root(path)) {
        let directory = root.rsplit_once('/').map_or("", |(directory, _)| directory);
        follow(root, directory, &files, &mut reached);
    }
    let orphans = files.keys().filter(|path| !reached.contains(*path));
    let problems: Vec<_> = orphans
        .map(|path| format!("{path}: no module declares this file"))
        .collect();
    assert_none(&problems);
}

/// Whether cargo compiles the file as the root of a target.
fn is_root(path: &str) -> bool {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = directory.rsplit('/').next().unwrap_or_default();
    let grandparent = directory.rsplit('/').nth(1).unwrap_or_default();
    match name {
        "lib.rs" => parent == "src",
        "main.rs" => {
            parent == "src" || matches!(grandparent, "tests" | "bin" | "benches" | "examples")
        }
        "build.rs" => !directory.contains("/src"),
        _ => {
            matches!(parent, "benches" | "examples" | "fuzz_targets")
                || (parent == "bin" && grandparent == "src")
                || (parent == "tests" && !directory.contains("/src"))
        }
    }
}

/// Visits the file and the modules it declares; those lie in `directory`.
fn follow(
    path: &str,
    directory: &str,
    files: &BTreeMap<String, String>,
    reached: &mut BTreeSet<String>,
) {
    let Some(text) = files.get(path) else { return };
    if !reached.insert(path.to_owned()) {
        return;
    }
    let own_directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    let mut explicit = None;
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("#[path = \"") {
            explicit = rest
                .split('"')
                .next()
                .map(|file| format!("{own_directory}/{file}"));
        } else if let Some(module) = declared_module(line) {
            let (file, inner) = match explicit.take() {
                // The compiler looks for what such a file declares beside it.
                Some(file) => {
                    let inner = file.rsplit_once('/').map_or("", |(inner, _)| inner);
                    (file.clone(), inner.to_owned())
                }
                None => (
                    format!("{directory}/{module}.rs"),
                    format!("{directory}/{module}"),
                ),
            };
            follow(&file, &inner, files, reached);
        } else if let Some((_, rest)) = line.split_once("include!(\"") {
            let file = rest.split('"').next().unwrap_or_default();
            reached.insert(format!("{own_directory}/{file}"));
        }
    }
}

/// The name in `mod name;`, whatever its visibility.
fn declared_module(line: &str) -> Option<&str> {
    let declaration = line.strip_suffix(';')?;
    let (visibility, name) = declaration.split_once("mod ")?;
    let is_declaration = visibility.is_empty() || visibility.starts_with("pub");
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_declaration && is_name).then_some(name)
}
