//! Matching as its owner means it, over the scripts and habits of commenters.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed unwrap is a failed test"
)]

#[path = "matching/corpus.rs"]
mod corpus;

use hookline_model::automation::{Match, MatchMode};
use hookline_model::matching::{CompiledMatch, MatchVerdict, NormalizedText, normalize};
use proptest::prelude::*;

fn verdict(mode: MatchMode, any: &[&str], none: &[&str], text: Option<&str>) -> MatchVerdict {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let matching = Match {
        mode,
        any: owned(any),
        none: owned(none),
        fold_accents: true,
    };
    CompiledMatch::compile(&matching)
        .unwrap()
        .evaluate(text.map(NormalizedText::new).as_ref())
}

fn matches(mode: MatchMode, keyword: &str, text: &str) -> bool {
    verdict(mode, &[keyword], &[], Some(text)).matched
}

#[test]
fn without_text_only_mode_any_holds() {
    for mode in [
        MatchMode::Word,
        MatchMode::Contains,
        MatchMode::Exact,
        MatchMode::Prefix,
        MatchMode::Regex,
    ] {
        for text in [None, Some(""), Some("\u{200B}")] {
            let said = verdict(mode, &[".*"], &[], text);
            assert!(!said.matched, "{mode:?} {text:?}");
            assert_eq!(said.because.actual, "no text");
        }
    }
    let said = verdict(MatchMode::Any, &[], &["stop"], None);
    assert!(said.matched);
    assert_eq!(said.because.condition, "match.mode");
}

#[test]
fn a_verdict_says_why() {
    let said = verdict(
        MatchMode::Word,
        &["guide", "Link"],
        &["stop"],
        Some(" a LINK! "),
    );
    assert!(said.matched);
    assert_eq!(said.keyword.as_deref(), Some("Link"));
    assert_eq!(said.because.condition, "match.any");
    assert_eq!(said.because.expected, "the word \"Link\"");
    assert_eq!(said.because.actual, "a LINK!");

    let said = verdict(
        MatchMode::Word,
        &["guide", "link"],
        &["stop"],
        Some("hello"),
    );
    assert_eq!((said.matched, said.keyword), (false, None));
    assert_eq!(said.because.expected, "the word \"guide\" or \"link\"");
    assert_eq!(said.because.actual, "hello");

    let said = verdict(MatchMode::Any, &[], &["STOP"], Some("please stop link"));
    assert_eq!(
        (said.matched, said.keyword.as_deref()),
        (false, Some("STOP"))
    );
    assert_eq!(said.because.condition, "match.none");
    assert_eq!(said.because.expected, "not the word \"STOP\"");

    let long = format!("{} link {}", "x".repeat(5000), "y".repeat(5000));
    let said = verdict(MatchMode::Word, &["link"], &[], Some(&long));
    assert!(
        said.because.actual.contains(" link "),
        "{}",
        said.because.actual
    );
    assert!(said.because.actual.chars().count() < 60);
}

#[test]
fn the_first_keyword_of_the_list_is_named() {
    let text = Some("link and guide");
    for (any, named) in [(["guide", "link"], "guide"), (["link", "guide"], "link")] {
        assert_eq!(
            verdict(MatchMode::Word, &any, &[], text).keyword.as_deref(),
            Some(named)
        );
    }
}

#[test]
fn hostile_texts_cost_no_more_than_their_bound() {
    let keywords: Vec<String> = (1..=200).map(|n| "a".repeat(n)).collect();
    let matching = Match {
        mode: MatchMode::Word,
        any: keywords,
        none: vec!["aaa".to_owned()],
        fold_accents: true,
    };
    let compiled = CompiledMatch::compile(&matching).unwrap();
    for piece in [
        "a",
        "a\u{301}",
        "👩\u{200D}",
        "\u{FDFA}",
        "🇩",
        "é_",
        "\u{1D16E}",
        "\u{ED0}\u{200D}",
    ] {
        let text = piece.repeat(50_000);
        assert!(
            !compiled.evaluate(Some(&NormalizedText::new(&text))).matched,
            "{piece}"
        );
    }
}

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        ".{0,12}",
        "[a-zA-Z0-9 _'.!-]{0,12}",
        "[\u{300}-\u{36F}\u{200B}-\u{200F}\u{FE00}-\u{FE0F}İıßςéñ]{0,4}",
        "[👩💻❤🔥\u{200D}\u{1F3FB}-\u{1F3FF}🇦-🇿]{0,6}",
        "[ก-๛一-丠ぁ-んァ-ヶ가-갛अ-हا-ي]{0,6}",
        "[เแำํ่-๋ເແຳໍ່-໋က-ဿក-៓\u{93C}\u{94D}\u{901}]{0,6}",
        "[ـ٠-٩۰-۹۱ىیکةہٱأ\u{FE70}-\u{FEFC}״׳lLdD'’]{0,6}",
    ];
    prop::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat())
}

/// A text of which something is left to compare.
fn visible_text() -> impl Strategy<Value = String> {
    any_text().prop_map(|text| {
        if normalize(&text, true).is_empty() {
            "x".to_owned()
        } else {
            text
        }
    })
}

proptest! {
    #[test]
    fn a_text_matches_itself(text in visible_text()) {
        for mode in [MatchMode::Word, MatchMode::Contains, MatchMode::Exact, MatchMode::Prefix] {
            prop_assert!(matches(mode, &text, &text), "{:?}", mode);
        }
    }

    #[test]
    fn none_wins_over_any(text in visible_text(), keyword in visible_text()) {
        for mode in [MatchMode::Word, MatchMode::Contains, MatchMode::Exact, MatchMode::Prefix] {
            let said = verdict(mode, &[&text], &[&text], Some(&text));
            prop_assert!(!said.matched);
            prop_assert_eq!(said.because.condition, "match.none");
            if verdict(MatchMode::Word, &[&keyword], &[], Some(&text)).matched {
                prop_assert!(!verdict(mode, &[&text], &[&keyword], Some(&text)).matched);
            }
        }
    }

    #[test]
    fn word_implies_contains_and_prefix_implies_word(text in any_text(), keyword in visible_text()) {
        if matches(MatchMode::Prefix, &keyword, &text) {
            prop_assert!(matches(MatchMode::Word, &keyword, &text));
        }
        if matches(MatchMode::Word, &keyword, &text) {
            prop_assert!(matches(MatchMode::Contains, &keyword, &text));
        }
    }

    #[test]
    fn normalising_twice_changes_nothing(text in any_text(), fold_accents: bool) {
        let once = normalize(&text, fold_accents);
        prop_assert_eq!(normalize(&once, fold_accents), once);
    }
}
