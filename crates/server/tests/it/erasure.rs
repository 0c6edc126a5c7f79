//! Who is erased leaves no byte in the database's files, and everybody else stays whole.

mod town;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use hookline_meta::webhook;
use hookline_model::ids::{AccountId, AppScopedId, DeliveryId};
use hookline_store::erase::AskedFor;
use hookline_store::{Gate, Ownership, Pass, Store};

use town::{Person, Town, bytes_of, contact, erase, go_on, holds, in_columns};

/// Fails when a byte of `gone` is there, or one of the others is not.
#[track_caller]
fn check(bytes: &[u8], gone: &[&Person], stay: &[&Person]) {
    for person in gone {
        for mark in person.marks() {
            assert!(!holds(bytes, &mark), "{mark} is still in the files");
        }
        let (id, number) = (&person.id, in_columns(&person.id));
        assert!(!holds(bytes, number), "{id} is still in a row");
    }
    for person in stay {
        let marks = person.marks();
        let [id, name, word, escaped, ..] = marks.as_slice() else {
            unreachable!("there are more")
        };
        for mark in [id, name] {
            assert!(holds(bytes, mark), "{mark} is gone with somebody else");
        }
        let is_in_a_row = holds(bytes, in_columns(id));
        assert!(is_in_a_row, "{id} is in no row, or not as it is looked for");
        // Events may quote it from a delivery in which it is written otherwise.
        let is_there = holds(bytes, word) || holds(bytes, escaped);
        assert!(is_there, "{word} is gone with somebody else");
    }
}

/// The database is sound, and every delivery can be interpreted that could be before.
async fn check_sound(directory: &tempfile::TempDir, unreadable_max: usize) {
    let path = directory.path().join("hookline.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    let verdict: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
    drop(connection);
    let store = Store::open(&town::url(directory), Ownership::Shared).unwrap();
    let (mut unreadable, mut id, mut missing) = (0, 1, 0);
    while missing < 1000 {
        match store.find_delivery(DeliveryId(id)).await.unwrap() {
            Some((_, body)) => unreadable += usize::from(webhook::interpret(&body).is_err()),
            None => missing += 1,
        }
        id += 1;
    }
    assert!(
        unreadable <= unreadable_max,
        "{unreadable} deliveries cannot be read"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_an_erased_person_is_left() {
    for seed in 0..5 {
        let (people, rounds) = (12 + 8 * usize::try_from(seed).unwrap(), 3);
        let mut town = Town::build(seed, people).await;
        town.live(rounds).await;
        let (store, all) = (Arc::clone(&town.store), town.people.clone());
        let victims = [3, 4, 9];
        for victim in victims {
            erase(&store, contact(&all[victim]), &format!("code-{victim}")).await;
        }
        let (gone, stay): (Vec<_>, Vec<_>) = all
            .iter()
            .enumerate()
            .partition(|(place, _)| victims.contains(place));
        let gone: Vec<&Person> = gone.into_iter().map(|(_, person)| person).collect();
        let stay: Vec<&Person> = stay.into_iter().map(|(_, person)| person).collect();
        check(&bytes_of(town.directory()), &gone, &[]);
        drop(store);
        let (directory, bytes) = town.close().await;
        check(&bytes, &gone, &stay);
        check_sound(&directory, rounds).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_goes_with_all_its_people_and_the_other_stays() {
    let mut town = Town::build(77, 20).await;
    town.live(2).await;
    let (store, all) = (Arc::clone(&town.store), town.people.clone());
    let user = AskedFor::User(AppScopedId::new("24900000000000000"));
    erase(&store, user, "code").await;
    let account = AccountId::new(town::ACCOUNTS[0]);
    assert!(store.find_account(account).await.unwrap().is_none());
    drop(store);
    let (directory, bytes) = town.close().await;
    let (gone, stay): (Vec<&Person>, Vec<&Person>) = all
        .iter()
        .partition(|person| person.account == town::ACCOUNTS[0]);
    // Their ids may stand in a delivery nobody can read and that does not name the account.
    for person in gone {
        for mark in person.marks().iter().skip(1).take(3) {
            assert!(!holds(&bytes, mark), "{mark} is still there");
        }
        let (id, number) = (&person.id, in_columns(&person.id));
        assert!(!holds(&bytes, number), "{id} is still in a row");
    }
    for mark in [town::ACCOUNTS[0], "acme0", "24900000000000000"] {
        assert!(!holds(&bytes, mark), "{mark} is still in the files");
    }
    for (account, is_there) in [(town::ACCOUNTS[0], false), (town::ACCOUNTS[1], true)] {
        let is_found = holds(&bytes, in_columns(account));
        assert_eq!(is_found, is_there, "rows of {account}");
    }
    check(&bytes, &[], &stay);
    check_sound(&directory, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_nobody_heard_of_is_looked_for_and_not_found() {
    let mut town = Town::build(5, 4).await;
    town.live(1).await;
    let before = town
        .store
        .stats(hookline_model::clock::Timestamp::EPOCH)
        .await
        .unwrap();
    let user = AskedFor::User(AppScopedId::new("99990000000000001"));
    let store = Arc::clone(&town.store);
    let now = hookline_model::clock::Timestamp::EPOCH;
    let asked = store
        .request_deletion(user.clone(), "one".to_owned(), now)
        .await;
    assert_eq!(asked.unwrap().unwrap().code, "one");
    let again = store.request_deletion(user, "two".to_owned(), now).await;
    assert_eq!(again.unwrap().unwrap().code, "one", "one is open already");
    go_on(&store).await;
    let done = store
        .find_deletion("one".to_owned())
        .await
        .unwrap()
        .unwrap();
    assert!(done.erased.is_nothing() && done.done_at.is_some());
    assert_eq!(store.stats(now).await.unwrap(), before);
    drop(store);
    let (_directory, bytes) = town.close().await;
    assert!(!holds(&bytes, "99990000000000001"));
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_come_in_while_somebody_is_erased() {
    let mut town = Town::build(11, 10).await;
    town.live(2).await;
    let (store, all) = (Arc::clone(&town.store), town.people.clone());
    let coming = Arc::clone(&store);
    let stranger = "610000000000042";
    let body = format!(
        r#"{{"object":"instagram","entry":[{{"id":"{}","time":1,"changes":[{{"field":"comments","value":{{"id":"5","from":{{"id":"{stranger}"}},"text":"hi"}}}}]}}]}}"#,
        town::ACCOUNTS[0]
    );
    let comes_in = async move {
        for _ in 0..300 {
            town::record(&coming, &body).await;
            if coming
                .stats(hookline_model::clock::Timestamp::EPOCH)
                .await
                .is_err()
            {
                return;
            }
        }
        town::interpret(&coming).await;
    };
    let deletion = erase(&store, contact(&all[2]), "code");
    tokio::join!(comes_in, deletion);
    drop(store);
    let (directory, bytes) = town.close().await;
    check(&bytes, &[&all[2]], &[&all[1], &all[3]]);
    assert!(holds(&bytes, stranger));
    check_sound(&directory, 2).await;
}

/// Stops for ever at one step; even ones are before a transaction, odd ones after it.
struct StopAt {
    steps: AtomicUsize,
    last: usize,
}

impl Gate for StopAt {
    fn before(&self) -> Pass {
        if self.steps.fetch_add(1, Ordering::SeqCst) >= self.last {
            Pass::Stop
        } else {
            Pass::Go
        }
    }

    fn after(&self) -> Pass {
        self.before()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_at_any_step_of_an_erasure_costs_only_that_step() {
    let mut town = Town::build(3, 6).await;
    town.live(1).await;
    let all = town.people.clone();
    let (directory, _) = town.close().await;
    let url = town::url(&directory);
    let open = |last| {
        let steps = AtomicUsize::new(0);
        let gate = Arc::new(StopAt { steps, last });
        Arc::new(Store::open_stepwise(&url, gate).unwrap())
    };
    let mut deaths = 0;
    for victim in [2, 3] {
        let store = open(usize::MAX);
        let now = hookline_model::clock::Timestamp::EPOCH;
        let code = format!("code-{victim}");
        store
            .request_deletion(contact(&all[victim]), code, now)
            .await
            .unwrap();
        drop(store);
        // A life ends before or after its first or second transaction.
        for life in 0.. {
            let store = open(life % 4);
            let going = pin!(go_on(&store));
            match going.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(()) => break,
                Poll::Pending => deaths += 1,
            }
            assert!(life < 1000, "no life got to the end");
        }
    }
    assert!(deaths > 8, "only {deaths} deaths");
    let bytes = bytes_of(&directory);
    check(
        &bytes,
        &[&all[2], &all[3]],
        &[&all[0], &all[1], &all[4], &all[5]],
    );
    check_sound(&directory, 1).await;
}
