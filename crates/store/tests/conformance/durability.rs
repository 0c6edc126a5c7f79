use hookline_model::ids::DeliveryId;
use hookline_store::{OpenError, Ownership, Store};

use crate::house::{House, at};

#[tokio::test(flavor = "multi_thread")]
async fn recorded_bytes_come_back_as_they_were_after_a_restart() {
    let house = House::build();
    let body = r#"{"object":"instagram","t":"\u00e4 \/ 'quoted'"}"#;
    let id = house.record(body).await;
    let house = house.reopen().await;
    let (_, bytes) = house.store.find_delivery(id).await.unwrap().unwrap();
    assert_eq!(bytes, body.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_deliveries_at_once_get_ids_without_gaps_in_one_order() {
    let house = House::build();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..200 {
        let store = std::sync::Arc::clone(&house.store);
        let house = House {
            store,
            directory: tempfile::tempdir().unwrap(),
        };
        tasks.spawn(async move { house.record(&format!("{{\"n\":{number}}}")).await.0 });
    }
    let mut ids = tasks.join_all().await;
    ids.sort_unstable();
    assert_eq!(ids, (1..=200).collect::<Vec<i64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_go_on_after_a_restart() {
    let house = House::build();
    house.record("{}").await;
    let house = house.reopen().await;
    assert_eq!(house.record("{}").await, DeliveryId(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_engine_on_the_same_file_is_refused_and_a_command_is_not() {
    let house = House::build();
    let url = format!("sqlite:{}", house.store.path().display());
    let refused = Store::open(&url, Ownership::Exclusive).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    assert!(
        refused.to_string().contains("another hookline is running"),
        "{refused}"
    );
    let command = Store::open(&url, Ownership::Shared).unwrap();
    assert!(
        command
            .find_delivery(DeliveryId(1))
            .await
            .unwrap()
            .is_none()
    );
    command.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_version_is_refused() {
    let house = House::build();
    let path = house.store.path().to_owned();
    house.store.close().await;
    rusqlite_set_version(&path, 999);
    let url = format!("sqlite:{}", path.display());
    let refused = Store::open(&url, Ownership::Shared).unwrap_err();
    assert!(
        matches!(refused, OpenError::Newer { found: 999, .. }),
        "{refused}"
    );
}

fn rusqlite_set_version(path: &std::path::Path, version: i64) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .pragma_update(None, "user_version", version)
        .unwrap();
}

#[test]
fn urls_that_name_no_database_are_refused() {
    for url in [
        "",
        "sqlite:",
        "sqlite::memory:",
        "postgres://user@host/db",
        "hookline.db",
    ] {
        let refused = Store::open(url, Ownership::Shared).unwrap_err();
        assert!(matches!(refused, OpenError::Url { .. }), "{url}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_asked_for_once_and_only_of_what_exists() {
    let house = House::build();
    let id = house.record("{}").await;
    assert!(house.store.request_replay(id, at(1)).await.unwrap());
    assert!(house.store.request_replay(id, at(2)).await.unwrap());
    assert!(
        !house
            .store
            .request_replay(DeliveryId(99), at(2))
            .await
            .unwrap()
    );
}

/// Without the writer's help the log would hold everything ever written under a load that does not
/// rest, which is half as much again as it may have here.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_begun_anew_under_a_load_that_does_not_rest() {
    const WRITTEN: u64 = 240 * 1024 * 1024;
    let house = std::sync::Arc::new(House::build());
    let body = format!(r#"{{"t":"{}"}}"#, "x".repeat(64 * 1024));
    let each = WRITTEN / (4 * 64 * 1024);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (house, body) = (std::sync::Arc::clone(&house), body.clone());
        tasks.spawn(async move {
            for _ in 0..each {
                house.record(&body).await;
            }
        });
    }
    tasks.join_all().await;
    let length = log_length(&house);
    assert!(length < WRITTEN / 3 * 2, "the log has {length} bytes");
}

/// What lies behind the last page of the log is none to whoever reads it after a crash.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_with_room_behind_what_is_written_is_read_after_a_crash() {
    const DELIVERIES: i64 = 40;
    let house = House::build();
    let body = format!(r#"{{"t":"{}"}}"#, "x".repeat(64 * 1024));
    for _ in 0..DELIVERIES {
        house.record(&body).await;
    }
    let written = 64 * 1024 * DELIVERIES.unsigned_abs();
    for _ in 0..200 {
        if log_length(&house) > 3 * written {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(log_length(&house) > 3 * written, "no room was made");
    let crashed = tempfile::tempdir().unwrap();
    let path = crashed.path().join("hookline.db");
    std::fs::copy(house.store.path(), &path).unwrap();
    std::fs::copy(log_of(house.store.path()), log_of(&path)).unwrap();
    let url = format!("sqlite:{}", path.display());
    let store = Store::open(&url, Ownership::Exclusive).unwrap();
    for id in 1..=DELIVERIES {
        let (_, bytes) = store.find_delivery(DeliveryId(id)).await.unwrap().unwrap();
        assert!(bytes == body.as_bytes(), "delivery {id}");
    }
    store.close().await;
}

fn log_of(database: &std::path::Path) -> std::path::PathBuf {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

fn log_length(house: &House) -> u64 {
    std::fs::metadata(log_of(house.store.path())).unwrap().len()
}
