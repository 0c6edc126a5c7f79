use hookline_model::ids::{AccountId, SendId};

use super::*;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000).plus(Duration::from_secs(seconds))
}

fn unknown(kind: SendKind) -> UnknownSend {
    UnknownSend {
        id: SendId(1),
        kind,
        account_id: AccountId::new("17841400000000001"),
        contact_id: Some(ContactId::new("61")),
        comment_id: Some(CommentId::new("17")),
        text: "Here it is".to_owned(),
        attempts: 1,
        looks: 0,
        reason: Some("timeout".to_owned()),
        refused: None,
        started_at: at(100),
        last_started_at: at(100),
        deadline_at: at(1000),
    }
}

fn message(id: &str, seconds: u64) -> ConversationMessage {
    ConversationMessage {
        id: MessageId::new(id),
        created_at: at(seconds),
        from_id: None,
        from_username: None,
        to_id: None,
        text: None,
    }
}

#[test]
fn a_private_reply_is_its_own_evidence_as_long_as_it_may_be_tried() {
    let now = at(110);
    let send = unknown(SendKind::PrivateReply);
    let conversation = Way::Conversation(ContactId::new("61"));
    assert_eq!(Way::of(&send, now), Way::Again);
    let mut refused = send.clone();
    refused.refused = Some("comment_gone".to_owned());
    let mut tried = send.clone();
    tried.attempts = ATTEMPTS_MAX;
    let mut looked = send.clone();
    looked.looks = LOOKS_MAX;
    for other in [refused, tried, looked] {
        assert_eq!(Way::of(&other, now), conversation, "{other:?}");
    }
    assert_eq!(Way::of(&send, at(1000)), conversation, "past its deadline");
}

#[test]
fn a_dm_is_never_tried_again_without_a_look() {
    let now = at(110);
    let send = unknown(SendKind::Dm);
    assert_eq!(Way::of(&send, now), Way::Conversation(ContactId::new("61")));
    let mut nobody = send;
    nobody.contact_id = None;
    assert_eq!(Way::of(&nobody, now), Way::Nowhere);
    let reply = unknown(SendKind::PublicReply);
    assert_eq!(Way::of(&reply, now), Way::Replies(CommentId::new("17")));
}

#[test]
fn what_may_still_land_is_not_absent() {
    let mut send = unknown(SendKind::Dm);
    let lands_until = at(100).plus(LANDS_WITHIN);
    let just_before = lands_until.minus(Duration::from_millis(1));
    for kind in [SendKind::Dm, SendKind::PublicReply, SendKind::PrivateReply] {
        send.kind = kind;
        let waits = Evidence::WaitForTurn(lands_until);
        assert_eq!(absent(&send, just_before), waits, "{kind:?}");
        assert_ne!(absent(&send, lands_until), waits, "{kind:?}");
    }
    send.last_started_at = at(200);
    let waits = Evidence::WaitForTurn(at(200).plus(LANDS_WITHIN));
    assert_eq!(absent(&send, lands_until), waits, "the last attempt counts");
}

#[test]
fn proven_absence_is_a_second_chance_only_in_time() {
    let send = unknown(SendKind::Dm);
    assert_eq!(absent(&send, at(130)), Evidence::Absent);
    let over = |state, reason: &str| Evidence::Over {
        state,
        reason: reason.to_owned(),
    };
    assert_eq!(
        absent(&send, at(1000)),
        over(SendState::Expired, "deadline_passed")
    );
    let mut refused = send.clone();
    refused.refused = Some("outside_window".to_owned());
    assert_eq!(
        absent(&refused, at(130)),
        over(SendState::Refused, "outside_window")
    );
    let mut tried = send;
    tried.attempts = ATTEMPTS_MAX;
    assert_eq!(
        absent(&tried, at(130)),
        over(SendState::Refused, "tried_in_vain")
    );
}

#[test]
fn a_full_page_that_ends_after_the_attempt_proves_nothing() {
    let page = |count: u64, oldest: u64| -> Vec<ConversationMessage> {
        (0..count)
            .map(|place| message("m", oldest + count - place))
            .collect()
    };
    assert!(reaches_back(&[], at(100)));
    assert!(reaches_back(&page(19, 200), at(100)), "it is not full");
    assert!(!reaches_back(&page(20, 200), at(100)));
    assert!(reaches_back(&page(20, 90), at(100)));
}

#[test]
fn white_space_is_no_difference_and_words_are() {
    assert!(is_same("Here it  is", "Here it is\n"));
    assert!(!is_same("Here it was", "Here it is"));
}

#[test]
fn after_so_many_looks_a_person_decides() {
    let mut send = unknown(SendKind::Dm);
    assert!(matches!(look_again(&send, at(110)), Evidence::LookAgain(_)));
    send.looks = LOOKS_MAX;
    assert_eq!(look_again(&send, at(110)), Evidence::LeaveUnknown);
}
