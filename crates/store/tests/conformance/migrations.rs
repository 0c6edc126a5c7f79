//! A database of the version before, with something in it, is as good as a new one.

use std::path::Path;

use hookline_model::ids::{AutomationId, DeliveryId, MessageId};
use hookline_store::packs::NextPack;
use hookline_store::planning::TakenQuery;
use hookline_store::records::{EventFilter, PageRequest};
use hookline_store::{Ownership, Store};
use rusqlite::{Connection, params};

use crate::house::at;

/// The schema up to the version before packs, in order.
const BEFORE_PACKS: [&str; 8] = [
    include_str!("../../migrations/sqlite/0001_create_tables.sql"),
    include_str!("../../migrations/sqlite/0002_keep_trouble_local.sql"),
    include_str!("../../migrations/sqlite/0003_time_of_wishes.sql"),
    include_str!("../../migrations/sqlite/0004_index_failed_sends.sql"),
    include_str!("../../migrations/sqlite/0005_alerts.sql"),
    include_str!("../../migrations/sqlite/0006_deletions.sql"),
    include_str!("../../migrations/sqlite/0007_upkeep.sql"),
    include_str!("../../migrations/sqlite/0008_compare_states_plainly.sql"),
];

/// More than one pack holds.
const DELIVERIES: i64 = 70;

/// Ids of messages that begin alike, as Meta's do.
fn mid(number: i64) -> String {
    format!("aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQx{number:0100}ZDZD")
}

fn body(number: i64) -> String {
    format!(r#"{{"object":"instagram","entry":[{{"number":{number}}}]}}"#)
}

/// Every delivery told of a message, an automation answered it, and the answer was taken.
fn populate(path: &Path) {
    let connection = Connection::open(path).unwrap();
    for sql in BEFORE_PACKS {
        connection.execute_batch(sql).unwrap();
    }
    let account = "17841400000000001";
    connection
        .execute_batch(
            "INSERT INTO automations (id, name, first_published_at, version) VALUES (1, 'link', 0, 1);
             INSERT INTO lanes (id, account_id, class, next_at) VALUES (1, '17841400000000001', 'text', 0);
             UPDATE progress SET delivery_id = 70 WHERE stage = 'interpret';",
        )
        .unwrap();
    for number in 1..=DELIVERIES {
        let message = serde_json::json!({"kind": "message_received", "mid": mid(number),
            "contact_id": "6100000000000001", "text": "LINK"});
        let run = [
            "INSERT INTO deliveries (id, received_at, secret_index, api_version, body)
                 VALUES (?1, ?2, 0, 'v26.0', CAST(?3 AS BLOB))",
            "INSERT INTO events (id, key, delivery_id, account_id, kind, mid, contact_id,
                                 received_at, container, body)
                 VALUES (?1, randomblob(16), ?1, ?4, 'message_received', ?5, '6100000000000001', ?2,
                         'messaging', ?6)",
            "INSERT INTO runs (event_id, automation_id, version, verdict, because)
                 VALUES (?1, 1, 1, 'matched', ?7)",
            "INSERT INTO sends (key, event_id, automation_id, version, step, kind, lane_id, account_id,
                                contact_id, state, planned_at, due_at, deadline_at, finished_at, text,
                                attempts, message_id)
                 VALUES ('step:' || ?1, ?1, 1, 1, 0, 'dm', 1, ?4, '6100000000000001', 'accepted', ?2, ?2,
                         ?2, ?2, 'Here it is', 1, 'answer-' || ?5)",
            "INSERT INTO attempts (lane_id, seq, send_id, number, started_at, finished_at, outcome, answer)
                 VALUES (1, ?1, (SELECT max(id) FROM sends), 1, ?2, ?2, 'accepted', ?8)",
        ];
        for sql in run {
            let mut statement = connection.prepare(sql).unwrap();
            let because = r#"{"condition":"match.any","expected":"link","actual":"LINK"}"#;
            let values: [&dyn rusqlite::ToSql; 8] = [
                &number,
                &at(0).as_millis(),
                &body(number),
                &account,
                &mid(number),
                &message.to_string(),
                &because,
                &r#"{"http_status":200}"#,
            ];
            for place in 1..=statement.parameter_count() {
                // Each statement takes those it names.
                statement
                    .raw_bind_parameter(place, values[place - 1])
                    .unwrap();
            }
            statement.raw_execute().unwrap();
        }
    }
    let schema = i64::try_from(BEFORE_PACKS.len()).unwrap();
    connection
        .pragma_update(None, "user_version", schema)
        .unwrap();
    let events: i64 = connection
        .query_row(
            "SELECT count(*) FROM events WHERE id > ?1",
            params![0],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(events, DELIVERIES);
    use_up(&connection);
}

/// A limit, and the number of an event that was erased.
fn use_up(connection: &Connection) {
    connection
        .execute_batch(
            "INSERT INTO once_keys (automation_id, scope, event_id) VALUES (1, 'person:1', 7);
             INSERT INTO events (key, delivery_id, account_id, kind, received_at, container, body)
             VALUES (randomblob(16), 1, '1', 'unknown', 0, 'messaging', '{}');
             DELETE FROM events WHERE id = 71;",
        )
        .unwrap();
}

/// Everything that is shown of the messages, in order.
async fn shown(store: &Store) -> Vec<String> {
    let mut shown = Vec::new();
    for number in 1..=DELIVERIES {
        let (record, bytes) = store
            .find_delivery(DeliveryId(number))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(bytes, body(number).as_bytes());
        for subject in [mid(number), format!("answer-{}", mid(number))] {
            let story = store.find_story(subject, at(1)).await.unwrap();
            let story = story.unwrap();
            assert_eq!(story.event.delivery_id, record.id);
            shown.push(format!("{story:?}"));
        }
        let filter = EventFilter {
            mid: Some(MessageId::new(mid(number))),
            ..EventFilter::default()
        };
        let page = PageRequest {
            before: None,
            limit: 50,
        };
        let events = store.list_events(filter, page).await.unwrap();
        assert_eq!(events.items.len(), 1);
        shown.push(format!("{record:?} {:?}", events.items));
    }
    shown
}

/// Which limits are used up, of two.
async fn taken(store: &Store) -> Vec<String> {
    let key = |scope: &str| (AutomationId(1), scope.to_owned());
    let query = TakenQuery {
        once_keys: vec![key("person:1"), key("person:2")],
        ..TakenQuery::default()
    };
    let taken = store.find_taken(query).await.unwrap();
    taken
        .once_keys
        .into_iter()
        .map(|(_, scope)| scope)
        .collect()
}

fn newest_number(path: &Path, table: &str) -> i64 {
    Connection::open(path)
        .unwrap()
        .query_row(
            "SELECT seq FROM sqlite_sequence WHERE name = ?1",
            [table],
            |row| row.get(0),
        )
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_packs_gets_them_and_shows_what_it_showed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookline.db");
    populate(&path);
    let url = format!("sqlite:{}", path.display());
    let store = Store::open(&url, Ownership::Exclusive).unwrap();
    let before = shown(&store).await;
    assert_eq!(taken(&store).await, ["person:1"]);
    assert_eq!(newest_number(&path, "events"), DELIVERIES + 1);
    assert_eq!(newest_number(&path, "sends"), DELIVERIES);
    let NextPack::Pack(pack) = store.next_pack(at(1)).await.unwrap() else {
        panic!("there is nothing to pack");
    };
    assert_eq!(pack.deliveries(), 64);
    store.commit_pack(pack).await.unwrap();
    assert_eq!(shown(&store).await, before);
}
