//! The stable words of sends, attempts and ignored events, in plain sentences.

/// Reasons and what they mean for a person who reads them for the first time.
const REASONS: &[(&str, &str)] = &[
    (
        "account_blocked",
        "Meta has blocked the account from sending for now",
    ),
    (
        "account_checkpointed",
        "Instagram asks the owner to confirm the account in the app first",
    ),
    (
        "account_link_broken",
        "the link between the account and its Facebook Page is broken",
    ),
    (
        "account_not_eligible",
        "Meta says that the account may not use messaging",
    ),
    ("account_removed", "the account was disconnected"),
    (
        "account_restricted",
        "Meta has restricted the account from sending for now",
    ),
    (
        "account_unconfirmed",
        "the owner has not confirmed the account yet",
    ),
    (
        "account_warned",
        "Meta has warned the account and stopped its sending for now",
    ),
    (
        "already_replied",
        "Meta says that the comment already has its one private reply",
    ),
    (
        "app_in_development",
        "the Meta app is in development mode and reaches only its own testers",
    ),
    ("app_removed", "the owner removed the app from the account"),
    (
        "capability_missing",
        "the Meta app lacks the capability for this call",
    ),
    (
        "comment_gone",
        "the comment was deleted before it could be answered",
    ),
    (
        "comment_invalid",
        "Meta does not accept an answer to this comment: it was deleted, is too old, or already has one",
    ),
    (
        "consent_needed",
        "the person has to agree to messages first",
    ),
    (
        "conversation_routing_off",
        "conversation routing is not set up for this app",
    ),
    (
        "deadline_passed",
        "the time in which Meta allows it has passed",
    ),
    (
        "deauthorized",
        "the owner took this app's leave away at Meta; connect the account again",
    ),
    (
        "done_but_answered_with_error",
        "Meta may have done it although it answered with an error",
    ),
    (
        "duplicate_post",
        "Meta says that the same thing was posted already",
    ),
    (
        "lease_ended",
        "the worker that was sending it stopped before it could say what came of it",
    ),
    (
        "logged_out",
        "the owner logged out, which ended the access token",
    ),
    (
        "looking_for_evidence",
        "it is being looked up whether it arrived",
    ),
    (
        "message_access_off",
        "the account's settings do not let apps reach its messages",
    ),
    ("message_invalid", "Meta does not accept the message"),
    ("meta_server_error", "Meta's server failed"),
    (
        "needs_a_person",
        "no evidence tells whether it arrived, so a person has to look",
    ),
    (
        "object_missing",
        "Meta does not find what is to be answered, or does not let us see it",
    ),
    ("opted_out", "the person has asked to get no more messages"),
    (
        "other_app_has_conversation",
        "another app has the conversation",
    ),
    (
        "outside_window",
        "the person's 24-hour messaging window is closed",
    ),
    (
        "page_not_linked",
        "the Facebook Page is not linked to the account",
    ),
    (
        "page_role_lost",
        "the person who connected the account lost their role on the Page",
    ),
    (
        "password_changed",
        "the owner changed the password, which ended the access token",
    ),
    (
        "permission_missing",
        "the app lacks a permission for this account",
    ),
    (
        "permission_suspected",
        "Meta failed in a way that often means a missing permission",
    ),
    (
        "private_reply_impossible",
        "Meta does not allow a private reply to this comment",
    ),
    (
        "rate_limited",
        "Meta asks to wait because its rate limit is reached",
    ),
    (
        "recipient_unavailable",
        "the person cannot be reached: they blocked the account, closed their inbox or left",
    ),
    ("recipient_unknown", "Meta does not know the person"),
    ("service_unavailable", "Meta's service was not available"),
    ("session_invalid", "the access token's session ended"),
    ("step_before_ended", "the step before it did not go through"),
    (
        "template_invalid",
        "the template of the text cannot be read",
    ),
    (
        "temporary_or_recipient_blocked",
        "Meta failed for a moment, or the person cannot be reached",
    ),
    ("text_empty", "the text came out empty"),
    (
        "text_too_long",
        "the text came out longer than the 1000 bytes Meta allows",
    ),
    ("thread_archived", "the conversation is archived"),
    ("timeout", "no answer came in time"),
    (
        "token_expired",
        "the access token has expired; connect the account again",
    ),
    (
        "token_invalid",
        "Meta does not accept the access token; connect the account again",
    ),
    (
        "token_unreadable",
        "the access token cannot be decrypted with the configured keys",
    ),
    (
        "too_many_actions",
        "Meta asks to wait because the account did too much in a short time",
    ),
    (
        "trying_again",
        "no sign of it was found, so it is tried again",
    ),
    ("unknown_error", "Meta failed without saying why"),
    (
        "usage_at_limit",
        "the account has used up what Meta allows for now",
    ),
];

/// Why an event triggers nothing, and what that means.
const IGNORED: &[(&str, &str)] = &[
    ("own_comment", "it is the account's own comment"),
    ("echo", "it is the account's own message, echoed by Meta"),
    ("self_message", "the account wrote to itself"),
    ("standby", "another app has the conversation"),
    ("dashboard_test", "it is a test of Meta's App Dashboard"),
    ("account_unknown", "the account is not connected here"),
    ("not_instagram", "it is not about Instagram"),
];

/// A reason in words, with the stable word behind it: `the access token has expired
/// (token_expired)`.
pub fn in_words(reason: &str) -> String {
    if let Some(read) = reason.strip_prefix("read_") {
        return format!(
            "what it is about could not be read from Meta: {}",
            in_words(read)
        );
    }
    match find(REASONS, reason) {
        Some(words) => format!("{words} ({reason})"),
        None => reason.replace('_', " "),
    }
}

/// Why an event was ignored, in words.
pub(super) fn ignored_in_words(reason: &str) -> String {
    find(IGNORED, reason).map_or_else(|| reason.replace('_', " "), str::to_owned)
}

fn find(table: &'static [(&str, &'static str)], word: &str) -> Option<&'static str> {
    table
        .iter()
        .find(|(known, _)| *known == word)
        .map(|(_, words)| *words)
}
