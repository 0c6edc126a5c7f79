//! How SQLite runs our queries, for tests: that a query is right does not show what it costs.

use crate::{Ownership, Store, StoreError};

/// An empty store; it lasts as long as its directory.
pub(crate) fn scratch() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("hookline.db").display());
    let store = Store::open(&url, Ownership::Shared).unwrap();
    (directory, store)
}

/// Bound to every parameter: SQLite may look at values, such as of a limit, when it plans.
const A_VALUE: i64 = 17;

/// How SQLite would run it, as it says itself.
pub(crate) async fn plan_of(store: &Store, sql: &'static str) -> String {
    explained(store, format!("EXPLAIN QUERY PLAN {sql}"), "detail").await
}

/// The operations SQLite would run it with.
async fn operations_of(store: &Store, sql: &'static str) -> String {
    explained(store, format!("EXPLAIN {sql}"), "opcode").await
}

async fn explained(store: &Store, sql: String, column: &'static str) -> String {
    let plan = store.read(move |connection| {
        let doing = || StoreError::database("explain a query");
        let mut query = connection.prepare(&sql).map_err(doing())?;
        for place in 1..=query.parameter_count() {
            query.raw_bind_parameter(place, A_VALUE).map_err(doing())?;
        }
        let mut rows = query.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next().map_err(doing())? {
            steps.push(row.get::<_, String>(column).map_err(doing())?);
        }
        Ok(steps.join("; "))
    });
    plan.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_row_makes_no_table_of_its_own() {
    let (_directory, store) = scratch();
    for sql in [
        "UPDATE sends SET state = 'leased', lease_until = ?2 WHERE id = ?1 AND state = 'planned'",
        "UPDATE sends SET state = 'accepted', finished_at = ?2, lease_until = NULL WHERE id = ?1",
        "UPDATE sends SET attempts = ?2, text = ?3, deadline_at = ?4 WHERE id = ?1",
        "INSERT INTO runs (event_id, automation_id, version, verdict, once_key, because)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        "INSERT INTO once_keys (automation_id, once_key, event_id) VALUES (?1, ?2, ?3)",
        "INSERT INTO events (id, key, delivery_id, account_id, kind, received_at, container, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        "UPDATE lanes SET lease_until = ?2, next_at = ?2 WHERE id = ?1",
    ] {
        let operations = operations_of(&store, sql).await;
        assert!(operations.contains("Insert"), "{sql}\n{operations}");
        assert!(!operations.contains("OpenEphemeral"), "{sql}\n{operations}");
    }
}
