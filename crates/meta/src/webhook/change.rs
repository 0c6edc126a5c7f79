//! `changes[]`: comments, mentions, story insights, and the dashboard's test messages.

use std::collections::BTreeMap;

use hookline_model::event::{Comment, CommentMedia, EventBody, Mention, Person, StoryInsights};
use hookline_model::ids::{CommentId, ContactId, MediaId};
use serde_json::value::RawValue;

use super::{NotKnown, Read, Source, messaging, parse, wire};
use crate::wire::{Id, Text, Whole};

/// `entry.id` of everything the App Dashboard's test button sends (contract 4.17).
pub(super) const TEST_ACCOUNT: &str = "0";
/// The comment of the test button.
const TEST_COMMENT: &str = "17865799348089039";
/// The commenter of the test button.
const TEST_PERSON: &str = "232323232";

/// Reads one element of `changes[]`, or an entry that holds its event flat.
pub(super) fn read(source: &Source<'_>, raw: &RawValue) -> Result<Read, NotKnown> {
    let change: wire::Change<'_> = parse(raw, "change")?;
    let field = change.field.ok_or(NotKnown::Lacks("the change", "field"))?;
    let value = change.value.ok_or(NotKnown::Lacks("the change", "value"))?;
    match &*field.0 {
        "comments" => read_comment(source, value, EventBody::CommentReceived),
        "live_comments" => read_comment(source, value, EventBody::LiveCommentReceived),
        "mentions" => read_mention(source, value),
        "story_insights" => read_insights(source, value),
        "messages" => messaging::read_test(source, value),
        _ => Err(NotKnown::Field),
    }
}

fn read_comment(
    source: &Source<'_>,
    value: &RawValue,
    body: fn(Comment) -> EventBody,
) -> Result<Read, NotKnown> {
    let wire: wire::Comment<'_> = parse(value, "comment")?;
    let id = wire
        .id
        .or(wire.other_id)
        .ok_or(NotKnown::Lacks("the comment", "id"))?;
    let is_test = source.account.as_str() == TEST_ACCOUNT
        || id.as_str() == TEST_COMMENT
        || wire.from.as_ref().is_some_and(is_test_person);
    let is_own = wire.from.as_ref().is_some_and(|from| {
        let is_account = from
            .id
            .as_ref()
            .is_some_and(|id| id.as_str() == source.account.as_str());
        is_account || (from.self_ig_scoped_id.is_some() && !is_test)
    });
    Ok(Read {
        key: source.key("comment", &[Some(id.as_str())]),
        occurred_at: wire.created_at.as_time(),
        body: body(Comment {
            id: CommentId::new(id.0),
            text: wire.text.map(Text::into_string),
            from: wire.from.and_then(person),
            parent_id: wire.parent_id.map(|id| CommentId::new(id.0)),
            media: wire.media.map(media),
            is_own,
            is_test,
        }),
    })
}

fn is_test_person(from: &wire::From<'_>) -> bool {
    from.id
        .as_ref()
        .is_some_and(|id| id.as_str() == TEST_PERSON)
        && from.username.as_ref().is_none_or(|name| name.0 == "test")
}

fn person(from: wire::From<'_>) -> Option<Person> {
    let username = from.username.map(Text::into_string);
    from.id.map(|id| Person {
        id: ContactId::new(id.0),
        username,
    })
}

fn media(media: wire::Media<'_>) -> CommentMedia {
    CommentMedia {
        id: MediaId::new(media.id.0),
        product_type: media.product_type.map(Text::into_string),
        original_media_id: media.original_media_id.map(|id| MediaId::new(id.0)),
        ad_id: media.ad_id.map(Id::into_string),
        ad_title: media.ad_title.map(Text::into_string),
    }
}

fn read_mention(source: &Source<'_>, value: &RawValue) -> Result<Read, NotKnown> {
    let wire: wire::Mention<'_> = parse(value, "mention")?;
    // Two mentions under one post share its id, so the comment decides where there is one.
    let key = match (&wire.comment_id, &wire.media_id) {
        (Some(comment), _) => source.key("mention", &[Some("comment"), Some(comment.as_str())]),
        (None, Some(media)) => source.key("mention", &[Some("media"), Some(media.as_str())]),
        (None, None) => return Err(NotKnown::Lacks("the mention", "id")),
    };
    Ok(Read {
        key,
        occurred_at: None,
        body: EventBody::MentionReceived(Mention {
            comment_id: wire.comment_id.map(|id| CommentId::new(id.0)),
            media_id: wire.media_id.map(|id| MediaId::new(id.0)),
        }),
    })
}

fn read_insights(source: &Source<'_>, value: &RawValue) -> Result<Read, NotKnown> {
    let wire: BTreeMap<String, &RawValue> = parse(value, "story insight")?;
    let media = wire
        .get("media_id")
        .and_then(|raw| serde_json::from_str::<Id<'_>>(raw.get()).ok())
        .ok_or(NotKnown::Lacks("the story insight", "media_id"))?;
    let counts = wire
        .iter()
        .filter(|(name, _)| *name != "media_id")
        .filter_map(|(name, raw)| {
            let count = serde_json::from_str::<Whole>(raw.get()).ok()?.0?;
            // As in texts: databases refuse zero characters.
            Some((name.replace('\0', "\u{fffd}"), count))
        })
        .collect();
    Ok(Read {
        key: source.key("story_insights", &[Some(media.as_str())]),
        occurred_at: None,
        body: EventBody::StoryInsightsReceived(StoryInsights {
            media_id: Some(MediaId::new(media.0)),
            counts,
        }),
    })
}
