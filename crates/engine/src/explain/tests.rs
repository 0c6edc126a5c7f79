use std::time::Duration;

use hookline_model::attempt::MetaAnswer;
use hookline_model::automation::Because;
use hookline_model::clock::Timestamp;
use hookline_model::event::{Comment, EventBody, EventKind, Person};
use hookline_model::ids::{
    AccountId, CommentId, ContactId, DeliveryId, EventId, MessageId, SendId,
};
use hookline_model::send::SendKind;
use hookline_store::planning::Verdict;
use hookline_store::records::{
    AttemptRecord, DeliveryRecord, DeliveryStatus, EventRecord, RunRecord, SendRecord, Story,
};

use super::summary::elapsed;
use super::{Explanation, summary};

const ARRIVED: i64 = 1_790_000_000_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(ARRIVED + millis)
}

fn comment(text: Option<&str>) -> EventRecord {
    let person = Person {
        id: ContactId::new("77"),
        username: Some("ada.bakes".to_owned()),
    };
    EventRecord {
        id: EventId(5),
        account_id: AccountId::new("1784"),
        event_kind: EventKind::CommentReceived,
        comment_id: Some(CommentId::new("900")),
        mid: None,
        contact_id: Some(ContactId::new("77")),
        received_at: at(0),
        sent_at: Some(at(-500)),
        occurred_at: None,
        backfilled: false,
        ignored: None,
        delivery_id: DeliveryId(3),
        body: EventBody::CommentReceived(Comment {
            id: CommentId::new("900"),
            text: text.map(str::to_owned),
            from: Some(person),
            parent_id: None,
            media: None,
            is_own: false,
            is_test: false,
        }),
    }
}

fn run(automation: &str, verdict: Verdict, because: (&str, &str, &str)) -> RunRecord {
    let (condition, expected, actual) = because;
    RunRecord {
        automation: automation.to_owned(),
        version: 1,
        verdict,
        because: Because {
            condition: condition.to_owned(),
            expected: expected.to_owned(),
            actual: actual.to_owned(),
        },
    }
}

fn matched() -> RunRecord {
    run(
        "link-on-comment",
        Verdict::Matched,
        ("match.any", "the word \"link\"", "LINK"),
    )
}

fn send(state: &str, reason: Option<&str>) -> SendRecord {
    SendRecord {
        id: SendId(8),
        kind: SendKind::PrivateReply,
        state: state.to_owned(),
        reason: reason.map(str::to_owned),
        account_id: AccountId::new("1784"),
        contact_id: Some(ContactId::new("77")),
        comment_id: Some(CommentId::new("900")),
        event_id: EventId(5),
        automation: "link-on-comment".to_owned(),
        version: 1,
        step: 0,
        due_at: Some(at(10_000)),
        deadline_at: at(604_800_000),
        finished_at: None,
        message_id: None,
        echoed_at: None,
        attempts: Vec::new(),
    }
}

fn attempt(outcome: &str, reason: Option<&str>, answer: MetaAnswer) -> AttemptRecord {
    AttemptRecord {
        number: 1,
        started_at: at(10_000),
        finished_at: Some(at(10_120)),
        outcome: Some(outcome.to_owned()),
        reason: reason.map(str::to_owned),
        answer: Some(answer),
    }
}

fn story(runs: Vec<RunRecord>, sends: Vec<SendRecord>) -> Story {
    let delivery = DeliveryRecord {
        id: DeliveryId(3),
        received_at: at(0),
        status: DeliveryStatus::Interpreted,
        problem: None,
        body_bytes: 412,
        api_version: Some("v26.0".to_owned()),
        redacted_at: None,
    };
    Story {
        event: comment(Some("LINK")),
        deliveries: vec![delivery],
        runs,
        sends,
    }
}

fn summary_of_send(send: SendRecord) -> String {
    let whole = summary::of(&story(vec![matched()], vec![send]), at(2_000));
    let matched = "the comment \"LINK\" by ada.bakes matched link-on-comment because match.any \
                   asks for the word \"link\" and the text is \"LINK\"; ";
    whole
        .strip_prefix(matched)
        .expect("the summary begins with the match")
        .to_owned()
}

fn accepted() -> SendRecord {
    let answer = MetaAnswer {
        http_status: Some(200),
        ..MetaAnswer::default()
    };
    SendRecord {
        message_id: Some(MessageId::new("m_1")),
        finished_at: Some(at(10_120)),
        echoed_at: Some(at(11_000)),
        attempts: vec![attempt("accepted", None, answer)],
        ..send("accepted", None)
    }
}

#[test]
fn an_accepted_and_echoed_send_says_when_and_how_long_after() {
    assert_eq!(
        summary_of_send(accepted()),
        "the private reply was accepted by Meta at 2026-09-21T14:13:30.120Z (10.1 s after the \
         comment arrived) and confirmed by its echo"
    );
}

#[test]
fn an_ignored_event_says_why() {
    let mut story = story(Vec::new(), Vec::new());
    story.event.ignored = Some("own_comment".to_owned());
    assert_eq!(
        summary::of(&story, at(0)),
        "the comment \"LINK\" by ada.bakes was ignored because it is the account's own comment"
    );
}

#[test]
fn without_automations_it_says_so() {
    assert_eq!(
        summary::of(&story(Vec::new(), Vec::new()), at(0)),
        "the comment \"LINK\" by ada.bakes set off nothing: no automation in use is for this \
         account and kind of event"
    );
}

#[test]
fn an_event_that_cannot_be_routed_yet_says_what_it_waits_for() {
    assert_eq!(
        summary::of_waiting(&story(Vec::new(), Vec::new())),
        "the comment \"LINK\" by ada.bakes is waiting: an automation is for the next media, and \
         Meta has not said yet when the media of this event was published"
    );
}

#[test]
fn without_a_match_every_deciding_condition_is_named() {
    let runs = vec![
        run(
            "a",
            Verdict::NotMatched,
            ("match.any", "the word \"guide\"", "LINK"),
        ),
        run(
            "b",
            Verdict::NotMatched,
            ("match.any", "the word \"price\"", "no text"),
        ),
        run("c", Verdict::NotMatched, ("trigger.media", "11, 12", "13")),
        run("d", Verdict::NotMatched, ("trigger.media", "14", "13")),
    ];
    assert_eq!(
        summary::of(&story(runs, Vec::new()), at(0)),
        "the comment \"LINK\" by ada.bakes set off nothing: no automation matched (a: match.any \
         asks for the word \"guide\" and the text is \"LINK\"; b: match.any asks for the word \
         \"price\" and there is no text; c: trigger.media asks for 11, 12 and it is 13; and 1 \
         more)"
    );
}

#[test]
fn a_skipped_automation_says_what_kept_it() {
    for (because, expected) in [
        (
            (
                "contact",
                "a contact who has not asked to stop",
                "opted out since 2026-09-21T14:13:20.000Z",
            ),
            "matched, but the person has asked to get no more messages",
        ),
        (
            ("limit.once_per", "person", "already used up"),
            "matched, but its limit of once per person is already used up",
        ),
        (
            ("one private reply per comment", "none planned yet", "taken"),
            "matched, but the comment already has the one private reply Meta allows",
        ),
    ] {
        let runs = vec![run("a", Verdict::Skipped, because)];
        assert_eq!(
            summary::of(&story(runs, Vec::new()), at(0)),
            format!("the comment \"LINK\" by ada.bakes was not answered: a {expected}")
        );
    }
}

#[test]
fn a_lost_automation_names_the_winner() {
    let because = (
        "priority",
        "the highest of those that match",
        "lost to link-on-comment",
    );
    let runs = vec![matched(), run("b", Verdict::Lost, because)];
    let sentence = summary::of(&story(runs, vec![accepted()]), at(20_000));
    assert!(
        sentence.ends_with("by its echo; b lost to link-on-comment"),
        "{sentence}"
    );
}

#[test]
fn a_planned_send_says_what_it_waits_for() {
    assert_eq!(
        summary_of_send(send("planned", None)),
        "the private reply is waiting: due at 2026-09-21T14:13:30.000Z (in 8.0 s)"
    );
    assert_eq!(
        summary_of_send(SendRecord {
            due_at: None,
            ..send("planned", None)
        }),
        "the private reply waits for the step before it"
    );
    let throttled = attempt("throttled", Some("rate_limited"), MetaAnswer::default());
    assert_eq!(
        summary_of_send(SendRecord {
            due_at: Some(at(1_000)),
            attempts: vec![throttled],
            ..send("planned", None)
        }),
        "the private reply is waiting for its turn: due since 2026-09-21T14:13:21.000Z after try \
         1, which was throttled: Meta asks to wait because its rate limit is reached \
         (rate_limited)"
    );
}

#[test]
fn a_held_send_says_why_and_until_when_it_can_go() {
    assert_eq!(
        summary_of_send(send("held", Some("token_expired"))),
        "the private reply is held: the access token has expired; connect the account again \
         (token_expired); it can still go out until 2026-09-28T14:13:20.000Z"
    );
}

#[test]
fn a_refused_send_names_the_reason_and_the_error_of_meta() {
    let answer = MetaAnswer {
        code: Some(10),
        subcode: Some(2_534_022),
        ..MetaAnswer::default()
    };
    let refused = SendRecord {
        attempts: vec![attempt("refused", Some("outside_window"), answer)],
        ..send("refused", Some("outside_window"))
    };
    assert_eq!(
        summary_of_send(refused),
        "the private reply was refused: the person's 24-hour messaging window is closed \
         (outside_window) (Meta's error 10, subcode 2534022)"
    );
}

#[test]
fn unknown_expired_and_cancelled_sends_are_told_apart() {
    assert_eq!(
        summary_of_send(send("unknown", Some("looking_for_evidence"))),
        "it is not known whether the private reply arrived: it is being looked up whether it \
         arrived (looking_for_evidence); it is not repeated blindly"
    );
    let expired = SendRecord {
        finished_at: Some(at(604_800_000)),
        ..send("expired", Some("deadline_passed"))
    };
    assert_eq!(
        summary_of_send(expired),
        "the private reply expired at 2026-09-28T14:13:20.000Z: the time in which Meta allows it \
         has passed (deadline_passed)"
    );
    assert_eq!(
        summary_of_send(send("cancelled", Some("step_before_ended"))),
        "the private reply was cancelled: the step before it did not go through \
         (step_before_ended)"
    );
}

#[test]
fn durations_are_said_as_people_say_them() {
    for (millis, expected) in [
        (0, "0.0 s"),
        (10_120, "10.1 s"),
        (185_000, "3 min 5 s"),
        (7_500_000, "2 h 5 min"),
        (273_600_000, "3 d 4 h"),
    ] {
        assert_eq!(elapsed(Duration::from_millis(millis)), expected);
    }
}

#[test]
fn the_answer_has_the_fields_of_the_api_and_the_kind_once() {
    let explanation = Explanation::of("900", story(vec![matched()], vec![accepted()]), at(20_000));
    let json = serde_json::to_value(&explanation).expect("it serialises");
    let fields = [
        "subject",
        "summary",
        "deliveries",
        "event",
        "ignored",
        "runs",
        "sends",
    ];
    let object = json.as_object().expect("an object");
    assert_eq!(object.len(), fields.len());
    assert!(fields.iter().all(|field| object.contains_key(*field)));
    assert_eq!(json["event"]["kind"], "comment_received");
    assert_eq!(json["event"]["details"]["text"], "LINK");
    assert!(json["event"]["details"].get("kind").is_none());
    assert_eq!(json["runs"][0]["because"]["expected"], "the word \"link\"");
    assert_eq!(
        json["sends"][0]["attempts"][0]["answer"]["http_status"],
        200
    );
}

#[test]
fn the_text_shows_every_delivery_run_send_and_attempt() {
    let explanation = Explanation::of("900", story(vec![matched()], vec![accepted()]), at(20_000));
    let text = explanation.to_text();
    let body = text.split_once("\n\n").expect("a summary and a body").1;
    let expected = r#"event evt_5
  kind         comment_received
  account      1784
  comment      900
  contact      77
  received     2026-09-21T14:13:20.000Z
  sent by Meta 2026-09-21T14:13:19.500Z

deliveries (1)
  dlv_3        received 2026-09-21T14:13:20.000Z, 412 bytes, interpreted

automations considered (1)
  link-on-comment v1  matched
    condition match.any
    expected  the word "link"
    actual    LINK

send snd_8: private reply of link-on-comment v1, step 1
  state        accepted
  contact      77
  due          2026-09-21T14:13:30.000Z
  deadline     2026-09-28T14:13:20.000Z
  finished     2026-09-21T14:13:30.120Z
  message      m_1
  echoed       2026-09-21T14:13:31.000Z
  attempt 1    2026-09-21T14:13:30.000Z accepted after 0.1 s
  Meta said    HTTP 200
"#;
    assert_eq!(body, expected);
}
