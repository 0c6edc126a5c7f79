//! Alerts.

use utoipa::ToSchema;

/// Which alerts.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum AlertState {
    /// Those that last.
    Open,
    /// Those that are over too.
    All,
}

/// How bad it is.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Severity {
    /// Works, and will not go on working, or not all of it, unless somebody looks.
    Warning,
    /// People get no answer while this lasts.
    Critical,
}

/// What is wrong.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the reference of alerts says what each means")]
pub enum AlertCode {
    TokenDead,
    TokenExpiring,
    AccountBlocked,
    MessageAccessOff,
    PermissionMissing,
    AccountNotSubscribed,
    AppNotSubscribed,
    SubscriptionRefused,
    SignatureFailures,
    AccountSilent,
    EventsMissed,
    AppIncident,
    SendsNeedAPerson,
    DeliveriesNotRecorded,
}

/// The account an alert is about.
#[derive(ToSchema)]
pub struct AlertAccount {
    /// Its id.
    pub id: String,
    /// Its handle; null once it is not connected any more.
    #[schema(required)]
    pub username: Option<String>,
}

/// Notices of an alert by where they stand, each counted once for each destination.
#[derive(ToSchema)]
pub struct NoticeCounts {
    /// Arrived.
    pub delivered: u32,
    /// Are tried again.
    pub waiting: u32,
    /// Could not be delivered within a day.
    pub given_up: u32,
}

/// Something a person has to know of.
#[derive(ToSchema)]
pub struct Alert {
    /// The alert.
    #[schema(example = "alr_3")]
    pub id: String,
    /// What is wrong.
    pub code: AlertCode,
    /// How bad it is.
    pub severity: Severity,
    /// One line that says so.
    pub title: String,
    /// Whom it is about; null when it is the whole installation.
    #[schema(required)]
    pub account: Option<AlertAccount>,
    /// Since when it is so.
    #[schema(format = DateTime)]
    pub since: String,
    /// When it was over; null while it lasts.
    #[schema(required, format = DateTime)]
    pub resolved_at: Option<String>,
    /// The particulars, as last seen.
    pub detail: String,
    /// What to do.
    pub what_to_do: String,
    /// What became of telling people.
    pub notices: NoticeCounts,
}
