//! What people and owners do.

use serde::Deserialize;
use serde_json::{Value, json};

use super::setup::one_or_list;
use super::{Ask, Outcome};
use crate::wire::Reaction;
use crate::world::comments::{CommentDraft, MentionDraft};
use crate::world::messages::{MessageDraft, PostbackDraft};
use crate::world::{Refusal, World};

pub(super) fn route(world: &mut World, ask: &Ask<'_>, call: (&str, &[&str])) -> Option<Outcome> {
    Some(match call {
        ("POST", ["comments"]) => comment(world, ask),
        ("DELETE", ["comments", id]) => done(world.delete_comment(id)),
        ("POST", ["comments", id, "repeat"]) => done(world.repeat_comment_event(ask.now_ms, id)),
        ("POST", ["mentions"]) => mention(world, ask),
        ("POST", ["messages"]) => message(world, ask),
        ("POST", ["messages", mid, "unsend"]) => done(world.unsend(ask.now_ms, mid)),
        ("POST", ["messages", mid, "edit"]) => edit(world, ask, mid),
        ("POST", ["messages", mid, "phantom_edit"]) => done(world.phantom_edit(ask.now_ms, mid)),
        ("POST", ["messages", mid, "seen"]) => done(world.seen(ask.now_ms, mid)),
        ("POST", ["messages", mid, "react"]) => react(world, ask, mid),
        ("POST", ["story_replies"]) => story_reply(world, ask),
        ("POST", ["story_mentions"]) => story_mention(world, ask),
        ("POST", ["postbacks"]) => postback(world, ask),
        ("POST", ["referrals"]) => referral(world, ask),
        ("POST", ["owner", "messages"]) => owner_message(world, ask),
        ("POST", ["owner", "private_replies"]) => owner_private_reply(world, ask),
        ("POST", ["owner", "comments"]) => owner_comment(world, ask),
        ("POST", ["owner", "self_messages"]) => self_message(world, ask),
        _ => return None,
    })
}

fn done(outcome: Result<(), Refusal>) -> Outcome {
    outcome?;
    Ok(json!({ "ok": true }))
}

fn comment(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let (drafts, is_list) = ask.bodies::<CommentDraft>()?;
    let mut written: Vec<Value> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let id = world.comment(ask.now_ms, draft)?;
        let media = world.find_comment(&id)?.media.clone();
        written.push(json!({ "comment_id": id, "media_id": media }));
    }
    one_or_list(written, is_list)
}

fn mention(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let draft: MentionDraft = ask.body()?;
    let (media, comment) = world.mention(ask.now_ms, draft)?;
    Ok(json!({ "media_id": media, "comment_id": comment }))
}

fn message(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let (drafts, is_list) = ask.bodies::<MessageDraft>()?;
    let mids = drafts
        .into_iter()
        .map(|draft| {
            world
                .message(ask.now_ms, draft)
                .map(|mid| json!({ "mid": mid }))
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    one_or_list(mids, is_list)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    text: String,
}

fn edit(world: &mut World, ask: &Ask<'_>, mid: &str) -> Outcome {
    let Text { text } = ask.body()?;
    done(world.edit(ask.now_ms, mid, &text))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReactionChange {
    reaction: Option<Reaction>,
}

fn react(world: &mut World, ask: &Ask<'_>, mid: &str) -> Outcome {
    let ReactionChange { reaction } = ask.body()?;
    done(world.react(ask.now_ms, mid, reaction))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    account: String,
    person: String,
    text: String,
}

fn story_reply(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let Words {
        account,
        person,
        text,
    } = ask.body()?;
    let mid = world.story_reply(ask.now_ms, &account, &person, &text)?;
    Ok(json!({ "mid": mid }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    account: String,
    person: String,
}

fn story_mention(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let Pair { account, person } = ask.body()?;
    let mid = world.story_mention(ask.now_ms, &account, &person)?;
    Ok(json!({ "mid": mid }))
}

fn postback(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let draft: PostbackDraft = ask.body()?;
    let mid = world.postback(ask.now_ms, draft)?;
    Ok(json!({ "mid": mid }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    account: String,
    person: String,
    r#ref: String,
}

fn referral(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let link: Link = ask.body()?;
    done(world.referral(ask.now_ms, &link.account, &link.person, &link.r#ref))
}

fn owner_message(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let Words {
        account,
        person,
        text,
    } = ask.body()?;
    let mid = world.owner_message(ask.now_ms, &account, &person, &text)?;
    Ok(json!({ "mid": mid }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnerReply {
    comment_id: String,
    text: String,
}

fn owner_private_reply(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let reply: OwnerReply = ask.body()?;
    let mid = world.owner_private_reply(ask.now_ms, &reply.comment_id, &reply.text)?;
    Ok(json!({ "mid": mid }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnerComment {
    media: String,
    parent: Option<String>,
    text: String,
}

fn owner_comment(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let comment: OwnerComment = ask.body()?;
    let parent = comment.parent.as_deref();
    let id = world.owner_comment(ask.now_ms, &comment.media, parent, &comment.text)?;
    Ok(json!({ "comment_id": id }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SelfMessage {
    account: String,
    text: String,
}

fn self_message(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let message: SelfMessage = ask.body()?;
    let mid = world.self_message(ask.now_ms, &message.account, &message.text)?;
    Ok(json!({ "mid": mid }))
}
