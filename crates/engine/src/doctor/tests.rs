//! Every judgement, as rows: what was read, and what is said of it.

use std::collections::BTreeMap;
use std::time::Duration;

use hookline_meta::graph::{
    AccountKind, CallFailure, GraphError, InstagramIdentity, LinkedAccount, PageIdentity, Usage,
};
use hookline_model::account::{Account, Hold, Login};
use hookline_model::alert::{Alert, AlertCode};
use hookline_model::clock::Timestamp;
use hookline_model::event::EventKind;
use hookline_model::ids::{AccountId, AlertId, AppScopedId, PageId};

use super::{Judgement, Looked, Subject, Verdict, judge, judge_app};
use crate::subscribe::{Difference, FIELDS, Standing};

const DAY: Duration = Duration::from_hours(24);

fn now() -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000)
}

fn account(id: &str) -> Account {
    Account {
        id: AccountId::new(id),
        username: "acme".to_owned(),
        login: Login::Instagram,
        app_scoped_id: None,
        connected_at: now(),
        hold: None,
    }
}

fn of_page(id: &str) -> Account {
    Account {
        login: Login::Facebook {
            page_id: PageId::new("200"),
        },
        ..account(id)
    }
}

fn answered(code: i64, subcode: Option<i64>) -> CallFailure {
    let subcode = subcode.map_or_else(String::new, |it| format!(",\"error_subcode\":{it}"));
    let body = format!("{{\"error\":{{\"message\":\"no\",\"code\":{code}{subcode}}}}}");
    CallFailure::Answered {
        error: Box::new(GraphError::of_reply(400, body.as_bytes()).expect("it is an error")),
        usage: Usage::default(),
    }
}

fn no_connection() -> CallFailure {
    CallFailure::NotSent {
        detail: "connection refused".to_owned(),
    }
}

#[track_caller]
fn expect(judged: &Judgement, verdict: Verdict, words: &str) {
    let next_step = judged.next_step.clone().unwrap_or_default();
    let said = format!("{} {next_step}", judged.what);
    assert_eq!(judged.verdict, verdict, "{said}");
    assert!(said.contains(words), "{words:?} is not in {said:?}");
    let needs_a_step = matches!(verdict, Verdict::Warn | Verdict::Fail);
    assert_eq!(judged.next_step.is_some(), needs_a_step, "{said}");
    assert!(judged.what.ends_with('.'), "{said}");
}

#[test]
fn clocks_apart_are_told_by_how_much_and_which_way() {
    for (ours, theirs, verdict, words) in [
        (0, 0, Verdict::Ok, "agrees"),
        (30, 0, Verdict::Ok, "agrees"),
        (31, 0, Verdict::Warn, "31 seconds ahead"),
        (0, 300, Verdict::Warn, "300 seconds behind"),
        (0, 301, Verdict::Fail, "301 seconds behind"),
        (4_000, 0, Verdict::Fail, "4000 seconds ahead"),
    ] {
        let at = |seconds| now().plus(Duration::from_secs(seconds));
        expect(&judge::clock_skew(at(ours), at(theirs)), verdict, words);
    }
}

#[test]
fn a_token_has_to_be_the_accounts_own() {
    let identity = |id: &str, scoped: &str, kind| InstagramIdentity {
        account_id: AccountId::new(id),
        app_scoped_id: Some(AppScopedId::new(scoped)),
        username: "acme".to_owned(),
        kind,
    };
    let business = Some(AccountKind::Business);
    for (stored, read, verdict, words) in [
        (
            "17841",
            identity("17841", "99", business.clone()),
            Verdict::Ok,
            "@acme",
        ),
        ("17841", identity("17841", "99", None), Verdict::Ok, "@acme"),
        (
            "99",
            identity("17841", "99", business.clone()),
            Verdict::Fail,
            "accounts connect --id 17841 --username acme",
        ),
        (
            "99",
            identity("17841", "99", business.clone()),
            Verdict::Fail,
            "which is its app-scoped `id`",
        ),
        (
            "17842",
            identity("17841", "99", business),
            Verdict::Fail,
            "not of 17842",
        ),
        (
            "17841",
            identity("17841", "99", Some(AccountKind::Personal)),
            Verdict::Fail,
            "Switch to professional account",
        ),
    ] {
        expect(
            &judge::instagram_owner(&account(stored), &read),
            verdict,
            words,
        );
    }
}

#[test]
fn a_token_of_a_page_has_to_be_that_of_the_accounts_page() {
    let page = |id: &str, linked: Option<&str>| PageIdentity {
        id: PageId::new(id),
        name: Some("Acme".to_owned()),
        instagram: linked.map(|linked| LinkedAccount {
            account_id: AccountId::new(linked),
            username: Some("acme".to_owned()),
        }),
    };
    for (stored, read, verdict, words) in [
        (
            "17841",
            page("200", Some("17841")),
            Verdict::Ok,
            "through the Page Acme",
        ),
        ("17841", page("200", None), Verdict::Fail, "Linked accounts"),
        (
            "200",
            page("200", Some("17841")),
            Verdict::Fail,
            "the Page's id",
        ),
        (
            "17842",
            page("200", Some("17841")),
            Verdict::Fail,
            "--id 17841",
        ),
        (
            "17841",
            page("201", Some("17841")),
            Verdict::Fail,
            "--page-id 201",
        ),
    ] {
        expect(&judge::page_owner(&of_page(stored), &read), verdict, words);
    }
}

#[test]
fn a_refused_token_is_no_passing_trouble() {
    let instagram = account("17841");
    for (account, failure, verdict, words) in [
        (
            &instagram,
            answered(190, Some(463)),
            Verdict::Fail,
            "token_expired",
        ),
        (
            &instagram,
            answered(190, Some(463)),
            Verdict::Fail,
            "/oauth/instagram/start",
        ),
        (
            &instagram,
            answered(190, None),
            Verdict::Fail,
            "--login facebook",
        ),
        (
            &instagram,
            answered(4, None),
            Verdict::Warn,
            "again in a few minutes",
        ),
        (
            &instagram,
            answered(2, None),
            Verdict::Warn,
            "again in a few minutes",
        ),
        (
            &instagram,
            no_connection(),
            Verdict::Warn,
            "connection refused",
        ),
        (
            &of_page("17841"),
            answered(100, None),
            Verdict::Fail,
            "a person's",
        ),
        (
            &of_page("17841"),
            answered(190, None),
            Verdict::Fail,
            "--page-id 200",
        ),
    ] {
        expect(&judge::owner_unknown(account, &failure), verdict, words);
    }
}

#[test]
fn a_token_is_told_of_before_it_ends() {
    let instagram = account("17841");
    for (left, verdict, words) in [
        (DAY * 60, Verdict::Ok, "60 days"),
        (DAY * 15, Verdict::Ok, "15 days"),
        (DAY * 14 + DAY / 2, Verdict::Warn, "14 days"),
        (DAY * 4, Verdict::Warn, "4 days"),
        (DAY * 3, Verdict::Fail, "3 days"),
        (DAY, Verdict::Fail, "1 day."),
        (Duration::from_mins(1), Verdict::Fail, "less than a day"),
        (Duration::ZERO, Verdict::Fail, "ended at"),
    ] {
        let judged = judge::token_time(&instagram, Some(now().plus(left)), now());
        expect(&judged, verdict, words);
    }
    expect(
        &judge::token_time(&instagram, None, now()),
        Verdict::Skipped,
        "pasted",
    );
    expect(
        &judge::token_time(&of_page("1"), None, now()),
        Verdict::Ok,
        "no scheduled end",
    );
}

#[test]
fn missing_permissions_are_named() {
    let instagram = account("17841");
    let scopes =
        |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    let all = scopes(&hookline_meta::graph::INSTAGRAM_SCOPES);
    expect(
        &judge::scopes(&instagram, Some(&all)),
        Verdict::Ok,
        "every permission",
    );
    let some = scopes(&["instagram_business_basic"]);
    let judged = judge::scopes(&instagram, Some(&some));
    expect(&judged, Verdict::Fail, "instagram_business_manage_comments");
    expect(&judge::scopes(&instagram, None), Verdict::Skipped, "pasted");
}

#[test]
fn what_a_subscription_lacks_decides_how_bad_it_is() {
    let missing = |fields: &[&str]| Difference {
        missing: fields.iter().map(|field| (*field).to_owned()).collect(),
        ..Difference::default()
    };
    let absent = Difference {
        is_absent: true,
        ..missing(&FIELDS)
    };
    let other = Difference {
        other_callback: Some("https://old.example.com/".to_owned()),
        ..Difference::default()
    };
    for (difference, of_app, of_account) in [
        (Difference::default(), Verdict::Ok, Verdict::Ok),
        (absent, Verdict::Fail, Verdict::Fail),
        (other, Verdict::Fail, Verdict::Warn),
        (missing(&["comments"]), Verdict::Fail, Verdict::Warn),
        (missing(&["messaging_seen"]), Verdict::Warn, Verdict::Warn),
    ] {
        let words = if of_app == Verdict::Ok {
            ""
        } else {
            "hookline subscribe"
        };
        expect(&judge::app_subscription(&difference), of_app, words);
        expect(&judge::account_subscription(&difference), of_account, words);
    }
    assert_eq!(judge::other_apps(&[]), None);
    let others = judge::other_apps(&["Other".to_owned()]).expect("there is one");
    expect(&others, Verdict::Warn, "two messages");
}

#[test]
fn the_app_is_asked_about_in_one_call() {
    let standing = Standing {
        difference: Difference::default(),
        is_repaired: false,
        refused: Vec::new(),
        other_apps: Vec::new(),
    };
    for (looked, credentials, subscription) in [
        (Looked::At(Ok(Some(standing))), Verdict::Ok, Verdict::Ok),
        (Looked::At(Ok(None)), Verdict::Ok, Verdict::Warn),
        (Looked::Unknown, Verdict::Skipped, Verdict::Warn),
        (
            Looked::At(Err(answered(190, None))),
            Verdict::Fail,
            Verdict::Skipped,
        ),
        (
            Looked::At(Err(no_connection())),
            Verdict::Warn,
            Verdict::Skipped,
        ),
    ] {
        let verdicts: Vec<_> = judge_app(&looked).iter().map(|it| it.verdict).collect();
        assert_eq!(verdicts, [credentials, subscription]);
    }
}

#[test]
fn the_switch_for_messages_is_told_step_by_step() {
    let acme = account("17841");
    for (failure, verdict, words) in [
        (None, Verdict::Ok, "can be read"),
        (
            Some(answered(200, Some(2_534_041))),
            Verdict::Fail,
            "Connected tools",
        ),
        (Some(answered(10, None)), Verdict::Fail, "permission"),
        (
            Some(answered(613, None)),
            Verdict::Warn,
            "again in a few minutes",
        ),
    ] {
        expect(
            &judge::message_access(&acme, failure.as_ref()),
            verdict,
            words,
        );
    }
}

#[test]
fn a_hold_that_is_over_is_none() {
    let held = |until: Option<Timestamp>| Account {
        hold: Some(Hold {
            reason: "token_expired".to_owned(),
            since: now(),
            until,
        }),
        ..account("17841")
    };
    assert_eq!(judge::hold(&account("17841"), now()), None);
    assert_eq!(judge::hold(&held(Some(now())), now()), None);
    let later = now().plus(DAY);
    let judged = judge::hold(&held(Some(later)), now()).expect("it is held");
    expect(&judged, Verdict::Fail, "until");
    let judged = judge::hold(&held(None), now()).expect("it is held");
    expect(&judged, Verdict::Fail, "token_expired");
}

#[test]
fn an_open_alert_is_as_bad_as_it_says() {
    for (code, verdict) in [
        (AlertCode::TokenDead, Verdict::Fail),
        (AlertCode::EventsMissed, Verdict::Warn),
    ] {
        let times = (now().minus(DAY), None);
        let alert = Alert::of((AlertId(1), code), None, times, "3 missed".to_owned());
        let judged = judge::open_alert(&alert, now());
        expect(&judged, verdict, code.as_str());
        expect(&judged, verdict, "3 missed");
        expect(&judged, verdict, &alert.what_to_do);
    }
}

#[test]
fn the_last_event_of_each_field_is_told() {
    let earlier = now().minus(Duration::from_hours(1));
    let newest = BTreeMap::from([
        (EventKind::CommentReceived, earlier),
        (EventKind::MessageReceived, earlier),
        (EventKind::MessageEchoed, now()),
    ]);
    let judged = judge::events(&newest, now());
    let words = format!(
        "comments {}, messages {}",
        earlier.beside(now()),
        now().beside(now())
    );
    expect(&judged, Verdict::Ok, &words);
    expect(&judged, Verdict::Ok, "none of late: live_comments");
    let unknown = BTreeMap::from([(EventKind::Unknown, now())]);
    expect(
        &judge::events(&unknown, now()),
        Verdict::Ok,
        "no field that is used",
    );
    let silent = judge::events(&BTreeMap::new(), now());
    let order = ["Live", "Allow access", "is subscribed", "Advanced Access"];
    let step = silent.next_step.clone().expect("there is something to do");
    let places: Vec<_> = order.iter().map(|word| step.find(word)).collect();
    assert!(
        places.is_sorted() && places.iter().all(Option::is_some),
        "{step}"
    );
    expect(&silent, Verdict::Warn, "Nothing has ever arrived");
}

#[test]
fn the_mode_of_the_app_is_judged_by_what_came() {
    expect(&judge::app_mode(false, true), Verdict::Warn, "development");
    for (has_events, has_tests) in [(true, true), (true, false), (false, false)] {
        let judged = judge::app_mode(has_events, has_tests);
        expect(&judged, Verdict::Skipped, "App mode: Live");
    }
}

#[test]
fn a_finding_says_of_what_it_is_in_json_too() {
    let finding = Judgement::ok("Well.").on("token", &Subject::account(&account("17841")));
    let json = serde_json::to_value(&finding).expect("it can be written");
    let wanted = serde_json::json!({
        "subject": "account", "account_id": "17841", "username": "acme",
        "check": "token", "verdict": "ok", "what": "Well.", "next_step": null,
    });
    assert_eq!(json, wanted);
}
