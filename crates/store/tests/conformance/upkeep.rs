//! Tasks that come back, and gaps.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use hookline_model::alert::AlertCode;
use hookline_model::clock::Timestamp;
use hookline_model::event::{Container, EventKind};
use hookline_model::ids::{AccountId, AutomationId, CommentId};
use hookline_model::upkeep::{GapCause, Task};
use hookline_store::gaps::{Found, Gap, GapState};
use hookline_store::lanes::NewHold;
use hookline_store::planning::Plan;
use hookline_store::upkeep::{DueTask, TaskDone};
use hookline_store::{NewToken, SealedToken};

use crate::house::{House, account, at, comment_with_reply};

async fn due(house: &House, now: Timestamp) -> HashSet<(bool, Task)> {
    let tasks = house.store.due_tasks(now, 100).await.unwrap();
    tasks
        .into_iter()
        .map(|task| (task.account_id.is_some(), task.task))
        .collect()
}

async fn find(house: &House, task: Task, now: Timestamp) -> DueTask {
    let tasks = house.store.due_tasks(now, 100).await.unwrap();
    tasks.into_iter().find(|due| due.task == task).unwrap()
}

fn done(next_at: Timestamp) -> TaskDone {
    TaskDone {
        next_at,
        failures: 2,
        memo: Some(serde_json::json!({"seen": 7})),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connected_account_is_looked_after_until_it_is_removed() {
    let house = House::build();
    assert_eq!(
        due(&house, at(0)).await,
        [(false, Task::AppSubscription)].into()
    );
    house.connect().await;
    let of_account = Task::OF_ACCOUNTS.map(|task| (true, task));
    let mut all: HashSet<_> = of_account.into();
    all.insert((false, Task::AppSubscription));
    assert_eq!(due(&house, at(0)).await, all);
    let token = find(&house, Task::Token, at(0)).await;
    let finish = house.store.finish_task(token, at(0), done(at(60)));
    finish.await.unwrap();
    assert!(!due(&house, at(59)).await.contains(&(true, Task::Token)));
    let token = find(&house, Task::Token, at(60)).await;
    assert_eq!(token.failures, 2);
    assert_eq!(token.memo, Some(serde_json::json!({"seen": 7})));
    assert!(house.forget(at(61)).await);
    let finish = house.store.finish_task(token, at(60), done(at(62)));
    finish.await.unwrap();
    assert_eq!(
        due(&house, at(99)).await,
        [(false, Task::AppSubscription)].into()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_while_a_task_was_done_is_not_forgotten() {
    let house = House::build();
    house.connect().await;
    let task = find(&house, Task::Subscription, at(0)).await;
    house
        .store
        .finish_task(task.clone(), at(0), done(at(900)))
        .await
        .unwrap();
    let hasten = |at| house.store.hasten_task(Task::Subscription, None, at);
    assert_eq!(hasten(at(5)).await.unwrap(), 1);
    assert_eq!(hasten(at(50)).await.unwrap(), 0, "it is due before");
    // Begun at 2, asked for again at 5, finished after that.
    let finish = house.store.finish_task(task, at(2), done(at(900)));
    finish.await.unwrap();
    assert!(
        due(&house, at(5))
            .await
            .contains(&(true, Task::Subscription))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pulse_tells_when_the_engine_last_lived() {
    let house = House::build();
    assert_eq!(house.store.pulse().await.unwrap(), None);
    house.store.beat(at(1)).await.unwrap();
    house.store.beat(at(2)).await.unwrap();
    let house = house.reopen().await;
    assert_eq!(house.store.pulse().await.unwrap(), Some(at(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refreshed_token_replaces_only_the_one_it_was_made_from() {
    let house = House::build();
    house.connect().await;
    let stored = || house.store.find_account(account());
    let before = stored().await.unwrap().unwrap();
    let new = |token_number| NewToken {
        account_id: account(),
        token_number,
        token: SealedToken {
            key: vec![0; 4],
            bytes: vec![2; 40],
        },
        issued_at: at(5),
        expires_at: Some(at(500)),
    };
    let stale = house
        .store
        .replace_token(new(before.token_number + 1), at(4));
    assert!(!stale.await.unwrap());
    assert_eq!(stored().await.unwrap().unwrap(), before);
    // Meta ended the old one with the refresh, and another call noticed first.
    let hold = NewHold {
        reason: "token_invalid".to_owned(),
        until: None,
        token_number: Some(before.token_number),
        alert: Some(AlertCode::TokenDead),
    };
    house
        .store
        .hold_account(account(), hold, at(5))
        .await
        .unwrap();
    assert!(stored().await.unwrap().unwrap().account.hold.is_some());
    let right = house.store.replace_token(new(before.token_number), at(5));
    assert!(right.await.unwrap());
    assert_eq!(stored().await.unwrap().unwrap().account.hold, None);
    let after = stored().await.unwrap().unwrap();
    assert_eq!(after.token.bytes, vec![2; 40]);
    assert_eq!(after.token_number, before.token_number + 1);
    assert_eq!(after.grant.expires_at, Some(at(500)));
}

async fn note(house: &House, begins: i64, ends: i64) {
    house
        .store
        .note_gap(
            account(),
            GapCause::Silence,
            (at(begins), at(ends)),
            (at(ends), at(ends + 5)),
        )
        .await
        .unwrap();
}

async fn gaps(house: &House) -> Vec<Gap> {
    house.store.list_gaps(Some(account()), 10).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_that_touches_one_nobody_has_read_makes_it_longer() {
    let house = House::build();
    house.connect().await;
    note(&house, 100, 200).await;
    note(&house, 200, 300).await;
    note(&house, 50, 120).await;
    let found = gaps(&house).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].begins_at, found[0].ends_at), (at(50), at(300)));
    note(&house, 400, 500).await;
    assert_eq!(gaps(&house).await.len(), 2, "they do not touch");

    let mut reading = house.store.next_gap(account()).await.unwrap().unwrap();
    assert_eq!(reading.begins_at, at(50), "the oldest first");
    reading.state = GapState::Reading;
    reading.found = Found {
        comments: 37,
        messages: 1,
        too_late: 2,
    };
    reading.progress = Some(serde_json::json!({"media": ["1"]}));
    house.store.keep_gap(reading.clone()).await.unwrap();
    note(&house, 60, 90).await;
    let found = gaps(&house).await;
    assert_eq!(found.len(), 3, "one that is being read stays as it is");
    assert!(found.contains(&reading));

    reading.state = GapState::Read;
    reading.finished_at = Some(at(600));
    house.store.keep_gap(reading).await.unwrap();
    let next = house.store.next_gap(account()).await.unwrap().unwrap();
    assert_eq!(next.begins_at, at(400));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_downtime_is_a_gap_of_every_account_that_was_there() {
    let house = House::build();
    house.connect().await;
    for task in Task::OF_ACCOUNTS {
        let task = find(&house, task, at(0)).await;
        let finish = house.store.finish_task(task, at(0), done(at(9999)));
        finish.await.unwrap();
    }
    let note = |begins, ends| {
        let (gap, times) = ((at(begins), at(ends)), (at(ends), at(ends + 60)));
        let apart = Duration::from_millis(50);
        house
            .store
            .note_gap_of_all(GapCause::Downtime, gap, times, apart)
    };
    assert_eq!(note(-500, -400).await.unwrap(), 0, "nobody was connected");
    assert_eq!(note(10, 20).await.unwrap(), 1);
    assert!(!due(&house, at(79)).await.contains(&(true, Task::Backfill)));
    assert!(due(&house, at(80)).await.contains(&(true, Task::Backfill)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_back_waits_to_be_interpreted_as_any_delivery() {
    let house = House::build();
    house.connect().await;
    let body = br#"{"object":"instagram","entry":[]}"#.to_vec();
    let id = house
        .store
        .record_backfill(body.clone(), at(7))
        .await
        .unwrap();
    let batch = house.store.next_batch(10, 1 << 20).await.unwrap();
    assert_eq!(batch.deliveries.len(), 1);
    assert_eq!(
        (batch.deliveries[0].id, &batch.deliveries[0].body),
        (id, &body)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn known_comments_are_those_that_have_an_event() {
    let house = House::build();
    house.connect().await;
    house.plan_replies(0..2).await;
    let events = house.store.newest_events(account(), 10).await.unwrap();
    assert_eq!(events.len(), 2);
    let planned = comment_with_reply(1, AutomationId(1));
    let known = planned.event.comment_id().unwrap().clone();
    let asked = vec![known.clone(), CommentId::new("never seen")];
    let found = house.store.known_comments(account(), asked.clone());
    assert_eq!(found.await.unwrap(), [known].into());
    let of_another = house.store.known_comments(AccountId::new("2"), asked);
    assert_eq!(of_another.await.unwrap(), HashSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_event_has_the_time_it_was_last_delivered() {
    let house = House::build();
    house.connect().await;
    let newest = |limit| house.store.newest_event_of_each_kind(account(), limit);
    assert_eq!(newest(10).await.unwrap(), BTreeMap::new());
    let automation = house.publish().await;
    let mut plan = Plan::default();
    for (person, seconds) in [(1, 5), (2, 9), (3, 60), (4, 70)] {
        let mut planned = comment_with_reply(person, automation);
        planned.received_at = at(seconds);
        planned.event.account_id = AccountId::new(if person == 4 { "2" } else { "1784" });
        planned.sends.clear();
        planned.runs.clear();
        if person == 3 {
            // Read back by ourselves: nothing that Meta delivered.
            planned.event.container = Container::Backfill;
        }
        plan.events.push(planned);
    }
    house.store.commit_plan(plan, at(80)).await.unwrap();
    let of = |id: &str| {
        house
            .store
            .newest_event_of_each_kind(AccountId::new(id), 10)
    };
    let comments = |seconds| BTreeMap::from([(EventKind::CommentReceived, at(seconds))]);
    assert_eq!(of("1784").await.unwrap(), comments(9));
    assert_eq!(of("2").await.unwrap(), comments(70));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_downtime_makes_the_gap_of_the_first_longer() {
    let house = House::build();
    house.connect().await;
    let note = |begins, ends| {
        let (gap, times) = ((at(begins), at(ends)), (at(ends), at(ends)));
        house
            .store
            .note_gap_of_all(GapCause::Downtime, gap, times, Duration::ZERO)
    };
    note(10, 200).await.unwrap();
    // Noticed again by a process whose predecessor died over it.
    note(10, 210).await.unwrap();
    let found = gaps(&house).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].begins_at, found[0].ends_at), (at(10), at(210)));
    note(500, 700).await.unwrap();
    assert_eq!(gaps(&house).await.len(), 2);
}
