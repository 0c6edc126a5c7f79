//! The queries of the queue use their indexes, so that their cost does not grow with what they
//! are not about.

use super::{NEXT_FAILED, NEXT_OF_ACCOUNT, NEXT_WAITING, lane};
use crate::{Ownership, Store, StoreError};

/// How SQLite would run it, as it says itself.
async fn plan_of(store: &Store, sql: &'static str) -> String {
    let plan = store.read(move |connection| {
        let doing = || StoreError::database("explain a query");
        let mut query = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .map_err(doing())?;
        for place in 1..=query.parameter_count() {
            query.raw_bind_parameter(place, 1).map_err(doing())?;
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

#[tokio::test(flavor = "multi_thread")]
async fn no_query_scans_or_sorts() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("hookline.db").display());
    let store = Store::open(&url, Ownership::Shared).unwrap();
    for (sql, index) in [
        (NEXT_OF_ACCOUNT, "(account_id=?"),
        (NEXT_WAITING, "COVERING INDEX sends_"),
        (NEXT_FAILED, "COVERING INDEX sends_failed (lane_id>?)"),
        (lane::LANE, "INTEGER PRIMARY KEY (rowid=?)"),
        (lane::WAITING, "COVERING INDEX sends_due (lane_id=?"),
        (
            lane::FIRST_DEADLINE,
            "sends_by_deadline_in_lane (lane_id=?)",
        ),
        (lane::LAST_DEADLINE, "sends_by_deadline_in_lane (lane_id=?)"),
        (lane::DEADLINES, "sends_by_deadline_in_lane (lane_id=?)"),
        (lane::IN_FLIGHT, "sends_leased (account_id=?)"),
        (lane::LATEST_ATTEMPTS, "PRIMARY KEY (lane_id=? AND seq>?)"),
        (
            lane::FAILED_LATELY,
            "sends_failed (lane_id=? AND finished_at>?)",
        ),
        (
            lane::UNKNOWN_NOW,
            "sends_failed (lane_id=? AND finished_at=?",
        ),
    ] {
        let plan = plan_of(&store, sql).await;
        assert!(plan.contains(index), "{sql}\n{plan}");
        assert!(!plan.contains("SCAN"), "{sql}\n{plan}");
        let is_sorted_few = plan.contains("TEMP B-TREE FOR GROUP BY");
        assert!(
            is_sorted_few || !plan.contains("TEMP B-TREE"),
            "{sql}\n{plan}"
        );
    }
}
