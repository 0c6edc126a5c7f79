//! The corpus: what matches what, in every script, as people who write it expect.
//!
//! The rows are in `tests/corpus/matching.tsv`; how to add one is said in the README beside it.

use std::collections::{BTreeMap, BTreeSet};

use hookline_model::automation::{Match, MatchMode};
use hookline_model::matching::{CompiledMatch, NormalizedText};

const ROWS: &str = include_str!("../corpus/matching.tsv");

const COLUMNS: [&str; 8] = [
    "script", "text", "mode", "any", "none", "accents", "verdict", "note",
];

/// Fewer say too little about a mode in a script.
const ROWS_PER_MODE_MIN: usize = 2;

/// One line of the corpus.
struct Row {
    line: usize,
    script: &'static str,
    text: Option<String>,
    matching: Match,
    is_match: bool,
    note: &'static str,
}

fn rows() -> Vec<Row> {
    let mut lines = ROWS.lines().zip(1..);
    let (head, _) = lines.next().unwrap();
    assert_eq!(head.split('\t').collect::<Vec<_>>(), COLUMNS);
    lines.map(|(text, line)| read(text, line)).collect()
}

fn read(text: &'static str, line: usize) -> Row {
    let cells: Vec<&str> = text.split('\t').collect();
    let [script, text, mode, any, none, accents, verdict, note] = cells[..] else {
        panic!("line {line} has {} columns", cells.len());
    };
    let mode = MatchMode::ALL
        .into_iter()
        .find(|known| known.as_str() == mode)
        .unwrap_or_else(|| panic!("line {line}: there is no mode {mode}"));
    Row {
        line,
        script,
        text: (text != "-").then(|| unescaped(text)),
        matching: Match {
            mode,
            any: listed(any),
            none: listed(none),
            fold_accents: either(accents, "fold", "keep", line),
        },
        is_match: either(verdict, "matched", "not_matched", line),
        note,
    }
}

fn either(word: &str, yes: &str, no: &str, line: usize) -> bool {
    assert!(
        word == yes || word == no,
        "line {line}: write {yes} or {no}, not {word}"
    );
    word == yes
}

fn listed(cell: &str) -> Vec<String> {
    match cell {
        "-" => Vec::new(),
        several => several.split(" ; ").map(unescaped).collect(),
    }
}

/// The text with `\u{200B}` and its like as the characters they name.
fn unescaped(cell: &str) -> String {
    let mut pieces = cell.split("\\u{");
    let mut text = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_once('}').unwrap();
        let code = u32::from_str_radix(digits, 16).unwrap();
        text.push(char::from_u32(code).unwrap());
        text.push_str(rest);
    }
    text
}

#[test]
fn every_row_of_the_corpus_holds() {
    let mut wrong = Vec::new();
    for row in rows() {
        let compiled = CompiledMatch::compile(&row.matching)
            .unwrap_or_else(|problem| panic!("line {}: {problem:?}", row.line));
        let said = compiled.evaluate(row.text.as_deref().map(NormalizedText::new).as_ref());
        if said.matched != row.is_match {
            let Row {
                line, script, note, ..
            } = row;
            wrong.push(format!(
                "line {line} ({script}): {:?} for {:?} in {:?}: {note}",
                row.matching.mode, row.matching.any, row.text
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} rows do not hold:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_corpus_covers_every_mode_in_every_script() {
    let mut counts: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for row in rows() {
        assert!(!row.note.is_empty(), "line {}: say why", row.line);
        let condition = format!("{:?} {:?}", row.text, row.matching);
        assert!(seen.insert(condition), "line {}: said before", row.line);
        let modes = counts.entry(row.script).or_default();
        *modes.entry(row.matching.mode.as_str()).or_default() += 1;
    }
    assert!(seen.len() >= 250, "only {} rows", seen.len());
    for (script, modes) in counts {
        for mode in MatchMode::ALL {
            let count = modes.get(mode.as_str()).copied().unwrap_or_default();
            assert!(
                count >= ROWS_PER_MODE_MIN,
                "{script} has {count} rows for {mode:?}"
            );
        }
    }
}
