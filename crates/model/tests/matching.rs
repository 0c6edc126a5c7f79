//! Matching as its owner means it, over the scripts and habits of commenters.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

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

fn assert_rows(mode: MatchMode, rows: &[(&str, &str, bool)]) {
    for (keyword, text, expected) in rows {
        let said = verdict(mode, &[keyword], &[], Some(text));
        assert_eq!(said.matched, *expected, "{keyword:?} in {text:?}: {said:?}");
    }
}

#[test]
fn whole_words_in_scripts_with_spaces() {
    assert_rows(
        MatchMode::Word,
        &[
            ("link", "LINK", true),
            ("link", "send me the Link please!", true),
            ("link", "linking park", false),
            ("link", "blink", false),
            ("link", "link2", false),
            ("link", "link_in_bio", true),
            ("link", "the-link", true),
            ("link", "(link)", true),
            ("link", "link🔥", true),
            ("link", "🔥link🔥", true),
            ("link", "#link", true),
            ("link", "@link", true),
            ("don", "don't", false),
            ("don't", "I DON’T know", true),
            ("free guide", "the free \n guide, please", true),
            ("free guide", "free the guide", false),
            ("cafe", "Café", true),
            ("café", "CAFE", true),
            ("cafe", "cafe\u{301}s", false),
            ("niño", "NINO", true),
            ("straße", "STRASSE", true),
            ("strasse", "Straße", true),
            ("istanbul", "İSTANBUL", true),
            ("İstanbul", "istanbul", true),
            ("kısa", "KISA", true),
            ("lodz", "Łódź", true),
            ("ссылка", "Скиньте ССЫЛКУ", false),
            ("ссылка", "а где ССЫЛКА?", true),
            ("еще", "ЕЩЁ", true),
            ("мои", "мой", false),
            ("οδος", "Η ΟΔΟΣ μου", true),
            ("ΟΔΌΣ", "οδός", true),
            ("رابط", "أريد الرَّابِط", false),
            ("رابط", "أريد رَابِط من فضلك", true),
            ("أريد", "اريد رابط", true),
            ("קישור", "אפשר קִישׁוּר?", true),
            ("קישור", "הקישור", false),
            ("लिंक", "मुझे लिंक भेजो", true),
            ("लिंक", "लिंकन", false),
            ("भेज", "भेजो", false),
            ("링크", "링크 주세요", true),
            ("링크", "링크를", false),
            ("링크", "링크 주세요".nfd_like(), true),
        ],
    );
}

/// A text as some phones send it: Hangul taken apart.
trait Decomposed {
    fn nfd_like(self) -> &'static str;
}

impl Decomposed for &'static str {
    fn nfd_like(self) -> &'static str {
        assert_eq!(self, "링크 주세요");
        "\u{1105}\u{1175}\u{11BC}\u{110F}\u{1173} 주세요"
    }
}

#[test]
fn words_anywhere_in_scripts_without_spaces() {
    assert_rows(
        MatchMode::Word,
        &[
            ("链接", "请给我链接谢谢", true),
            ("连接", "请给我链接谢谢", false),
            ("リンク", "リンクください", true),
            ("リンク", "リンクーください", true),
            ("ﾘﾝｸ", "リンクください", true),
            ("ください", "リンクください", true),
            ("か", "が", false),
            ("ลิงก์", "ขอลิงก์หน่อยค่ะ", true),
            ("สนใจ", "สนใจค่ะ", true),
            ("ລິ້ງ", "ຂໍລິ້ງແດ່", true),
            ("តំណ", "សុំតំណផង", true),
            ("လင့်", "လင့်ပေးပါ", true),
            ("link", "给我link谢谢", true),
            ("vip", "VIP会员", true),
            ("vip会员", "我要VIP会员", true),
        ],
    );
}

#[test]
fn signs_emoji_and_unseen_characters() {
    assert_rows(
        MatchMode::Word,
        &[
            ("🔥", "so good🔥🔥", true),
            ("❤", "love ❤️", true),
            ("❤️", "love ❤", true),
            ("👍", "👍🏽", true),
            ("👍🏽", "👍", false),
            ("👩‍💻", "hi 👩‍💻!", true),
            ("👩", "👩‍💻", false),
            ("👩💻", "👩‍💻", false),
            ("1️⃣", "1️⃣", true),
            ("🇩🇪", "from 🇩🇪", true),
            ("link🔥", "get link🔥now", true),
            ("link🔥", "blink🔥", false),
            ("c++", "I write C++.", true),
            ("c++", "c++17", true),
            ("c++", "vc++", false),
            ("$$$", "$$$$", true),
            ("50%", "50%off", true),
            ("50%", "150%", false),
            ("#guide", "my#guide", true),
            ("#guide", "#guides", false),
            ("link", "ＬＩＮＫ", true),
            ("link", "l\u{200B}i\u{200D}n\u{FEFF}k", true),
            ("link", "li\u{AD}nk", true),
            ("l\u{200B}ink", "link", true),
            ("link", "𝗟𝗜𝗡𝗞", true),
            ("\"yes\"", "I say „Yes“", true),
            ("link", "", false),
            ("link", " \u{200B} ", false),
        ],
    );
}

#[test]
fn contains_exact_and_prefix() {
    assert_rows(
        MatchMode::Contains,
        &[
            ("link", "blinking", true),
            ("LÏNK", "blinking", true),
            ("link", "lin k", false),
        ],
    );
    assert_rows(
        MatchMode::Exact,
        &[
            ("link", "  Link!! ", true),
            ("link", "¿LINK?", true),
            ("link!", "link", true),
            ("link", "“link”", true),
            ("link", "link please", false),
            ("link", "link🔥", false),
            ("!!!", "!!!", true),
            ("!!!", "!", false),
            ("?", "?", true),
            ("free guide", "Free  Guide.", true),
        ],
    );
    assert_rows(
        MatchMode::Prefix,
        &[
            ("link", "Link please", true),
            ("link", "link", true),
            ("link", "¡Link, please!", true),
            ("link", "linking", false),
            ("link", "the link", false),
            ("send me", "SEND  me it", true),
            ("#link", "#link now", true),
            ("链接", "链接谢谢", true),
        ],
    );
}

#[test]
fn patterns_look_at_what_people_see() {
    assert_rows(
        MatchMode::Regex,
        &[
            ("link|guide", "a GUIDE please", true),
            ("^link$", "link", true),
            ("^link$", "l\u{200B}ink", true),
            ("^link$", "link!", false),
            (r"\bsize\s*(\d+)", "in Size 42?", true),
            ("é", "É", true),
            ("é", "e", false),
            (r"^\p{Han}+$", "链接", true),
        ],
    );
}

#[test]
fn accents_count_when_asked() {
    let word = |text: &str| {
        let matching = Match {
            mode: MatchMode::Word,
            any: vec!["año".to_owned()],
            none: Vec::new(),
            fold_accents: false,
        };
        CompiledMatch::compile(&matching)
            .unwrap()
            .evaluate(Some(&NormalizedText::new(text)))
            .matched
    };
    assert!(word("feliz AÑO"));
    assert!(word("an\u{303}o"));
    assert!(!word("feliz ano"));
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
