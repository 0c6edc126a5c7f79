//! What a refused exchange or refresh asks for.

use super::super::call::CallFailure;
use super::super::error::{ErrorClass, GraphError, TokenProblem};

/// What to do when a code was not exchanged, or a fresh token not for a long-lived one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeRefusal {
    /// The code or token is used up, too old or was never given out: the login begins again.
    LogInAgain,
    /// Meta does not know the app's id, secret or redirect address as they are configured. Meta
    /// gives no code of its own for it, so this is read from its English words; whoever misses it
    /// sends the person through a login that fails the same way, with Meta's words beside it.
    AppNotAccepted,
    /// Nothing is said of the code: the exchange can be tried again, and a code that had its
    /// effect is refused then.
    TryAgain,
}

/// What to do when a token was not refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshRefusal {
    /// The token is dead: the account is to be connected again.
    Dead(TokenProblem),
    /// The token may well work. It is younger than 24 hours, or was not granted what a refresh
    /// needs; Meta's code for it is not documented (contract 8.1, appendix B 13). Once it is older
    /// than a day, only another login helps.
    NotNow,
    /// Nothing is said of the token: try again.
    TryAgain,
}

impl CodeRefusal {
    /// Reads it from why [`exchange_code`](super::exchange_code) or
    /// [`exchange_for_long_lived`](super::exchange_for_long_lived) failed.
    pub fn of(failure: &CallFailure) -> Self {
        let error = match failure {
            CallFailure::Answered { error, .. } => error,
            // The app's id or a host is not one: nothing was asked yet.
            CallFailure::NotWritten(_) => return Self::AppNotAccepted,
            CallFailure::NotSent { .. } | CallFailure::Unknown { .. } => return Self::TryAgain,
        };
        if names_the_app(error) {
            return Self::AppNotAccepted;
        }
        let says_nothing = matches!(
            error.class,
            ErrorClass::Throttle | ErrorClass::Retry | ErrorClass::Ambiguous
        );
        if says_nothing {
            Self::TryAgain
        } else {
            Self::LogInAgain
        }
    }
}

impl RefreshRefusal {
    /// Reads it from why [`refresh_token`](super::refresh_token) failed.
    pub fn of(failure: &CallFailure) -> Self {
        match failure.class() {
            Some(ErrorClass::Token(problem)) => Self::Dead(problem),
            None | Some(ErrorClass::Throttle | ErrorClass::Retry | ErrorClass::Ambiguous) => {
                Self::TryAgain
            }
            Some(_) => Self::NotNow,
        }
    }
}

fn names_the_app(error: &GraphError) -> bool {
    const WORDS: [&str; 6] = [
        "client secret",
        "client_secret",
        "client id",
        "client_id",
        "platform app",
        "redirect_uri",
    ];
    let said = error.message.as_deref().unwrap_or_default();
    let said = said.to_ascii_lowercase();
    WORDS.iter().any(|word| said.contains(word))
}
