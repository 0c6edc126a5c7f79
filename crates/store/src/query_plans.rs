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
    let plan = store.read(move |connection| {
        let doing = || StoreError::database("explain a query");
        let mut query = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .map_err(doing())?;
        for place in 1..=query.parameter_count() {
            query.raw_bind_parameter(place, A_VALUE).map_err(doing())?;
        }
        let mut rows = query.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next().map_err(doing())? {
            steps.push(row.get::<_, String>("detail").map_err(doing())?);
        }
        Ok(steps.join("; "))
    });
    plan.await.unwrap()
}
