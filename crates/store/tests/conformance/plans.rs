use hookline_model::automation::OncePer;
use hookline_model::event::{EventBody, EventName, NaturalKey, Unknown};
use hookline_model::ids::{AccountId, AutomationId, DeliveryId, EventId};
use hookline_model::once::OnceScope;
use hookline_model::send::SendKey;
use hookline_store::planning::{
    Committing, Facts, FactsQuery, KnownEvent, Plan, PlannedEvent, Question, Taken, TakenQuery,
};
use hookline_store::records::{DeliveryFilter, DeliveryStatus, SendFilter};
use hookline_store::{PageRequest, StoreError};

use crate::house::{House, account, at, comment, comment_with_reply, of_person};

const ALL: PageRequest = PageRequest {
    before: None,
    limit: 50,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_committed_whole_and_only_once() {
    let house = House::build();
    let delivery = house.record("{}").await;
    let automation = house.publish().await;
    let plan = || Plan {
        cursor: Some((DeliveryId(0), delivery)),
        events: vec![comment_with_reply(1, automation)],
        ..Plan::default()
    };
    house.store.commit_plan(plan(), at(0)).await.unwrap();
    let again = house.store.commit_plan(plan(), at(0)).await.unwrap_err();
    assert!(matches!(again, StoreError::Conflict(_)), "{again}");
    let sends = house
        .store
        .list_sends(SendFilter::default(), ALL, at(0))
        .await
        .unwrap();
    assert_eq!(
        sends.items.len(),
        2,
        "the second plan must leave nothing behind"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_on_stale_progress_leaves_nothing() {
    let house = House::build();
    let delivery = house.record("{}").await;
    let automation = house.publish().await;
    let stale = Plan {
        cursor: Some((DeliveryId(7), delivery)),
        events: vec![comment_with_reply(1, automation)],
        ..Plan::default()
    };
    house.store.commit_plan(stale, at(0)).await.unwrap_err();
    let story = house
        .store
        .find_story("evt_1".to_owned(), at(0))
        .await
        .unwrap();
    assert!(story.is_none());
}

/// Refused plans, recorded deliveries and other work that meet in the writer, in whatever order
/// and however they come to share their commits.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_plan_takes_none_of_its_neighbours_along() {
    const EACH: u8 = 50;
    let house = std::sync::Arc::new(House::build());
    let automation = house.publish().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 1..=EACH {
        let stale = Plan {
            cursor: Some((DeliveryId(7), DeliveryId(8))),
            events: vec![comment_with_reply(number, automation)],
            ..Plan::default()
        };
        let plan = Plan {
            events: vec![comment_with_reply(EACH + number, automation)],
            ..Plan::default()
        };
        let store = || std::sync::Arc::clone(&house.store);
        let (refusing, planning) = (store(), store());
        tasks.spawn(async move { refusing.commit_plan(stale, at(0)).await.is_err() });
        tasks.spawn(async move { planning.commit_plan(plan, at(0)).await.is_ok() });
        let house = std::sync::Arc::clone(&house);
        tasks.spawn(async move { house.record("{}").await.0 <= EACH.into() });
    }
    assert!(
        tasks
            .join_all()
            .await
            .into_iter()
            .all(|is_as_it_should| is_as_it_should)
    );
    let page = PageRequest {
        before: None,
        limit: 500,
    };
    let sends = house.store.list_sends(SendFilter::default(), page, at(0));
    let sends = sends.await.unwrap().items;
    assert_eq!(sends.len(), 2 * usize::from(EACH));
    let deliveries = house.store.list_deliveries(DeliveryFilter::default(), page);
    let ids = deliveries
        .await
        .unwrap()
        .items
        .into_iter()
        .map(|item| item.id.0);
    assert!(ids.eq((1..=EACH.into()).rev()));
}

/// Hands over a batch of one event, and answers with what the store knew of that event when it was
/// decided.
async fn hand_over(
    house: &House,
    event: PlannedEvent,
    cursor: (i64, i64),
) -> Committing<Option<KnownEvent>> {
    let question = Question {
        asked: FactsQuery {
            events: vec![EventName::of(&event.event)],
            ..FactsQuery::default()
        },
        ..Question::default()
    };
    let decide = move |facts: Facts, _| {
        let known = facts.events.get(&event.event.key).copied();
        let plan = Plan {
            cursor: Some((DeliveryId(cursor.0), DeliveryId(cursor.1))),
            events: if known.is_none() {
                vec![event]
            } else {
                Vec::new()
            },
            ..Plan::default()
        };
        (plan, known)
    };
    house
        .store
        .hand_over(question, decide, at(0))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_handed_over_behind_another_knows_what_that_one_led_to() {
    let house = House::build();
    let automation = house.publish().await;
    for _ in 0..2 {
        house.record("{}").await;
    }
    let told = || comment_with_reply(1, automation);
    let first = hand_over(&house, told(), (0, 1)).await;
    let second = hand_over(&house, told(), (1, 2)).await;
    assert_eq!(first.done().await.unwrap(), None);
    assert!(second.done().await.unwrap().is_some());
    let sends = house.store.list_sends(SendFilter::default(), ALL, at(0));
    assert_eq!(sends.await.unwrap().items.len(), 2, "of one event");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_behind_one_that_was_refused_is_refused_too() {
    let house = House::build();
    let automation = house.publish().await;
    for _ in 0..3 {
        house.record("{}").await;
    }
    let told = |number| comment_with_reply(number, automation);
    let refused = hand_over(&house, told(1), (7, 8)).await;
    let behind = hand_over(&house, told(2), (8, 9)).await;
    let anew = hand_over(&house, told(3), (0, 1)).await;
    for batch in [refused, behind] {
        let error = batch.done().await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    }
    anew.done().await.unwrap();
    let sends = house.store.list_sends(SendFilter::default(), ALL, at(0));
    assert_eq!(sends.await.unwrap().items.len(), 2, "of the third event");
}

/// That a send did not exist when the batch was decided holds for one of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_did_not_exist_is_refused_when_a_batch_plans_it_twice() {
    let house = House::build();
    let automation = house.publish().await;
    let first = comment_with_reply(1, automation);
    let mut second = comment_with_reply(2, automation);
    second.runs.clear();
    second.sends.clone_from(&first.sends);
    let wanted = TakenQuery {
        sends: first.sends.iter().map(|send| send.key.clone()).collect(),
        ..TakenQuery::default()
    };
    let question = Question {
        wanted,
        ..Question::default()
    };
    let decide = move |_, taken: Taken| {
        let plan = Plan {
            events: vec![first, second],
            ..Plan::default()
        };
        (plan, taken.sends.len())
    };
    let batch = house.store.hand_over(question, decide, at(0));
    let refused = batch.await.unwrap().done().await.unwrap_err();
    assert!(
        matches!(refused, StoreError::Conflict("a send")),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_nobody_waits_for_is_committed_all_the_same() {
    let house = House::build();
    let automation = house.publish().await;
    house.record("{}").await;
    drop(hand_over(&house, comment_with_reply(1, automation), (0, 1)).await);
    let again = hand_over(&house, comment_with_reply(1, automation), (1, 1)).await;
    assert!(again.done().await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_limit_refuses_a_second_run() {
    let house = House::build();
    let automation = house.publish().await;
    let mut second = comment_with_reply(2, automation);
    second.runs[0].once_scope = Some(of_person(1));
    let events = vec![comment_with_reply(1, automation), second];
    let refused = house
        .store
        .commit_plan(
            Plan {
                events,
                ..Plan::default()
            },
            at(0),
        )
        .await
        .unwrap_err();
    assert!(
        matches!(refused, StoreError::Conflict("a used limit")),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comments_limit_is_used_up_by_what_was_planned_for_it() {
    let house = House::build();
    let automation = house.publish().await;
    assert!(!house.is_used_up_for_comment(1, automation).await);
    house.plan_replies(1..2).await;
    assert!(house.is_used_up_for_comment(1, automation).await);
    let another = AutomationId(automation.0 + 1);
    assert!(!house.is_used_up_for_comment(1, another).await);
    assert!(!house.is_used_up_for_comment(2, automation).await);
    let elsewhere = OnceScope::Comment {
        account: AccountId::new("17841400000000002"),
        comment: comment(1).comment_id().unwrap().clone(),
    };
    assert!(!house.is_used_up((automation, elsewhere)).await);
}

/// What was new when a batch was looked up is not when the next one is, also if another event tells
/// of the same comment.
#[tokio::test(flavor = "multi_thread")]
async fn a_mention_behind_the_comment_it_is_about_knows_what_was_planned_for_it() {
    let house = House::build();
    let automation = house.publish().await;
    for _ in 0..2 {
        house.record("{}").await;
    }
    let commented = comment_with_reply(1, automation);
    let mut mentioned = comment_with_reply(1, automation);
    mentioned.event.key = NaturalKey::from_bytes([200; 16]);
    let first = ask_and_plan(&house, commented, (0, 1)).await;
    let second = ask_and_plan(&house, mentioned, (1, 2)).await;
    assert_eq!(first, (false, 0, 0));
    let (is_known, sends, limits) = second;
    assert!(!is_known, "a mention is an event of its own");
    assert_eq!((sends, limits), (1, 1), "the private reply, the limit");
}

/// Hands over a batch of one event, and keeps it if nothing of it is taken: whether it was known,
/// and how many private replies and limits of it were taken.
async fn ask_and_plan(
    house: &House,
    event: PlannedEvent,
    (before, after): (i64, i64),
) -> (bool, usize, usize) {
    let question = Question {
        asked: FactsQuery {
            events: vec![EventName::of(&event.event)],
            ..FactsQuery::default()
        },
        wanted: TakenQuery {
            limits: vec![(
                event.runs[0].automation_id,
                OnceScope::of(OncePer::Comment, &event.event),
            )],
            sends: vec![event.sends[0].key.clone()],
        },
    };
    let decide = move |facts: Facts, taken: Taken| {
        let told = (
            !facts.events.is_empty(),
            taken.sends.len(),
            taken.limits.len(),
        );
        let is_free = told == (false, 0, 0);
        let plan = Plan {
            cursor: Some((DeliveryId(before), DeliveryId(after))),
            events: is_free.then_some(event).into_iter().collect(),
            ..Plan::default()
        };
        (plan, told)
    };
    let handed = house.store.hand_over(question, decide, at(0)).await;
    handed.unwrap().done().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_was_planned_is_taken_and_its_neighbours_are_not() {
    let house = House::build();
    let automation = house.publish().await;
    house.plan_replies(1..2).await;
    let step = |person, automation: AutomationId, step| {
        SendKey::step(EventName::of(&comment(person)), automation.0, step)
    };
    let asked = TakenQuery {
        sends: vec![
            step(1, automation, 1),
            step(1, automation, 2),
            step(1, AutomationId(automation.0 + 1), 1),
            step(2, automation, 1),
        ],
        ..TakenQuery::default()
    };
    let taken = house.store.find_taken(asked).await.unwrap();
    assert_eq!(taken.sends, [step(1, automation, 1)].into());
}

/// The database itself refuses a second event of one key, about a comment or not.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_key_that_is_there_is_refused_whatever_it_is_about() {
    let house = House::build();
    let mut unknown = comment(2);
    unknown.body = EventBody::Unknown(Unknown {
        object: "instagram".to_owned(),
        reason: "its field is not known".to_owned(),
        raw: serde_json::Value::Null,
    });
    for event in [comment(1), unknown] {
        let plan = || {
            let mut planned = comment_with_reply(1, AutomationId(1));
            planned.event = event.clone();
            planned.runs.clear();
            planned.sends.clear();
            Plan {
                events: vec![planned],
                ..Plan::default()
            }
        };
        house.store.commit_plan(plan(), at(0)).await.unwrap();
        let refused = house.store.commit_plan(plan(), at(0)).await.unwrap_err();
        assert!(
            matches!(refused, StoreError::Conflict("an event")),
            "{refused}"
        );
    }
}

/// Ids are counted by the store, and the newest rows may be erased.
#[tokio::test(flavor = "multi_thread")]
async fn ids_of_rows_that_are_gone_are_not_given_again() {
    let house = House::build();
    let automation = house.publish().await;
    let plan = |person| Plan {
        events: vec![comment_with_reply(person, automation)],
        ..Plan::default()
    };
    let first = house.store.commit_plan(plan(1), at(0)).await.unwrap();
    rusqlite::Connection::open(house.store.path())
        .unwrap()
        .execute_batch("DELETE FROM runs; DELETE FROM sends; DELETE FROM events;")
        .unwrap();
    let house = house.reopen().await;
    let second = house.store.commit_plan(plan(2), at(0)).await.unwrap();
    assert_eq!((first, second), (vec![EventId(1)], vec![EventId(2)]));
    let sends = house.store.list_sends(SendFilter::default(), ALL, at(0));
    let ids = sends.await.unwrap().items.into_iter().map(|send| send.id.0);
    assert!(ids.eq([4, 3]), "two for each event");
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_show_where_they_stand() {
    let house = House::build();
    let (first, second) = (house.record("nonsense").await, house.record("{}").await);
    let third = house.record("{}").await;
    let plan = Plan {
        cursor: Some((DeliveryId(0), second)),
        not_interpretable: vec![(first, "the body is not JSON".to_owned())],
        ..Plan::default()
    };
    house.store.commit_plan(plan, at(0)).await.unwrap();
    let page = house
        .store
        .list_deliveries(DeliveryFilter::default(), ALL)
        .await
        .unwrap();
    let shown: Vec<_> = page
        .items
        .iter()
        .map(|item| (item.id, item.status))
        .collect();
    assert_eq!(
        shown,
        [
            (third, DeliveryStatus::Recorded),
            (second, DeliveryStatus::Interpreted),
            (first, DeliveryStatus::NotInterpretable)
        ]
    );
    let only = DeliveryFilter {
        status: Some(DeliveryStatus::Recorded),
    };
    let page = house.store.list_deliveries(only, ALL).await.unwrap();
    assert_eq!(page.items.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_go_page_by_page_without_gap_or_overlap() {
    let house = House::build();
    house.plan_replies(1..6).await;
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = PageRequest { before, limit: 3 };
        let page = house
            .store
            .list_sends(SendFilter::default(), page, at(0))
            .await
            .unwrap();
        seen.extend(page.items.iter().map(|send| send.id.0));
        let Some(next) = page.next_before else { break };
        before = Some(next);
    }
    assert_eq!(seen, (1..=10).rev().collect::<Vec<i64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_is_found_by_comment_and_event() {
    let house = House::build();
    house.record("{}").await;
    house.plan_replies(1..2).await;
    let comment = comment(1).comment_id().unwrap().to_string();
    for subject in [comment, "evt_1".to_owned()] {
        let story = house
            .store
            .find_story(subject, at(0))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(story.event.account_id, account());
        assert_eq!(
            (story.deliveries.len(), story.runs.len(), story.sends.len()),
            (1, 1, 2)
        );
    }
    assert!(
        house
            .store
            .find_story("17".to_owned(), at(0))
            .await
            .unwrap()
            .is_none()
    );
}
