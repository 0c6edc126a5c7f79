use super::*;

fn baseline(counts: &[(&str, i64)]) -> Baseline {
    Baseline {
        tools: [("cc".to_owned(), "cc 12".to_owned())].into(),
        counts: counts
            .iter()
            .map(|(step, count)| ((*step).to_owned(), *count))
            .collect(),
    }
}

fn comparison(expected: &[(&str, i64)], counted: &[(&str, i64)]) -> Comparison {
    Comparison {
        expected: baseline(expected),
        counted: baseline(counted),
        is_whole: true,
    }
}

#[test]
fn a_step_may_grow_by_five_per_cent_and_no_more() {
    let cases = [
        (1000, 1000, Change::Within),
        (1000, 1050, Change::Within),
        (1000, 1051, Change::Grown),
        (1000, 950, Change::Within),
        (1000, 949, Change::Fallen),
        (i64::MAX / 2, i64::MAX, Change::Grown),
        (7, 8, Change::Grown),
    ];
    for (expected, counted, change) in cases {
        assert_eq!(
            Change::of(Some(expected), Some(counted)),
            change,
            "{expected} to {counted}"
        );
    }
}

#[test]
fn what_grew_fails_and_what_fell_does_not() {
    let expected = [("claim", 1000), ("render", 100)];
    assert!(comparison(&expected, &[("claim", 1010), ("render", 101)]).holds());
    assert!(comparison(&expected, &[("claim", 500), ("render", 100)]).holds());
    let grown = comparison(&expected, &[("claim", 1000), ("render", 106)]);
    assert!(!grown.holds());
    let text = grown.to_string();
    assert!(text.contains("+6.0 %  GREW"), "{text}");
    assert!(text.contains("cargo xtask instructions --accept"), "{text}");
    let fallen = comparison(&expected, &[("claim", 500), ("render", 100)]).to_string();
    assert!(fallen.contains("-50.0 %  fell: accept it"), "{fallen}");
    assert!(!fallen.contains("--accept"), "{fallen}");
}

#[test]
fn a_step_without_a_baseline_fails_and_so_does_a_baseline_without_a_step() {
    assert!(!comparison(&[], &[("claim", 1)]).holds());
    let gone = comparison(&[("claim", 1), ("gone", 1)], &[("claim", 1)]);
    assert!(!gone.holds());
    assert!(gone.to_string().contains("NOT COUNTED"));
    assert_eq!(gone.accept().counts, baseline(&[("claim", 1)]).counts);
}

#[test]
fn of_some_steps_only_those_are_looked_at_and_accepted() {
    let mut some = comparison(&[("claim", 100), ("match", 7)], &[("claim", 200)]);
    some.is_whole = false;
    assert!(!some.holds());
    assert!(!some.to_string().contains("match"));
    let accepted = some.accept();
    assert_eq!(
        accepted.counts,
        baseline(&[("claim", 200), ("match", 7)]).counts
    );
    some.expected = accepted;
    assert!(some.holds());
}

#[test]
fn other_versions_are_named() {
    let mut other = comparison(&[("claim", 1)], &[("claim", 1)]);
    assert!(other.other_tools().is_empty());
    other
        .counted
        .tools
        .insert("cc".to_owned(), "cc 14".to_owned());
    assert_eq!(other.other_tools(), ["cc 14 here, cc 12 in the baseline"]);
    assert!(other.to_string().contains("cc 14 here"));
}

#[test]
fn numbers_can_be_read() {
    let cases = [
        (0, "0"),
        (999, "999"),
        (1000, "1,000"),
        (1_234_567, "1,234,567"),
    ];
    for (number, text) in cases {
        assert_eq!(grouped(Some(number)), text);
    }
    assert_eq!(percent(1000, 1004), "+0.4 %");
    assert_eq!(percent(1000, 999), "-0.1 %");
    assert_eq!(percent(100_000, 99_999), "+0.0 %");
}
