//! Doctor: every way in which events can stop coming is looked at once, and said in plain words.
//!
//! Nothing is changed, here or at Meta. What only Meta's dashboard shows is skipped and says where
//! to look; where evidence allows a judgement, it is given.

mod account;
mod finding;
pub mod judge;

#[cfg(test)]
mod tests;

use hookline_meta::graph::CallFailure;

use crate::subscribe::{Standing, Subscriber};

pub use account::{AccountDoctor, Patient};
pub use finding::{Finding, Judgement, Subject, Verdict};

/// Looks at the app's credentials and its subscription; one call.
pub async fn examine_app(subscriber: &Subscriber, has_facebook: bool) -> Vec<Finding> {
    let looked = subscriber.app(has_facebook, &[], false).await;
    judge_app(&looked)
}

fn judge_app(looked: &Result<Option<Standing>, CallFailure>) -> Vec<Finding> {
    let (credentials, subscription) = match looked {
        Ok(Some(standing)) => (
            Judgement::ok("Meta accepts the app's id and secret."),
            judge::app_subscription(&standing.difference),
        ),
        Ok(None) => (
            Judgement::skipped(
                "The app's id and secret cannot be tried: meta.app_id, meta.app_secrets, \
                 meta.verify_token and server.public_url are not all set.",
            ),
            Judgement::warn(
                "What the app is subscribed to cannot be compared with what is wanted.",
                "Set meta.app_id, meta.app_secrets, meta.verify_token and server.public_url; then \
                 Hookline can look after the app's subscription itself.",
            ),
        ),
        Err(failure) => (
            judge::app_credentials(failure),
            Judgement::skipped("The app's subscription could not be read, see above."),
        ),
    };
    vec![
        credentials.on("app_credentials", &Subject::App),
        subscription.on("app_subscription", &Subject::App),
    ]
}
