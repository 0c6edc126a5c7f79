//! The table of contract section 10, row by row.

use super::ErrorClass::{
    Ambiguous, Blocked, Content, ContentOrPermission, Done, DoneOrPermanent, Permission, Retry,
    Route, Throttle, Token, User, Window,
};
use super::{ErrorClass, TokenProblem};

/// Which errors a row is about, what they mean, and the word for people.
struct Row {
    /// First and last code.
    codes: (i64, i64),
    /// The subcodes; empty for any and none.
    subcodes: &'static [i64],
    class: ErrorClass,
    reason: &'static str,
}

const ANY: (i64, i64) = (i64::MIN, i64::MAX);

const fn row(
    codes: (i64, i64),
    subcodes: &'static [i64],
    class: ErrorClass,
    reason: &'static str,
) -> Row {
    Row {
        codes,
        subcodes,
        class,
        reason,
    }
}

const fn one(code: i64) -> (i64, i64) {
    (code, code)
}

/// Rows with a subcode: (code, subcode) decides before the code alone.
const BY_SUBCODE: &[Row] = &[
    row(ANY, &[2_534_023], Done, "already_replied"),
    row(ANY, &[2_534_001], User, "thread_archived"),
    row(one(1), &[99], Ambiguous, "permission_suspected"),
    row(
        one(1),
        &[1_357_046],
        Ambiguous,
        "done_but_answered_with_error",
    ),
    row(one(2), &[1_545_133], Retry, "service_unavailable"),
    row(one(9), &[2_018_352], Throttle, "too_many_actions"),
    row(
        one(10),
        &[2_534_022, 2_018_278, 2_018_065],
        Window,
        "outside_window",
    ),
    row(one(10), &[2_018_108], User, "recipient_unavailable"),
    row(one(10), &[2_534_077], Permission, "account_link_broken"),
    row(one(10), &[1_893_063], Blocked, "account_restricted"),
    row(one(10), &[2_018_300], Route, "other_app_has_conversation"),
    row(
        one(20),
        &[1_772_107],
        Ambiguous,
        "done_but_answered_with_error",
    ),
    row(one(100), &[33], ContentOrPermission, "object_missing"),
    row(one(100), &[2_018_001, 2_534_014], User, "recipient_unknown"),
    row(one(100), &[2_534_025], DoneOrPermanent, "comment_invalid"),
    row(one(100), &[2_534_013], Permission, "page_not_linked"),
    row(one(100), &[2_534_015], Content, "message_invalid"),
    row(one(100), &[2_534_029], Blocked, "account_blocked"),
    row(one(100), &[2_534_037], Route, "other_app_has_conversation"),
    row(
        one(100),
        &[2_018_008, 2_018_294],
        Content,
        "media_not_fetched",
    ),
    row(
        one(100),
        &[2_018_047, 2_018_074, 2_018_109],
        Content,
        "media_invalid",
    ),
    row(
        one(100),
        &[2_018_014],
        Content,
        "message_with_sender_action",
    ),
    row(
        one(190),
        &[458],
        Token(TokenProblem::AppRemoved),
        "app_removed",
    ),
    row(
        one(190),
        &[459],
        Token(TokenProblem::Checkpointed),
        "account_checkpointed",
    ),
    row(
        one(190),
        &[460],
        Token(TokenProblem::PasswordChanged),
        "password_changed",
    ),
    row(
        one(190),
        &[463],
        Token(TokenProblem::Expired),
        "token_expired",
    ),
    row(
        one(190),
        &[464],
        Token(TokenProblem::Unconfirmed),
        "account_unconfirmed",
    ),
    row(
        one(190),
        &[467],
        Token(TokenProblem::LoggedOut),
        "logged_out",
    ),
    row(
        one(190),
        &[492],
        Token(TokenProblem::RoleLost),
        "page_role_lost",
    ),
    row(one(200), &[1_545_041], User, "recipient_unavailable"),
    row(one(200), &[2_018_028], Permission, "app_in_development"),
    row(one(200), &[2_534_041], Permission, "message_access_off"),
    row(one(613), &[2_018_338], Blocked, "account_warned"),
];

/// Rows of a code, whatever the subcode: the first that holds the code decides.
const BY_CODE: &[Row] = &[
    row((-2, -1), &[], Ambiguous, "meta_server_error"),
    row(one(1), &[], Ambiguous, "unknown_error"),
    row(one(2), &[], Ambiguous, "temporary_or_recipient_blocked"),
    row(one(3), &[], Permission, "capability_missing"),
    row(one(4), &[], Throttle, "rate_limited"),
    row(one(17), &[], Throttle, "rate_limited"),
    row(one(32), &[], Throttle, "rate_limited"),
    row(one(341), &[], Throttle, "rate_limited"),
    row(one(10), &[], Permission, "permission_missing"),
    row(one(27), &[], Permission, "conversation_routing_off"),
    row(one(100), &[], Content, "invalid_parameter"),
    row(
        one(102),
        &[],
        Token(TokenProblem::SessionInvalid),
        "session_invalid",
    ),
    row(one(190), &[], Token(TokenProblem::Invalid), "token_invalid"),
    row(one(230), &[], User, "consent_needed"),
    row((200, 299), &[], Permission, "permission_missing"),
    row(one(368), &[], Blocked, "account_blocked"),
    row(one(506), &[], Done, "duplicate_post"),
    row(one(551), &[], User, "recipient_unavailable"),
    row(one(613), &[], Throttle, "rate_limited"),
    row(one(2022), &[], Blocked, "commerce_messages_off"),
    row(
        one(10_900),
        &[],
        DoneOrPermanent,
        "private_reply_impossible",
    ),
    row(
        (10_902, 10_903),
        &[],
        DoneOrPermanent,
        "private_reply_impossible",
    ),
    row(one(36_103), &[], Permission, "account_not_eligible"),
    row((80_001, 80_002), &[], Throttle, "rate_limited"),
    row(one(80_006), &[], Throttle, "rate_limited"),
    row(one(2_018_300), &[], Route, "other_app_has_conversation"),
    row(one(2_534_001), &[], User, "thread_archived"),
    row(one(9_000_001), &[], Content, "message_unreadable"),
];

/// What the table says of an error; none if it is not listed.
pub(super) fn find(code: Option<i64>, subcode: Option<i64>) -> Option<(ErrorClass, &'static str)> {
    let holds_code = |row: &&Row| match code {
        Some(code) => (row.codes.0..=row.codes.1).contains(&code),
        None => row.codes == ANY,
    };
    let by_subcode = subcode.and_then(|subcode| {
        BY_SUBCODE
            .iter()
            .filter(holds_code)
            .find(|row| row.subcodes.contains(&subcode))
    });
    by_subcode
        .or_else(|| BY_CODE.iter().find(holds_code))
        .map(|row| (row.class, row.reason))
}
