//! Claim: the store's part of sending, on a database with a backlog.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use futures_util::FutureExt as _;
use hookline_model::account::Login;
use hookline_model::attempt::{AttemptOutcome, MetaAnswer};
use hookline_model::automation::OncePer;
use hookline_model::budget::Budget;
use hookline_model::clock::Timestamp;
use hookline_model::event::{
    Comment, CommentMedia, Container, Event, EventBody, EventName, NaturalKey, Person,
};
use hookline_model::ids::{
    AccountId, AutomationId, CommentId, ContactId, DeliveryId, MediaId, MessageId,
};
use hookline_model::once::OnceScope;
use hookline_model::routing::because;
use hookline_model::send::{SendClass, SendKey, SendKind};
use hookline_store::lanes::{
    Budgets, ClaimRequest, ClaimedLane, Ending, FinishAttempt, LaneEffect, StartAttempt,
    StartResult, StartedAttempt,
};
use hookline_store::planning::{Plan, PlannedEvent, PlannedRun, PlannedSend, Verdict};
use hookline_store::{ConnectAccount, Grant, Ownership, SealedToken, Store};

use crate::Take;

/// Accounts, each with one lane.
const LANES: u32 = 1250;

/// What waits in each lane: as many as one claim takes.
const SENDS_PER_LANE: u32 = 8;

/// How many lanes a worker asks for.
const LANES_PER_CLAIM: u32 = 4;

/// Claims some of the lanes, starts and finishes everything that waits in them, and gives them
/// back. Each time it is other lanes.
pub fn four_lanes() -> anyhow::Result<Take> {
    let directory = tempfile::tempdir()?;
    let url = format!("sqlite:{}", directory.path().join("hookline.db").display());
    // Shared: everything happens on this thread.
    let store = Store::open(&url, Ownership::Shared)?;
    fill(&store)?;
    let now = at(3600);
    Ok(Box::new(move || {
        // The files are there for as long as the store is.
        let _ = &directory;
        let claimed = done(store.claim_lanes(request(), now))??;
        ensure!(count(claimed.len()) == LANES_PER_CLAIM, "no lanes are left");
        work(&store, claimed, now)
    }))
}

fn work(store: &Store, lanes: Vec<ClaimedLane>, now: Timestamp) -> anyhow::Result<()> {
    let mut attempts = Vec::new();
    for lane in &lanes {
        ensure!(count(lane.sends.len()) == SENDS_PER_LANE, "a lane is empty");
        attempts.extend(lane.sends.iter().map(|send| {
            let attempt = StartAttempt {
                send: send.id,
                text: "Hi, here it is: https://example.com/guide".to_owned(),
                budget: request().budgets.of(lane.claim.class),
                learnt: None,
            };
            (lane.claim.clone(), attempt)
        }));
    }
    let mut endings = Vec::with_capacity(attempts.len());
    for started in done(store.start_attempts(attempts, now))? {
        let StartResult::Started(attempt) = started? else {
            bail!("a send was not started");
        };
        endings.push(accepted(attempt, now));
    }
    // The last of a lane gives it back.
    for (lane, ending) in lanes.into_iter().zip(last_of_each(&mut endings)) {
        ending.release = Some(lane.claim);
    }
    for is_kept in done(store.end_attempts(endings, request().budgets, now))? {
        ensure!(is_kept?, "someone else has settled a send");
    }
    Ok(())
}

fn last_of_each(endings: &mut [Ending]) -> impl Iterator<Item = &mut Ending> {
    let size = usize::try_from(SENDS_PER_LANE).unwrap_or(usize::MAX);
    endings.chunks_mut(size).filter_map(<[Ending]>::last_mut)
}

fn accepted(attempt: StartedAttempt, now: Timestamp) -> Ending {
    let outcome = AttemptOutcome::Accepted {
        message_id: Some(MessageId::new(format!("mid.{}", attempt.send))),
        recipient_id: None,
    };
    Ending {
        finish: Some(FinishAttempt {
            attempt,
            outcome,
            answer: MetaAnswer::default(),
            retry_at: now,
            effect: LaneEffect::None,
        }),
        release: None,
    }
}

/// What a shared store does is done when it answers: it waits for nobody.
fn done<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    work.now_or_never().context("the store waits for something")
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn request() -> ClaimRequest {
    let budget = Budget::new(750, Duration::from_hours(1), 25);
    ClaimRequest {
        lease: Duration::from_mins(1),
        lanes: LANES_PER_CLAIM,
        sends_per_lane: SENDS_PER_LANE,
        budgets: Budgets {
            private_reply: budget,
            live_private_reply: budget,
            text: budget,
            media: budget,
            public_reply: budget,
        },
    }
}

fn at(seconds: u32) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + i64::from(seconds) * 1000)
}

fn account(lane: u32) -> AccountId {
    AccountId::new((17_841_400_000_000_000 + u64::from(lane)).to_string())
}

fn fill(store: &Store) -> anyhow::Result<()> {
    let name = "link-on-comment".to_owned();
    let document = serde_json::json!({"name": name});
    done(store.publish_automation(name.clone(), document, at(0)))??;
    let automation = done(store.find_automation(name))??.context("it was not published")?;
    for lane in 0..LANES {
        let account = ConnectAccount {
            id: account(lane),
            username: format!("shop.{lane}"),
            login: Login::Instagram,
            app_scoped_id: None,
            token: SealedToken {
                key: vec![0; 4],
                bytes: vec![1; 200],
            },
            grant: Grant::default(),
        };
        done(store.connect_account(account, at(0)))??;
    }
    let places = (0..SENDS_PER_LANE).flat_map(|place| (0..LANES).map(move |lane| (lane, place)));
    let events = places.map(|(lane, place)| planned(lane, place, automation.id));
    let plan = Plan {
        events: events.collect(),
        ..Plan::default()
    };
    done(store.commit_plan(plan, at(0)))??;
    Ok(())
}

/// A comment with the private reply it gets. Lanes become due one after another, so that the
/// order in which they are claimed is always the same.
fn planned(lane: u32, place: u32, automation: AutomationId) -> PlannedEvent {
    let number = u64::from(lane) * u64::from(SENDS_PER_LANE) + u64::from(place);
    let event = comment(lane, number);
    let (contact_id, comment_id) = (event.contact_id().cloned(), event.comment_id().cloned());
    let key = match &comment_id {
        Some(comment) => SendKey::private_reply(&event.account_id, comment),
        None => SendKey::step(EventName::of(&event), automation.0, 0),
    };
    let send = PlannedSend {
        key,
        automation_id: automation,
        version: 1,
        step: 0,
        kind: SendKind::PrivateReply,
        class: SendClass::PrivateReply,
        contact_id,
        comment_id,
        due_at: Some(at(lane)),
        deadline_at: at(7 * 24 * 3600),
        text: "Hi, here it is: https://example.com/guide".to_owned(),
        keyword: Some("link".to_owned()),
    };
    PlannedEvent {
        known: None,
        delivery_id: DeliveryId(1),
        received_at: at(0),
        ignored: None,
        waits_until: None,
        runs: vec![PlannedRun {
            automation_id: automation,
            version: 1,
            verdict: Verdict::Matched,
            because: because("match.any", "the word", "LINK please"),
            once_scope: Some(OnceScope::of(OncePer::Comment, &event)),
        }],
        sends: vec![send],
        opt_out: None,
        texts: None,
        event,
    }
}

fn comment(lane: u32, number: u64) -> Event {
    let mut key = [0; 16];
    for (byte, value) in key.iter_mut().zip(number.to_be_bytes()) {
        *byte = value;
    }
    Event {
        account_id: account(lane),
        key: NaturalKey::from_bytes(key),
        container: Container::Changes,
        sent_at: Some(at(0)),
        occurred_at: None,
        body: EventBody::CommentReceived(Comment {
            id: CommentId::new((17_900_000_000_000_000 + number).to_string()),
            text: Some("LINK please, I tried this at home and it was lovely".to_owned()),
            from: Some(Person {
                id: ContactId::new((6_100_000_000_000_000 + number).to_string()),
                username: Some(format!("guest.{number}")),
            }),
            parent_id: None,
            media: Some(CommentMedia {
                id: MediaId::new("18000000000000021"),
                product_type: None,
                original_media_id: None,
                ad_id: None,
                ad_title: None,
            }),
            is_own: false,
            is_test: false,
        }),
    }
}
