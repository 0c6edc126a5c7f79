//! Bounds looked for in one place against those of the whole text.

use proptest::prelude::*;

use super::*;

/// Whether the piece is whole words, by all bounds of the text.
fn is_whole_in_all(text: &str, start: usize, end: usize) -> bool {
    let all = Places::of(text);
    let holds = |at: usize, edge: Option<char>| match all.at(at) {
        Some(Place::Bound) => true,
        Some(Place::Inside) => !edge.is_some_and(is_word_char),
        Some(Place::Joined) | None => false,
    };
    let piece = &text[start..end];
    holds(start, piece.chars().next()) && holds(end, piece.chars().next_back())
}

fn ends_of(text: &str) -> Vec<usize> {
    let starts = text.char_indices().map(|(at, _)| at);
    starts.chain([text.len()]).collect()
}

/// Each place of the text, by itself, by its piece, and by all bounds.
fn assert_places_agree(text: &str) {
    let all = Places::of(text);
    for at in ends_of(text) {
        if let Some(place) = plain::place_at(text, at) {
            assert_eq!(Some(place), all.at(at), "{text:?} at {at}, by itself");
        }
        let (from, to) = plain::piece_around(text, at, at);
        let piece = Places::of(&text[from..to]);
        assert_eq!(
            piece.at(at - from),
            all.at(at),
            "{text:?} at {at}, {from}..{to}"
        );
    }
}

fn mixed_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-c0-1A]{1,3}",
        4 => "[ ]{1,2}",
        4 => "[ -~]{1,2}",
        3 => "[.:,;'\"_-]",
        2 => "(l|d|qu|dell|all|lorsqu|un|v)'",
        1 => "[\r\n\t]",
        2 => "[\u{300}-\u{304}\u{FE0F}\u{200D}\u{AD}\u{1F3FB}]{1,2}",
        2 => "[\u{1F469}\u{1F4BB}\u{2764}\u{1F525}\u{1F3F4}\u{E0067}\u{E007F}]",
        1 => "[\u{1F1E9}\u{1F1EA}]{1,3}",
        2 => "[\u{30EA}\u{3093}\u{30FC}\u{3042}\u{94FE}\u{63A5}\u{3000}\u{3002}]{1,3}",
        2 => "[\u{E25}\u{E34}\u{E07}\u{E04}\u{E4C}\u{1000}\u{103A}\u{103B}\u{1780}]{1,3}",
        2 => "[\u{5D0}\u{5E9}\u{5F4}\u{5B0}\u{627}\u{644}\u{64E}\u{600}\u{661}]{1,3}",
        2 => "[\u{915}\u{94D}\u{937}\u{93F}\u{995}\u{9CD}]{1,3}",
        1 => "[\u{D55C}\u{AD6D}\u{1112}\u{1161}\u{11AB}]{1,2}",
        1 => "[\u{E9}\u{DF}\u{43B}\u{2019}\u{B7}\u{2024}\u{FF0C}\u{203F}\u{A0}\u{2009}]",
        1 => "\\PC{1,2}",
    ];
    proptest::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn a_place_is_the_same_looked_at_by_itself(text in mixed_text()) {
        assert_places_agree(&text);
    }

    #[test]
    fn what_is_whole_words_does_not_depend_on_what_was_asked_before(
        text in mixed_text(),
        asked in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..12),
    ) {
        let bounds = WordBounds::default();
        let ends = ends_of(&text);
        for (one, other) in asked {
            let (one, other) = (*one.get(&ends), *other.get(&ends));
            let (start, end) = (one.min(other), one.max(other));
            prop_assert_eq!(
                bounds.is_whole(&text, start, end),
                is_whole_in_all(&text, start, end),
                "{:?} {}..{}", text, start, end
            );
        }
    }
}

#[test]
fn plain_characters_of_every_kind_are_settled_as_unicode_does() {
    let kinds = ['a', '7', ':', ',', '.', '\'', ' ', '_', '"', '!', 'l'];
    let mut texts = vec![String::new()];
    for _ in 0..4 {
        let longer = texts
            .iter()
            .flat_map(|text| kinds.map(|kind| format!("{text}{kind}")));
        texts = longer.collect();
    }
    assert_eq!(texts.len(), kinds.len().pow(4));
    for text in &texts {
        assert_places_agree(text);
    }
}

#[test]
fn every_plain_character_is_of_its_kind() {
    for ch in ' '..='~' {
        for around in [["a", "a"], ["7", "7"], ["a", "7"], [" ", " "], ["", ""]] {
            let [left, right] = around;
            assert_places_agree(&format!("{left}{ch}{right}"));
        }
    }
}

#[test]
fn many_questions_go_through_the_text_once() {
    let text = "\u{30EA}\u{30F3}\u{30AF}link".repeat(500);
    let bounds = WordBounds::default();
    assert!(bounds.is_whole(&text, 9, 13));
    assert!(bounds.all.get().is_some());
    let text = format!("\u{1F525}link {}", "a ".repeat(500));
    let bounds = WordBounds::default();
    for _ in 0..100 {
        assert!(bounds.is_whole(&text, 4, 8));
    }
    assert!(bounds.looked_at.load(Ordering::Relaxed) < 2 * text.len());
}
