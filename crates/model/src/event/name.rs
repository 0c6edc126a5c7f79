//! By what an event is looked for.

use super::{Event, NaturalKey};
use crate::ids::{AccountId, CommentId};

/// What an event is found by: its natural key, and the comment it is about, if there is one. Of
/// one key there is one comment, so names are equal exactly when their keys are.
///
/// Comments come roughly in the order of their ids and keys in none, so whoever keeps many events
/// finds one by its comment with less work.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventName {
    /// What makes it this event and no other.
    pub key: NaturalKey,
    /// Whose event it is.
    pub account: AccountId,
    /// The comment it is about.
    pub comment: Option<CommentId>,
}

impl EventName {
    /// The name of an event.
    pub fn of(event: &Event) -> Self {
        Self {
            key: event.key,
            account: event.account_id.clone(),
            comment: event.comment_id().cloned(),
        }
    }
}
