use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use hookline_store::Ownership;
use hookline_store::PageRequest;
use hookline_store::alerts::{AlertFilter, AlertRecord};

use super::*;

#[derive(Default)]
struct Seen {
    refused: AtomicU64,
    unrecorded: AtomicU64,
    is_incident: AtomicBool,
}

impl Signs for Seen {
    fn refused_signatures(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn unrecorded_deliveries(&self) -> u64 {
        self.unrecorded.load(Ordering::Relaxed)
    }

    fn is_incident(&self) -> bool {
        self.is_incident.load(Ordering::Relaxed)
    }
}

struct At(AtomicI64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + self.0.load(Ordering::Relaxed) * 1000)
    }
}

/// Two people: `ada` hears everything, `bob` is away while `bob_is_away`.
#[derive(Default)]
struct People {
    bob_is_away: AtomicBool,
    bob_moved_out: AtomicBool,
    heard: Mutex<HashMap<String, Vec<String>>>,
}

impl Notifier for People {
    fn destinations(&self) -> Vec<String> {
        vec!["ada".to_owned(), "bob".to_owned()]
    }

    fn tell<'a>(&'a self, destination: &'a str, notice: &'a Notice) -> Telling<'a> {
        Box::pin(async move {
            if destination == "bob" && self.bob_moved_out.load(Ordering::Relaxed) {
                return Err(NotTold::Unknown);
            }
            if destination == "bob" && self.bob_is_away.load(Ordering::Relaxed) {
                return Err(NotTold::ThisTime("bob is away".to_owned()));
            }
            let line = format!("{} {}", notice.event.as_str(), notice.alert.code.as_str());
            let mut heard = self.heard.lock().unwrap();
            heard.entry(destination.to_owned()).or_default().push(line);
            Ok(())
        })
    }
}

struct Scene {
    alerts: Alerts,
    store: Arc<Store>,
    clock: Arc<At>,
    seen: Arc<Seen>,
    people: Arc<People>,
    _directory: tempfile::TempDir,
}

impl Scene {
    fn build() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("hookline.db").display());
        let store = Arc::new(Store::open(&url, Ownership::Shared).unwrap());
        let clock = Arc::new(At(AtomicI64::new(0)));
        let (seen, people) = (Arc::new(Seen::default()), Arc::new(People::default()));
        let alerts = Alerts::new(store.clone(), clock.clone(), seen.clone(), people.clone());
        Self {
            alerts,
            store,
            clock,
            seen,
            people,
            _directory: directory,
        }
    }

    /// One look and one pass of telling at second `at`.
    async fn tick(&self, at: i64) -> TellReport {
        self.clock.0.store(at, Ordering::Relaxed);
        self.alerts.watch().await.unwrap();
        self.alerts.tell().await.unwrap()
    }

    fn heard(&self, who: &str) -> Vec<String> {
        let heard = self.people.heard.lock().unwrap();
        heard.get(who).cloned().unwrap_or_default()
    }

    async fn only(&self) -> AlertRecord {
        let page = PageRequest {
            before: None,
            limit: 10,
        };
        let listed = self.store.list_alerts(AlertFilter::default(), page).await;
        let mut items = listed.unwrap().items;
        assert_eq!(items.len(), 1, "{items:?}");
        items.pop().unwrap()
    }
}

#[tokio::test]
async fn a_flood_of_wrong_signatures_is_told_once_and_so_is_its_end() {
    let scene = Scene::build();
    scene.tick(0).await;
    scene.seen.refused.store(9, Ordering::Relaxed);
    scene.tick(1).await;
    assert!(scene.heard("ada").is_empty());
    scene.seen.refused.store(12, Ordering::Relaxed);
    for second in 2..320 {
        scene.tick(second).await;
    }
    assert_eq!(scene.heard("ada"), ["raised signature_failures"]);
    for second in (320..1400).step_by(20) {
        scene.tick(second).await;
    }
    let wanted = ["raised signature_failures", "resolved signature_failures"];
    assert_eq!(scene.heard("ada"), wanted);
    assert_eq!(scene.heard("bob"), wanted);
}

#[tokio::test]
async fn an_incident_lasts_as_long_as_the_breaker_is_open() {
    let scene = Scene::build();
    scene.seen.is_incident.store(true, Ordering::Relaxed);
    scene.tick(0).await;
    scene.tick(1).await;
    assert_eq!(scene.only().await.alert.resolved_at, None);
    scene.seen.is_incident.store(false, Ordering::Relaxed);
    scene.tick(2).await;
    scene.tick(3).await;
    let wanted = ["raised app_incident", "resolved app_incident"];
    assert_eq!(scene.heard("ada"), wanted);
}

#[tokio::test]
async fn what_an_earlier_life_raised_is_resolved_by_the_next() {
    let scene = Scene::build();
    scene.seen.is_incident.store(true, Ordering::Relaxed);
    scene.tick(0).await;
    let (store, clock) = (scene.store.clone(), scene.clock.clone());
    let next = Alerts::new(
        store,
        clock,
        Arc::new(Seen::default()),
        scene.people.clone(),
    );
    next.watch().await.unwrap();
    next.tell().await.unwrap();
    let wanted = ["raised app_incident", "resolved app_incident"];
    assert_eq!(scene.heard("ada"), wanted);
}

#[tokio::test]
async fn who_is_away_is_told_later_once_and_in_order_and_after_a_day_no_more() {
    let scene = Scene::build();
    scene.people.bob_is_away.store(true, Ordering::Relaxed);
    scene.seen.is_incident.store(true, Ordering::Relaxed);
    scene.tick(0).await;
    scene.seen.is_incident.store(false, Ordering::Relaxed);
    scene.tick(1).await;
    assert_eq!(scene.heard("ada").len(), 2);
    scene.people.bob_is_away.store(false, Ordering::Relaxed);
    // Not before its time, and the end not before the beginning.
    assert_eq!(scene.tick(4).await, TellReport::default());
    scene.tick(5).await;
    scene.tick(6).await;
    let wanted = ["raised app_incident", "resolved app_incident"];
    assert_eq!(scene.heard("bob"), wanted);

    scene.people.bob_is_away.store(true, Ordering::Relaxed);
    scene.seen.is_incident.store(true, Ordering::Relaxed);
    let mut given_up = 0;
    for minute in 1..(26 * 60) {
        given_up += scene.tick(minute * 60).await.given_up;
    }
    assert_eq!(given_up, 1);
    assert_eq!(scene.heard("bob").len(), 2);
}

#[tokio::test]
async fn a_destination_that_is_configured_no_more_is_given_up() {
    let scene = Scene::build();
    scene.people.bob_moved_out.store(true, Ordering::Relaxed);
    scene.seen.is_incident.store(true, Ordering::Relaxed);
    let report = scene.tick(0).await;
    assert_eq!((report.delivered, report.given_up), (1, 1));
    let notices = scene.only().await.notices;
    assert_eq!(
        (notices.delivered, notices.waiting, notices.given_up),
        (1, 0, 1)
    );
}

#[tokio::test]
async fn that_the_database_fails_is_told_without_the_database() {
    let scene = Scene::build();
    scene.tick(0).await;
    scene.store.close().await;
    scene.seen.unrecorded.store(3, Ordering::Relaxed);
    for second in 1..5 {
        scene.clock.0.store(second, Ordering::Relaxed);
        assert!(scene.alerts.watch().await.is_err());
    }
    assert_eq!(scene.heard("ada"), ["raised deliveries_not_recorded"]);
    assert_eq!(scene.heard("bob"), ["raised deliveries_not_recorded"]);
}
