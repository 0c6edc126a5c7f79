//! Ids of every form are found by themselves, and by nothing that only looks like them.

use hookline_model::account::Login;
use hookline_model::alert::{AlertCode, RaiseAlert};
use hookline_model::attempt::{AttemptOutcome, MetaAnswer};
use hookline_model::event::{Event, EventBody};
use hookline_model::ids::{AccountId, CommentId, ContactId, MediaId, MessageId};
use hookline_model::upkeep::{GapCause, Task};
use hookline_store::erase::AskedFor;
use hookline_store::lanes::{FinishAttempt, LaneEffect, StartAttempt, StartResult};
use hookline_store::planning::{FactsQuery, NextMedia, Plan, PlannedEvent, TakenQuery};
use hookline_store::queue::{QueueFilter, QueuePageRequest};
use hookline_store::records::{EventFilter, PageRequest, SendFilter};
use hookline_store::{ConnectAccount, Grant, SealedToken};

use crate::house::{House, at, comment_with_reply, request};

/// Numbers, and what only looks like the number before it.
const IDS: [&str; 8] = [
    "17841400000000001",
    "017841400000000001",
    "7",
    "07",
    "9223372036854775807",
    "9223372036854775808",
    "shop.a",
    "-7",
];

const PAGE: PageRequest = PageRequest {
    before: None,
    limit: 50,
};

fn account(id: &str) -> ConnectAccount {
    ConnectAccount {
        id: AccountId::new(id),
        username: format!("shop {id}"),
        login: Login::Instagram,
        app_scoped_id: None,
        token: SealedToken {
            key: vec![0; 4],
            bytes: vec![1; 40],
        },
        grant: Grant::default(),
    }
}

/// Somebody's comment, with an id like that of its account.
fn commented(
    place: u8,
    id: &str,
    automation: hookline_model::ids::AutomationId,
) -> (Event, PlannedEvent) {
    let mut planned = comment_with_reply(place, automation);
    planned.event.account_id = AccountId::new(id);
    if let EventBody::CommentReceived(comment) = &mut planned.event.body {
        comment.id = CommentId::new(id);
        comment.from.as_mut().unwrap().id = ContactId::new(id);
    }
    let event = planned.event.clone();
    for send in &mut planned.sends {
        send.contact_id = event.contact_id().cloned();
        send.comment_id = event.comment_id().cloned();
    }
    planned.sends.truncate(1);
    planned.sends[0].key = hookline_model::send::SendKey::private_reply(
        &event.account_id,
        event.comment_id().unwrap(),
    );
    (event, planned)
}

/// Everybody has commented and is answered, and everything else that names an account has happened.
async fn live(house: &House) {
    let automation = house.publish().await;
    let mut plan = Plan::default();
    for (place, id) in (0..).zip(IDS) {
        let is_new = house.store.connect_account(account(id), at(0)).await;
        assert!(is_new.unwrap(), "{id} was taken for another");
        plan.events.push(commented(place, id, automation).1);
    }
    house.store.commit_plan(plan, at(0)).await.unwrap();
    for lane in house.store.claim_lanes(request(), at(1)).await.unwrap() {
        assert_eq!(
            lane.account.unwrap().account.id,
            lane.claim.account_id,
            "a lane has another's account"
        );
        let send = lane.sends[0].id;
        let attempt = StartAttempt {
            send,
            text: "Here it is".to_owned(),
            budget: request().budgets.private_reply,
            learnt: None,
        };
        let started = house.start(lane.claim.clone(), attempt, at(1)).await;
        let StartResult::Started(attempt) = started else {
            unreachable!("{started:?}");
        };
        let finish = FinishAttempt {
            attempt,
            outcome: AttemptOutcome::Accepted {
                message_id: Some(MessageId::new(format!("mid {}", send.0))),
                recipient_id: lane.sends[0].contact_id.clone(),
            },
            answer: MetaAnswer {
                http_status: Some(200),
                ..MetaAnswer::default()
            },
            retry_at: at(1),
            effect: LaneEffect::None,
        };
        assert!(house.finish(finish, at(1)).await);
        house.release(lane.claim, request(), at(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_every_form_are_found_in_every_table() {
    let house = House::build();
    live(&house).await;
    let store = &house.store;
    for id in IDS {
        let (account, contact) = (AccountId::new(id), ContactId::new(id));
        let comment = CommentId::new(id);
        let found = store.find_account(account.clone()).await.unwrap().unwrap();
        assert_eq!(found.account.username, format!("shop {id}"));
        let events = EventFilter {
            account_id: Some(account.clone()),
            comment_id: Some(comment.clone()),
            ..EventFilter::default()
        };
        let events = store.list_events(events, PAGE).await.unwrap().items;
        assert_eq!(events.len(), 1, "events of {id}");
        assert_eq!(events[0].contact_id.as_ref(), Some(&contact));
        let sends = SendFilter {
            account_id: Some(account.clone()),
            contact_id: Some(contact.clone()),
            comment_id: Some(comment.clone()),
            ..SendFilter::default()
        };
        let sends = store.list_sends(sends, PAGE, at(2)).await.unwrap().items;
        assert_eq!(sends.len(), 1, "sends of {id}");
        assert_eq!(sends[0].comment_id.as_ref(), Some(&comment));
        assert_eq!(sends[0].state, "accepted");
        let answer = sends[0].attempts[0].answer.clone().unwrap();
        assert_eq!(answer.http_status, Some(200));
        let story = store.find_story(id.to_owned(), at(2)).await.unwrap();
        assert_eq!(story.unwrap().event.account_id, account);
        let found = store.find_contact(account.clone(), id.to_owned()).await;
        assert_eq!(found.unwrap(), Some(contact));
        let known = store
            .known_comments(account.clone(), vec![comment.clone(), CommentId::new("8")])
            .await;
        assert_eq!(known.unwrap().into_iter().collect::<Vec<_>>(), [comment]);
        let newest = store.newest_events(account.clone(), 5).await.unwrap();
        assert_eq!(newest.len(), 1);
        let queue = QueueFilter {
            account_id: Some(account.clone()),
            ..QueueFilter::default()
        };
        let page = QueuePageRequest {
            after: None,
            limit: 5,
        };
        let lanes = store
            .list_queue(queue, page, request().budgets, at(2))
            .await
            .unwrap()
            .lanes;
        assert_eq!(lanes.len(), 1, "lanes of {id}");
        assert_eq!(lanes[0].username, Some(format!("shop {id}")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_decided_by_an_id_is_decided_for_it_alone() {
    let house = House::build();
    live(&house).await;
    let store = &house.store;
    let mut facts = FactsQuery::default();
    let mut taken = TakenQuery::default();
    for id in IDS {
        let (account, media) = (AccountId::new(id), MediaId::new(id));
        let next = NextMedia {
            automation_id: hookline_model::ids::AutomationId(1),
            version: 1,
            account_id: account.clone(),
            media_id: media.clone(),
        };
        store
            .learn_media(account.clone(), vec![(media.clone(), at(3))], vec![next])
            .await
            .unwrap();
        facts.contacts.insert((account.clone(), ContactId::new(id)));
        facts.media.insert((account.clone(), media));
        facts.accounts.insert(account.clone());
        let key = hookline_model::send::SendKey::private_reply(&account, &CommentId::new(id));
        taken.sends.push(key);
    }
    let facts = store.find_facts(facts).await.unwrap();
    let taken = store.find_taken(taken).await.unwrap();
    assert_eq!(facts.contacts.len(), IDS.len());
    assert_eq!(facts.media.len(), IDS.len());
    assert_eq!(facts.next_media.len(), IDS.len());
    assert_eq!(taken.sends.len(), IDS.len());
    for id in IDS {
        let account = AccountId::new(id);
        let raised = RaiseAlert {
            code: AlertCode::TokenDead,
            account: Some(account.clone()),
            detail: id.to_owned(),
            step: None,
        };
        store.raise_alert(raised, at(4)).await.unwrap();
        store
            .note_gap(
                account.clone(),
                GapCause::ALL[0],
                (at(4), at(5)),
                (at(6), at(7)),
            )
            .await
            .unwrap();
        let gap = store.next_gap(account.clone()).await.unwrap().unwrap();
        assert_eq!(gap.account_id, account);
        let hastened = store
            .hasten_task(Task::Token, Some(account.clone()), at(-1))
            .await;
        assert_eq!(hastened.unwrap(), 1);
        let resolved = store
            .resolve_alert(AlertCode::TokenDead, Some(account), at(5))
            .await;
        assert!(resolved.unwrap(), "the alert of {id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_accounts_hold_each_once() {
    let house = House::build();
    live(&house).await;
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let page = house.store.list_accounts(after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        seen.extend(page.into_iter().map(|account| account.id.to_string()));
    }
    assert_eq!(
        seen,
        [
            "-7",
            "7",
            "17841400000000001",
            "9223372036854775807",
            "017841400000000001",
            "07",
            "9223372036854775808",
            "shop.a"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_erased_goes_and_who_is_written_alike_stays() {
    for victim in IDS {
        let house = House::build();
        live(&house).await;
        let store = &house.store;
        let asked_for = AskedFor::Contact {
            account: AccountId::new(victim),
            contact: ContactId::new(victim),
        };
        let asked = store.request_deletion(asked_for, "code".to_owned(), at(5));
        asked.await.unwrap().unwrap();
        let open = store.open_deletion().await.unwrap().unwrap();
        assert!(store.erase_leftovers(open).await.unwrap());
        for id in IDS {
            let found = store
                .find_contact(AccountId::new(id), id.to_owned())
                .await
                .unwrap();
            assert_eq!(
                found.is_some(),
                id != victim,
                "{id} when {victim} is erased"
            );
        }
    }
}
