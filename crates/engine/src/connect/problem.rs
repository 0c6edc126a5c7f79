//! Why an account was not connected, and what to do.

use hookline_meta::graph::{CallFailure, CodeRefusal, ErrorClass, LoginKind};
use hookline_store::StoreError;

/// Why nothing was connected; nothing is stored then.
#[derive(Debug, thiserror::Error)]
pub enum ConnectProblem {
    /// The id or the secret of the login's app is not configured.
    #[error("{} is not configured", app_keys(*.0))]
    AppNotConfigured(LoginKind),
    /// The code is used up, too old, or of another login.
    #[error("Meta does not accept this login any more: {0}")]
    CodeRefused(CallFailure),
    /// Meta does not know the app as it is configured.
    #[error("Meta does not accept the app as it is configured: {0}")]
    AppRefused(CallFailure),
    /// The person unticked what is needed.
    #[error("these permissions are missing: {}", .0.join(", "))]
    MissingScopes(Vec<&'static str>),
    /// A personal account has neither webhooks nor an API for messages.
    #[error("@{0} is a personal account")]
    NotProfessional(String),
    /// The person has no Page.
    #[error("there is no Facebook Page that you may act for")]
    NoPages,
    /// No Page has an Instagram account.
    #[error("no Instagram account is linked to {}", .0.join(", "))]
    NoInstagram(Vec<String>),
    /// The person may not do enough on any of the Pages.
    #[error("{}", .0.join(" "))]
    MissingTasks(Vec<String>),
    /// The token is longer than any token can be.
    #[error("this is no access token: it is too long")]
    TokenTooLong,
    /// Meta could not be asked, or said no to something else.
    #[error("{0}")]
    Call(CallFailure),
    /// The account could not be stored.
    #[error("the account could not be stored")]
    Store(#[source] StoreError),
}

fn app_keys(login: LoginKind) -> &'static str {
    match login {
        LoginKind::Instagram => {
            "the app of Instagram Login (meta.instagram_app_id, or meta.app_id)"
        }
        LoginKind::Facebook => "the Meta app (meta.app_id)",
    }
}

impl ConnectProblem {
    /// A refused exchange.
    pub(super) fn code(failure: CallFailure) -> Self {
        match CodeRefusal::of(&failure) {
            CodeRefusal::LogInAgain => Self::CodeRefused(failure),
            CodeRefusal::AppNotAccepted => Self::AppRefused(failure),
            CodeRefusal::TryAgain => Self::Call(failure),
        }
    }

    /// What the person should do now, in plain words.
    pub fn what_to_do(&self) -> &'static str {
        match self {
            Self::AppNotConfigured(_) => {
                "Whoever runs this server has to set it, with the app's secret, and restart."
            }
            Self::CodeRefused(_) => "Begin again: each login can be used once, within an hour.",
            Self::AppRefused(_) => {
                "Whoever runs this server has to compare the app's id, its secret and the \
                 redirect address with those in the app's dashboard at Meta."
            }
            Self::MissingScopes(_) => {
                "Begin again and leave every permission ticked: without them comments cannot be \
                 read or answered."
            }
            Self::NotProfessional(_) => {
                "Switch the account to a professional one, for free, in the Instagram app: \
                 Settings, Account type and tools, Switch to professional account. Then begin \
                 again."
            }
            Self::NoPages => {
                "Create a Facebook Page, link it to your Instagram account, and begin again; or \
                 connect with Instagram, which needs no Page."
            }
            Self::NoInstagram(_) => {
                "Link the Page to your professional Instagram account in the Page's settings, \
                 under Linked accounts, and begin again; or connect with Instagram, which needs \
                 no Page."
            }
            Self::MissingTasks(_) => "Then begin again.",
            Self::TokenTooLong => "Copy the token from Meta's dashboard again, and nothing else.",
            Self::Call(failure) => match failure.class() {
                Some(ErrorClass::Token(_)) => {
                    "Meta does not take this access: log in again, or get a new token from Meta's \
                     dashboard and copy all of it."
                }
                Some(ErrorClass::Permission | ErrorClass::ContentOrPermission) => {
                    "Begin again and leave every permission ticked."
                }
                _ => "Try again in a few minutes. Nothing was changed.",
            },
            Self::Store(_) => "Whoever runs this server finds the reason in its log.",
        }
    }
}
