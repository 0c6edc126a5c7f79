use hookline_model::clock::Timestamp;
use hookline_model::event::{Container, Event, EventBody, Ignored, Message, NaturalKey};
use hookline_model::ids::{ContactId, DeliveryId, MessageId};
use hookline_model::wish::{OptChange, Wish};
use hookline_store::lanes::{StartAttempt, StartResult};
use hookline_store::planning::{ContactFacts, FactsQuery, Plan, PlannedEvent};
use hookline_store::{Ownership, Store};

use crate::house::{House, account, at, request};

fn ada() -> ContactId {
    ContactId::new("61000001")
}

/// A message that says `change`, written at second `written` and received at second 100.
fn wish(number: u8, change: OptChange, written: i64) -> PlannedEvent {
    let message = Message {
        mid: MessageId::new(format!("mid-{number}")),
        contact_id: Some(ada()),
        text: None,
        attachments: Vec::new(),
        quick_reply_payload: None,
        reply_to: None,
        referral: None,
        is_self: false,
        is_unsupported: false,
        app_id: None,
        is_test: false,
    };
    PlannedEvent {
        known: None,
        event: Event {
            account_id: account(),
            key: NaturalKey::from_bytes([100 + number; 16]),
            container: Container::Messaging,
            sent_at: None,
            occurred_at: Some(at(written)),
            body: EventBody::MessageReceived(Box::new(message)),
        },
        delivery_id: DeliveryId(1),
        received_at: at(100),
        ignored: None,
        waits_until: None,
        runs: Vec::new(),
        sends: Vec::new(),
        opt_out: Some(Wish {
            change,
            at: at(written),
        }),
        texts: None,
    }
}

impl House {
    async fn hear(&self, events: Vec<PlannedEvent>) {
        let plan = Plan {
            events,
            ..Plan::default()
        };
        self.store.commit_plan(plan, at(100)).await.unwrap();
    }
}

async fn facts(store: &Store) -> ContactFacts {
    let key = (account(), ada());
    let query = FactsQuery {
        contacts: [key.clone()].into(),
        ..FactsQuery::default()
    };
    let facts = store.find_facts(query).await.unwrap();
    facts.contacts[&key].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_wish_holds_in_whatever_order_they_are_heard() {
    use OptChange::{In, Out};
    let (stop, start, stop_again) = ((Out, 10), (In, 20), (Out, 30));
    for (wishes, opted_out_at) in [
        (vec![stop, start], None),
        (vec![start, stop], None),
        (vec![stop, start, stop_again], Some(at(30))),
        (vec![stop_again, start, stop], Some(at(30))),
        (vec![start, stop_again, stop], Some(at(30))),
        (vec![start, stop, stop_again], Some(at(30))),
        (vec![(Out, 10), (In, 10)], Some(at(10))),
        (vec![(In, 10), (Out, 10)], Some(at(10))),
    ] {
        // Whether they come in deliveries of their own or all in one.
        for together in [false, true] {
            let house = House::build();
            let mut events: Vec<PlannedEvent> = (0..)
                .zip(&wishes)
                .map(|(number, (change, written))| wish(number, *change, *written))
                .collect();
            if !together {
                for event in events.drain(..) {
                    house.hear(vec![event]).await;
                }
            }
            house.hear(events).await;
            let found = facts(&house.store).await;
            assert_eq!(found.opted_out_at, opted_out_at, "{wishes:?} {together}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_no_wish_changes_none() {
    let house = House::build();
    house.hear(vec![wish(1, OptChange::Out, 10)]).await;
    let mut plain = wish(2, OptChange::In, 50);
    plain.opt_out = None;
    house.hear(vec![plain]).await;
    let found = facts(&house.store).await;
    assert_eq!(found.opted_out_at, Some(at(10)));
    assert_eq!(found.wished_at, Some(at(10)));
    assert_eq!(found.last_inbound_at, Some(at(50)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_in_another_apps_conversation_holds() {
    let house = House::build();
    let mut standby = wish(1, OptChange::Out, 10);
    standby.ignored = Some(Ignored::Standby);
    standby.event.container = Container::Standby;
    house.hear(vec![standby]).await;
    let found = facts(&house.store).await;
    assert_eq!(found.opted_out_at, Some(at(10)));
    assert_eq!(found.last_inbound_at, Some(at(10)), "the person did write");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_attempt_starts_for_a_contact_who_wants_to_be_left_alone() {
    let house = House::build();
    house.connect().await;
    house.plan_replies(1..3).await;
    house.hear(vec![wish(1, OptChange::Out, 10)]).await;
    let lane = house
        .store
        .claim_lanes(request(), at(100))
        .await
        .unwrap()
        .remove(0);
    let budget = request().budgets.of(lane.claim.class);
    let mut results = Vec::new();
    for send in &lane.sends {
        let claim = lane.claim.clone();
        let attempt = StartAttempt {
            send: send.id,
            text: "text".to_owned(),
            budget,
            learnt: None,
        };
        let started = house.start(claim, attempt, at(100)).await;
        results.push((send.contact_id.clone().unwrap() == ada(), started));
    }
    assert_eq!(results.len(), 2, "{results:?}");
    for (is_ada, started) in results {
        if is_ada {
            assert!(
                matches!(
                    started,
                    StartResult::Finished {
                        reason: "opted_out"
                    }
                ),
                "{started:?}"
            );
        } else {
            assert!(matches!(started, StartResult::Started(_)), "{started:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_kept_by_the_version_before_still_holds_by_its_time() {
    for (written, change, expected) in [
        (5, OptChange::In, Some(at(10))),
        (20, OptChange::In, None),
        (20, OptChange::Out, Some(at(20))),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hookline.db");
        populate_first_schema(&path, at(10));
        let url = format!("sqlite:{}", path.display());
        let store = Store::open(&url, Ownership::Exclusive).unwrap();
        let house = House {
            store: std::sync::Arc::new(store),
            directory,
        };
        assert_eq!(facts(&house.store).await.opted_out_at, Some(at(10)));
        house.hear(vec![wish(1, change, written)]).await;
        assert_eq!(facts(&house.store).await.opted_out_at, expected);
    }
}

/// A database of the first schema, in which Ada is opted out.
fn populate_first_schema(path: &std::path::Path, opted_out_at: Timestamp) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let first = include_str!("../../migrations/sqlite/0001_create_tables.sql");
    connection.execute_batch(first).unwrap();
    connection
        .execute(
            "INSERT INTO contacts (account_id, contact_id, opted_out_at) VALUES (?1, ?2, ?3)",
            rusqlite::params![account().as_str(), ada().as_str(), opted_out_at.as_millis()],
        )
        .unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
}
