//! Attempts of several sends that start or end in one transaction.

use hookline_store::StoreError;
use hookline_store::lanes::{ClaimedLane, Ending, FinishAttempt, LaneClaim, StartAttempt};
use hookline_store::lanes::{LaneEffect, Learnt, StartResult, StartedAttempt};

use crate::house::{House, at, request};
use crate::lanes::{accepted, attempt_of, claim_one, sends, started};

fn wishes(lane: &ClaimedLane) -> Vec<(LaneClaim, StartAttempt)> {
    let places = 0..lane.sends.len();
    places
        .map(|place| (lane.claim.clone(), attempt_of(lane, place)))
        .collect()
}

fn ending(attempt: StartedAttempt) -> Ending {
    let finish = FinishAttempt {
        attempt,
        outcome: accepted(),
        answer: hookline_model::attempt::MetaAnswer::default(),
        retry_at: at(60),
        effect: LaneEffect::None,
    };
    Ending {
        finish: Some(finish),
        release: None,
    }
}

/// Does something to the database behind the store's back.
fn meddle(house: &House, sql: &str) {
    let connection = rusqlite::Connection::open(house.store.path()).unwrap();
    connection.execute_batch(sql).unwrap();
}

/// How many attempts each private reply has, and its state.
async fn tried(house: &House) -> Vec<(usize, String)> {
    let all = sends(house, at(1)).await.into_iter();
    let replies = all.filter(|send| send.kind == hookline_model::send::SendKind::PrivateReply);
    replies
        .map(|send| (send.attempts.len(), send.state))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_may_not_start_keeps_no_neighbour_from_it() {
    let house = House::build();
    house.plan_replies(1..5).await;
    let lane = claim_one(&house, at(1)).await;
    let mut asked = wishes(&lane);
    asked[0].1.learnt = Some(Learnt {
        context: serde_json::json!({}),
        deadline_at: Some(at(1)),
    });
    asked[1].0.fence -= 1;
    // Room for one more attempt, which the first that may start takes.
    asked[2].1.budget =
        hookline_model::budget::Budget::new(1, std::time::Duration::from_hours(1), 1);
    asked[3].1.budget = asked[2].1.budget;
    let answers = house.store.start_attempts(asked, at(1)).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let reason = "deadline_passed";
    assert_eq!(answers[0], StartResult::Finished { reason });
    assert_eq!(answers[1], StartResult::Lost);
    let only = started(answers[2].clone());
    assert_eq!((only.send, only.seq, only.number), (lane.sends[2].id, 1, 1));
    assert_eq!(answers[3], StartResult::Paced);
    let attempts: Vec<_> = tried(&house)
        .await
        .iter()
        .map(|(count, _)| *count)
        .collect();
    assert_eq!(attempts, [0, 0, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_read_keeps_no_neighbour_from_starting() {
    let house = House::build();
    house.plan_replies(1..4).await;
    let lane = claim_one(&house, at(1)).await;
    let id = lane.sends[1].id.0;
    meddle(
        &house,
        &format!("UPDATE sends SET kind = 'telegram' WHERE id = {id}"),
    );
    let answers = house.store.start_attempts(wishes(&lane), at(1)).await;
    let error = answers[1].as_ref().unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    let mut seqs = Vec::new();
    for place in [0, 2] {
        let attempt = started(answers[place].as_ref().unwrap().clone());
        assert_eq!(attempt.send, lane.sends[place].id);
        seqs.push(attempt.seq);
    }
    assert_eq!(
        seqs,
        [1, 2],
        "nothing of the transaction that failed is left"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_starts_nobody() {
    let house = House::build();
    house.plan_replies(1..4).await;
    let lane = claim_one(&house, at(1)).await;
    // As a full disk does it: the database rolls everything back by itself.
    let id = lane.sends[2].id.0;
    meddle(
        &house,
        &format!(
            "CREATE TRIGGER full BEFORE INSERT ON attempts WHEN NEW.send_id = {id}
             BEGIN SELECT RAISE(ROLLBACK, 'no room'); END"
        ),
    );
    for answer in house.store.start_attempts(wishes(&lane), at(1)).await {
        assert!(matches!(answer, Err(StoreError::Full)), "{answer:?}");
    }
    let untried = (0, "leased".to_owned());
    assert_eq!(tried(&house).await, vec![untried; 3]);
    meddle(&house, "DROP TRIGGER full");
    for answer in house.store.start_attempts(wishes(&lane), at(1)).await {
        assert_eq!(started(answer.unwrap()).number, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_starts_once_the_store_is_closed() {
    let house = House::build();
    house.plan_replies(1..4).await;
    let lane = claim_one(&house, at(1)).await;
    house.store.close().await;
    for answer in house.store.start_attempts(wishes(&lane), at(1)).await {
        assert!(matches!(answer, Err(StoreError::Closed)), "{answer:?}");
    }
    let house = house.reopen().await;
    let untried = (0, "leased".to_owned());
    assert_eq!(tried(&house).await, vec![untried; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_after_several_started_leaves_each_unknown_and_the_others_untried() {
    let house = House::build();
    house.plan_replies(1..5).await;
    let lane = claim_one(&house, at(1)).await;
    let mut asked = wishes(&lane);
    asked.truncate(2);
    for answer in house.store.start_attempts(asked, at(1)).await {
        started(answer.unwrap());
    }
    let house = house.reopen().await;
    let recovered = house
        .store
        .recover_leases(at(100), request().budgets, at(100))
        .await
        .unwrap();
    assert_eq!((recovered.unknown, recovered.untried), (2, 2));
    let states: Vec<_> = tried(&house)
        .await
        .into_iter()
        .map(|(_, state)| state)
        .collect();
    assert_eq!(states, ["unknown", "unknown", "planned", "planned"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_ending_that_fails_takes_no_neighbour_along() {
    let house = House::build();
    house.plan_replies(1..4).await;
    let lane = claim_one(&house, at(1)).await;
    let answers = house.store.start_attempts(wishes(&lane), at(1)).await;
    let mut endings: Vec<_> = answers
        .into_iter()
        .map(|answer| ending(started(answer.unwrap())))
        .collect();
    endings.push(Ending {
        finish: None,
        release: Some(lane.claim.clone()),
    });
    let id = lane.sends[1].id.0;
    meddle(
        &house,
        &format!(
            "CREATE TRIGGER odd BEFORE UPDATE ON attempts WHEN NEW.send_id = {id}
             BEGIN SELECT RAISE(ABORT, 'odd'); END"
        ),
    );
    let budgets = request().budgets;
    let answers = house
        .store
        .end_attempts(endings.clone(), budgets, at(2))
        .await;
    let kept: Vec<_> = answers.iter().map(|answer| answer.as_ref().ok()).collect();
    assert_eq!(kept, [Some(&true), None, Some(&true), Some(&false)]);
    let states: Vec<_> = tried(&house)
        .await
        .into_iter()
        .map(|(_, state)| state)
        .collect();
    assert_eq!(states, ["accepted", "leased", "accepted"]);

    // The same once more: the one that failed is kept now, and nothing twice.
    meddle(&house, "DROP TRIGGER odd");
    let answers = house.store.end_attempts(endings, budgets, at(3)).await;
    let kept: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(kept, [false, true, false, false]);
}
