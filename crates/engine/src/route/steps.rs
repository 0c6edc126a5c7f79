//! The steps of an automation as planned sends.

use std::collections::HashMap;

use hookline_model::automation::Step;
use hookline_model::clock::Timestamp;
use hookline_model::conversation::{private_reply_deadline, window_closes_at};
use hookline_model::event::{Event, EventKind, EventName};
use hookline_model::ids::{AccountId, ContactId};
use hookline_model::routing::Rule;
use hookline_model::send::{SendClass, SendKey, SendKind};
use hookline_store::planning::{ContactFacts, PlannedEvent, PlannedSend};
use rand::RngExt;
use rand::rngs::StdRng;

use super::consider::Match;
use crate::settings::Settings;

/// Plans every step; only the first one has a time, the others follow when the one before was
/// accepted.
pub(super) fn plan(
    found: &Match,
    planned: &PlannedEvent,
    contacts: &HashMap<(AccountId, ContactId), ContactFacts>,
    (settings, random): (&Settings, &mut StdRng),
) -> Vec<PlannedSend> {
    let event = &planned.event;
    let is_live = event.kind() == EventKind::LiveCommentReceived;
    let first_due = planned.received_at.plus(match event.kind() {
        EventKind::CommentReceived | EventKind::MentionReceived => settings.first_reply_delay,
        // A live comment can be answered only while on air, so at once (contract 4.2).
        EventKind::LiveCommentReceived => std::time::Duration::ZERO,
        EventKind::MessageReceived
        | EventKind::PostbackReceived
        | EventKind::ReferralReceived
        | EventKind::ReactionChanged
        | EventKind::MessageEchoed
        | EventKind::MessageDeleted
        | EventKind::MessageEdited
        | EventKind::MessageSeen
        | EventKind::ThreadControlChanged
        | EventKind::StoryInsightsReceived
        | EventKind::Unknown => settings.dm_delay,
    });
    let window = event
        .contact_id()
        .and_then(|contact| contacts.get(&(event.account_id.clone(), contact.clone())))
        .and_then(|facts| facts.last_inbound_at)
        .map_or(planned.received_at, window_closes_at);
    let rule = &found.rule;
    let steps = rule.automation.steps.iter().zip(0_u32..);
    steps
        .zip(&found.keys)
        .map(|((step, place), key)| {
            let kind = kind_of(step);
            PlannedSend {
                key: key.clone(),
                automation_id: rule.id,
                version: rule.version,
                step: place,
                kind,
                class: SendClass::of(kind, is_live),
                contact_id: event.contact_id().cloned(),
                comment_id: event.comment_id().cloned(),
                due_at: (place == 0).then_some(first_due),
                deadline_at: deadline(kind, planned, window),
                text: text_of(step, random),
                keyword: found.keyword.clone(),
            }
        })
        .collect()
}

/// The keys of the steps, in their order.
pub(super) fn keys(rule: &Rule, event: &Event) -> Vec<SendKey> {
    let steps = rule.automation.steps.iter().zip(0_u32..);
    steps
        .map(|(step, place)| match (kind_of(step), event.comment_id()) {
            (SendKind::PrivateReply, Some(comment)) => {
                SendKey::private_reply(&event.account_id, comment)
            }
            _ => SendKey::step(EventName::of(event), rule.id.0, place),
        })
        .collect()
}

fn kind_of(step: &Step) -> SendKind {
    match step {
        Step::PrivateReply { .. } => SendKind::PrivateReply,
        Step::Dm { .. } => SendKind::Dm,
        Step::PublicReply { .. } => SendKind::PublicReply,
    }
}

fn text_of(step: &Step, random: &mut StdRng) -> String {
    match step {
        Step::PrivateReply { text } | Step::Dm { text } => text.clone(),
        Step::PublicReply { texts } => {
            let chosen = random.random_range(0..texts.len().max(1));
            texts.get(chosen).cloned().unwrap_or_default()
        }
    }
}

/// The latest moment as far as it is known now. The comment's own time, read before the first
/// reply, can only bring it nearer.
fn deadline(kind: SendKind, planned: &PlannedEvent, window: Timestamp) -> Timestamp {
    let event = &planned.event;
    let happened = event
        .occurred_at
        .or(event.sent_at)
        .unwrap_or(planned.received_at)
        .min(planned.received_at);
    match kind {
        SendKind::PrivateReply | SendKind::PublicReply => private_reply_deadline(happened),
        SendKind::Dm => window,
    }
}
