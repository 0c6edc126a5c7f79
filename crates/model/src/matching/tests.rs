//! What holds of matching whatever the text: properties against slower ways of saying the same.

use proptest::prelude::*;

use super::*;
use crate::automation::{Match, MatchMode};

const KEYWORD_MODES: [MatchMode; 4] = [
    MatchMode::Word,
    MatchMode::Contains,
    MatchMode::Exact,
    MatchMode::Prefix,
];

fn verdict(mode: MatchMode, any: &[String], text: &str) -> MatchVerdict {
    let matching = Match {
        mode,
        any: any.to_vec(),
        none: Vec::new(),
        fold_accents: true,
    };
    CompiledMatch::compile(&matching)
        .unwrap()
        .evaluate(Some(&NormalizedText::new(text)))
}

/// The keyword that was found.
fn named(mode: MatchMode, any: &[String], text: &str) -> Option<String> {
    verdict(mode, any, text).keyword
}

fn is_match(mode: MatchMode, keyword: &str, text: &str) -> bool {
    verdict(mode, &[keyword.to_owned()], text).matched
}

/// Words of few letters, so that they meet, with what stands between words.
fn plain_text() -> impl Strategy<Value = String> {
    "[abc]{0,3}([ _!,-][abc]{0,3}){0,4}"
}

fn keywords() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[abc]{1,3}", 1..5)
}

/// How one letter is written so that people read it as they would without.
#[derive(Debug, Clone, Copy)]
enum Disguise {
    None,
    Upper,
    FullWidth,
    ZeroWidth,
    Accent,
}

fn disguises() -> impl Strategy<Value = Vec<Disguise>> {
    let disguise = prop_oneof![
        Just(Disguise::None),
        Just(Disguise::Upper),
        Just(Disguise::FullWidth),
        Just(Disguise::ZeroWidth),
        Just(Disguise::Accent),
    ];
    prop::collection::vec(disguise, 24)
}

fn disguised(text: &str, disguises: &[Disguise]) -> String {
    let mut written = String::new();
    for (ch, disguise) in text.chars().zip(disguises.iter().cycle()) {
        match disguise {
            Disguise::Upper => written.extend(ch.to_uppercase()),
            Disguise::FullWidth if ch.is_ascii_lowercase() => {
                let wide = u32::from(ch) - u32::from('a') + u32::from('\u{FF41}');
                written.extend(char::from_u32(wide));
            }
            Disguise::ZeroWidth => written.extend([ch, '\u{200B}', '\u{00AD}', '\u{2060}']),
            Disguise::Accent if ch.is_ascii_lowercase() => {
                written.extend([ch, '\u{301}', '\u{327}']);
            }
            Disguise::None | Disguise::FullWidth | Disguise::Accent => written.push(ch),
        }
    }
    written
}

proptest! {
    #[test]
    fn contains_is_what_a_search_for_each_keyword_finds(
        text in plain_text(), keywords in keywords(),
    ) {
        let found = keywords.iter().find(|keyword| text.contains(keyword.as_str()));
        prop_assert_eq!(named(MatchMode::Contains, &keywords, &text), found.cloned());
    }

    #[test]
    fn word_is_what_stands_between_signs(text in plain_text(), keywords in keywords()) {
        let words: Vec<&str> = text.split([' ', '_', '!', ',', '-']).collect();
        let found = keywords.iter().find(|keyword| words.contains(&keyword.as_str()));
        prop_assert_eq!(named(MatchMode::Word, &keywords, &text), found.cloned());
    }

    #[test]
    fn prefix_is_the_first_word_and_exact_the_only_one(
        text in plain_text(), keywords in keywords(),
    ) {
        let signs = [' ', '_', '!', ',', '-'];
        let inner = text.trim_matches(signs);
        let first = inner.split(signs).next().unwrap();
        let found = keywords.iter().find(|keyword| *keyword == first);
        prop_assert_eq!(named(MatchMode::Prefix, &keywords, &text), found.cloned());
        let found = keywords.iter().find(|keyword| *keyword == inner);
        prop_assert_eq!(named(MatchMode::Exact, &keywords, &text), found.cloned());
    }

    #[test]
    fn how_a_letter_is_written_changes_no_verdict(
        text in plain_text(),
        keywords in keywords(),
        of_text in disguises(),
        of_keywords in disguises(),
    ) {
        let written: Vec<String> = keywords
            .iter()
            .map(|keyword| disguised(keyword, &of_keywords))
            .collect();
        for mode in KEYWORD_MODES {
            let plain = verdict(mode, &keywords, &text);
            let other = verdict(mode, &written, &disguised(&text, &of_text));
            prop_assert_eq!(plain.matched, other.matched, "{:?}", mode);
        }
    }

    #[test]
    fn words_around_it_hide_no_keyword(
        keyword in "[abc]{1,3}", before in plain_text(), behind in plain_text(),
    ) {
        let text = format!("{before} {keyword} {behind}");
        prop_assert!(is_match(MatchMode::Word, &keyword, &text));
        prop_assert!(is_match(MatchMode::Contains, &keyword, &text));
        let text = format!("{keyword} {behind}");
        prop_assert!(is_match(MatchMode::Prefix, &keyword, &text));
    }

    #[test]
    fn a_pattern_of_plain_letters_is_found_where_its_letters_are(
        text in plain_text(), keywords in keywords(), of_text in disguises(),
    ) {
        let found = keywords.iter().find(|keyword| text.contains(keyword.as_str()));
        prop_assert_eq!(named(MatchMode::Regex, &keywords, &text), found.cloned());
        // Patterns see accents and full width, but no zero width and no case.
        let seen: Vec<Disguise> = of_text
            .into_iter()
            .map(|disguise| match disguise {
                Disguise::FullWidth | Disguise::Accent => Disguise::Upper,
                Disguise::None | Disguise::Upper | Disguise::ZeroWidth => disguise,
            })
            .collect();
        let text = disguised(&text, &seen);
        prop_assert_eq!(named(MatchMode::Regex, &keywords, &text), found.cloned());
    }
}

#[test]
fn only_so_much_of_a_text_is_looked_at() {
    for filler in ["x", "é", "日"] {
        for (over, is_found) in [(0, true), (5, true), (6, false), (10, false)] {
            let before = filler.repeat(TEXT_CHARS_MAX - 10 + over);
            let text = format!("{before} link ");
            for mode in [MatchMode::Word, MatchMode::Contains, MatchMode::Regex] {
                assert_eq!(
                    is_match(mode, "link", &text),
                    is_found,
                    "{filler} {over} {mode:?}"
                );
            }
        }
    }
}

#[test]
fn a_tone_is_left_aside_behind_what_it_colours_and_nowhere_else() {
    for (keyword, text, is_found) in [
        ("👍", "👍\u{1F3FD}", true),
        ("👩\u{200D}💻", "👩\u{1F3FD}\u{200D}💻", true),
        ("freedom", "free\u{1F3FD}dom", false),
        ("free", "free\u{1F3FD}dom", true),
    ] {
        assert_eq!(
            is_match(MatchMode::Contains, keyword, text),
            is_found,
            "{keyword} {text}"
        );
    }
}
