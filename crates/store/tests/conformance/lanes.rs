use std::time::Duration;

use hookline_model::attempt::{AttemptOutcome, MetaAnswer};
use hookline_model::budget::Budget;
use hookline_model::clock::Timestamp;
use hookline_model::ids::MessageId;
use hookline_model::send::{SendClass, SendKind};
use hookline_store::PageRequest;
use hookline_store::evidence::Evidence;
use hookline_store::lanes::{
    ClaimRequest, ClaimedLane, FinishAttempt, LaneEffect, Learnt, NewHold, StartAttempt,
    StartResult, StartedAttempt,
};
use hookline_store::records::{SendFilter, SendRecord};

use crate::house::{House, account, at, of_person, request};

pub(crate) async fn claim_one(house: &House, now: Timestamp) -> ClaimedLane {
    let mut claimed = house.store.claim_lanes(request(), now).await.unwrap();
    assert_eq!(claimed.len(), 1, "exactly one lane was expected to be due");
    claimed.remove(0)
}

pub(crate) async fn start(
    house: &House,
    lane: &ClaimedLane,
    place: usize,
    now: Timestamp,
) -> StartResult {
    let attempt = attempt_of(lane, place);
    house.start(lane.claim.clone(), attempt, now).await
}

/// A wish to call for a leased send, with nothing learnt for it.
pub(crate) fn attempt_of(lane: &ClaimedLane, place: usize) -> StartAttempt {
    StartAttempt {
        send: lane.sends[place].id,
        text: "text".to_owned(),
        budget: request().budgets.of(lane.claim.class),
        learnt: None,
    }
}

pub(crate) fn started(result: StartResult) -> StartedAttempt {
    let StartResult::Started(attempt) = result else {
        unreachable!("not started: {result:?}")
    };
    attempt
}

pub(crate) async fn finish(
    house: &House,
    attempt: StartedAttempt,
    outcome: AttemptOutcome,
    now: Timestamp,
) -> bool {
    finish_with(house, attempt, outcome, LaneEffect::None, now).await
}

pub(crate) async fn finish_with(
    house: &House,
    attempt: StartedAttempt,
    outcome: AttemptOutcome,
    effect: LaneEffect,
    now: Timestamp,
) -> bool {
    let retry_at = now.plus(Duration::from_secs(5));
    let answer = MetaAnswer::default();
    let finish = FinishAttempt {
        attempt,
        outcome,
        answer,
        retry_at,
        effect,
    };
    house.finish(finish, now).await
}

pub(crate) fn accepted() -> AttemptOutcome {
    AttemptOutcome::Accepted {
        message_id: Some(MessageId::new("mid-1")),
        recipient_id: None,
    }
}

pub(crate) fn unknown() -> AttemptOutcome {
    AttemptOutcome::Unknown {
        reason: "timeout".to_owned(),
    }
}

pub(crate) async fn sends(house: &House, now: Timestamp) -> Vec<SendRecord> {
    let page = PageRequest {
        before: None,
        limit: 100,
    };
    let mut items = house
        .store
        .list_sends(SendFilter::default(), page, now)
        .await
        .unwrap()
        .items;
    items.reverse();
    items
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_never_get_the_same_lane() {
    let house = House::build();
    house.plan_replies(1..4).await;
    let (first, second) = tokio::join!(
        house.store.claim_lanes(request(), at(1)),
        house.store.claim_lanes(request(), at(1))
    );
    assert_eq!(first.unwrap().len() + second.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_is_not_claimed_before_it_is_due() {
    let house = House::build();
    house.plan_replies(1..2).await;
    let early = at(0).minus(Duration::from_millis(1));
    assert!(
        house
            .store
            .claim_lanes(request(), early)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_step_is_due_when_the_one_before_was_accepted() {
    let house = House::build();
    house.plan_replies(1..2).await;
    let lane = claim_one(&house, at(1)).await;
    let attempt = started(start(&house, &lane, 0, at(1)).await);
    assert!(finish(&house, attempt, accepted(), at(2)).await);
    house.release(lane.claim, request(), at(5)).await;
    let next = claim_one(&house, at(2)).await;
    assert_eq!(next.sends[0].kind, SendKind::PublicReply);
    assert_eq!(sends(&house, at(2)).await[0].state, "accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_step_cancels_the_rest_and_frees_the_limit() {
    let house = House::build();
    house.plan_replies(1..2).await;
    let lane = claim_one(&house, at(1)).await;
    let attempt = started(start(&house, &lane, 0, at(1)).await);
    let refused = AttemptOutcome::Refused {
        reason: "comment_invalid".to_owned(),
    };
    finish(&house, attempt, refused, at(2)).await;
    let states: Vec<String> = sends(&house, at(2))
        .await
        .into_iter()
        .map(|send| send.state)
        .collect();
    assert_eq!(states, ["refused", "cancelled"]);
    let automation = house
        .store
        .find_automation("link".to_owned())
        .await
        .unwrap()
        .unwrap()
        .id;
    let key = (automation, of_person(1));
    assert!(!house.is_used_up(key).await);
    assert!(!house.is_used_up_for_comment(1, automation).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_step_uses_the_limit_up() {
    let house = House::build();
    house.plan_replies(1..2).await;
    let lane = claim_one(&house, at(1)).await;
    let attempt = started(start(&house, &lane, 0, at(1)).await);
    finish(&house, attempt, accepted(), at(2)).await;
    let automation = house
        .store
        .find_automation("link".to_owned())
        .await
        .unwrap()
        .unwrap()
        .id;
    let key = (automation, of_person(1));
    assert!(house.is_used_up(key).await);
    assert!(house.is_used_up_for_comment(1, automation).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_ran_out_is_worthless() {
    let house = House::build();
    house.plan_replies(1..2).await;
    let slow = claim_one(&house, at(1)).await;
    let late = at(100);
    house
        .store
        .recover_leases(late, request().budgets, late)
        .await
        .unwrap();
    let fast = claim_one(&house, late).await;
    assert_eq!(start(&house, &slow, 0, late).await, StartResult::Lost);
    started(start(&house, &fast, 0, late).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_could_outlast_its_lease_is_not_begun() {
    let house = House::build();
    house.plan_replies(1..2).await;
    let lane = claim_one(&house, at(1)).await;
    let late = lane
        .claim
        .lease_until
        .minus(hookline_model::limits::GRAPH_CALL_MAX);
    assert_eq!(start(&house, &lane, 0, late).await, StartResult::Lost);
    house.release(lane.claim, request(), at(5)).await;
    assert_eq!(
        claim_one(&house, late).await.sends.len(),
        1,
        "it waits in its lane again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_after_the_attempt_was_committed_leaves_the_send_unknown_and_never_planned() {
    let house = House::build();
    house.plan_replies(1..3).await;
    let lane = claim_one(&house, at(1)).await;
    started(start(&house, &lane, 0, at(1)).await);
    let house = house.reopen().await;
    let recovered = house
        .store
        .recover_leases(Timestamp::FAR_FUTURE, request().budgets, at(2))
        .await
        .unwrap();
    assert_eq!((recovered.unknown, recovered.untried), (1, 1));
    assert_eq!(sends(&house, at(2)).await[0].state, "unknown");
    let again = claim_one(&house, at(2)).await;
    assert_eq!(again.sends.len(), 1, "only the untried one may be sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_taken_once() {
    let house = House::build();
    house.plan_replies(1..2).await;
    let lane = claim_one(&house, at(1)).await;
    let attempt = started(start(&house, &lane, 0, at(1)).await);
    assert!(finish(&house, attempt.clone(), accepted(), at(2)).await);
    assert!(!finish(&house, attempt, unknown(), at(3)).await);
    assert_eq!(sends(&house, at(3)).await[0].state, "accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_send_waits_for_evidence() {
    let house = House::build();
    house.plan_replies(1..2).await;
    let lane = claim_one(&house, at(1)).await;
    let attempt = started(start(&house, &lane, 0, at(1)).await);
    finish(&house, attempt, unknown(), at(2)).await;
    house.release(lane.claim, request(), at(5)).await;
    assert!(
        house
            .store
            .claim_lanes(request(), at(3))
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        house
            .store
            .unknown_sends(at(3), 10)
            .await
            .unwrap()
            .is_empty()
    );
    let send = house
        .store
        .unknown_sends(at(8), 10)
        .await
        .unwrap()
        .remove(0);
    let landed = Evidence::Landed(MessageId::new("mid-9"));
    assert!(
        house
            .store
            .settle_unknown(send, landed, at(8))
            .await
            .unwrap()
    );
    let send = &sends(&house, at(8)).await[0];
    assert_eq!(
        (send.state.as_str(), send.message_id.as_ref()),
        ("accepted", Some(&MessageId::new("mid-9")))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flooded_lane_gets_its_burst_and_then_waits() {
    let house = House::build();
    house.plan_replies(1..41).await;
    let mut attempts = 0;
    for _ in 0..20 {
        for lane in house.store.claim_lanes(request(), at(1)).await.unwrap() {
            for place in 0..lane.sends.len() {
                if let StartResult::Started(attempt) = start(&house, &lane, place, at(1)).await {
                    attempts += 1;
                    finish(&house, attempt, accepted_as(attempts), at(1)).await;
                }
            }
            house.release(lane.claim, request(), at(1)).await;
        }
    }
    let replies = sends(&house, at(1)).await;
    let sent = replies
        .iter()
        .filter(|send| send.kind == SendKind::PrivateReply && send.state == "accepted");
    assert_eq!(sent.count(), 25);
}

/// An account is held for its token of this number.
pub(crate) fn token_expired(number: i64) -> NewHold {
    NewHold {
        reason: "token_expired".to_owned(),
        until: None,
        token_number: Some(number),
        alert: None,
    }
}

fn accepted_as(number: i32) -> AttemptOutcome {
    let message_id = Some(MessageId::new(format!("mid-{number}")));
    AttemptOutcome::Accepted {
        message_id,
        recipient_id: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_token_holds_the_account_until_a_new_one_comes() {
    let house = House::build();
    house.connect().await;
    house.plan_replies(1..2).await;
    let lane = claim_one(&house, at(1)).await;
    let attempt = started(start(&house, &lane, 0, at(1)).await);
    let effect = LaneEffect::HoldAccount {
        reason: "token_expired".to_owned(),
        until: None,
        token_number: Some(1),
        alert: None,
    };
    let outcome = AttemptOutcome::NotSent {
        reason: "token_expired".to_owned(),
    };
    finish_with(&house, attempt, outcome, effect, at(1)).await;
    house.release(lane.claim, request(), at(5)).await;
    let held = &sends(&house, at(3600)).await[0];
    assert_eq!(
        (held.state.as_str(), held.reason.as_deref()),
        ("held", Some("token_expired"))
    );
    assert!(
        house
            .store
            .claim_lanes(request(), at(3600))
            .await
            .unwrap()
            .is_empty()
    );
    house.connect().await;
    assert_eq!(claim_one(&house, at(3600)).await.sends.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_send_expires_with_the_reason_that_held_it() {
    let house = House::build();
    house.connect().await;
    house.plan_replies(1..2).await;
    house
        .store
        .hold_account(account(), token_expired(1), at(1))
        .await
        .unwrap();
    let late = at(7 * 24 * 3600);
    assert_eq!(house.store.expire_overdue(late, 10).await.unwrap(), 2);
    let expired = &sends(&house, late).await[0];
    assert_eq!(
        (expired.state.as_str(), expired.reason.as_deref()),
        ("expired", Some("token_expired"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn past_its_deadline_a_send_expires_without_a_call() {
    let house = House::build();
    house.plan_replies(1..2).await;
    let lane = claim_one(&house, at(1)).await;
    let mut attempt = attempt_of(&lane, 0);
    attempt.learnt = Some(Learnt {
        context: serde_json::json!({"media_id": "18"}),
        deadline_at: Some(at(1)),
    });
    assert_eq!(
        house.start(lane.claim, attempt, at(1)).await,
        StartResult::Finished {
            reason: "deadline_passed"
        }
    );
    assert_eq!(sends(&house, at(1)).await[0].attempts.len(), 0);
}

fn paced(limit: u32, burst: u32) -> ClaimRequest {
    let mut request = request();
    let budget = Budget::new(limit, Duration::from_hours(1), burst);
    request.budgets.private_reply = budget;
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_leased_than_the_budget_lets_start() {
    let house = House::build();
    house.plan_replies(1..20).await;
    let burst_of_three = paced(750, 3);
    let claimed = house.store.claim_lanes(burst_of_three, at(1)).await;
    assert_eq!(claimed.unwrap()[0].sends.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paced_lane_that_is_woken_leases_nothing_and_waits_for_its_time() {
    let house = House::build();
    house.plan_replies(1..3).await;
    let one_in_six_minutes = paced(10, 1);
    let mut claimed = house
        .store
        .claim_lanes(one_in_six_minutes, at(0))
        .await
        .unwrap();
    let lane = claimed.remove(0);
    assert_eq!(lane.sends.len(), 1);
    let mut attempt = attempt_of(&lane, 0);
    attempt.budget = one_in_six_minutes.budgets.private_reply;
    let begun = house.start(lane.claim.clone(), attempt, at(0)).await;
    assert!(finish(&house, started(begun), accepted(), at(1)).await);
    house.release(lane.claim, one_in_six_minutes, at(1)).await;
    // The public reply of the first comment is another lane's.
    let others = house.store.claim_lanes(one_in_six_minutes, at(2)).await;
    assert_eq!(others.unwrap()[0].sends[0].kind, SendKind::PublicReply);

    house.plan_replies(3..4).await;
    let claimed = house.store.claim_lanes(one_in_six_minutes, at(3)).await;
    assert_eq!(claimed.unwrap(), [], "the budget lets nothing start");
    // The lane of the public reply is leased until a minute after its claim.
    let after_lease = house.store.next_lane_at().await.unwrap();
    assert_eq!(after_lease, Some(at(2 + 60)));
    let claimed = house.store.claim_lanes(one_in_six_minutes, at(359)).await;
    let claimed = claimed.unwrap();
    assert!(
        claimed
            .iter()
            .all(|lane| lane.claim.class != SendClass::PrivateReply)
    );
    let claimed = house.store.claim_lanes(one_in_six_minutes, at(360)).await;
    assert_eq!(claimed.unwrap()[0].sends[0].kind, SendKind::PrivateReply);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_with_a_backlog_takes_turns_with_the_others() {
    let house = House::build();
    house.plan_replies(1..20).await;
    let one_lane = ClaimRequest {
        lanes: 1,
        sends_per_lane: 1,
        ..request()
    };
    let claim = async |seconds| {
        let mut claimed = house
            .store
            .claim_lanes(one_lane, at(seconds))
            .await
            .unwrap();
        claimed.remove(0)
    };
    let first = claim(1).await;
    assert_eq!(first.claim.class, SendClass::PrivateReply);
    let attempt = started(start(&house, &first, 0, at(1)).await);
    // With this the public reply of the same comment is due; everything else of the first lane
    // has been for longer.
    assert!(finish(&house, attempt, accepted(), at(2)).await);
    house.release(first.claim, one_lane, at(3)).await;
    let second = claim(4).await;
    assert_eq!(second.claim.class, SendClass::PublicReply);
    assert_eq!(claim(4).await.claim.class, SendClass::PrivateReply);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_was_not_sent_wakes_a_lane_that_was_given_back() {
    let house = House::build();
    house.plan_replies(1..2).await;
    let lane = claim_one(&house, at(1)).await;
    let attempt = started(start(&house, &lane, 0, at(1)).await);
    house.release(lane.claim, request(), at(2)).await;
    assert_eq!(house.store.next_lane_at().await.unwrap(), None);
    let not_sent = AttemptOutcome::NotSent {
        reason: "not_sent".to_owned(),
    };
    assert!(finish(&house, attempt, not_sent, at(3)).await);
    assert_eq!(house.store.next_lane_at().await.unwrap(), Some(at(8)));
    assert_eq!(claim_one(&house, at(8)).await.sends[0].attempts, 1);
}
