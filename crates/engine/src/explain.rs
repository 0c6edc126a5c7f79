//! One plain account of what happened to an event and why, for the owner and the support desk.
//!
//! - [`explain`]: gathers everything known of one comment, message, event or send
//! - [`Explanation`]: the answer; serialises as the API shows it, [`Explanation::to_text`] is what
//!   a terminal shows
//! - [`ShownEvent`]: an event as people see it

mod reason;
mod shown;
mod subject;
mod summary;
#[cfg(test)]
mod tests;
mod text;

use hookline_model::clock::Timestamp;
use hookline_store::records::{DeliveryRecord, RunRecord, SendRecord, Story};
use hookline_store::{Store, StoreError};
use serde::Serialize;

pub use reason::in_words as reason_in_words;
pub use shown::ShownEvent;
pub use summary::elapsed as duration_in_words;

/// Waiting events looked through for the one that is explained.
const WAITING_MAX: u32 = 1000;

/// Everything known of one event, with one plain sentence that sums it up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// What was asked about, as it was asked.
    pub subject: String,
    /// One sentence that a person who knows nothing of the inside understands.
    pub summary: String,
    /// Every delivery that told of the event, the first one first.
    pub deliveries: Vec<DeliveryRecord>,
    /// The event.
    pub event: ShownEvent,
    /// Why the event triggered nothing, whatever the automations say; none if it could.
    pub ignored: Option<String>,
    /// The automations considered, the winner first.
    pub runs: Vec<RunRecord>,
    /// What was owed, with every try and Meta's answers.
    pub sends: Vec<SendRecord>,
}

impl Explanation {
    /// The explanation of `story`, as of `now`.
    pub fn of(subject: &str, story: Story, now: Timestamp) -> Self {
        let summary = summary::of(&story, now);
        let event = ShownEvent::from(story.event);
        Self {
            subject: subject.to_owned(),
            summary,
            deliveries: story.deliveries,
            ignored: event.ignored.clone(),
            event,
            runs: story.runs,
            sends: story.sends,
        }
    }

    /// The explanation for a terminal: aligned, times in RFC 3339, newline at the end.
    pub fn to_text(&self) -> String {
        text::of(self)
    }
}

/// Explains the event that `subject` names: an event id (`evt_…`), a comment id, the `mid` of a
/// message, or the `mid` of something we sent. None if nothing of that name is known.
pub async fn explain(
    store: &Store,
    subject: &str,
    now: Timestamp,
) -> Result<Option<Explanation>, StoreError> {
    let Some(story) = store.find_story(subject.to_owned(), now).await? else {
        return Ok(None);
    };
    let waiting = is_waiting(store, &story)
        .await?
        .then(|| summary::of_waiting(&story));
    let mut explanation = Explanation::of(subject, story, now);
    if let Some(summary) = waiting {
        explanation.summary = summary;
    }
    Ok(Some(explanation))
}

/// Whether the event cannot be routed before something is read from Meta. Among more waiting
/// events than are looked through, the answer is no.
async fn is_waiting(store: &Store, story: &Story) -> Result<bool, StoreError> {
    if story.event.ignored.is_some() || !story.runs.is_empty() || !story.sends.is_empty() {
        return Ok(false);
    }
    let waiting = store
        .waiting_events(Timestamp::FAR_FUTURE, WAITING_MAX)
        .await?;
    Ok(waiting.iter().any(|event| event.id == story.event.id))
}
