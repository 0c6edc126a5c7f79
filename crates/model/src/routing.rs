//! Which automations one event is considered for and what each one says.

use crate::automation::{AccountScope, Automation, Because, MediaScope, Step, TriggerKind};
use crate::clock::Timestamp;
use crate::event::{Event, EventBody};
use crate::ids::{AccountId, AutomationId, MediaId};
use crate::matching::{CompiledMatch, NormalizedText};

/// A published automation, ready to be considered.
#[derive(Debug)]
pub struct Rule {
    /// The automation, through all its versions.
    pub id: AutomationId,
    /// The version.
    pub version: u32,
    /// When this version was published: `next` counts from here.
    pub published_at: Timestamp,
    /// When the first version was: decides among equal priorities.
    pub first_published_at: Timestamp,
    /// The document.
    pub automation: Automation,
    /// Its conditions on the text.
    pub matcher: CompiledMatch,
}

impl Rule {
    /// Whether one of its steps reaches a person's inbox.
    pub fn sends_message(&self) -> bool {
        self.automation.steps.iter().any(|step| match step {
            Step::PrivateReply { .. } | Step::Dm { .. } => true,
            Step::PublicReply { .. } => false,
        })
    }

    /// Highest priority first, then the one first published.
    pub fn rank(&self) -> impl Ord + use<> {
        (
            std::cmp::Reverse(self.automation.priority),
            self.first_published_at,
            self.id,
        )
    }

    /// Whether the automation is for this account and kind of event at all; only then a run is
    /// kept.
    pub fn concerns(&self, account: &AccountId, username: &str, trigger: TriggerKind) -> bool {
        let is_in_scope = match &self.automation.accounts {
            AccountScope::Every => true,
            AccountScope::Only(names) => names
                .iter()
                .any(|name| name == account.as_str() || name.eq_ignore_ascii_case(username)),
        };
        is_in_scope && self.automation.trigger.on.contains(&trigger)
    }
}

/// The trigger an event is, if it can be one.
pub fn trigger_of(event: &Event) -> Option<TriggerKind> {
    match &event.body {
        EventBody::CommentReceived(_) => Some(TriggerKind::Comment),
        EventBody::LiveCommentReceived(_) => Some(TriggerKind::LiveComment),
        EventBody::MentionReceived(_) => Some(TriggerKind::Mention),
        EventBody::MessageReceived(message) if message.is_story_mention() => {
            Some(TriggerKind::StoryMention)
        }
        EventBody::MessageReceived(message) if message.is_story_reply() => {
            Some(TriggerKind::StoryReply)
        }
        EventBody::MessageReceived(_) => Some(TriggerKind::Message),
        EventBody::PostbackReceived(_) => Some(TriggerKind::Postback),
        EventBody::ReferralReceived(_) => Some(TriggerKind::Referral),
        EventBody::ReactionChanged(reaction) if reaction.is_added => Some(TriggerKind::Reaction),
        EventBody::ReactionChanged(_)
        | EventBody::MessageEchoed(_)
        | EventBody::MessageDeleted(_)
        | EventBody::MessageEdited(_)
        | EventBody::MessageSeen(_)
        | EventBody::ThreadControlChanged(_)
        | EventBody::StoryInsightsReceived(_)
        | EventBody::Unknown(_) => None,
    }
}

/// The words of an event that conditions look at: of a postback its payload (what the button
/// means), else its title; of a referral its mark; of a reaction its sign.
pub fn text_of(event: &Event) -> Option<&str> {
    match &event.body {
        EventBody::CommentReceived(comment) | EventBody::LiveCommentReceived(comment) => {
            comment.text.as_deref()
        }
        EventBody::MessageReceived(message) => message.text.as_deref(),
        EventBody::PostbackReceived(postback) => {
            postback.payload.as_deref().or(postback.title.as_deref())
        }
        EventBody::ReferralReceived(referral) => referral.reference.as_deref(),
        EventBody::ReactionChanged(reaction) => {
            reaction.emoji.as_deref().or(reaction.reaction.as_deref())
        }
        EventBody::MentionReceived(_)
        | EventBody::MessageEchoed(_)
        | EventBody::MessageDeleted(_)
        | EventBody::MessageEdited(_)
        | EventBody::MessageSeen(_)
        | EventBody::ThreadControlChanged(_)
        | EventBody::StoryInsightsReceived(_)
        | EventBody::Unknown(_) => None,
    }
}

/// The media an event is on: for a boosted post also the one it was made from (contract 4.1).
pub fn media_of(event: &Event) -> impl Iterator<Item = &MediaId> {
    let original = event
        .body
        .comment()
        .and_then(|comment| comment.media.as_ref())
        .and_then(|media| media.original_media_id.as_ref());
    event.media_id().into_iter().chain(original)
}

/// What is known of the media that `media = "next"` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextMedia<'a> {
    /// It turned out to be this one.
    Bound(&'a MediaId),
    /// Not bound; the media of the event was published at this time.
    Published(Timestamp),
    /// Not bound, and nobody knows when the media of the event was published.
    NotKnown,
    /// Not bound, and Meta will not tell: the media is gone, or was asked for in vain.
    Unreadable,
}

/// What one automation says of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Considered {
    /// Every condition holds.
    Matched {
        /// The condition that shows it.
        because: Because,
        /// The keyword that was found.
        keyword: Option<String>,
    },
    /// A condition does not hold.
    NotMatched(Because),
    /// It has to be known first when the event's media was published.
    NeedsMedia,
}

/// Considers a rule for an event it [concerns](Rule::concerns). Conditions are asked in the order
/// of the document: media, replies, text.
pub fn consider(
    rule: &Rule,
    event: &Event,
    text: Option<&NormalizedText<'_>>,
    next: NextMedia<'_>,
) -> Considered {
    let trigger = &rule.automation.trigger;
    match media_condition(rule, event, next) {
        Ok(None) => {}
        Ok(Some(because)) => return Considered::NotMatched(because),
        Err(NeedsMedia) => return Considered::NeedsMedia,
    }
    if let EventBody::CommentReceived(comment) = &event.body
        && comment.parent_id.is_some()
        && !trigger.include_replies
    {
        return Considered::NotMatched(because(
            "trigger.include_replies",
            "a comment of its own",
            "an answer to another comment",
        ));
    }
    let verdict = rule.matcher.evaluate(text);
    if verdict.matched {
        Considered::Matched {
            because: verdict.because,
            keyword: verdict.keyword,
        }
    } else {
        Considered::NotMatched(verdict.because)
    }
}

struct NeedsMedia;

fn media_condition(
    rule: &Rule,
    event: &Event,
    next: NextMedia<'_>,
) -> Result<Option<Because>, NeedsMedia> {
    let condition = "trigger.media";
    let Some(actual) = event.media_id() else {
        return Ok(None);
    };
    match &rule.automation.trigger.media {
        MediaScope::Any => Ok(None),
        MediaScope::Only(wanted) => {
            if media_of(event).any(|media| wanted.contains(media)) {
                return Ok(None);
            }
            let wanted: Vec<&str> = wanted.iter().map(MediaId::as_str).collect();
            Ok(Some(because(
                condition,
                &wanted.join(", "),
                actual.as_str(),
            )))
        }
        MediaScope::Next => match next {
            NextMedia::Bound(bound) if media_of(event).any(|media| media == bound) => Ok(None),
            NextMedia::Bound(bound) => {
                let expected = format!("{bound}, the first media after this version");
                Ok(Some(because(condition, &expected, actual.as_str())))
            }
            NextMedia::Published(at) if at < rule.published_at => {
                let expected = format!("media published after {}", rule.published_at);
                Ok(Some(because(
                    condition,
                    &expected,
                    &format!("{actual}, published {at}"),
                )))
            }
            NextMedia::Unreadable => {
                let expected = format!("media published after {}", rule.published_at);
                Ok(Some(because(
                    condition,
                    &expected,
                    &format!("{actual}, which cannot be read from Meta"),
                )))
            }
            NextMedia::Published(_) | NextMedia::NotKnown => Err(NeedsMedia),
        },
    }
}

/// A condition in words.
pub fn because(condition: &str, expected: &str, actual: &str) -> Because {
    Because {
        condition: condition.to_owned(),
        expected: expected.to_owned(),
        actual: actual.to_owned(),
    }
}
