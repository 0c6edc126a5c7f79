//! What documents point at exists.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::tree::Text;
use crate::{assert_none, tree};

#[test]
fn links_between_documents_lead_somewhere() {
    let documents = tree::texts(&[".md"]);
    let headings: BTreeMap<PathBuf, Vec<String>> = documents
        .iter()
        .map(|file| (PathBuf::from(&file.path), anchors(file)))
        .collect();
    let mut problems = Vec::new();
    for file in &documents {
        for (number, link) in links(file) {
            if let Err(problem) = check(&file.path, link, &headings) {
                problems.push(format!("{}:{number}: {link}: {problem}", file.path));
            }
        }
    }
    assert_none(&problems);
}

fn check(
    document: &str,
    link: &str,
    headings: &BTreeMap<PathBuf, Vec<String>>,
) -> Result<(), &'static str> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(());
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if path.is_empty() {
        PathBuf::from(document)
    } else {
        resolve(document, path)
    };
    if !tree::root().join(&target).exists() {
        return Err("there is no such file");
    }
    match headings.get(&target) {
        Some(known) if !anchor.is_empty() && !known.iter().any(|each| each == anchor) => {
            Err("there is no such heading")
        }
        Some(_) | None => Ok(()),
    }
}

/// The path a link means, relative to the root.
fn resolve(document: &str, link: &str) -> PathBuf {
    if let Some(from_root) = link.strip_prefix('/') {
        return PathBuf::from(from_root);
    }
    let mut path = Path::new(document)
        .parent()
        .unwrap_or(Path::new(""))
        .to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    path
}

/// The lines of a document that are not code.
fn prose(file: &Text) -> Vec<(usize, &str)> {
    let mut is_code = false;
    let mut found = Vec::new();
    for (number, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            found.push((number, line));
        }
    }
    found
}

/// Where links lead to: `](here)` and `[name]: here`.
fn links(file: &Text) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in prose(file) {
        for (at, opening) in line.match_indices("](") {
            let rest = &line[at + opening.len()..];
            if let Some((link, _)) = rest.split_once(')') {
                // A title may follow the address.
                found.extend(link.split(' ').next().map(|link| (number, link)));
            }
        }
        if let Some((_, link)) = line.split_once("]: ")
            && line.starts_with('[')
        {
            found.push((number, link.trim()));
        }
    }
    found
}

/// The anchors a document's headings have: lower case, punctuation dropped, spaces to hyphens.
fn anchors(file: &Text) -> Vec<String> {
    let headings = prose(file)
        .into_iter()
        .filter(|(_, line)| line.starts_with('#'));
    let anchor = |heading: &str| -> String {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(|(_, heading)| anchor(heading)).collect()
}
