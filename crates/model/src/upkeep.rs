//! What has to be looked after for as long as an account is connected.

/// A task that comes back, for the app or for one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// The app's own subscription to webhooks (contract 3.1).
    AppSubscription,
    /// An account's subscription to the app (contract 3.2).
    Subscription,
    /// An account's access token: refreshed long before it ends (contract 8.1).
    Token,
    /// Whether events still come when there is something to tell.
    Silence,
    /// What an account missed: read back, one gap after the other.
    Backfill,
}

impl Task {
    /// Every task.
    pub const ALL: [Self; 5] = [
        Self::AppSubscription,
        Self::Subscription,
        Self::Token,
        Self::Silence,
        Self::Backfill,
    ];

    /// The tasks of each account.
    pub const OF_ACCOUNTS: [Self; 4] = [
        Self::Subscription,
        Self::Token,
        Self::Silence,
        Self::Backfill,
    ];

    /// The task as stored and logged.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AppSubscription => "app_subscription",
            Self::Subscription => "subscription",
            Self::Token => "token",
            Self::Silence => "silence",
            Self::Backfill => "backfill",
        }
    }

    /// The task of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.as_str() == name)
    }
}

/// Why events may have been missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GapCause {
    /// Hookline was not running.
    Downtime,
    /// Meta had dropped the subscription of the account or of the app.
    Unsubscribed,
    /// Comments were found whose events never came.
    Silence,
}

impl GapCause {
    /// Every cause.
    pub const ALL: [Self; 3] = [Self::Downtime, Self::Unsubscribed, Self::Silence];

    /// The cause as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Downtime => "downtime",
            Self::Unsubscribed => "unsubscribed",
            Self::Silence => "silence",
        }
    }

    /// The cause of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == name)
    }
}
