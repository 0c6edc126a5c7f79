//! What was found, in plain words.

use std::fmt;

use hookline_model::account::Account;
use hookline_model::ids::AccountId;
use serde::Serialize;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Works, and will not go on working, or not all of it, unless somebody looks.
    Warn,
    /// People get no answer while this lasts.
    Fail,
    /// Nobody can tell from here.
    Skipped,
}

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "subject", rename_all = "snake_case")]
pub enum Subject {
    /// Configuration, database and server of this machine.
    Machine,
    /// What Meta sees of this installation.
    PublicAddress,
    /// The Meta app.
    App,
    /// A connected account.
    Account {
        /// Its id.
        account_id: AccountId,
        /// Its handle, without `@`.
        username: String,
    },
}

impl Subject {
    /// A connected account.
    pub fn account(account: &Account) -> Self {
        Self::Account {
            account_id: account.id.clone(),
            username: account.username.clone(),
        }
    }

    /// Its place in a report: what others depend on comes first.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Machine => 0,
            Self::PublicAddress => 1,
            Self::App => 2,
            Self::Account { .. } => 3,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine => f.write_str("This machine"),
            Self::PublicAddress => f.write_str("What Meta sees"),
            Self::App => f.write_str("The Meta app"),
            Self::Account {
                account_id,
                username,
            } => write!(f, "@{username} ({account_id})"),
        }
    }
}

/// One thing that was looked at; holds no secret and nobody's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    #[serde(flatten)]
    pub subject: Subject,
    /// The stable name of the check, such as `token`.
    pub check: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found, as a sentence.
    pub what: String,
    /// What to do, where there is something to do.
    pub next_step: Option<String>,
}

/// How it stands, before it is said of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// How it stands.
    pub verdict: Verdict,
    /// What was found, as a sentence.
    pub what: String,
    /// What to do, for what is not as it should be.
    pub next_step: Option<String>,
}

impl Judgement {
    /// As it should be.
    pub fn ok(what: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Ok,
            what: what.into(),
            next_step: None,
        }
    }

    /// Not as it should be, and it works.
    pub fn warn(what: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warn,
            what: what.into(),
            next_step: Some(next_step.into()),
        }
    }

    /// It does not work.
    pub fn fail(what: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Fail,
            what: what.into(),
            next_step: Some(next_step.into()),
        }
    }

    /// Nobody can tell; `what` says why.
    pub fn skipped(what: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Skipped,
            what: what.into(),
            next_step: None,
        }
    }

    /// Says of what it was found.
    pub fn on(self, check: &'static str, subject: &Subject) -> Finding {
        Finding {
            subject: subject.clone(),
            check,
            verdict: self.verdict,
            what: self.what,
            next_step: self.next_step,
        }
    }
}
