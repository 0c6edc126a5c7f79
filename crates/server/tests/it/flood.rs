//! A viral post on one account while others get one comment each: `cargo xtask flood` in small.
//! What is kept is judged; how fast this machine is, hardly.

use std::time::Duration;

use hookline_bench::flood::{self, FloodPlan};

#[tokio::test(flavor = "multi_thread")]
async fn a_flooded_account_is_paced_and_delays_nobody() {
    let data = tempfile::tempdir().unwrap();
    let plan = FloodPlan {
        hookline: env!("CARGO_BIN_EXE_hookline").into(),
        data: data.path().to_owned(),
        comments: 6_000,
        within: Duration::from_secs(15),
        quiet: 50,
        first_reply_delay: Duration::from_secs(2),
        patience: Duration::from_mins(1),
    };
    let report = flood::run(plan, |_| ()).await.unwrap();
    println!("{report}");
    assert_eq!(report.problems, Vec::<String>::new(), "{report}");
    assert_eq!(report.recorded, 6_050, "{report}");
    assert_eq!(report.quiet_served, 50, "{report}");
    // A comment is read from Meta when its turn comes, not again and again while it waits.
    let reads_max = report.pace.sent + 1;
    assert!(report.pace.reads <= reads_max, "{report}");
    assert!(report.memory_megabytes().unwrap() < 200.0, "{report}");
    assert!(report.lateness_us.p99 < 10_000_000.0, "{report}");
}
