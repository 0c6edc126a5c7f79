//! What was read, judged: pure, so that every case is a row of a test.

use std::collections::BTreeMap;
use std::time::Duration;

use hookline_meta::graph::{
    AccountKind, CallFailure, ErrorClass, InstagramIdentity, LoginKind, PageIdentity,
};
use hookline_model::account::{Account, Login};
use hookline_model::alert::{Alert, Severity};
use hookline_model::clock::Timestamp;
use hookline_model::event::EventKind;

use super::Judgement;
use crate::subscribe::Difference;

/// How far clocks may be apart before somebody should look.
const SKEW_WARN: Duration = Duration::from_secs(30);

/// How far clocks may be apart before windows and deadlines are judged wrongly.
const SKEW_FAIL: Duration = Duration::from_mins(5);

const DAY_SECONDS: u64 = 24 * 3600;

/// Whole days left of a token at which somebody should look, and act.
const DAYS_WARN: u64 = 14;
const DAYS_FAIL: u64 = 3;

/// The field of a webhook behind each kind of event (contract section 4).
const FIELDS: [(&str, &[EventKind]); 10] = [
    ("comments", &[EventKind::CommentReceived]),
    (
        "messages",
        &[
            EventKind::MessageReceived,
            EventKind::MessageEchoed,
            EventKind::MessageDeleted,
        ],
    ),
    ("live_comments", &[EventKind::LiveCommentReceived]),
    ("mentions", &[EventKind::MentionReceived]),
    ("message_reactions", &[EventKind::ReactionChanged]),
    ("message_edit", &[EventKind::MessageEdited]),
    ("messaging_postbacks", &[EventKind::PostbackReceived]),
    ("messaging_referral", &[EventKind::ReferralReceived]),
    ("messaging_seen", &[EventKind::MessageSeen]),
    ("story_insights", &[EventKind::StoryInsightsReceived]),
];

/// Our clock against Meta's.
pub fn clock_skew(ours: Timestamp, theirs: Timestamp) -> Judgement {
    let (apart, word) = if ours > theirs {
        (ours.since(theirs), "ahead of")
    } else {
        (theirs.since(ours), "behind")
    };
    let what = format!(
        "This machine's clock is {} seconds {word} Meta's.",
        apart.as_secs()
    );
    let next_step = "Switch on time synchronisation (such as `timedatectl set-ntp true`): windows, \
                     deadlines and tokens are judged by this clock.";
    if apart > SKEW_FAIL {
        Judgement::fail(what, next_step)
    } else if apart > SKEW_WARN {
        Judgement::warn(what, next_step)
    } else {
        Judgement::ok("This machine's clock agrees with Meta's.")
    }
}

/// Why the app could not be asked about.
pub fn app_credentials(failure: &CallFailure) -> Judgement {
    if is_passing(failure) {
        return Judgement::warn(
            format!("Meta could not be asked about the app: {failure}."),
            "Run `hookline doctor` again in a few minutes.",
        );
    }
    Judgement::fail(
        format!("Meta does not accept the app's id and secret: {failure}."),
        "Compare meta.app_id and the first of meta.app_secrets with App settings, Basic, in the \
         app's dashboard at Meta; they are those of the Meta app, not of its Instagram product.",
    )
}

/// The app's own subscription against what is wanted.
pub fn app_subscription(difference: &Difference) -> Judgement {
    let subscribe = "Run `hookline subscribe`.";
    if difference.is_none() {
        return Judgement::ok("The app's subscription is as wanted: address, state and fields.");
    }
    let what = format!("The app's subscription at Meta is not as wanted: {difference}.");
    let is_whole = difference.is_absent
        || difference.is_inactive
        || difference.other_callback.is_some()
        || is_missed(difference);
    if is_whole {
        Judgement::fail(what, subscribe)
    } else {
        Judgement::warn(
            what,
            format!("{subscribe} If Meta refuses a field, Hookline works without it."),
        )
    }
}

/// Whether a field is missing that nothing works without.
fn is_missed(difference: &Difference) -> bool {
    let needed = ["comments", "messages"];
    needed
        .iter()
        .any(|field| difference.missing.contains(*field))
}

/// Whose a token of Instagram Login is.
pub fn instagram_owner(account: &Account, identity: &InstagramIdentity) -> Judgement {
    let stored = &account.id;
    let right = &identity.account_id;
    let handle = &identity.username;
    if identity.kind == Some(AccountKind::Personal) {
        return Judgement::fail(
            format!(
                "@{handle} is a personal account: Meta has neither webhooks nor messages for it."
            ),
            "Switch to a professional account, for free, in the Instagram app: Settings, Account \
             type and tools, Switch to professional account. Then connect it again.",
        );
    }
    if stored == right {
        return Judgement::ok(format!(
            "The token works and is @{handle}'s (Instagram Login)."
        ));
    }
    let is_swapped = identity
        .app_scoped_id
        .as_ref()
        .is_some_and(|id| id.as_str() == stored.as_str());
    if is_swapped {
        return Judgement::fail(
            format!(
                "The account is stored under {stored}, which is its app-scoped `id`; its events \
                 carry its `user_id`, {right}, so none is recognised."
            ),
            move_to(account, right.as_str(), handle),
        );
    }
    Judgement::fail(
        format!("The token is that of @{handle} ({right}), not of {stored}."),
        format!(
            "Connect @{} again with a token of its own; to connect @{handle}, use the id {right}.",
            account.username
        ),
    )
}

/// Whose a token of a Page is.
pub fn page_owner(account: &Account, page: &PageIdentity) -> Judgement {
    let (stored, name) = (
        &account.id,
        page.name.as_deref().unwrap_or("without a name"),
    );
    let stored_page = account.login.page_id();
    let Some(linked) = &page.instagram else {
        return Judgement::fail(
            format!("No Instagram account is linked to the Page {name}, as far as the token sees."),
            "Link the Page to the Instagram account in the Page's settings, under Linked accounts, \
             and connect the account again.",
        );
    };
    let right = linked.account_id.as_str();
    let handle = linked.username.as_deref().unwrap_or(&account.username);
    if stored.as_str() == page.id.as_str() && stored.as_str() != right {
        return Judgement::fail(
            format!(
                "The account is stored under {stored}, which is the Page's id; its events carry \
                 {right}, so none is recognised."
            ),
            move_to(account, right, handle),
        );
    }
    if stored.as_str() != right {
        return Judgement::fail(
            format!(
                "The token is of the Page {name}, whose account is @{handle} ({right}), not {stored}."
            ),
            move_to(account, right, handle),
        );
    }
    if stored_page.is_some_and(|stored_page| *stored_page != page.id) {
        return Judgement::fail(
            format!(
                "The token is of the Page {} and not of the stored one.",
                page.id
            ),
            format!("Connect @{handle} again, with --page-id {}.", page.id),
        );
    }
    Judgement::ok(format!(
        "The token works and is @{handle}'s, through the Page {name} (Facebook Login)."
    ))
}

fn move_to(account: &Account, right: &str, handle: &str) -> String {
    let page = account.login.page_id();
    let login = page.map_or_else(String::new, |page| {
        format!(" --login facebook --page-id {page}")
    });
    format!(
        "Run `hookline accounts remove {}`, then `hookline accounts connect --id {right} \
         --username {handle}{login}` with the same token.",
        account.id
    )
}

/// Why it could not be asked whose a token is.
pub fn owner_unknown(account: &Account, failure: &CallFailure) -> Judgement {
    const INVALID_PARAMETER: i64 = 100;
    let is_of_a_person = matches!(
        (&account.login, failure),
        (Login::Facebook { .. }, CallFailure::Answered { error, .. })
            if error.code == Some(INVALID_PARAMETER)
    );
    if is_of_a_person {
        return Judgement::fail(
            format!("The token seems to be a person's and not the Page's: {failure}."),
            "Connect the account again through Facebook Login, or with the access token of the \
             Page (`GET /me/accounts` lists it).",
        );
    }
    if is_passing(failure) {
        return again("Meta could not be asked whose the token is", failure);
    }
    let (login, other) = match account.login {
        Login::Instagram => ("Instagram Login", "facebook"),
        Login::Facebook { .. } => ("Facebook Login", "instagram"),
    };
    let mut next_step = connect_again(account);
    // Each login's host takes the tokens of the other for nonsense.
    if failure.reason() == "token_invalid" {
        next_step = format!(
            "{next_step} If the token was made through the other login, say --login {other}."
        );
    }
    Judgement::fail(
        format!("Meta refuses the token, used as one of {login}: {failure}."),
        next_step,
    )
}

/// How to give an account a token that works.
pub fn connect_again(account: &Account) -> String {
    let (id, username) = (&account.id, &account.username);
    let word = account.login.as_str();
    let page = account.login.page_id();
    let page = page.map_or_else(String::new, |page| format!(" --page-id {page}"));
    format!(
        "Connect @{username} again: open /oauth/{word}/start of server.public_url in a browser \
         and log in as @{username}; or run `hookline accounts connect --id {id} --username {username} \
         --login {word}{page} --token-file FILE` with a new token."
    )
}

/// How long a token still works by itself.
pub fn token_time(account: &Account, expires_at: Option<Timestamp>, now: Timestamp) -> Judgement {
    let Some(expires_at) = expires_at else {
        return match account.login {
            Login::Facebook { .. } => Judgement::ok("The token of a Page has no scheduled end."),
            Login::Instagram => Judgement::skipped(
                "When the token ends is not known, because it was pasted; Hookline learns it when \
                 it refreshes the token.",
            ),
        };
    };
    if expires_at <= now {
        let what = format!("The token ended at {}.", expires_at.beside(now));
        return Judgement::fail(what, connect_again(account));
    }
    let days = expires_at.since(now).as_secs().div_euclid(DAY_SECONDS);
    let what = match days {
        0 => "The token ends in less than a day.".to_owned(),
        1 => "The token ends in 1 day.".to_owned(),
        days => format!("The token ends in {days} days."),
    };
    if days <= DAYS_FAIL {
        Judgement::fail(what, connect_again(account))
    } else if days <= DAYS_WARN {
        Judgement::warn(
            what,
            format!(
                "Hookline refreshes it by itself while `hookline serve` runs; that it comes so \
                 near its end means it could not. {}",
                connect_again(account)
            ),
        )
    } else {
        Judgement::ok(what)
    }
}

/// What a token may do; `scopes` are those that are known.
pub fn scopes(account: &Account, scopes: Option<&[String]>) -> Judgement {
    let Some(scopes) = scopes else {
        return Judgement::skipped(
            "Meta does not tell what a pasted token may do; a login through this server records \
             it.",
        );
    };
    let missing = LoginKind::from(&account.login).missing_scopes(scopes);
    if missing.is_empty() {
        return Judgement::ok("The token has every permission that is needed.");
    }
    Judgement::fail(
        format!("The token lacks permissions: {}.", missing.join(", ")),
        format!("{} Leave every permission ticked.", connect_again(account)),
    )
}

/// An account's own subscription against what is wanted.
pub fn account_subscription(difference: &Difference) -> Judgement {
    let subscribe = "Run `hookline subscribe`. If it is refused, connect the account again.";
    if difference.is_none() {
        return Judgement::ok("Meta delivers the account's events to this app.");
    }
    if difference.is_absent || difference.is_inactive {
        return Judgement::fail(
            "The account is not subscribed to this app: Meta delivers none of its events.",
            subscribe,
        );
    }
    // An account with one field gets them all (contract 3.3), so this is no silence.
    Judgement::warn(
        format!("The account's subscription is not as wanted: {difference}."),
        subscribe,
    )
}

/// Other apps that get the same events.
pub fn other_apps(names: &[String]) -> Option<Judgement> {
    if names.is_empty() {
        return None;
    }
    Some(Judgement::warn(
        format!(
            "Other apps get this account's events too: {}.",
            names.join(", ")
        ),
        "If one of them answers comments as well, people get two messages: disconnect it in \
         Instagram under Settings, Website permissions, Apps and websites.",
    ))
}

/// Whether the owner lets apps at the messages, as a read of the conversations shows it.
pub fn message_access(account: &Account, failure: Option<&CallFailure>) -> Judgement {
    let Some(failure) = failure else {
        return Judgement::ok("The account's conversations can be read.");
    };
    if failure.reason() == "message_access_off" {
        return Judgement::fail(
            "The account's owner has switched off access to messages.",
            format!(
                "Open Instagram on the phone as @{}: Settings, Messages and story replies, Message \
                 controls, Connected tools; switch on Allow access to messages.",
                account.username
            ),
        );
    }
    if is_passing(failure) {
        return again("The account's conversations could not be read", failure);
    }
    Judgement::fail(
        format!("The account's conversations cannot be read: {failure}."),
        format!("{} Leave every permission ticked.", connect_again(account)),
    )
}

/// A failure of another read, in words.
pub fn not_read(what: &str, account: &Account, failure: &CallFailure) -> Judgement {
    if is_passing(failure) {
        return again(what, failure);
    }
    Judgement::fail(format!("{what}: {failure}."), connect_again(account))
}

/// Why nothing is sent for an account, if so.
pub fn hold(account: &Account, now: Timestamp) -> Option<Judgement> {
    let hold = account.hold.as_ref()?;
    if hold.until.is_some_and(|until| until <= now) {
        return None;
    }
    let (what, next_step) = match hold.until {
        Some(until) => (
            format!(
                "Nothing is sent for it until {} ({}).",
                until.beside(now),
                hold.reason
            ),
            format!(
                "Open Instagram as @{} and look under Settings, Account status. Hookline tries \
                 again by itself then.",
                account.username
            ),
        ),
        None => (
            format!(
                "Nothing is sent for it until it has a new token ({}).",
                hold.reason
            ),
            connect_again(account),
        ),
    };
    Some(Judgement::fail(what, next_step))
}

/// What people were told of already.
pub fn open_alert(alert: &Alert, now: Timestamp) -> Judgement {
    let detail = match alert.detail.as_str() {
        "" => String::new(),
        detail => format!(": {detail}"),
    };
    let what = format!(
        "Open alert {} since {}: {}{detail}.",
        alert.code.as_str(),
        alert.since.beside(now),
        alert.title
    );
    match alert.severity {
        Severity::Critical => Judgement::fail(what, &alert.what_to_do),
        Severity::Warning => Judgement::warn(what, &alert.what_to_do),
    }
}

/// When something last came in each field.
pub fn events(newest: &BTreeMap<EventKind, Timestamp>, now: Timestamp) -> Judgement {
    if newest.is_empty() {
        return Judgement::warn(
            "Nothing has ever arrived for this account.",
            "Comment on one of its posts from another account. If that does not arrive, look in \
             this order: that the app is Live in its dashboard at Meta; that Allow access to \
             messages is on in Instagram (Settings, Messages and story replies, Message controls, \
             Connected tools); that the account is subscribed (above); that the app has Advanced \
             Access, without which only people with a role on the app are told of. The account \
             must also be public.",
        );
    }
    let of = |kinds: &[EventKind]| kinds.iter().filter_map(|kind| newest.get(kind)).max();
    let (mut seen, mut unseen) = (Vec::new(), Vec::new());
    for (field, kinds) in FIELDS {
        match of(kinds) {
            Some(at) => seen.push(format!("{field} {}", at.beside(now))),
            None => unseen.push(field),
        }
    }
    let mut what = format!("Last events: {}", seen.join(", "));
    if seen.is_empty() {
        "Events arrive, of no field that is used".clone_into(&mut what);
    }
    if !unseen.is_empty() {
        what = format!("{what}; none of late: {}", unseen.join(", "));
    }
    Judgement::ok(format!("{what}."))
}

/// What is known of the app's mode, which no documented call tells.
pub fn app_mode(has_events: bool, has_tests: bool) -> Judgement {
    const WHERE: &str = "the switch at the top of the app's dashboard at Meta (App mode: Live), \
                         and App Review, Permissions and features, for Advanced Access to comments";
    if has_tests && !has_events {
        return Judgement::warn(
            "Only the dashboard's test events ever arrived: the app is probably in development \
             mode, in which Meta tells of nothing that strangers do.",
            format!("Look at {WHERE}."),
        );
    }
    let evidence = if has_events {
        "events arrive, which strangers' do only in Live mode"
    } else {
        "nothing arrived yet that would show it"
    };
    Judgement::skipped(format!(
        "Meta has no call that tells whether the app is Live ({evidence}); look at {WHERE}."
    ))
}

fn again(what: &str, failure: &CallFailure) -> Judgement {
    Judgement::warn(
        format!("{what}: {failure}."),
        "Run `hookline doctor` again in a few minutes; if it stays, see whether this machine may \
         open connections to Meta.",
    )
}

/// Whether the failure says nothing of the account or the app.
pub fn is_passing(failure: &CallFailure) -> bool {
    match failure {
        CallFailure::NotWritten(_) => false,
        CallFailure::NotSent { .. } | CallFailure::Unknown { .. } => true,
        CallFailure::Answered { error, .. } => matches!(
            error.class,
            ErrorClass::Throttle | ErrorClass::Retry | ErrorClass::Ambiguous
        ),
    }
}
