//! Trouble of one send, lane or account, and what it does to the others.

use std::time::Duration;

use hookline_model::attempt::AttemptOutcome;
use hookline_model::clock::Timestamp;
use hookline_model::event::{Container, Event, EventBody, NaturalKey};
use hookline_model::ids::{AutomationId, ContactId, MessageId, SendId};
use hookline_model::send::SendState;
use hookline_store::erase::AskedFor;
use hookline_store::evidence::{Decided, Decision, Evidence, UnknownSend};
use hookline_store::lanes::{LaneEffect, LanePause, StartResult};
use hookline_store::planning::{Plan, PlannedEvent, TakenQuery};

use crate::house::{House, account, at, comment_with_reply, of_person, request};
use crate::lanes::{
    accepted, claim_one, finish, finish_with, sends, start, started, token_expired, unknown,
};

fn throttled() -> AttemptOutcome {
    AttemptOutcome::Throttled {
        retry_at: None,
        reason: "rate_limited".to_owned(),
    }
}

fn throttle() -> LaneEffect {
    LaneEffect::PauseLane(LanePause {
        reason: "rate_limited".to_owned(),
        until: None,
        is_throttle: true,
        alert: None,
    })
}

async fn unknown_send(house: &House) -> UnknownSend {
    let lane = claim_one(house, at(1)).await;
    let attempt = started(start(house, &lane, 0, at(1)).await);
    assert!(finish(house, attempt, unknown(), at(2)).await);
    house.release(lane.claim, request(), at(2)).await;
    let mut open = house.store.unknown_sends(at(10), 10).await.unwrap();
    assert_eq!(open.len(), 1);
    open.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_with_an_old_token_does_not_hold_an_account_that_has_a_new_one() {
    let house = House::build();
    house.connect().await;
    house.connect().await;
    let stored = house.store.find_account(account()).await.unwrap().unwrap();
    assert_eq!(stored.token_number, 2);
    let hold = |number| {
        house
            .store
            .hold_account(account(), token_expired(number), at(1))
    };
    hold(1).await.unwrap();
    let held = || async { house.store.find_account(account()).await.unwrap().unwrap() };
    assert_eq!(held().await.account.hold, None);
    hold(2).await.unwrap();
    assert!(held().await.account.hold.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_throttled_together_count_as_one_throttle() {
    let house = House::build();
    house.plan_replies(1..6).await;
    let lane = claim_one(&house, at(1)).await;
    let mut attempts = Vec::new();
    for place in 0..3 {
        attempts.push(started(start(&house, &lane, place, at(1)).await));
    }
    for attempt in attempts {
        finish_with(&house, attempt, throttled(), throttle(), at(2)).await;
    }
    assert_eq!(
        start(&house, &lane, 3, at(3)).await,
        StartResult::Paced,
        "a lane that was paused since it was claimed begins no further call"
    );
    house.release(lane.claim, request(), at(3)).await;
    let claim = |seconds| house.store.claim_lanes(request(), at(seconds));
    assert!(claim(61).await.unwrap().is_empty());
    assert_eq!(
        claim(62).await.unwrap().len(),
        1,
        "one strike is one minute"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_lane_goes_on_with_half_of_its_budget_and_gets_it_back() {
    let house = House::build();
    house.plan_replies(1..61).await;
    let lane = claim_one(&house, at(1)).await;
    let attempt = started(start(&house, &lane, 0, at(1)).await);
    finish_with(&house, attempt, throttled(), throttle(), at(1)).await;
    house.release(lane.claim, request(), at(1)).await;
    // A burst of 25 at half is 12, less than a thousandth more after the minute's pause.
    assert_eq!(burst(&house, 62).await, 12);
    assert_eq!(burst(&house, 62 + 7200).await, 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_lane_trusts_again_one_success_at_a_time() {
    let house = House::build();
    let automation = house.publish().await;
    let mut plan = Plan::default();
    for person in 1..6 {
        let mut event = comment_with_reply(person, automation);
        event.sends.truncate(1);
        plan.events.push(event);
    }
    house.store.commit_plan(plan, at(0)).await.unwrap();
    let ended = async |outcome: AttemptOutcome, effect: LaneEffect, seconds: i64| {
        let lane = claim_one(&house, at(seconds)).await;
        let attempt = started(start(&house, &lane, 0, at(seconds)).await);
        finish_with(&house, attempt, outcome, effect, at(seconds)).await;
        house.release(lane.claim, request(), at(seconds)).await;
        house.store.next_lane_at().await.unwrap().unwrap()
    };
    assert_eq!(ended(throttled(), throttle(), 1).await, at(61));
    assert_eq!(ended(throttled(), throttle(), 61).await, at(61 + 120));
    assert_eq!(ended(accepted(), LaneEffect::None, 181).await, at(181));
    let again = ended(throttled(), throttle(), 182).await;
    assert_eq!(
        again,
        at(182 + 120),
        "as at the second strike, not the third"
    );
}

/// How many of what waits may be tried at once.
async fn burst(house: &House, seconds: i64) -> usize {
    let mut begun = 0;
    loop {
        let claimed = house
            .store
            .claim_lanes(request(), at(seconds))
            .await
            .unwrap();
        let Some(lane) = claimed.into_iter().next() else {
            return begun;
        };
        for place in 0..lane.sends.len() {
            if let StartResult::Started(attempt) = start(house, &lane, place, at(seconds)).await {
                begun += 1;
                let outcome = AttemptOutcome::Refused {
                    reason: "recipient_unavailable".to_owned(),
                };
                finish(house, attempt, outcome, at(seconds)).await;
            }
        }
        house.release(lane.claim, request(), at(seconds)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_planned_meanwhile_does_not_wake_a_paced_lane() {
    let house = House::build();
    house.plan_replies(1..41).await;
    assert_eq!(burst(&house, 1).await, 25);
    let next = house.store.next_lane_at().await.unwrap().unwrap();
    house.plan_replies(41..43).await;
    assert_eq!(house.store.next_lane_at().await.unwrap(), Some(next));
}

#[tokio::test(flavor = "multi_thread")]
async fn meta_took_it_counts_even_when_it_was_put_back_to_be_tried_again() {
    let house = House::build();
    house.plan_replies(1..2).await;
    let lane = claim_one(&house, at(1)).await;
    let attempt = started(start(&house, &lane, 0, at(1)).await);
    let late = at(61 + 20);
    house
        .store
        .recover_leases(late, request().budgets, late)
        .await
        .unwrap();
    let open = house.store.unknown_sends(at(100), 10).await.unwrap();
    let send = open.into_iter().next().unwrap();
    house
        .store
        .settle_unknown(send, Evidence::TryAgain, at(100))
        .await
        .unwrap();
    assert!(!finish(&house, attempt.clone(), unknown(), at(101)).await);
    assert!(finish(&house, attempt, accepted(), at(101)).await);
    assert_eq!(sends(&house, at(101)).await[0].state, "accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_does_not_stop_its_neighbours() {
    let house = House::build();
    house.plan_replies(1..3).await;
    let connection = rusqlite::Connection::open(house.store.path()).unwrap();
    connection
        .execute("UPDATE events SET body = 'not json' WHERE id = 1", [])
        .unwrap();
    let lane = claim_one(&house, at(1)).await;
    assert_eq!(lane.sends.len(), 1);
    let waiting = &sends(&house, at(1)).await[0];
    assert_eq!(
        (waiting.state.as_str(), waiting.reason.as_deref()),
        ("planned", Some("unreadable"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_a_removed_account_are_free_again() {
    let house = House::build();
    house.connect().await;
    house.plan_replies(1..3).await;
    let lane = claim_one(&house, at(1)).await;
    let attempt = started(start(&house, &lane, 0, at(1)).await);
    finish(&house, attempt, accepted(), at(1)).await;
    house.release(lane.claim, request(), at(1)).await;
    let removed = AskedFor::Account(account());
    let code = "a-code".to_owned();
    let asked = house.store.request_deletion(removed, code, at(2)).await;
    assert!(asked.unwrap().is_some());
    let automation = house.publish().await;
    let keys = |person| (automation, of_person(person));
    let used = house
        .store
        .find_taken(TakenQuery {
            limits: vec![keys(1), keys(2)],
            sends: Vec::new(),
        })
        .await
        .unwrap();
    let wanted = [keys(1)].into();
    assert_eq!(used.limits, wanted, "person 1 has the message");
    assert!(house.is_used_up_for_comment(1, automation).await);
    assert!(!house.is_used_up_for_comment(2, automation).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_landed_is_not_said_to_have_failed() {
    let house = House::build();
    house.plan_replies(1..2).await;
    let send = unknown_send(&house).await;
    house
        .store
        .settle_unknown(send, Evidence::TryAgain, at(10))
        .await
        .unwrap();
    // Its deadline passes while it waits to be tried again.
    let late = at(8 * 24 * 3600);
    house.store.expire_overdue(late, 10).await.unwrap();
    assert_eq!(sends(&house, late).await[0].state, "unknown");
    let open = house.store.unknown_sends(late, 10).await.unwrap();
    let over = Evidence::Over {
        state: SendState::Expired,
        reason: "deadline_passed".to_owned(),
    };
    let send = open.into_iter().next().unwrap();
    assert!(house.store.settle_unknown(send, over, late).await.unwrap());
    let ended = &sends(&house, late).await[0];
    assert_eq!(
        (ended.state.as_str(), ended.reason.as_deref()),
        ("expired", Some("deadline_passed"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn proof_that_nothing_landed_wipes_the_slate() {
    let house = House::build();
    house.plan_replies(1..2).await;
    let send = unknown_send(&house).await;
    house
        .store
        .settle_unknown(send, Evidence::Absent, at(10))
        .await
        .unwrap();
    let lane = claim_one(&house, at(10)).await;
    assert!(!lane.sends[0].had_unknown);
    let attempt = started(start(&house, &lane, 0, at(11)).await);
    finish(&house, attempt, unknown(), at(12)).await;
    let open = house.store.unknown_sends(at(60), 10).await.unwrap();
    assert_eq!(
        open[0].started_at,
        at(11),
        "what was proven absent is not looked for again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_the_next_try_forgets_no_proof() {
    let house = House::build();
    house.plan_replies(1..2).await;
    let send = unknown_send(&house).await;
    house
        .store
        .settle_unknown(send, Evidence::Absent, at(10))
        .await
        .unwrap();
    claim_one(&house, at(10)).await;
    let house = house.reopen().await;
    let recovered = house
        .store
        .recover_leases(Timestamp::FAR_FUTURE, request().budgets, at(11))
        .await
        .unwrap();
    assert_eq!((recovered.unknown, recovered.untried), (0, 1));
    assert_eq!(sends(&house, at(11)).await[0].state, "planned");
    let open = house.store.unknown_sends(at(60), 10).await.unwrap();
    assert_eq!(open, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_send_that_cannot_be_read_does_not_stop_the_others() {
    let house = House::build();
    house.plan_replies(1..3).await;
    let lane = claim_one(&house, at(1)).await;
    for place in 0..2 {
        let attempt = started(start(&house, &lane, place, at(1)).await);
        finish(&house, attempt, unknown(), at(2)).await;
    }
    let connection = rusqlite::Connection::open(house.store.path()).unwrap();
    connection
        .execute(
            "UPDATE sends SET kind = 'of a later version' WHERE id = 1",
            [],
        )
        .unwrap();
    let open = house.store.unknown_sends(at(60), 10).await.unwrap();
    assert_eq!(open.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_is_evidence_of_one_send() {
    let house = House::build();
    house.plan_replies(1..3).await;
    let lane = claim_one(&house, at(1)).await;
    for place in 0..2 {
        let attempt = started(start(&house, &lane, place, at(1)).await);
        finish(&house, attempt, unknown(), at(2)).await;
    }
    let mut open = house.store.unknown_sends(at(60), 10).await.unwrap();
    let landed = || Evidence::Landed(MessageId::new("mid-7"));
    let mut settle = |place| {
        let send: UnknownSend = open.remove(place);
        house.store.settle_unknown(send, landed(), at(60))
    };
    assert!(settle(0).await.unwrap());
    assert!(!settle(0).await.unwrap());
    let states: Vec<String> = sends(&house, at(60))
        .await
        .into_iter()
        .filter(|send| send.kind.as_str() == "private_reply")
        .map(|send| send.state)
        .collect();
    assert_eq!(states, ["accepted", "unknown"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_turn_is_no_look() {
    let house = House::build();
    house.plan_replies(1..2).await;
    let send = unknown_send(&house).await;
    let turn = at(10).plus(Duration::from_secs(3));
    house
        .store
        .settle_unknown(send, Evidence::WaitForTurn(turn), at(10))
        .await
        .unwrap();
    let open = |seconds| house.store.unknown_sends(at(seconds), 10);
    assert!(open(12).await.unwrap().is_empty());
    assert_eq!(open(13).await.unwrap()[0].looks, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_decides_what_evidence_cannot() {
    for (decision, state) in [
        (Decision::Landed, "accepted"),
        (Decision::NotLanded, "planned"),
        (Decision::GivenUp, "cancelled"),
    ] {
        let house = House::build();
        house.plan_replies(1..2).await;
        let send = unknown_send(&house).await;
        let id = send.id;
        house
            .store
            .settle_unknown(send, Evidence::LeaveUnknown, at(10))
            .await
            .unwrap();
        let decide = |id| house.store.decide_send(id, decision, at(20));
        assert_eq!(decide(SendId(99)).await.unwrap(), Decided::NotFound);
        assert_eq!(decide(id).await.unwrap(), Decided::Done);
        let all = sends(&house, at(20)).await;
        assert_eq!(all[0].state, state);
        let next_due = all[1].due_at.is_some();
        assert_eq!(next_due, decision == Decision::Landed, "{:?}", all[1]);
        assert_eq!(
            decide(id).await.unwrap(),
            Decided::NotUnknown {
                state: state.to_owned()
            }
        );
        let claimed = house.store.claim_lanes(request(), at(20)).await.unwrap();
        assert_eq!(claimed.is_empty(), decision == Decision::GivenUp);
    }
}

/// The account's own message to person 1, sent and echoed at these seconds.
pub(crate) fn echo(sent: i64, echoed: i64) -> PlannedEvent {
    let message = serde_json::json!({
        "mid": format!("mid-{sent}"),
        "contact_id": "61000001",
        "text": "Here it is",
    });
    PlannedEvent {
        event: Event {
            account_id: account(),
            key: NaturalKey::from_bytes([u8::try_from(100 + sent).unwrap(); 16]),
            container: Container::Messaging,
            sent_at: Some(at(echoed)),
            occurred_at: Some(at(sent)),
            body: EventBody::MessageEchoed(serde_json::from_value(message).unwrap()),
        },
        received_at: at(echoed),
        runs: Vec::new(),
        sends: Vec::new(),
        ..comment_with_reply(1, AutomationId(1))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_echo_of_an_earlier_message_is_no_evidence_of_a_later_one() {
    let house = House::build();
    let events = vec![echo(1, 30), echo(21, 22)];
    let plan = Plan {
        events,
        ..Plan::default()
    };
    house.store.commit_plan(plan, at(30)).await.unwrap();
    let find = |since| {
        let (person, text) = (ContactId::new("61000001"), "Here it is".to_owned());
        house.store.find_echo(account(), person, text, at(since))
    };
    assert_eq!(find(0).await.unwrap(), Some(MessageId::new("mid-1")));
    assert_eq!(find(20).await.unwrap(), Some(MessageId::new("mid-21")));
    assert_eq!(find(25).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_that_cannot_be_read_does_not_hide_the_others() {
    let house = House::build();
    let plan = Plan {
        events: vec![echo(1, 2), echo(21, 22)],
        ..Plan::default()
    };
    house.store.commit_plan(plan, at(30)).await.unwrap();
    rusqlite::Connection::open(house.store.path())
        .unwrap()
        .execute("UPDATE events SET body = 'not json' WHERE id = 1", [])
        .unwrap();
    let (person, text) = (ContactId::new("61000001"), "Here it is".to_owned());
    let found = house.store.find_echo(account(), person, text, at(0)).await;
    assert_eq!(found.unwrap(), Some(MessageId::new("mid-21")));
}
