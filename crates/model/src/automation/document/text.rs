//! The condition on the text of an event.

use serde_json::Value;

use crate::automation::reader::Reader;
use crate::automation::{KEYWORDS_MAX, Match, MatchMode, PATTERNS_MAX};
use crate::matching::{KeywordProblem, check_keyword, check_pattern};

const KEYS: [&str; 4] = ["mode", "any", "none", "fold_accents"];

pub(super) fn matching(reader: &mut Reader, value: Option<&Value>) -> Option<Match> {
    let Some(value) = value else {
        return Some(Match::default());
    };
    let table = reader.table(value, "match", &KEYS)?;
    let mode = match table.get("mode") {
        Some(value) => reader.choice(value, "match.mode", &MatchMode::ALL, MatchMode::as_str),
        // Who lists keywords wants them found.
        None if table.contains_key("any") => Some(MatchMode::Word),
        None => Some(MatchMode::Any),
    };
    let any = match (table.get("any"), mode) {
        (Some(value), Some(MatchMode::Regex)) => {
            keywords(reader, value, "match.any", PATTERNS_MAX, check_pattern)
        }
        (Some(value), _) => keywords(reader, value, "match.any", KEYWORDS_MAX, check_keyword),
        (None, _) => Some(Vec::new()),
    };
    let none = match table.get("none") {
        Some(value) => keywords(reader, value, "match.none", KEYWORDS_MAX, check_keyword),
        None => Some(Vec::new()),
    };
    let fold_accents = match table.get("fold_accents") {
        Some(value) => reader.boolean(value, "match.fold_accents"),
        None => Some(true),
    };
    let matching = Match {
        mode: mode?,
        any: any?,
        none: none?,
        fold_accents: fold_accents?,
    };
    check_mode(reader, &matching);
    Some(matching)
}

fn keywords(
    reader: &mut Reader,
    value: &Value,
    path: &str,
    most: usize,
    check: fn(&str) -> Result<(), KeywordProblem>,
) -> Option<Vec<String>> {
    reader.list(value, path, most, |reader, value, path| {
        let keyword = reader.string(value, path)?;
        check(keyword)
            .map_err(|problem| reader.problem(path, problem))
            .ok()?;
        Some(keyword.to_owned())
    })
}

fn check_mode(reader: &mut Reader, matching: &Match) {
    let path = "match.any";
    match (matching.mode, matching.any.is_empty()) {
        (MatchMode::Any, false) => reader.problem(
            path,
            "mode any matches every text, so these would have no effect: remove them, or choose \
             mode word, contains, exact, prefix or regex",
        ),
        (MatchMode::Word | MatchMode::Contains | MatchMode::Exact | MatchMode::Prefix, true) => {
            let mode = matching.mode.as_str();
            reader.problem(path, format_args!("mode {mode} needs at least one keyword"));
        }
        (MatchMode::Regex, true) => {
            reader.problem(path, "mode regex needs at least one pattern");
        }
        (MatchMode::Any, true)
        | (
            MatchMode::Word
            | MatchMode::Contains
            | MatchMode::Exact
            | MatchMode::Prefix
            | MatchMode::Regex,
            false,
        ) => {}
    }
}
