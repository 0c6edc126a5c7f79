//! Old deliveries are compressed, and unknown ones forgotten, without holding the writer up.

use hookline_model::event::{Ignored, NaturalKey};
use hookline_model::ids::{CommentId, DeliveryId, EventId};
use hookline_store::StoreError;
use hookline_store::packs::{NextPack, Pack};
use hookline_store::planning::{Plan, PlannedEvent};

use crate::house::{House, at, comment, request};
use crate::lanes::{accepted, claim_one, finish, sends, start, started};
use crate::trouble::echo;

/// An event of a delivery, one of its own for every pair of numbers.
fn event_of(delivery: DeliveryId, number: u32) -> PlannedEvent {
    let mut event = comment(1);
    let mut key = [0; 16];
    key[..8].copy_from_slice(&delivery.0.to_be_bytes());
    key[8..12].copy_from_slice(&number.to_be_bytes());
    event.key = NaturalKey::from_bytes(key);
    if let hookline_model::event::EventBody::CommentReceived(comment) = &mut event.body {
        comment.id = CommentId::new(format!("179{:010}{number:04}", delivery.0));
    }
    PlannedEvent {
        known: None,
        event,
        delivery_id: delivery,
        received_at: at(0),
        ignored: None,
        waits_until: None,
        runs: Vec::new(),
        sends: Vec::new(),
        opt_out: None,
        texts: None,
    }
}

/// Records deliveries of that many bytes and events each, and says that all were interpreted.
async fn fill(house: &House, shapes: impl Iterator<Item = (usize, u32)>, ignored: Option<Ignored>) {
    let mut plan = Plan::default();
    for (bytes, events) in shapes {
        let id = house.record(&"a".repeat(bytes)).await;
        plan.cursor = Some((DeliveryId(0), id));
        for number in 0..events {
            let event = event_of(id, number);
            plan.events.push(PlannedEvent { ignored, ..event });
        }
    }
    house.store.commit_plan(plan, at(0)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_writer_swaps_few_rows_and_bytes_at_a_time_whatever_the_deliveries() {
    let house = House::build();
    house.connect().await;
    let shapes = (0..90)
        .map(|_| (700, 1))
        .chain((0..10).map(|_| (20_000, 100)))
        .chain((0..4).map(|_| (500_000, 1)))
        // Too much for one pack, in rows and in bytes.
        .chain([(50_000, 300), (700_000, 1)])
        .chain((0..70).map(|_| (700, 1)));
    fill(&house, shapes, None).await;
    let mut deliveries = 0;
    while let NextPack::Pack(pack) = house.store.next_pack(at(1), at(1)).await.unwrap() {
        assert!(pack.rows() <= Pack::ROWS_MAX, "{} rows", pack.rows());
        assert!(
            pack.raw_bytes() <= Pack::RAW_BYTES_MAX,
            "{} bytes",
            pack.raw_bytes()
        );
        deliveries += pack.deliveries();
        house.store.commit_pack(pack).await.unwrap();
    }
    assert!(deliveries >= 90 + 10 + 4, "{deliveries}");
    for id in [1, 100, 104, 105, 106, 176] {
        let found = house.store.find_delivery(DeliveryId(id)).await.unwrap();
        let (record, body) = found.unwrap();
        assert_eq!(record.body_bytes, u32::try_from(body.len()).unwrap());
        assert!(body.iter().all(|byte| *byte == b'a'));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_go_on_behind_packs_when_the_tables_are_empty() {
    let house = House::build();
    house.connect().await;
    let mut plan = Plan::default();
    for number in 0..49 {
        let id = house.record("{}").await;
        plan.cursor = Some((DeliveryId(0), id));
        // The last one is forgotten below: nothing is left then.
        let ignored = (number == 48).then_some(Ignored::AccountUnknown);
        let event = event_of(id, number);
        plan.events.push(PlannedEvent { ignored, ..event });
    }
    house.store.commit_plan(plan, at(0)).await.unwrap();
    let NextPack::Pack(pack) = house.store.next_pack(at(1), at(1)).await.unwrap() else {
        panic!("there is nothing to pack");
    };
    house.store.commit_pack(pack).await.unwrap();
    let swept = house.store.sweep_unknown_accounts(at(1), 200);
    assert_eq!(swept.await.unwrap().deliveries, 1);
    let sizes = house.store.sizes().await.unwrap();
    for table in ["deliveries", "events"] {
        let room = sizes.rooms.iter().find(|room| room.name == table).unwrap();
        assert!(room.filled_bytes < 20, "{room:?}");
    }
    assert_eq!(house.store.stats(at(1)).await.unwrap().backlog, 0);
    let house = house.reopen().await;
    let id = house.record("{}").await;
    assert_eq!(id, DeliveryId(50));
    assert_eq!(house.store.stats(at(1)).await.unwrap().backlog, 1);
    let plan = Plan {
        cursor: Some((DeliveryId(49), id)),
        events: vec![event_of(id, 0)],
        ..Plan::default()
    };
    let events = house.store.commit_plan(plan, at(0)).await.unwrap();
    assert_eq!(events, [EventId(50)]);
}

/// A call whose answer was lost: its echo came, and by the time the answer is known after all the
/// echo has left its table.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_long_after_its_echo_finds_it_in_a_pack() {
    let house = House::build();
    house.connect().await;
    house.record("{}").await;
    house.plan_replies(1..2).await;
    let lane = claim_one(&house, at(1)).await;
    let attempt = started(start(&house, &lane, 0, at(1)).await);
    let late = at(100);
    let recovered = house.store.recover_leases(late, request().budgets, late);
    recovered.await.unwrap();
    let mut plan = Plan::default();
    for number in 0..60 {
        let id = house.record("{}").await;
        plan.cursor = Some((DeliveryId(0), id));
        plan.events.push(if number == 7 {
            PlannedEvent {
                delivery_id: id,
                ..echo(1, 30)
            }
        } else {
            event_of(id, number)
        });
    }
    house.store.commit_plan(plan, at(100)).await.unwrap();
    while let NextPack::Pack(pack) = house.store.next_pack(at(200), at(200)).await.unwrap() {
        house.store.commit_pack(pack).await.unwrap();
    }
    assert_eq!(echoes_in_table(&house), 0, "the echo is in a pack alone");
    assert!(finish(&house, attempt, accepted(), at(300)).await);
    let sent = &sends(&house, at(300)).await[0];
    assert_eq!(
        (sent.state.as_str(), sent.echoed_at),
        ("accepted", Some(at(30)))
    );
}

/// How many echoes have a row in the table of events.
fn echoes_in_table(house: &House) -> i64 {
    let connection = rusqlite::Connection::open(house.store.path()).unwrap();
    let count = "SELECT count(*) FROM events WHERE kind = 'message_echoed'";
    connection.query_row(count, [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_whose_rows_changed_meanwhile_is_refused_whole() {
    let house = House::build();
    house.connect().await;
    fill(&house, (0..80).map(|_| (700, 1)), None).await;
    let NextPack::Pack(first) = house.store.next_pack(at(1), at(1)).await.unwrap() else {
        panic!("there is nothing to pack");
    };
    let NextPack::Pack(second) = house.store.next_pack(at(1), at(1)).await.unwrap() else {
        panic!("there is nothing to pack");
    };
    house.store.commit_pack(first).await.unwrap();
    let refused = house.store.commit_pack(second).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict(_))),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_is_forgotten_a_few_bytes_at_a_time() {
    let house = House::build();
    let shapes = (0..6).map(|_| (400_000, 1)).chain([(3_000_000, 1)]);
    fill(&house, shapes, Some(Ignored::AccountUnknown)).await;
    let mut passes = Vec::new();
    loop {
        let swept = house.store.sweep_unknown_accounts(at(1), 200);
        let swept = swept.await.unwrap();
        if swept.events == 0 {
            break;
        }
        assert_eq!(swept.events, swept.deliveries);
        passes.push(swept.events);
    }
    assert_eq!(passes, [2, 2, 2, 1]);
}
