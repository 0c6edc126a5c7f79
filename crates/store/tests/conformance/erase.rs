use hookline_model::ids::{ContactId, DeliveryId};
use hookline_store::StoreError;
use hookline_store::erase::{AskedFor, DeletionState, Redacted};
use hookline_store::planning::Plan;

use crate::house::{House, account, at, comment_with_reply};

fn person() -> AskedFor {
    AskedFor::Contact {
        account: account(),
        contact: ContactId::new("61000001"),
    }
}

async fn ask(house: &House, code: &str) -> String {
    let asked = house
        .store
        .request_deletion(person(), code.to_owned(), at(1))
        .await;
    asked.unwrap().unwrap().code
}

fn cut(id: DeliveryId, before: &str, after: &str) -> Vec<Redacted> {
    vec![Redacted {
        id,
        before: before.as_bytes().to_vec(),
        after: Some(after.as_bytes().to_vec()),
    }]
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_can_be_cleaned_one_by_one() {
    let house = House::build();
    assert!(
        house.store.can_clean_pages().await.unwrap(),
        "sqlite was built without its table of pages: see .cargo/config.toml"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_made_from_bytes_that_were_cut_since_is_refused() {
    let house = House::build();
    house.connect().await;
    let automation = house.publish().await;
    let id = house.record("{1}").await;
    let batch = house.store.next_batch(10, 1000).await.unwrap();
    ask(&house, "code").await;
    let deletion = house.store.open_deletion().await.unwrap().unwrap();
    house
        .store
        .commit_redactions(deletion.id, cut(id, "{1}", "{}"), Vec::new(), None, at(2))
        .await
        .unwrap();
    let plan = |redactions| Plan {
        redactions: Some(redactions),
        events: vec![comment_with_reply(1, automation)],
        ..Plan::default()
    };
    let refused = house.store.commit_plan(plan(batch.redactions), at(2)).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict(_))),
        "{refused:?}"
    );
    let again = house.store.next_batch(10, 1000).await.unwrap();
    assert_eq!(again.deliveries[0].body, b"{}");
    house
        .store
        .commit_plan(plan(again.redactions), at(2))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_someone_else_cut_is_decided_again() {
    let house = House::build();
    let id = house.record("{12}").await;
    ask(&house, "code").await;
    let deletion = house.store.open_deletion().await.unwrap().unwrap().id;
    let redact = |redacted| {
        house
            .store
            .commit_redactions(deletion, redacted, Vec::new(), Some(id), at(2))
    };
    redact(cut(id, "{12}", "{2}")).await.unwrap();
    let refused = redact(cut(id, "{12}", "{1}")).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict(_))),
        "{refused:?}"
    );
    let (record, body) = house.store.find_delivery(id).await.unwrap().unwrap();
    assert_eq!(
        (body.as_slice(), record.redacted_at),
        (&b"{2}"[..], Some(at(2)))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_requests_share_a_code_while_one_is_carried_out() {
    let house = House::build();
    assert_eq!(ask(&house, "one").await, "one");
    assert_eq!(ask(&house, "two").await, "one");
    let open = house.store.open_deletion().await.unwrap().unwrap();
    assert!(house.store.erase_leftovers(open).await.unwrap());
    let cleaning = house.store.deletions_to_clean().await.unwrap();
    house.store.finish_deletions(cleaning, at(3)).await.unwrap();
    let done = house.store.find_deletion("one".to_owned()).await.unwrap();
    assert_eq!(done.unwrap().state, DeletionState::Done);
    assert_eq!(ask(&house, "three").await, "three");
}
