//! Conditions on the text of an event: no keyword, pattern or text ends the process or costs more
//! than its bound, and verdicts do not contradict each other.
//!
//! An input has parts between empty lines: the mode (and `accents` to keep them), a keyword on
//! each line, the keywords that forbid a match, and the text.

#![no_main]

use hookline_model::automation::{Match, MatchMode};
use hookline_model::matching::{CompiledMatch, MatchVerdict, NormalizedText, normalize};
use libfuzzer_sys::fuzz_target;

/// Longest text a verdict quotes: what was found, and what stands around it.
const QUOTED_CHARS_MAX: usize = 125;

fn keywords(part: &str) -> Vec<String> {
    part.lines().take(8).map(str::to_owned).collect()
}

fn is_stable(text: &str, fold_accents: bool) -> String {
    let once = normalize(text, fold_accents);
    assert_eq!(normalize(&once, fold_accents), once, "not a normal form");
    once
}

fn is_sound(verdict: &MatchVerdict, matching: &Match) {
    let quoted = verdict.because.actual.chars().count();
    assert!(quoted <= QUOTED_CHARS_MAX, "{quoted} characters are quoted");
    match (&verdict.keyword, verdict.matched) {
        (Some(keyword), true) => assert!(matching.any.contains(keyword)),
        (Some(keyword), false) => assert!(matching.none.contains(keyword)),
        (None, true) => assert_eq!(matching.mode, MatchMode::Any),
        (None, false) => {}
    }
}

/// The verdict of a mode that finds keywords anywhere, found the slow way.
fn contains(matching: &Match, text: &str) -> Option<String> {
    let text = normalize(text, matching.fold_accents);
    let is_in_text = |keyword: &&String| {
        !text.is_empty() && text.contains(&normalize(keyword, matching.fold_accents))
    };
    matching.any.iter().find(is_in_text).cloned()
}

fn is_skin_tone(ch: char) -> bool {
    matches!(ch, '\u{1F3FB}'..='\u{1F3FF}')
}

fn evaluate(matching: &Match, mode: MatchMode, text: &NormalizedText<'_>) -> MatchVerdict {
    let matching = Match {
        mode,
        ..matching.clone()
    };
    let compiled = CompiledMatch::compile(&matching).expect("these keywords compiled before");
    let verdict = compiled.evaluate(Some(text));
    is_sound(&verdict, &matching);
    assert_eq!(compiled.evaluate(Some(text)), verdict);
    verdict
}

/// What each mode says must fit what the others say.
fn agree(matching: &Match, source: &str) {
    let unforbidden = Match {
        none: Vec::new(),
        ..matching.clone()
    };
    let text = NormalizedText::new(source);
    let word = evaluate(&unforbidden, MatchMode::Word, &text);
    let anywhere = evaluate(&unforbidden, MatchMode::Contains, &text);
    let prefix = evaluate(&unforbidden, MatchMode::Prefix, &text);
    // Exact leaves the keyword's own punctuation aside too, so it implies none of the others.
    evaluate(&unforbidden, MatchMode::Exact, &text);
    let found = contains(&unforbidden, text.source());
    if source.contains(is_skin_tone) {
        // An emoji without a tone means every tone, so more may be found.
        assert!(found.is_none() || anywhere.matched, "a keyword is lost");
    } else {
        assert_eq!(anywhere.keyword, found);
    }
    assert!(!word.matched || anywhere.matched, "a word stands nowhere");
    assert!(!prefix.matched || word.matched, "it begins with no word");
    let forbidden = Match {
        none: matching.any.clone(),
        ..matching.clone()
    };
    let verdict = evaluate(&forbidden, MatchMode::Contains, &text);
    assert_eq!(verdict.matched, anywhere.matched && !word.matched);
}

fuzz_target!(|input: &[u8]| {
    let Ok(input) = std::str::from_utf8(input) else {
        return;
    };
    let mut parts = input.splitn(4, "\n\n");
    let mut next = || parts.next().unwrap_or_default();
    let (head, any, none, source) = (next(), next(), next(), next());
    let mode = MatchMode::ALL
        .into_iter()
        .find(|mode| head.starts_with(mode.as_str()));
    let matching = Match {
        mode: mode.unwrap_or(MatchMode::Word),
        any: keywords(any),
        none: keywords(none),
        fold_accents: !head.ends_with("accents"),
    };
    is_stable(source, true);
    is_stable(source, false);
    let Ok(compiled) = CompiledMatch::compile(&matching) else {
        return;
    };
    let text = NormalizedText::new(source);
    let verdict = compiled.evaluate(Some(&text));
    is_sound(&verdict, &matching);
    let without_text = compiled.evaluate(None);
    assert_eq!(without_text.matched, matching.mode == MatchMode::Any);
    if matching.mode != MatchMode::Regex && matching.mode != MatchMode::Any {
        agree(&matching, source);
    }
});
