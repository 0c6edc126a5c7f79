use std::time::Duration;

use hookline_model::alert::{AlertCode, Notice, NoticeEvent, RaiseAlert};
use hookline_model::attempt::AttemptOutcome;
use hookline_model::clock::Timestamp;
use hookline_model::send::SendClass;
use hookline_store::PageRequest;
use hookline_store::alerts::{AlertFilter, AlertRecord, LetterOutcome, Raised};
use hookline_store::evidence::{Decision, Evidence};
use hookline_store::lanes::{LaneEffect, LanePause, NewHold};

use crate::house::{House, account, at, request};
use crate::lanes::{accepted, claim_one, finish, finish_with, start, started, token_expired};

fn expiring(step: u32) -> RaiseAlert {
    RaiseAlert {
        code: AlertCode::TokenExpiring,
        account: Some(account()),
        detail: format!("{step} days are left"),
        step: Some(step),
    }
}

fn incident() -> RaiseAlert {
    RaiseAlert {
        code: AlertCode::AppIncident,
        account: None,
        detail: "error 2".to_owned(),
        step: None,
    }
}

fn dead_token(number: i64) -> NewHold {
    NewHold {
        alert: Some(AlertCode::TokenDead),
        ..token_expired(number)
    }
}

impl House {
    async fn raise(&self, alert: RaiseAlert, now: Timestamp) -> Raised {
        self.store.raise_alert(alert, now).await.unwrap()
    }

    async fn alerts(&self, filter: AlertFilter) -> Vec<AlertRecord> {
        let page = PageRequest {
            before: None,
            limit: 100,
        };
        self.store.list_alerts(filter, page).await.unwrap().items
    }

    async fn open_codes(&self) -> Vec<AlertCode> {
        let filter = AlertFilter {
            is_open: true,
            ..AlertFilter::default()
        };
        let open = self.alerts(filter).await;
        open.iter().map(|record| record.alert.code).collect()
    }

    async fn notices(&self) -> Vec<Notice> {
        self.store.list_new_notices(100).await.unwrap()
    }

    /// What people are told, in order.
    async fn told(&self) -> Vec<(NoticeEvent, AlertCode)> {
        let notices = self.notices().await;
        notices
            .iter()
            .map(|notice| (notice.event, notice.alert.code))
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_raised_once_and_resolved_once() {
    let house = House::build();
    assert_eq!(house.raise(incident(), at(1)).await, Raised::New);
    let again = RaiseAlert {
        detail: "error 4".to_owned(),
        ..incident()
    };
    assert_eq!(house.raise(again, at(2)).await, Raised::Known);
    let open = house.alerts(AlertFilter::default()).await;
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].alert.detail, "error 4");
    assert_eq!(open[0].alert.since, at(1));

    let resolve = |now| house.store.resolve_alert(AlertCode::AppIncident, None, now);
    assert!(resolve(at(3)).await.unwrap());
    assert!(!resolve(at(4)).await.unwrap());
    assert!(house.open_codes().await.is_empty());
    let code = AlertCode::AppIncident;
    let once = vec![(NoticeEvent::Raised, code), (NoticeEvent::Resolved, code)];
    assert_eq!(house.told().await, once);

    assert_eq!(house.raise(incident(), at(5)).await, Raised::New);
    let all = house.alerts(AlertFilter::default()).await;
    let since: Vec<Timestamp> = all.iter().map(|record| record.alert.since).collect();
    assert_eq!(since, [at(5), at(1)], "newest first");
    assert_eq!(all[1].alert.resolved_at, Some(at(3)));
    let stats = house.store.stats(at(6)).await.unwrap();
    assert_eq!(stats.alerts.get(&code), Some(&1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_with_steps_is_told_again_at_each() {
    use Raised::{Known, New, Renewed};
    let house = House::build();
    house.connect().await;
    let mut came = Vec::new();
    for (step, second) in [(14, 1), (14, 2), (7, 3), (7, 4), (3, 5), (1, 6), (1, 7)] {
        came.push(house.raise(expiring(step), at(second)).await);
    }
    assert_eq!(came, [New, Known, Renewed, Known, Renewed, Renewed, Known]);
    let notices = house.notices().await;
    let details: Vec<&str> = notices.iter().map(|it| it.alert.detail.as_str()).collect();
    let days = ["14", "7", "3", "1"].map(|days| format!("{days} days are left"));
    assert_eq!(details, days);
    assert!(
        notices[1..]
            .iter()
            .all(|it| it.event == NoticeEvent::Renewed)
    );
    assert!(notices.iter().all(|it| it.alert.since == at(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_token_is_told_with_the_hold_and_a_new_one_ends_it() {
    let house = House::build();
    house.connect().await;
    house.raise(expiring(1), at(1)).await;
    let hold = |number, now| house.store.hold_account(account(), dead_token(number), now);
    hold(7, at(2)).await.unwrap();
    assert_eq!(house.open_codes().await, [AlertCode::TokenExpiring]);
    hold(1, at(3)).await.unwrap();
    hold(1, at(4)).await.unwrap();
    assert_eq!(house.open_codes().await.len(), 2);
    let told = house.notices().await;
    let dead = &told[1].alert;
    assert_eq!((dead.code, dead.since), (AlertCode::TokenDead, at(3)));
    assert_eq!(dead.detail, "sending waits: token expired");
    assert!(dead.what_to_do.contains("@acme"), "{}", dead.what_to_do);

    house.connect().await;
    assert!(house.open_codes().await.is_empty());
    let told = house.told().await;
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(
        told[2..]
            .iter()
            .all(|(event, _)| *event == NoticeEvent::Resolved)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_an_account_resolves_its_alerts_and_no_other_can_be_raised() {
    let house = House::build();
    house.connect().await;
    house.raise(incident(), at(1)).await;
    house.raise(expiring(14), at(2)).await;
    house.forget(at(3)).await;
    assert_eq!(house.open_codes().await, [AlertCode::AppIncident]);
    let told = house.notices().await.pop().unwrap();
    assert_eq!(told.event, NoticeEvent::Resolved);
    let named = told.alert.account.unwrap().username;
    assert_eq!(named.as_deref(), Some("acme"));
    assert_eq!(house.raise(expiring(7), at(4)).await, Raised::NotConnected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_permission_is_over_when_that_lane_sends_again() {
    let house = House::build();
    house.connect().await;
    house.plan_replies(1..3).await;
    let lane = claim_one(&house, at(1)).await;
    let early = started(start(&house, &lane, 0, at(1)).await);
    let attempt = started(start(&house, &lane, 1, at(1)).await);
    let pause = LaneEffect::PauseLane(LanePause {
        reason: "permission_missing".to_owned(),
        until: Some(at(10)),
        is_throttle: false,
        alert: Some(AlertCode::PermissionMissing),
    });
    let refused = AttemptOutcome::NotSent {
        reason: "permission_missing".to_owned(),
    };
    finish_with(&house, attempt, refused, pause, at(2)).await;
    // Begun before the trouble was seen, so it proves nothing.
    finish(&house, early, accepted(), at(3)).await;
    assert_eq!(house.open_codes().await, [AlertCode::PermissionMissing]);
    let claim = lane.claim;
    house.release(claim, request(), at(3)).await;

    let lanes = house.store.claim_lanes(request(), at(20)).await.unwrap();
    assert_eq!(lanes.len(), 2);
    for class in [SendClass::PublicReply, SendClass::PrivateReply] {
        assert_eq!(house.open_codes().await, [AlertCode::PermissionMissing]);
        let lane = lanes.iter().find(|lane| lane.claim.class == class);
        let attempt = started(start(&house, lane.unwrap(), 0, at(20)).await);
        finish(&house, attempt, accepted(), at(21)).await;
    }
    assert!(house.open_codes().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_nobody_has_seen_for_long_is_over() {
    let house = House::build();
    house.connect().await;
    let hold = NewHold {
        reason: "account_blocked".to_owned(),
        until: Some(at(100)),
        token_number: None,
        alert: Some(AlertCode::AccountBlocked),
    };
    house
        .store
        .hold_account(account(), hold, at(1))
        .await
        .unwrap();
    let resolve = |before, now| house.store.resolve_unseen_alerts(before, now);
    assert_eq!(resolve(at(1), at(200)).await.unwrap(), 0, "seen just then");
    assert_eq!(resolve(at(50), at(99)).await.unwrap(), 0, "still held");
    assert_eq!(resolve(at(50), at(100)).await.unwrap(), 1);
    assert_eq!(resolve(at(50), at(100)).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sends_that_need_a_person_are_told_until_somebody_settles_them() {
    let house = House::build();
    house.connect().await;
    house.plan_replies(1..2).await;
    let lane = claim_one(&house, at(1)).await;
    let attempt = started(start(&house, &lane, 0, at(1)).await);
    let unknown = AttemptOutcome::Unknown {
        reason: "timeout".to_owned(),
    };
    finish(&house, attempt, unknown, at(2)).await;
    let review = |now| house.store.review_unsettled_sends(now);
    assert_eq!(review(at(3)).await.unwrap(), 0, "evidence is looked for");
    let send = house
        .store
        .unknown_sends(at(10), 10)
        .await
        .unwrap()
        .remove(0);
    let id = send.id;
    let left = house
        .store
        .settle_unknown(send, Evidence::LeaveUnknown, at(10));
    left.await.unwrap();
    assert_eq!(review(at(11)).await.unwrap(), 1);
    assert_eq!(review(at(12)).await.unwrap(), 0);
    let open = house.alerts(AlertFilter::default()).await;
    assert_eq!(open[0].alert.code, AlertCode::SendsNeedAPerson);
    assert_eq!(open[0].alert.detail, "1 send may or may not have arrived");
    let decided = house.store.decide_send(id, Decision::Landed, at(20));
    decided.await.unwrap();
    assert_eq!(review(at(21)).await.unwrap(), 1);
    assert!(house.open_codes().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_destination_is_told_once_and_in_order() {
    let house = House::build();
    house.raise(incident(), at(1)).await;
    let code = AlertCode::AppIncident;
    house.store.resolve_alert(code, None, at(2)).await.unwrap();
    let ids: Vec<_> = house.notices().await.iter().map(|it| it.id).collect();
    let destinations = vec!["a".to_owned(), "b".to_owned()];
    for _ in 0..2 {
        let addressed = house
            .store
            .address_notices(ids.clone(), destinations.clone(), at(3));
        addressed.await.unwrap();
    }
    assert!(house.notices().await.is_empty());

    let house = house.reopen().await;
    let due = |now| house.store.list_due_letters(100, now);
    let finish = |letter: &hookline_store::alerts::Letter, outcome| {
        let destination = letter.destination.clone();
        house
            .store
            .finish_letter(letter.notice.id, destination, outcome)
    };
    let first = due(at(3)).await.unwrap();
    assert_eq!(first.len(), 2, "the end waits for the beginning: {first:?}");
    assert!(
        first
            .iter()
            .all(|it| it.notice.event == NoticeEvent::Raised)
    );
    let problem = || "503".to_owned();
    let later = at(3).plus(Duration::from_secs(5));
    let again = LetterOutcome::TryAgain {
        at: later,
        problem: problem(),
    };
    assert!(finish(&first[0], again).await.unwrap());
    assert!(finish(&first[1], LetterOutcome::Delivered).await.unwrap());
    assert!(!finish(&first[1], LetterOutcome::Delivered).await.unwrap());
    let second = due(at(4)).await.unwrap();
    assert_eq!(second.len(), 1);
    assert_eq!(second[0].destination, first[1].destination);
    assert!(finish(&second[0], LetterOutcome::Delivered).await.unwrap());

    let retried = due(later).await.unwrap();
    assert_eq!((retried.len(), retried[0].tries), (1, 1));
    assert_eq!(retried[0].notice, first[0].notice);
    let give_up = LetterOutcome::GivenUp { problem: problem() };
    assert!(finish(&retried[0], give_up).await.unwrap());
    assert_eq!(due(later).await.unwrap().len(), 1);
    let notices = house.alerts(AlertFilter::default()).await[0].notices;
    assert_eq!(
        (notices.delivered, notices.waiting, notices.given_up),
        (2, 1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn old_alerts_are_forgotten_with_their_notices_and_open_ones_never() {
    let house = House::build();
    house.connect().await;
    house.raise(incident(), at(1)).await;
    house.raise(expiring(14), at(1)).await;
    let code = AlertCode::AppIncident;
    house.store.resolve_alert(code, None, at(2)).await.unwrap();
    let forget = |before| house.store.forget_old_alerts(before, 100);
    assert_eq!(forget(at(2)).await.unwrap(), 0);
    assert_eq!(forget(at(1000)).await.unwrap(), 1);
    assert_eq!(house.open_codes().await, [AlertCode::TokenExpiring]);
    assert_eq!(house.notices().await.len(), 1);
}
