//! The shapes of answers and documents that other crates serialise, for the OpenAPI document.
//! A test holds every answer of the API against them.

mod alerts;
mod automation;
mod records;

use utoipa::ToSchema;

pub use alerts::{Alert, AlertAccount, AlertCode, AlertState, NoticeCounts, Severity};
pub use automation::{
    AutomationDocument, AutomationPublication, LimitDocument, MatchDocument, MatchMode,
    MediaDocument, OncePer, PublishedAutomation, StepDocument, TriggerDocument, TriggerKind,
    TriggerKinds,
};
pub use records::{
    Attempt, Because, Deletion, Delivery, DeliveryStatus, Event, EventKind, Explanation,
    MetaAnswer, ReplayRequested, Run, Send, SendClass, SendKind, SendState, Settlement, Verdict,
    WholeDelivery,
};

/// One wrong value of a document.
#[derive(ToSchema)]
pub struct FieldError {
    /// Where, as in `steps[0].text`; empty when it is the document as a whole.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// How an account was connected.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Login {
    /// Instagram Login.
    Instagram,
    /// Facebook Login, through a Page.
    Facebook,
}

/// An account that is to be connected.
#[derive(ToSchema)]
pub struct AccountDraft {
    /// The handle; a leading `@` is left out.
    #[schema(example = "ada.bakes")]
    pub username: String,
    /// The access token; stored encrypted, never shown.
    #[schema(write_only)]
    pub access_token: String,
    /// How it was connected.
    pub login: Login,
    /// The Facebook Page it is sent through; required with `facebook`, refused with `instagram`.
    pub page_id: Option<String>,
    /// The account as the Meta app sees it.
    pub app_scoped_id: Option<String>,
}
