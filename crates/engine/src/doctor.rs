//! Doctor: every way in which events can stop coming is looked at once, and said in plain words.
//!
//! Nothing is changed, here or at Meta. What only Meta's dashboard shows is skipped and says where
//! to look; where evidence allows a judgement, it is given.

mod account;
mod finding;
pub mod judge;

#[cfg(test)]
mod tests;

use hookline_meta::graph::{AppCredentials, CallFailure, GraphClient};

use crate::subscribe::{Standing, Subscriber};

pub use account::{AccountDoctor, Patient};
pub use finding::{Finding, Judgement, Subject, Verdict};

/// Looks at the app's credentials, if they are known, and at its subscription; one call.
pub async fn examine_app(
    graph: &GraphClient,
    app: Option<&AppCredentials>,
    subscriber: &Subscriber,
    has_facebook: bool,
) -> Vec<Finding> {
    let looked = match app {
        None => Looked::Unknown,
        Some(_) if subscriber.knows_the_app() => {
            Looked::At(subscriber.app(has_facebook, &[], false).await)
        }
        // Nothing to compare with, but the credentials are tried all the same.
        Some(app) => Looked::At(graph.read_app_subscription(app).await.map(|_| None)),
    };
    judge_app(&looked)
}

/// What came of looking at the app.
enum Looked {
    /// Its id or secret is not configured.
    Unknown,
    /// Where there is something to compare with, with how it stands.
    At(Result<Option<Standing>, CallFailure>),
}

fn judge_app(looked: &Looked) -> Vec<Finding> {
    let accepted = Judgement::ok("Meta accepts the app's id and secret.");
    let (credentials, subscription) = match looked {
        Looked::At(Ok(Some(standing))) => (accepted, judge::app_subscription(&standing.difference)),
        Looked::At(Ok(None)) => (accepted, not_compared()),
        Looked::At(Err(failure)) => (
            judge::app_credentials(failure),
            Judgement::skipped("The app's subscription could not be read, see above."),
        ),
        Looked::Unknown => (
            Judgement::skipped(
                "The app's id and secret are not both set, so they cannot be tried.",
            ),
            not_compared(),
        ),
    };
    vec![
        credentials.on("app_credentials", &Subject::App),
        subscription.on("app_subscription", &Subject::App),
    ]
}

fn not_compared() -> Judgement {
    Judgement::warn(
        "What the app is subscribed to cannot be compared with what is wanted.",
        "Set meta.app_id, meta.app_secrets, meta.verify_token and server.public_url; then Hookline \
         can look after the app's subscription itself.",
    )
}
