//! What a queue says, beside what its lanes then do.

use std::time::Duration;

use hookline_model::attempt::{AttemptOutcome, MetaAnswer};
use hookline_model::budget::Budget;
use hookline_model::clock::Timestamp;
use hookline_model::forecast::Forecast;
use hookline_model::ids::{AccountId, SendId};
use hookline_model::send::{SendClass, SendState};
use hookline_store::lanes::{
    ClaimRequest, FinishAttempt, LaneEffect, NewHold, StartAttempt, StartResult,
};
use hookline_store::planning::Plan;
use hookline_store::queue::{FailedSends, QueueFilter, QueuePage, QueuePageRequest, QueuedLane};

use crate::house::{House, account, at, comment_with_reply, request};

const HOUR: Duration = Duration::from_hours(1);

/// Ten private replies an hour, three at once.
fn slow() -> ClaimRequest {
    let mut request = request();
    request.budgets.private_reply = Budget::new(10, HOUR, 3);
    request
}

fn to_start(send: SendId, budget: Budget) -> StartAttempt {
    StartAttempt {
        send,
        text: "hi".to_owned(),
        budget,
        learnt: None,
    }
}

/// Plans a private reply for each of these (due, deadline), and nothing after it.
async fn plan(house: &House, sends: &[(Timestamp, Timestamp)]) {
    let automation = house.publish().await;
    let mut plan = Plan::default();
    for (person, (due_at, deadline_at)) in (1..).zip(sends) {
        let mut event = comment_with_reply(person, automation);
        event.sends.truncate(1);
        event.sends[0].due_at = Some(*due_at);
        event.sends[0].deadline_at = *deadline_at;
        plan.events.push(event);
    }
    house.store.commit_plan(plan, at(0)).await.unwrap();
}

async fn page(house: &House, filter: QueueFilter, now: Timestamp) -> QueuePage {
    let page = QueuePageRequest {
        after: None,
        limit: 100,
    };
    let listed = house.store.list_queue(filter, page, slow().budgets, now);
    listed.await.unwrap()
}

/// The one lane there is.
async fn lane(house: &House, now: Timestamp) -> QueuedLane {
    let mut lanes = page(house, QueueFilter::default(), now).await.lanes;
    assert_eq!(lanes.len(), 1, "{lanes:?}");
    lanes.remove(0)
}

/// Does what the lane may do at `now` and says how many attempts that were; all are accepted.
async fn work(house: &House, now: Timestamp) -> u32 {
    let mut attempts = 0;
    for lane in house.store.claim_lanes(slow(), now).await.unwrap() {
        for send in lane.sends {
            let budget = slow().budgets.of(lane.claim.class);
            let attempt = to_start(send.id, budget);
            let started = house.start(lane.claim.clone(), attempt, now).await;
            let StartResult::Started(attempt) = started else {
                continue;
            };
            attempts += 1;
            let finish = FinishAttempt {
                attempt,
                outcome: AttemptOutcome::Accepted {
                    message_id: None,
                    recipient_id: None,
                },
                answer: MetaAnswer::default(),
                retry_at: now,
                effect: LaneEffect::None,
            };
            assert!(house.finish(finish, now).await);
        }
        house.release(lane.claim, slow(), at(1)).await;
    }
    attempts
}

/// Goes from one moment at which a lane has something to do to the next, until nothing waits.
async fn work_to_the_end(house: &House, mut now: Timestamp) -> Forecast {
    let (mut next_at, mut last_at) = (None, None);
    loop {
        house.store.expire_overdue(now, 500).await.unwrap();
        if work(house, now).await > 0 {
            next_at = next_at.or(Some(now));
            last_at = Some(now);
        }
        match house.store.next_lane_at().await.unwrap() {
            Some(at) => now = now.max(at),
            None => break,
        }
    }
    let failed = page(house, QueueFilter::default(), now).await.lanes;
    let expired = failed.iter().flat_map(|lane| &lane.failed);
    Forecast {
        next_at,
        last_at,
        will_miss: expired.map(|failed| failed.count).sum(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_says_how_many_wait_and_when_they_go_out() {
    let house = House::build();
    let week = at(7 * 24 * 3600);
    plan(&house, &[(at(0), week), (at(0), week), (at(20), week)]).await;
    let lane = lane(&house, at(10)).await;
    assert_eq!((lane.waiting, lane.due, lane.in_flight), (3, 2, 0));
    assert_eq!(lane.class, SendClass::PrivateReply);
    assert_eq!(lane.first_deadline_at, Some(week));
    let told = Forecast {
        next_at: Some(at(10)),
        last_at: Some(at(20)),
        will_miss: 0,
    };
    assert_eq!(lane.forecast, Some(told));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_forecast_is_what_the_lane_then_does() {
    let house = House::build();
    // Three hours of work at ten an hour, of which not all is given that long.
    let sends: Vec<_> = (0..36)
        .map(|place| (at(0), at(60 + 120 * place + 3600 * (place % 3))))
        .collect();
    plan(&house, &sends).await;
    let told = lane(&house, at(1)).await.forecast.unwrap();
    assert!((1..36).contains(&told.will_miss), "{told:?}");
    assert_eq!(work(&house, at(1)).await, 3);
    // In the middle of it the past of the lane counts.
    let in_the_middle = lane(&house, at(2)).await.forecast.unwrap();
    let done = work_to_the_end(&house, at(2)).await;
    assert_eq!(in_the_middle, done);
    assert_eq!(
        (told.last_at, told.will_miss),
        (done.last_at, done.will_miss)
    );
    assert_eq!(told.next_at, Some(at(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_hand_is_counted_before_what_waits() {
    let house = House::build();
    let week = at(7 * 24 * 3600);
    plan(&house, &[(at(0), week); 5]).await;
    let claimed = house.store.claim_lanes(slow(), at(0)).await.unwrap();
    assert_eq!(claimed[0].sends.len(), 3);
    let during = lane(&house, at(0)).await;
    assert_eq!((during.waiting, during.in_flight), (2, 3));
    let told = during.forecast.unwrap();
    assert_eq!((told.next_at, told.last_at), (Some(at(360)), Some(at(720))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_token_leaves_no_forecast_and_a_pause_moves_it() {
    let house = House::build();
    house.connect().await;
    plan(&house, &[(at(0), at(9000))]).await;
    let hold = |until| {
        let hold = NewHold {
            reason: "token_expired".to_owned(),
            until,
            token_number: None,
            alert: None,
        };
        house.store.hold_account(account(), hold, at(1))
    };
    hold(Some(at(600))).await.unwrap();
    let paused = lane(&house, at(2)).await;
    assert_eq!(paused.username.as_deref(), Some("acme"));
    assert_eq!(paused.hold.unwrap().until, Some(at(600)));
    assert_eq!(paused.forecast.unwrap().next_at, Some(at(600)));
    let after = lane(&house, at(700)).await;
    assert_eq!(
        (after.hold, after.forecast.unwrap().next_at),
        (None, Some(at(700)))
    );

    hold(None).await.unwrap();
    let dead = lane(&house, at(2)).await;
    assert_eq!((dead.waiting, dead.forecast), (1, None));
    let hold = dead.hold.unwrap();
    assert_eq!((hold.reason.as_str(), hold.since), ("token_expired", at(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_told_with_its_reason_for_a_day() {
    let house = House::build();
    plan(&house, &[(at(0), at(5)), (at(0), at(5)), (at(0), at(900))]).await;
    assert_eq!(house.store.expire_overdue(at(10), 500).await.unwrap(), 2);
    let claimed = house.store.claim_lanes(slow(), at(10)).await.unwrap();
    let claim = claimed[0].claim.clone();
    let refused = house.store.end_untried(
        claim.clone(),
        claimed[0].sends[0].id,
        SendState::Refused,
        "comment_gone".to_owned(),
        at(20),
    );
    refused.await.unwrap();
    house.release(claim, slow(), at(1)).await;
    let failed = |state, reason: &str, count| FailedSends {
        state,
        reason: Some(reason.to_owned()),
        count,
    };
    let told = lane(&house, at(30)).await;
    assert_eq!(
        told.failed,
        [
            failed(SendState::Expired, "deadline_passed", 2),
            failed(SendState::Refused, "comment_gone", 1)
        ]
    );
    assert_eq!(told.forecast, Some(Forecast::default()));
    let next_day = page(&house, QueueFilter::default(), at(30 + 24 * 3600)).await;
    assert_eq!(next_day.lanes, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_nobody_knows_is_told_as_long_as_it_is_open() {
    let house = House::build();
    plan(&house, &[(at(0), at(900))]).await;
    let claimed = house.store.claim_lanes(slow(), at(0)).await.unwrap();
    let claim = claimed[0].claim.clone();
    let budget = slow().budgets.private_reply;
    let send = claimed[0].sends[0].id;
    let started = house.start(claim, to_start(send, budget), at(0)).await;
    assert!(matches!(started, StartResult::Started(_)));
    let everything = Timestamp::FAR_FUTURE;
    let recovered = house
        .store
        .recover_leases(everything, slow().budgets, at(1));
    assert_eq!(recovered.await.unwrap().unknown, 1);
    let told = lane(&house, at(90 * 24 * 3600)).await;
    assert_eq!((told.waiting, told.failed[0].count), (0, 1));
    assert_eq!(told.failed[0].state, SendState::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_come_in_pages_and_can_be_filtered() {
    let house = House::build();
    house.plan_replies(1..3).await;
    assert_eq!(work(&house, at(1)).await, 2);
    // Private replies went out; their public replies wait in the second lane.
    let all = page(&house, QueueFilter::default(), at(2)).await;
    assert_eq!(all.lanes.len(), 1);
    assert_eq!(all.lanes[0].class, SendClass::PublicReply);
    let of_account = QueueFilter {
        account_id: Some(account()),
        class: None,
    };
    let both = page(&house, of_account.clone(), at(2)).await;
    assert_eq!(both.lanes.len(), 2, "idle lanes of an account one asks for");
    let private = QueueFilter {
        class: Some(SendClass::PrivateReply),
        ..of_account.clone()
    };
    assert_eq!(page(&house, private, at(2)).await.lanes[0].waiting, 0);
    let someone_else = QueueFilter {
        account_id: Some(AccountId::new("1")),
        class: None,
    };
    assert_eq!(page(&house, someone_else, at(2)).await.lanes, []);

    let mut seen = Vec::new();
    let mut after = None;
    for _ in 0..3 {
        let one = QueuePageRequest { after, limit: 1 };
        let listed = house
            .store
            .list_queue(of_account.clone(), one, slow().budgets, at(2));
        let listed = listed.await.unwrap();
        seen.extend(listed.lanes.iter().map(|lane| lane.class));
        after = listed.next_after;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [SendClass::PrivateReply, SendClass::PublicReply]);
    assert_eq!(after, None);
}
