//! Whether a contact asks to be left alone, or to be served again.

use hookline_model::clock::Timestamp;
use hookline_model::event::{Event, EventBody};
use hookline_model::matching::NormalizedText;
use hookline_model::wish::{OptChange, Wish};

use crate::settings::Settings;

/// The wish of an event, if it is one.
///
/// What the person wrote counts, and what the button they tapped says. A payload, which they do not
/// see, can stop and never start: the owner's "no more of these" may mean STOP, but only the person
/// takes a wish back. Comments do not count, they are said to everybody; nor do edits, of which Meta
/// does not always say whose they are (contract 4.12).
pub(super) fn of(event: &Event, received_at: Timestamp, settings: &Settings) -> Option<Wish> {
    let (said, meant) = match &event.body {
        EventBody::MessageReceived(message) => (&message.text, &message.quick_reply_payload),
        EventBody::PostbackReceived(postback) => (&postback.title, &postback.payload),
        EventBody::CommentReceived(_)
        | EventBody::LiveCommentReceived(_)
        | EventBody::MentionReceived(_)
        | EventBody::MessageEchoed(_)
        | EventBody::MessageDeleted(_)
        | EventBody::MessageEdited(_)
        | EventBody::ReactionChanged(_)
        | EventBody::MessageSeen(_)
        | EventBody::ReferralReceived(_)
        | EventBody::ThreadControlChanged(_)
        | EventBody::StoryInsightsReceived(_)
        | EventBody::Unknown(_) => return None,
    };
    let [said, meant] = [said, meant].map(|text| text.as_deref().map(NormalizedText::new));
    let is_stop = |text: &NormalizedText<'_>| settings.stop_words.contains(text);
    let change = if said.iter().chain(&meant).any(is_stop) {
        OptChange::Out
    } else if said.is_some_and(|text| settings.start_words.contains(&text)) {
        OptChange::In
    } else {
        return None;
    };
    Some(Wish::of(change, event.occurred_at, received_at))
}
