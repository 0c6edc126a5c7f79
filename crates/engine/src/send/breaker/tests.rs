use hookline_meta::graph::{GraphError, Usage};

use super::*;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000).plus(Duration::from_secs(seconds))
}

fn account(number: usize) -> AccountId {
    AccountId::new(format!("1784140000000{number:04}"))
}

fn answered(status: u16, body: &str) -> CallFailure {
    CallFailure::Answered {
        error: Box::new(GraphError::of_reply(status, body.as_bytes()).unwrap()),
        usage: Usage::default(),
    }
}

fn unsupported() -> CallFailure {
    answered(
        400,
        r#"{"error":{"code":100,"message":"Unsupported request"}}"#,
    )
}

fn open_with(failure: &CallFailure) -> Breaker {
    let breaker = Breaker::new();
    for number in 0..ACCOUNTS {
        breaker.failed(&account(number), failure, at(0));
    }
    breaker
}

#[test]
fn the_same_error_of_many_accounts_opens_it() {
    let breaker = Breaker::new();
    for number in 0..ACCOUNTS - 1 {
        assert!(!breaker.failed(&account(number), &unsupported(), at(0)));
        assert_eq!(breaker.leave(at(0)), Leave::All);
    }
    assert!(breaker.failed(&account(ACCOUNTS), &unsupported(), at(1)));
    assert_eq!(breaker.leave(at(1)), Leave::NotBefore(at(31)));
}

#[test]
fn one_account_however_loud_does_not() {
    let breaker = Breaker::new();
    for _ in 0..100 {
        assert!(!breaker.failed(&account(1), &unsupported(), at(0)));
    }
    assert_eq!(breaker.leave(at(0)), Leave::All);
}

#[test]
fn many_accounts_over_a_long_time_do_not() {
    let breaker = Breaker::new();
    for number in 0..50 {
        let now = at(u64::try_from(number).unwrap() * 20);
        assert!(!breaker.failed(&account(number), &unsupported(), now));
    }
}

#[test]
fn what_is_about_people_texts_or_tokens_does_not() {
    for failure in [
        answered(400, r#"{"error":{"code":10,"error_subcode":2534022}}"#),
        answered(400, r#"{"error":{"code":190,"error_subcode":463}}"#),
        answered(400, r#"{"error":{"code":551}}"#),
        answered(400, r#"{"error":{"code":80002}}"#),
    ] {
        let breaker = open_with(&failure);
        assert_eq!(breaker.leave(at(0)), Leave::All, "{failure:?}");
    }
}

#[test]
fn accounts_that_do_well_outvote_those_that_do_not() {
    let breaker = Breaker::new();
    for number in 0..=ACCOUNTS {
        breaker.went_well(&account(100 + number), at(0));
    }
    for number in 0..ACCOUNTS {
        assert!(!breaker.failed(&account(number), &unsupported(), at(1)));
    }
}

#[test]
fn after_the_pause_one_lane_tries_and_a_success_closes_it() {
    let breaker = open_with(&unsupported());
    assert_eq!(breaker.leave(at(30)), Leave::One);
    breaker.begin_trial(at(30));
    assert_eq!(breaker.leave(at(31)), Leave::NotBefore(at(90)));
    breaker.went_well(&account(0), at(32));
    assert_eq!(breaker.leave(at(32)), Leave::All);
    assert!(!breaker.is_open());
}

#[test]
fn a_trial_that_fails_doubles_the_pause_up_to_the_longest() {
    let breaker = open_with(&unsupported());
    let mut now = at(30);
    let mut pauses = Vec::new();
    for _ in 0..8 {
        breaker.begin_trial(now);
        assert!(breaker.failed(&account(0), &unsupported(), now));
        let Leave::NotBefore(until) = breaker.leave(now) else {
            panic!("it is not open");
        };
        pauses.push(until.since(now).as_secs());
        now = until;
    }
    assert_eq!(pauses, [60, 120, 240, 480, 900, 900, 900, 900]);
}

#[test]
fn a_trial_that_is_never_heard_of_is_repeated() {
    let breaker = open_with(&unsupported());
    breaker.begin_trial(at(30));
    assert_eq!(breaker.leave(at(90)), Leave::One);
}
