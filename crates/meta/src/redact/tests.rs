use hookline_model::erasure::{ErasedAccount, ErasedPerson};
use hookline_model::ids::ContactId;

use super::*;

const ACCOUNT: &str = "17841400000000001";
const PERSON: &str = "610000000000007";

fn whom() -> Whom {
    Whom {
        accounts: Vec::new(),
        people: vec![ErasedPerson {
            account: Some(AccountId::new(ACCOUNT)),
            id: ContactId::new(PERSON),
            usernames: vec!["ada.bakes".to_owned()],
        }],
    }
}

fn cut(body: &str) -> Redaction {
    redact(body.as_bytes(), &whom(), &BTreeSet::new())
}

fn kept(body: &str) -> String {
    match cut(body) {
        Redaction::Cut { body, .. } => String::from_utf8(body).unwrap(),
        other @ (Redaction::Untouched | Redaction::Emptied) => panic!("{other:?}"),
    }
}

fn entry(account: &str, list: &str, items: &str) -> String {
    format!(
        r#"{{"object":"instagram","entry":[{{"id":"{account}","time":1,"{list}":[{items}]}}]}}"#
    )
}

fn comment(id: &str, person: &str, name: &str, text: &str) -> String {
    format!(
        r#"{{"field":"comments","value":{{"id":"{id}","from":{{"id":{person},"username":"{name}"}},"text":"{text}"}}}}"#
    )
}

#[test]
fn others_keep_their_bytes() {
    let theirs = comment("c1", "\"610000000000007\"", "ada.bakes", "hi");
    let other = comment("c2", "\"610000000000008\"", "bob", r"\u00e4 \/ odd  ");
    let body = entry(ACCOUNT, "changes", &format!("{theirs}, {other}"));
    assert_eq!(kept(&body), entry(ACCOUNT, "changes", &other));
}

#[test]
fn ids_are_found_as_numbers_in_escapes_and_within_words() {
    let escaped = r#""\u0036\u00310000000000007""#;
    for id in [
        "610000000000007",
        "\"610000000000007\"",
        escaped,
        "\"x-610000000000007\"",
    ] {
        let theirs = comment("c1", id, "someone", "hi");
        let body = entry(ACCOUNT, "changes", &theirs);
        let Redaction::Cut {
            body,
            is_bare,
            parts,
        } = cut(&body)
        else {
            panic!("{id} was not found");
        };
        assert_eq!(body, br#"{"object":"instagram","entry":[]}"#);
        assert!(is_bare);
        assert_eq!(parts[0].id, "c1");
    }
}

#[test]
fn a_handle_counts_where_a_handle_stands_and_not_in_the_words_of_others() {
    let named = comment("c1", "null", r"ada\u002ebakes", "hi");
    assert_ne!(
        cut(&entry(ACCOUNT, "changes", &named)),
        Redaction::Untouched
    );
    let words = comment("c1", "\"5\"", "bob", "look @ada.bakes");
    assert_eq!(
        cut(&entry(ACCOUNT, "changes", &words)),
        Redaction::Untouched
    );
    let own = comment("c1", &format!("\"{ACCOUNT}\""), "acme", "thanks @ada.bakes");
    assert_ne!(cut(&entry(ACCOUNT, "changes", &own)), Redaction::Untouched);
}

#[test]
fn in_another_account_the_same_id_is_somebody_else() {
    let theirs = comment("c1", PERSON, "x", "hi");
    assert_eq!(cut(&entry("2", "changes", &theirs)), Redaction::Untouched);
}

#[test]
fn an_event_without_a_sender_is_known_by_its_message() {
    let edit = r#"{"timestamp":1,"message_edit":{"mid":"m1","text":"secret","num_edit":1}}"#;
    let answer = r#"{"sender":{"id":"5"},"message":{"mid":"m2","reply_to":{"mid":"m1"}}}"#;
    let body = entry(ACCOUNT, "messaging", &format!("{edit},{answer}"));
    let parts = BTreeSet::from([Part {
        account: AccountId::new(ACCOUNT),
        id: "m1".to_owned(),
    }]);
    let Redaction::Cut { body, .. } = redact(body.as_bytes(), &whom(), &parts) else {
        panic!("it was not cut");
    };
    assert_eq!(body, entry(ACCOUNT, "messaging", answer).into_bytes());
}

#[test]
fn what_cannot_be_read_is_emptied_when_it_holds_them() {
    assert_eq!(cut(r#"{"object": 610000000000007"#), Redaction::Emptied);
    assert_eq!(cut(r#"{"object": "\u00610000"#), Redaction::Untouched);
    assert_eq!(cut(r"\u0036\u00310000000000007"), Redaction::Emptied);
    assert_eq!(cut("not json"), Redaction::Untouched);
    let with_broken = [b"\xff".as_slice(), PERSON.as_bytes()].concat();
    assert_eq!(
        redact(&with_broken, &whom(), &BTreeSet::new()),
        Redaction::Emptied
    );
}

#[test]
fn depth_does_not_matter() {
    let deep = format!("{}{PERSON}{}", "[".repeat(5000), "]".repeat(5000));
    let event = format!(r#"{{"field":"x","value":{deep}}}"#);
    assert_ne!(
        cut(&entry(ACCOUNT, "changes", &event)),
        Redaction::Untouched
    );
}

#[test]
fn an_accounts_entries_go_whole_and_it_is_a_person_to_others() {
    let whom = Whom {
        accounts: vec![ErasedAccount {
            id: AccountId::new(ACCOUNT),
            other_ids: vec!["24900000000000001".to_owned()],
            username: "acme".to_owned(),
        }],
        people: Vec::new(),
    };
    let mine = entry(ACCOUNT, "changes", &comment("c1", "5", "bob", "hi"));
    let Redaction::Cut { is_bare, .. } = redact(mine.as_bytes(), &whom, &BTreeSet::new()) else {
        panic!("it was not cut");
    };
    assert!(is_bare);
    let elsewhere = entry("2", "changes", &comment("c1", "5", "acme", "hi"));
    assert_ne!(
        redact(elsewhere.as_bytes(), &whom, &BTreeSet::new()),
        Redaction::Untouched
    );
}
