use super::ErrorClass::{
    Ambiguous, Blocked, Content, ContentOrPermission, Done, DoneOrPermanent, Permission, Retry,
    Route, Throttle, Token, User, Window,
};
use super::*;

fn classify(http_status: u16, body: &str) -> (ErrorClass, &'static str) {
    let error = GraphError::of_reply(http_status, body.as_bytes()).unwrap();
    (error.class, error.reason)
}

fn envelope(code: i64, subcode: Option<i64>) -> String {
    let subcode = subcode.map_or(String::new(), |subcode| {
        format!(r#","error_subcode":{subcode}"#)
    });
    format!(r#"{{"error":{{"message":"m","type":"OAuthException","code":{code}{subcode}}}}}"#)
}

/// One line for each line of contract section 10, in its order.
type Line = (
    &'static [i64],
    &'static [Option<i64>],
    ErrorClass,
    &'static str,
);

#[rustfmt::skip]
const SECTION_10: &[Line] = &[
    (&[-1], &[Some(2_534_023)], Done, "already_replied"),
    (&[0, 1, 10, 100, 200, 613, 77_777], &[Some(2_534_023)], Done, "already_replied"),
    (&[-1, -2], &[None, Some(1)], Ambiguous, "meta_server_error"),
    (&[1], &[None, Some(5)], Ambiguous, "unknown_error"),
    (&[1], &[Some(99)], Ambiguous, "permission_suspected"),
    (&[1], &[Some(1_357_046)], Ambiguous, "done_but_answered_with_error"),
    (&[2], &[None], Ambiguous, "temporary_or_recipient_blocked"),
    (&[2], &[Some(1_545_133)], Retry, "service_unavailable"),
    (&[3], &[None], Permission, "capability_missing"),
    (&[4, 17, 32, 341], &[None], Throttle, "rate_limited"),
    (&[9], &[Some(2_018_352)], Throttle, "too_many_actions"),
    (&[10], &[None, Some(1)], Permission, "permission_missing"),
    (&[10], &[Some(2_534_022)], Window, "outside_window"),
    (&[10], &[Some(2_018_278), Some(2_018_065)], Window, "outside_window"),
    (&[10], &[Some(2_018_108)], User, "recipient_unavailable"),
    (&[10], &[Some(2_534_077)], Permission, "account_link_broken"),
    (&[10], &[Some(1_893_063)], Blocked, "account_restricted"),
    (&[10], &[Some(2_018_300)], Route, "other_app_has_conversation"),
    (&[2_018_300], &[None], Route, "other_app_has_conversation"),
    (&[20], &[Some(1_772_107)], Ambiguous, "done_but_answered_with_error"),
    (&[27], &[None], Permission, "conversation_routing_off"),
    (&[100], &[None, Some(1)], Content, "invalid_parameter"),
    (&[100], &[Some(33)], ContentOrPermission, "object_missing"),
    (&[100], &[Some(2_018_001)], User, "recipient_unknown"),
    (&[100], &[Some(2_534_014)], User, "recipient_unknown"),
    (&[100], &[Some(2_534_025)], DoneOrPermanent, "comment_invalid"),
    (&[100], &[Some(2_534_013)], Permission, "page_not_linked"),
    (&[100], &[Some(2_534_015)], Content, "message_invalid"),
    (&[100], &[Some(2_534_029)], Blocked, "account_blocked"),
    (&[100], &[Some(2_534_037)], Route, "other_app_has_conversation"),
    (&[100], &[Some(2_018_008), Some(2_018_294)], Content, "media_not_fetched"),
    (&[100], &[Some(2_018_047), Some(2_018_074), Some(2_018_109)], Content, "media_invalid"),
    (&[100], &[Some(2_018_014)], Content, "message_with_sender_action"),
    (&[102], &[None], Token(TokenProblem::SessionInvalid), "session_invalid"),
    (&[190], &[None, Some(1)], Token(TokenProblem::Invalid), "token_invalid"),
    (&[190], &[Some(458)], Token(TokenProblem::AppRemoved), "app_removed"),
    (&[190], &[Some(459)], Token(TokenProblem::Checkpointed), "account_checkpointed"),
    (&[190], &[Some(460)], Token(TokenProblem::PasswordChanged), "password_changed"),
    (&[190], &[Some(463)], Token(TokenProblem::Expired), "token_expired"),
    (&[190], &[Some(464)], Token(TokenProblem::Unconfirmed), "account_unconfirmed"),
    (&[190], &[Some(467)], Token(TokenProblem::LoggedOut), "logged_out"),
    (&[190], &[Some(492)], Token(TokenProblem::RoleLost), "page_role_lost"),
    (&[200, 201, 229, 231, 299], &[None], Permission, "permission_missing"),
    (&[200], &[Some(1_545_041)], User, "recipient_unavailable"),
    (&[200], &[Some(2_018_028)], Permission, "app_in_development"),
    (&[200], &[Some(2_534_041)], Permission, "message_access_off"),
    (&[230], &[None], User, "consent_needed"),
    (&[368], &[None], Blocked, "account_blocked"),
    (&[506], &[None], Done, "duplicate_post"),
    (&[551], &[None, Some(1_545_041)], User, "recipient_unavailable"),
    (&[613], &[None, Some(2_534_040)], Throttle, "rate_limited"),
    (&[613], &[Some(2_018_338)], Blocked, "account_warned"),
    (&[2022], &[None], Blocked, "commerce_messages_off"),
    (&[10, 100, 551], &[Some(2_534_001)], User, "thread_archived"),
    (&[10_900, 10_902, 10_903], &[None], DoneOrPermanent, "private_reply_impossible"),
    (&[36_103], &[None], Permission, "account_not_eligible"),
    (&[80_001, 80_002, 80_006], &[None], Throttle, "rate_limited"),
    (&[9_000_001], &[None], Content, "message_unreadable"),
];

#[test]
fn every_line_of_the_contract_holds_whatever_the_http_status() {
    for (codes, subcodes, class, reason) in SECTION_10 {
        for (code, subcode) in codes
            .iter()
            .flat_map(|code| subcodes.iter().map(move |sub| (code, sub)))
        {
            for http_status in [200, 400, 403, 500] {
                let verdict = classify(http_status, &envelope(*code, *subcode));
                assert_eq!(
                    verdict,
                    (*class, *reason),
                    "{code}/{subcode:?} http {http_status}"
                );
            }
        }
    }
}

#[test]
fn without_a_readable_error_the_http_status_decides() {
    let unreadable = [
        "",
        "<html>Sorry</html>",
        "{",
        "[]",
        "null",
        "\"\"",
        "{}",
        "{\"error\":null}",
    ];
    for body in unreadable {
        assert_eq!(classify(429, body), (Throttle, "rate_limited"), "{body}");
        assert_eq!(
            classify(500, body),
            (Ambiguous, "meta_server_error"),
            "{body}"
        );
        assert_eq!(
            classify(503, body),
            (Ambiguous, "meta_server_error"),
            "{body}"
        );
        assert_eq!(classify(302, body), (Ambiguous, "redirected"), "{body}");
        // No proof that it was Meta who spoke.
        assert_eq!(
            classify(400, body),
            (Ambiguous, "answer_unreadable"),
            "{body}"
        );
        assert_eq!(
            classify(401, body),
            (Ambiguous, "answer_unreadable"),
            "{body}"
        );
        assert_eq!(GraphError::of_reply(200, body.as_bytes()), None, "{body}");
    }
    assert_eq!(classify(502, "\u{0}"), (Ambiguous, "meta_server_error"));
    assert!(GraphError::of_reply(400, b"\xff\xfe").is_some());
}

#[test]
fn an_unlisted_error_goes_by_transience_then_by_status() {
    let unlisted = envelope(77_777, None);
    let transient = unlisted.replace("\"code\"", "\"is_transient\":true,\"code\"");
    for http_status in [200, 400, 403, 429, 500] {
        let verdict = classify(http_status, &transient);
        assert_eq!(verdict, (Ambiguous, "transient_error"), "{http_status}");
    }
    assert_eq!(classify(429, &unlisted), (Throttle, "rate_limited"));
    assert_eq!(
        classify(401, &unlisted),
        (Token(TokenProblem::Invalid), "token_invalid")
    );
    assert_eq!(classify(403, &unlisted), (Permission, "permission_missing"));
    assert_eq!(classify(400, &unlisted), (Content, "request_refused"));
    assert_eq!(classify(500, &unlisted), (Ambiguous, "meta_server_error"));
    assert_eq!(classify(200, &unlisted), (Ambiguous, "unknown_error"));
    // An envelope of another form is an error all the same.
    assert_eq!(
        classify(200, r#"{"error":"nope"}"#),
        (Ambiguous, "unknown_error")
    );
    assert_eq!(
        classify(400, r#"{"error":{}}"#),
        (Content, "request_refused")
    );
}

#[test]
fn an_error_beside_odd_members_is_an_error() {
    for body in [
        r#"{"message_id":"m","error":{"code":190},"code":1,"code":2}"#,
        r#"{"message_id":"m","error":{"code":190},"error":null}"#,
        r#"{"message_id":"m","error":null,"error":{"code":190}}"#,
        r#"{"message_id":"m","error":{"code":190},"\ud83d":1,"more":1e999}"#,
        r#"{"error_type":"x","error_type":"y","error":{"code":190}}"#,
    ] {
        assert_eq!(classify(200, body).1, "token_invalid", "{body}");
    }
}

#[test]
fn the_flat_form_of_the_oauth_pages_is_read() {
    let body = r#"{"error_type":"OAuthException","code":400,"error_message":"Matching code was not found or was already used"}"#;
    let error = GraphError::of_reply(400, body.as_bytes()).unwrap();
    assert_eq!((error.class, error.reason), (Content, "oauth_refused"));
    assert_eq!(error.code, Some(400));
    assert_eq!(
        error.message.as_deref(),
        Some("Matching code was not found or was already used")
    );
    assert_eq!(classify(200, body), (Content, "oauth_refused"));
}

#[test]
fn words_in_any_language_are_kept_but_bounded_and_never_matched() {
    let portuguese = format!(
        r#"{{"error":{{"message":"(#10) Esta mensagem foi enviada fora do período permitido. {}","type":"IGApiException","code":"10","error_subcode":"2534022","fbtrace_id":"A6L\u0000J"}}}}"#,
        "é".repeat(600)
    );
    let error = GraphError::of_reply(500, portuguese.as_bytes()).unwrap();
    assert_eq!((error.class, error.reason), (Window, "outside_window"));
    assert_eq!(error.message.as_ref().unwrap().chars().count(), 500);
    assert_eq!(error.fbtrace_id.as_deref(), Some("A6L\u{fffd}J"));
    let misleading = envelope(190, Some(463)).replace("\"m\"", "\"already has a reply\"");
    assert_eq!(classify(500, &misleading).1, "token_expired");
}

#[test]
fn an_error_prints_numbers_and_not_what_meta_wrote() {
    let body = envelope(-1, Some(2_534_023)).replace("\"m\"", "\"Hi Ada\"");
    let error = GraphError::of_reply(500, body.as_bytes()).unwrap();
    assert_eq!(
        error.to_string(),
        "already_replied (http 500, code -1, subcode 2534023)"
    );
    assert_eq!(
        serde_json::to_string(&error).unwrap(),
        r#"{"http_status":500,"code":-1,"subcode":2534023,"message":"Hi Ada","fbtrace_id":null,"class":"done","reason":"already_replied"}"#
    );
    assert_eq!(error.meta_answer().subcode, Some(2_534_023));
}
