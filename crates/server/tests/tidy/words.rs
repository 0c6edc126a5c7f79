//! What no text of ours says, and how it must not be typed.

use crate::tree::Text;
use crate::{assert_none, tree};

/// Everything people write by hand.
const WRITTEN: [&str; 12] = [
    ".rs", ".md", ".toml", ".sql", ".sh", ".ts", ".tsx", ".css", ".html", ".yml", ".yaml", "/run",
];

/// Words with the reason they are refused.
const REFUSED: [(&str, &str); 7] = [
    ("FIXME", "open an issue and say what holds today"),
    ("XXX", "open an issue and say what holds today"),
    ("dbg!", "it prints what may be secret"),
    ("todo!(", "what is not there is left out"),
    ("#[ignore", "a test runs or is removed"),
    ("/work/", "a path of one machine"),
    ("/root/", "a path of one machine"),
];

/// How near "in effect" must stand, in characters on either side.
const NEAR: usize = 200;

/// The files, without these ones, which name what they refuse.
fn texts(endings: &[&str]) -> Vec<Text> {
    let mut texts = tree::texts(endings);
    texts.retain(|file| !file.path.starts_with("crates/server/tests/tidy/"));
    assert!(texts.len() > 20, "the files were not found");
    texts
}

#[test]
fn refused_words_stand_nowhere() {
    let mut problems = Vec::new();
    for file in texts(&WRITTEN) {
        for (number, line) in file.lines() {
            for (word, reason) in REFUSED {
                if says(line, word) {
                    problems.push(format!("{}:{number}: {word}: {reason}", file.path));
                }
            }
            if names_no_issue(line) {
                problems.push(format!(
                    "{}:{number}: a TODO names its issue, as in TODO(#12)",
                    file.path
                ));
            }
        }
    }
    assert_none(&problems);
}

/// Whether the line has the word and not only a longer one around it.
fn says(line: &str, word: &str) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let is_word = word.chars().all(char::is_alphanumeric);
        !is_word || (!is_letter(before) && !is_letter(after))
    })
}

fn names_no_issue(line: &str) -> bool {
    let Some((_, rest)) = line.split_once("TODO") else {
        return false;
    };
    let number = rest.trim_start_matches(['(', ' ', ':']).strip_prefix('#');
    !number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
}

#[test]
fn once_is_claimed_only_in_effect() {
    let mut problems = Vec::new();
    for file in texts(&[".rs", ".md", ".ts", ".tsx"]) {
        let text = file.text.to_lowercase();
        for (at, claim) in text.match_indices("exactly once") {
            let before: String = text[..at].chars().rev().take(NEAR).collect();
            let before: String = before.chars().rev().collect();
            let after: String = text[at + claim.len()..].chars().take(NEAR).collect();
            if !before.contains("in effect") && !after.contains("in effect") {
                let number = text[..at].lines().count();
                problems.push(format!(
                    "{}:{number}: {claim} without \"in effect\"",
                    file.path
                ));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn lines_end_where_their_text_ends() {
    let mut problems = Vec::new();
    for file in texts(&WRITTEN) {
        for (number, line) in file.lines() {
            if line.ends_with([' ', '\t', '\r']) {
                problems.push(format!(
                    "{}:{number}: white space at the end of the line",
                    file.path
                ));
            }
        }
        if !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
            problems.push(format!("{}: a file ends with one line break", file.path));
        }
    }
    assert_none(&problems);
}

#[test]
fn there_is_one_clippy_configuration() {
    // One inside a crate would replace the rules of the house for that crate.
    assert_eq!(tree::files(&["clippy.toml"]), ["clippy.toml"]);
}
