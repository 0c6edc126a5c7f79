//! What an event is called in a sentence.

use hookline_model::event::{Comment, EventBody, EventKind, Message, Reaction};
use hookline_model::ids::ContactId;
use hookline_store::records::EventRecord;

/// Longest text a sentence quotes, in characters.
const QUOTED_CHARS_MAX: usize = 60;

/// The event in words, as in `the comment "LINK" by ada.bakes`.
pub(super) fn of(event: &EventRecord) -> String {
    let by = |role: &str| by(role, event.contact_id.as_ref());
    match &event.body {
        EventBody::CommentReceived(comment) => of_comment("comment", comment),
        EventBody::LiveCommentReceived(comment) => of_comment("live comment", comment),
        EventBody::MentionReceived(mention) => match &mention.comment_id {
            Some(comment) => format!("the mention in comment {comment}"),
            None => "the mention in a caption".to_owned(),
        },
        EventBody::MessageReceived(message) => of_message(message),
        EventBody::MessageEchoed(message) => {
            format!(
                "the echo of the account's own message {}",
                quoted(message.text.as_deref())
            )
        }
        EventBody::MessageDeleted(_) => format!("the unsending of a message{}", by("by")),
        EventBody::MessageEdited(edit) => {
            format!("the edit to {}{}", quoted(edit.text.as_deref()), by("by"))
        }
        EventBody::ReactionChanged(reaction) => {
            format!("{}{}", of_reaction(reaction), by("by"))
        }
        EventBody::MessageSeen(_) => format!("the reading of a message{}", by("by")),
        EventBody::PostbackReceived(postback) => {
            format!(
                "the tap on {}{}",
                quoted(postback.title.as_deref()),
                by("by")
            )
        }
        EventBody::ReferralReceived(referral) => match &referral.reference {
            Some(mark) => format!("the visit through the link \"{mark}\"{}", by("by")),
            None => format!("the visit through a link{}", by("by")),
        },
        EventBody::ThreadControlChanged(control) => {
            format!(
                "the change of who has the conversation ({})",
                control.change
            )
        }
        EventBody::StoryInsightsReceived(_) => "the counts of a story".to_owned(),
        EventBody::Unknown(_) => "the event".to_owned(),
    }
}

/// What this kind of event is called when time is counted from it, as in "after the comment
/// arrived".
pub(super) fn noun(kind: EventKind) -> &'static str {
    match kind {
        EventKind::CommentReceived => "comment",
        EventKind::LiveCommentReceived => "live comment",
        EventKind::MentionReceived => "mention",
        EventKind::MessageReceived => "message",
        EventKind::ReactionChanged => "reaction",
        EventKind::PostbackReceived => "tap",
        EventKind::ReferralReceived => "visit",
        EventKind::MessageEchoed
        | EventKind::MessageDeleted
        | EventKind::MessageEdited
        | EventKind::MessageSeen
        | EventKind::ThreadControlChanged
        | EventKind::StoryInsightsReceived
        | EventKind::Unknown => "event",
    }
}

/// A text in quotation marks, shortened; in words when there is none.
pub(super) fn quoted(text: Option<&str>) -> String {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return "without text".to_owned();
    };
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!(
            "\"{}…\"",
            one_line.get(..end).unwrap_or(&one_line).trim_end()
        ),
        None => format!("\"{one_line}\""),
    }
}

fn by(role: &str, contact: Option<&ContactId>) -> String {
    contact.map_or_else(String::new, |contact| format!(" {role} {contact}"))
}

fn of_comment(noun: &str, comment: &Comment) -> String {
    let author = match &comment.from {
        Some(person) => person
            .username
            .clone()
            .unwrap_or_else(|| person.id.to_string()),
        None => "someone Meta does not name".to_owned(),
    };
    format!("the {noun} {} by {author}", quoted(comment.text.as_deref()))
}

fn of_message(message: &Message) -> String {
    let noun = if message.is_story_mention() {
        "story mention"
    } else if message.is_story_reply() {
        "story reply"
    } else {
        "message"
    };
    let text = quoted(message.text.as_deref());
    format!(
        "the {noun} {text}{}",
        by("from", message.contact_id.as_ref())
    )
}

fn of_reaction(reaction: &Reaction) -> String {
    let sign = reaction
        .emoji
        .as_deref()
        .or(reaction.reaction.as_deref())
        .unwrap_or("of any kind");
    if reaction.is_added {
        format!("the reaction {sign}")
    } else {
        "the removal of a reaction".to_owned()
    }
}
