//! Automation documents, as JSON and as TOML: whatever is accepted can be used, and survives being
//! written and read again.
//!
//! An input is a document; it is tried in both forms.

#![no_main]

use hookline_model::automation::{
    ACCOUNTS_MAX, AccountScope, Automation, KEYWORDS_MAX, MEDIA_MAX, MatchMode, MediaScope,
    PATTERNS_MAX, Problem, STEPS_MAX, TEXTS_MAX,
};
use hookline_model::matching::CompiledMatch;
use hookline_model::template::Template;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fn check(outcome: Result<Automation, Vec<Problem>>) {
    match outcome {
        Ok(automation) => {
            survives(&automation);
            is_within_bounds(&automation);
            can_be_used(&automation);
        }
        Err(problems) => {
            assert!((1..=100).contains(&problems.len()));
            assert!(problems.iter().all(|problem| !problem.message.is_empty()));
        }
    }
}

fn survives(automation: &Automation) {
    let value = serde_json::to_value(automation).expect("a document can be written");
    assert_eq!(Automation::from_json(&value).as_ref(), Ok(automation));
    let text = value.to_string();
    let read: Automation = serde_json::from_str(&text).expect("what was written can be read");
    assert_eq!(&read, automation);
}

fn is_within_bounds(automation: &Automation) {
    if let AccountScope::Only(accounts) = &automation.accounts {
        assert!((1..=ACCOUNTS_MAX).contains(&accounts.len()));
    }
    if let MediaScope::Only(media) = &automation.trigger.media {
        assert!((1..=MEDIA_MAX).contains(&media.len()));
    }
    assert!(!automation.trigger.on.is_empty());
    let most = match automation.matching.mode {
        MatchMode::Regex => PATTERNS_MAX,
        _ => KEYWORDS_MAX,
    };
    assert!(automation.matching.any.len() <= most);
    assert!(automation.matching.none.len() <= KEYWORDS_MAX);
    assert!((1..=STEPS_MAX).contains(&automation.steps.len()));
    let texts = automation.steps.iter().map(|step| step.texts().len());
    assert!(
        texts
            .into_iter()
            .all(|texts| (1..=TEXTS_MAX).contains(&texts))
    );
}

fn can_be_used(automation: &Automation) {
    let compiled = CompiledMatch::compile(&automation.matching);
    compiled.expect("a condition that was accepted compiles");
    for text in automation
        .steps
        .iter()
        .flat_map(hookline_model::automation::Step::texts)
    {
        Template::parse(text).expect("a text that was accepted is a template");
    }
}

fuzz_target!(|document: &[u8]| {
    if let Ok(value) = serde_json::from_slice::<Value>(document) {
        check(Automation::from_json(&value));
    }
    if let Ok(text) = std::str::from_utf8(document) {
        check(Automation::from_toml(text));
    }
});
