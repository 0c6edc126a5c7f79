//! Retries, ends, batches and faults of deliveries.

use serde_json::{Value, json};

use super::*;
use crate::faults::DeliveryRule;
use crate::graph::SimRequest;
use crate::world::accounts::{AccountChange, NewAccount};
use crate::world::comments::CommentDraft;
use crate::world::inspect::AlertKind;
use crate::world::messages::MessageDraft;
use crate::world::{Policy, WorldConfig};

const NOW: i64 = 1_790_000_000_000;

fn world(policy: Policy) -> World {
    let mut world = World::new(WorldConfig {
        policy,
        ..WorldConfig::default()
    });
    world
        .create_account(NOW, NewAccount::named("acme_store"))
        .unwrap();
    world
}

fn comment(world: &mut World, now: i64) -> String {
    world
        .comment(now, CommentDraft::new("acme_store", "ada", "LINK"))
        .unwrap()
}

fn header(delivery: &Delivery, name: &str) -> Option<String> {
    let found = delivery.headers.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.clone())
}

/// Drives the world's time from event to event, answering every try with `status`.
fn fail_until(world: &mut World, end: i64, status: u16) -> Vec<i64> {
    let mut tries = Vec::new();
    while let Some(due) = world.next_due().filter(|due| *due < end) {
        for delivery in world.deliveries_due(due) {
            tries.push(due - NOW);
            world.delivery_answered(due, delivery.id, Answered::Status(status));
        }
    }
    tries
}

#[test]
fn a_failed_delivery_comes_again_at_once_and_then_ever_less_often() {
    let mut world = world(Policy::default());
    comment(&mut world, NOW);
    let tries = fail_until(&mut world, NOW + 3 * 3_600_000, 503);
    assert_eq!(
        tries,
        [0, 0, 5_000, 35_000, 155_000, 755_000, 2_555_000, 6_155_000]
    );
}

#[test]
fn anything_but_200_is_a_failure() {
    let mut world = world(Policy::default());
    for status in [201, 202, 204, 301, 401, 500] {
        comment(&mut world, NOW);
        let first = world.deliveries_due(NOW).remove(0);
        world.delivery_answered(NOW, first.id, Answered::Status(status));
        let second = world.deliveries_due(NOW).remove(0);
        assert_eq!(
            (second.id, second.attempt, &second.body),
            (first.id, 2, &first.body),
            "{status}"
        );
        world.delivery_answered(NOW, second.id, Answered::NoAnswer);
        let third = world.deliveries_due(NOW + 5_000).remove(0);
        world.delivery_answered(NOW, third.id, Answered::Status(200));
        assert!(world.is_settled(), "{status}");
    }
}

#[test]
fn retries_are_restamped_when_told_so() {
    let mut world = world(Policy {
        restamp_retries: true,
        ..Policy::default()
    });
    comment(&mut world, NOW);
    let first = world.deliveries_due(NOW).remove(0);
    world.delivery_answered(NOW + 4_000, first.id, Answered::NoAnswer);
    let second = world.deliveries_due(NOW + 4_000).remove(0);
    let time = |delivery: &Delivery| {
        let value: Value = serde_json::from_slice(&delivery.body).unwrap();
        value["entry"][0]["time"].clone()
    };
    assert_eq!(time(&first), json!(1_790_000_000));
    assert_eq!(time(&second), json!(1_790_000_004));
    assert_ne!(
        header(&first, "X-Hub-Signature-256"),
        header(&second, "X-Hub-Signature-256")
    );
}

#[test]
fn a_delivery_is_dropped_after_36_hours() {
    let mut world = world(Policy::default());
    comment(&mut world, NOW);
    fail_until(&mut world, i64::MAX, 500);
    assert!(world.is_settled());
    assert_eq!(world.deliveries()[0].state, DeliveryState::Dropped);
    let alerts = world.alerts();
    assert_eq!(alerts[0].kind, AlertKind::DeliveryDropped);
    assert!(alerts[0].at_ms - NOW >= 36 * 3_600_000);
    comment(&mut world, NOW);
    assert_eq!(world.deliveries_due(NOW).len(), 1);
}

#[test]
fn an_hour_of_failures_unsubscribes_the_account() {
    let policy = Policy {
        end: EndPolicy::UnsubscribeAfter1Hour,
        ..Policy::default()
    };
    let mut world = world(policy);
    comment(&mut world, NOW);
    fail_until(&mut world, i64::MAX, 500);
    let kinds: Vec<_> = world.alerts().iter().map(|alert| alert.kind).collect();
    assert_eq!(
        kinds,
        [AlertKind::DeliveriesFailing, AlertKind::WebhooksDisabled]
    );
    assert!(world.is_settled());
    comment(&mut world, NOW);
    assert!(world.deliveries_due(NOW).is_empty());
    let fields = Some(["comments".to_owned()].into());
    let change = AccountChange {
        subscribed_fields: fields,
        ..AccountChange::default()
    };
    world.change_account("acme_store", change).unwrap();
    comment(&mut world, NOW);
    assert_eq!(world.deliveries_due(NOW).len(), 1);
}

#[test]
fn an_unsubscribed_account_is_heard_again_after_it_is_subscribed_and_never_what_came_between() {
    let policy = Policy {
        end: EndPolicy::UnsubscribeAfter1Hour,
        ..Policy::default()
    };
    let mut world = world(policy);
    comment(&mut world, NOW);
    fail_until(&mut world, i64::MAX, 500);
    let later = NOW + 3 * 3_600_000;
    comment(&mut world, later);
    let token = world.find_account("acme_store").unwrap().token.clone();
    let subscribed_apps = |world: &mut World, method: &str, body: &str| {
        let request = SimRequest {
            method: method.to_owned(),
            path: "/v26.0/me/subscribed_apps".to_owned(),
            headers: vec![("Authorization".to_owned(), format!("Bearer {token}"))],
            body: Bytes::from(body.to_owned()),
            ..SimRequest::default()
        };
        let answer = world.request(later, &request);
        assert_eq!(answer.status, 200);
        String::from_utf8(answer.body.to_vec()).unwrap()
    };
    assert_eq!(subscribed_apps(&mut world, "GET", ""), r#"{"data":[]}"#);
    subscribed_apps(&mut world, "POST", r#"{"subscribed_fields":["comments"]}"#);
    assert!(world.deliveries_due(later).is_empty());
    let heard = comment(&mut world, later);
    let due = world.deliveries_due(i64::MAX);
    assert_eq!(due.len(), 1);
    let body = String::from_utf8(due[0].body.to_vec()).unwrap();
    assert!(body.contains(&heard), "{body}");
}

#[test]
fn events_share_a_post_up_to_its_limit() {
    let policy = Policy {
        events_per_delivery: 3,
        batch_window_ms: 100,
        ..Policy::default()
    };
    let mut world = world(policy);
    for _ in 0..4 {
        comment(&mut world, NOW);
    }
    let events = |delivery: &Delivery| {
        let value: Value = serde_json::from_slice(&delivery.body).unwrap();
        value["entry"][0]["changes"].as_array().unwrap().len()
    };
    let full = world.deliveries_due(NOW);
    assert_eq!(full.iter().map(events).collect::<Vec<_>>(), [3]);
    assert_eq!(world.next_due(), Some(NOW + 100));
    let rest = world.deliveries_due(NOW + 100);
    assert_eq!(rest.iter().map(events).collect::<Vec<_>>(), [1]);
}

#[test]
fn accounts_share_a_post_only_when_told_so() {
    for (mixes_accounts, posts) in [(true, 1), (false, 2)] {
        let policy = Policy {
            events_per_delivery: 10,
            mixes_accounts,
            ..Policy::default()
        };
        let mut world = world(policy);
        world
            .create_account(NOW, NewAccount::named("other"))
            .unwrap();
        comment(&mut world, NOW);
        world
            .message(NOW, MessageDraft::text("other", "ada", "hi"))
            .unwrap();
        assert_eq!(world.deliveries_due(NOW).len(), posts);
    }
}

#[test]
fn faults_duplicate_delay_drop_wrap_and_missign() {
    let mut world = world(Policy::default());
    let troubles = [
        DeliveryTrouble::Duplicate(2),
        DeliveryTrouble::DelayMs(50),
        DeliveryTrouble::Signing(Signing::Missing),
        DeliveryTrouble::ArrayWrapped,
    ];
    for trouble in troubles {
        world
            .script_delivery_fault(DeliveryRule::once(trouble))
            .unwrap();
    }
    comment(&mut world, NOW);
    assert!(world.deliveries_due(NOW).is_empty());
    for _ in 0..3 {
        let delivery = world.deliveries_due(NOW + 50).remove(0);
        assert!(delivery.body.starts_with(b"[{"));
        assert_eq!(header(&delivery, "X-Hub-Signature-256"), None);
        world.delivery_answered(NOW + 50, delivery.id, Answered::Status(200));
    }
    assert!(world.is_settled());
    world
        .script_delivery_fault(DeliveryRule::once(DeliveryTrouble::Drop))
        .unwrap();
    comment(&mut world, NOW);
    assert!(world.deliveries_due(NOW).is_empty());
    assert_eq!(
        world.deliveries().last().unwrap().state,
        DeliveryState::Lost
    );
    comment(&mut world, NOW);
    assert_eq!(world.deliveries_due(NOW).len(), 1);
}

#[test]
fn the_same_seed_gives_the_same_order_and_bytes() {
    let run = |seed| {
        let mut world = World::new(WorldConfig {
            seed,
            ..WorldConfig::default()
        });
        world
            .create_account(NOW, NewAccount::named("acme_store"))
            .unwrap();
        let rule = DeliveryRule {
            times: 0,
            ..DeliveryRule::once(DeliveryTrouble::ReorderMs(1_000))
        };
        world.script_delivery_fault(rule).unwrap();
        for _ in 0..20 {
            comment(&mut world, NOW);
        }
        let due = world.deliveries_due(NOW + 1_000);
        due.into_iter()
            .map(|delivery| (delivery.id, delivery.body))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    let order: Vec<_> = run(1).into_iter().map(|(id, _)| id).collect();
    assert_eq!(order.len(), 20);
    assert!(!order.is_sorted());
}

#[test]
fn private_unsubscribed_and_deselected_mean_silence() {
    let mut world = world(Policy::default());
    let private = AccountChange {
        is_private: Some(true),
        ..AccountChange::default()
    };
    world.change_account("acme_store", private).unwrap();
    comment(&mut world, NOW);
    assert!(world.deliveries_due(NOW).is_empty());
    world
        .message(NOW, MessageDraft::text("acme_store", "ada", "hi"))
        .unwrap();
    assert_eq!(world.deliveries_due(NOW).len(), 1);
    let none = AccountChange {
        subscribed_fields: Some([].into()),
        ..AccountChange::default()
    };
    world.change_account("acme_store", none).unwrap();
    world
        .message(NOW, MessageDraft::text("acme_store", "ada", "hi"))
        .unwrap();
    assert!(world.deliveries_due(NOW).is_empty());
}

#[test]
fn a_finished_delivery_can_be_delivered_again_and_raw_bytes_go_as_they_are() {
    let mut world = world(Policy::default());
    comment(&mut world, NOW);
    let first = world.deliveries_due(NOW).remove(0);
    world.delivery_answered(NOW, first.id, Answered::Status(200));
    world.redeliver(NOW + 9_000, first.id).unwrap();
    let again = world.deliveries_due(NOW + 9_000).remove(0);
    assert_eq!(
        (again.id, &again.body, &again.headers),
        (first.id, &first.body, &first.headers)
    );
    assert!(world.redeliver(NOW, 999).is_err());
    let raw = RawDelivery {
        body: Bytes::from_static(b"{\"object\":"),
        signing: Signing::Good,
        headers: None,
    };
    world.deliver_raw(NOW, raw);
    let raw = world.deliveries_due(NOW).remove(0);
    assert_eq!(&raw.body[..], b"{\"object\":");
    assert!(header(&raw, "X-Hub-Signature-256").is_some());
}
