//! A database of the version before, with something in it, is as good as a new one.

use std::path::Path;

use hookline_model::alert::AlertCode;
use hookline_model::clock::Timestamp;
use hookline_model::event::{EventName, NaturalKey};
use hookline_model::ids::{
    AccountId, AutomationId, CommentId, ContactId, DeliveryId, EventId, MediaId, MessageId,
};
use hookline_model::once::OnceScope;
use hookline_model::send::SendKey;
use hookline_model::upkeep::Task;
use hookline_store::packs::NextPack;
use hookline_store::planning::{FactsQuery, TakenQuery};
use hookline_store::records::{EventFilter, PageRequest};
use hookline_store::{Ownership, Store};
use rusqlite::{Connection, Row, params};

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
    connect(&connection);
}

/// Ids as numbers are written, and otherwise.
const ACCOUNTS: [&str; 3] = ["17841400000000001", "017841400000000001", "shop.a"];

/// Accounts with everything that names them, each with a comment of the same id as theirs.
fn connect(connection: &Connection) {
    for (place, id) in (1..).zip(ACCOUNTS) {
        for sql in [
            "INSERT INTO accounts (id, username, login, app_scoped_id, token_key, token, connected_at)
                 VALUES (?1, 'of ' || ?1, 'instagram', '24900000000000000', x'00', x'01', 0)",
            "INSERT INTO contacts (account_id, contact_id, username) VALUES (?1, ?1, 'who ' || ?1)",
            "INSERT INTO media (account_id, media_id, published_at) VALUES (?1, ?1, 9)",
            "INSERT INTO next_media (automation_id, version, account_id, media_id)
                 VALUES (1, 1, ?1, ?1)",
            "INSERT INTO alerts (code, account_id, since, detail, last_seen_at)
                 VALUES ('token_dead', ?1, 0, 'why', 0)",
            "INSERT INTO upkeep (account_id, task, due_at) VALUES (?1, 'token', 9)",
            "INSERT INTO gaps (account_id, cause, begins_at, ends_at, state, noticed_at)
                 VALUES (?1, 'downtime', 0, 1, 'waiting', 1)",
            "INSERT INTO lanes (account_id, class, next_at) VALUES (?1, 'private_reply', 0)",
            "INSERT INTO events (key, delivery_id, account_id, kind, comment_id, contact_id,
                                 received_at, container, body)
                 VALUES (randomblob(16), 1, ?1, 'comment_received', ?1, ?1, 0, 'changes',
                         json_object('kind', 'comment_received', 'id', ?1))",
            "INSERT INTO sends (key, event_id, automation_id, version, step, kind, lane_id, account_id,
                                contact_id, comment_id, state, planned_at, deadline_at, text, attempts,
                                recipient_id)
                 VALUES ('reply:' || ?1, (SELECT max(id) FROM events), 1, 1, 0, 'private_reply',
                         (SELECT max(id) FROM lanes), ?1, ?1, ?1, 'refused', 0, 9, 'Here it is', 1, ?1)",
        ] {
            connection.execute(sql, [id]).unwrap();
        }
        connection
            .execute(
                "INSERT INTO attempts (lane_id, seq, send_id, number, started_at, finished_at, outcome,
                                       answer)
                 VALUES ((SELECT max(id) FROM lanes), ?1, (SELECT max(id) FROM sends), 1, 0, 0, 'refused',
                         '{\"http_status\":400,\"code\":10}')",
                [place],
            )
            .unwrap();
    }
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
    let key = |scope: &str| (AutomationId(1), OnceScope::Person(scope.to_owned()));
    let query = TakenQuery {
        limits: vec![key("person:1"), key("person:2")],
        ..TakenQuery::default()
    };
    let taken = store.find_taken(query).await.unwrap();
    taken
        .limits
        .into_iter()
        .map(|(_, scope)| format!("{scope:?}"))
        .collect()
}

fn newest_number(path: &Path, table: &str) -> i64 {
    Connection::open(path)
        .unwrap()
        .query_row("SELECT id FROM last_ids WHERE noun = ?1", [table], |row| {
            row.get(0)
        })
        .unwrap()
}

/// Who is connected, in their order.
async fn connected(store: &Store) -> Vec<String> {
    let accounts = store.list_accounts(None, 10).await.unwrap();
    accounts
        .into_iter()
        .map(|account| account.id.to_string())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_were_texts_are_found_whatever_they_became() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookline.db");
    populate(&path);
    let url = format!("sqlite:{}", path.display());
    let store = Store::open(&url, Ownership::Exclusive).unwrap();
    assert_eq!(connected(&store).await, ACCOUNTS);
    for id in ACCOUNTS {
        let (account, contact) = (AccountId::new(id), ContactId::new(id));
        let mut asked = FactsQuery::default();
        asked.contacts.insert((account.clone(), contact.clone()));
        asked.media.insert((account.clone(), MediaId::new(id)));
        asked.accounts.insert(account.clone());
        let key = SendKey::private_reply(&account, &CommentId::new(id));
        let wanted = TakenQuery {
            sends: vec![key],
            ..TakenQuery::default()
        };
        let facts = store.find_facts(asked).await.unwrap();
        let taken = store.find_taken(wanted).await.unwrap();
        let known = facts.contacts.values().next().unwrap();
        assert_eq!(known.username, Some(format!("who {id}")));
        assert_eq!(
            facts.media.values().next(),
            Some(&Timestamp::from_millis(9))
        );
        assert_eq!(facts.next_media.len(), 1, "the next media of {id}");
        assert_eq!(taken.sends.len(), 1, "a reply to {id} would go out again");
        let story = store
            .find_story(id.to_owned(), at(1))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(story.event.account_id, account);
        let [send] = story.sends.as_slice() else {
            panic!("{:?}", story.sends)
        };
        assert_eq!(send.contact_id.as_ref(), Some(&contact));
        let answer = send.attempts[0].answer.clone().unwrap();
        assert_eq!((answer.http_status, answer.code), (Some(400), Some(10)));
        assert!(store.next_gap(account.clone()).await.unwrap().is_some());
        let hastened = store.hasten_task(Task::Token, Some(account.clone()), Timestamp::EPOCH);
        assert_eq!(hastened.await.unwrap(), 1);
        let resolved = store.resolve_alert(AlertCode::TokenDead, Some(account), at(2));
        assert!(resolved.await.unwrap(), "the alert of {id}");
    }
    // A send that was taken has the answer it had.
    let subject = format!("answer-{}", mid(1));
    let story = store.find_story(subject, at(1)).await.unwrap().unwrap();
    let answer = story.sends[0].attempts[0].answer.clone().unwrap();
    assert_eq!(answer.http_status, Some(200));
}

/// Every event of the table, named as a delivery that tells of it again would name it.
fn names(path: &Path) -> Vec<(EventId, EventName)> {
    let connection = Connection::open(path).unwrap();
    let mut query = connection
        .prepare(
            "SELECT id, key, CAST(account_id AS TEXT), CAST(comment_id AS TEXT) FROM events
             ORDER BY id",
        )
        .unwrap();
    let name = |row: &Row<'_>| {
        let comment: Option<String> = row.get(3)?;
        let name = EventName {
            key: NaturalKey::from_bytes(row.get(1)?),
            account: AccountId::new(row.get::<_, String>(2)?),
            comment: comment.map(CommentId::new),
        };
        Ok((EventId(row.get(0)?), name))
    };
    let names = query.query_map([], name).unwrap();
    names.collect::<Result<_, _>>().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_the_version_before_are_known_when_they_are_told_of_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookline.db");
    populate(&path);
    let url = format!("sqlite:{}", path.display());
    let store = Store::open(&url, Ownership::Exclusive).unwrap();
    let names = names(&path);
    let is_about_comment = |(_, name): &&(EventId, EventName)| name.comment.is_some();
    let about_comments = names.iter().filter(is_about_comment).count();
    assert_eq!(about_comments, ACCOUNTS.len());
    assert!(names.len() > about_comments, "some are about none");
    let asked = FactsQuery {
        events: names.iter().map(|(_, name)| name.clone()).collect(),
        ..FactsQuery::default()
    };
    let facts = store.find_facts(asked).await.unwrap();
    for (id, name) in names {
        assert_eq!(facts.events.get(&name.key).map(|known| known.id), Some(id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_packs_gets_them_and_shows_what_it_showed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookline.db");
    populate(&path);
    let url = format!("sqlite:{}", path.display());
    let store = Store::open(&url, Ownership::Exclusive).unwrap();
    let before = shown(&store).await;
    assert_eq!(taken(&store).await, [r#"Person("person:1")"#]);
    let more = i64::try_from(ACCOUNTS.len()).unwrap();
    assert_eq!(newest_number(&path, "events"), DELIVERIES + 1 + more);
    assert_eq!(newest_number(&path, "sends"), DELIVERIES + more);
    let NextPack::Pack(pack) = store.next_pack(at(1), at(1)).await.unwrap() else {
        panic!("there is nothing to pack");
    };
    assert_eq!(pack.deliveries(), 48);
    store.commit_pack(pack).await.unwrap();
    assert_eq!(shown(&store).await, before);
    let sizes = store.sizes().await.unwrap();
    let filled = |name: &str| {
        let room = sizes.rooms.iter().find(|room| room.name == name);
        room.unwrap().filled_bytes
    };
    // The rows of one pack left.
    let noted = ["pack_spans", "packed_keys", "packed_accounts"].map(filled);
    assert!(noted.iter().all(|bytes| *bytes > 16), "{noted:?}");
}
