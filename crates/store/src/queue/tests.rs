//! The queries of the queue use their indexes, so that their cost does not grow with what they
//! are not about.

use super::{NEXT_FAILED, NEXT_OF_ACCOUNT, NEXT_WAITING, lane};
use crate::query_plans::{plan_of, scratch};

#[tokio::test(flavor = "multi_thread")]
async fn no_query_scans_or_sorts() {
    let (_directory, store) = scratch();
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
            lane::HAS_FAILED_LATELY,
            "sends_failed (lane_id=? AND finished_at>?",
        ),
        (
            lane::UNKNOWN_NOW,
            "sends_failed (lane_id=? AND finished_at=?",
        ),
    ] {
        let plan = plan_of(&store, sql).await;
        assert!(plan.contains(index), "{sql}\n{plan}");
        let plan = plan.replace("SCAN CONSTANT ROW", "");
        assert!(!plan.contains("SCAN"), "{sql}\n{plan}");
        let is_sorted_few = plan.contains("TEMP B-TREE FOR GROUP BY");
        assert!(
            is_sorted_few || !plan.contains("TEMP B-TREE"),
            "{sql}\n{plan}"
        );
    }
}
