//! Why an event cannot trigger anything.

use serde::{Deserialize, Serialize};

use super::{Container, Event, EventBody};

/// Why an event triggers nothing, whatever the automations say (promise 5: never talk to
/// ourselves).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ignored {
    /// The account's own comment or reply (contract 4.1).
    OwnComment,
    /// The account's own message, through any app or by hand (contract 4.9).
    Echo,
    /// The account wrote to, or tapped, itself (contract 4.8).
    SelfMessage,
    /// Another app has the conversation (contract 4.15). That the person wrote, and what they wish,
    /// counts all the same.
    Standby,
    /// The App Dashboard's test button (contract 4.17).
    DashboardTest,
    /// The account is not connected here: a leftover subscription (contract 12, 15).
    AccountUnknown,
    /// Not about Instagram: another product on the same callback (contract 4.18).
    NotInstagram,
}

impl Ignored {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::OwnComment,
        Self::Echo,
        Self::SelfMessage,
        Self::Standby,
        Self::DashboardTest,
        Self::AccountUnknown,
        Self::NotInstagram,
    ];

    /// The reason as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OwnComment => "own_comment",
            Self::Echo => "echo",
            Self::SelfMessage => "self_message",
            Self::Standby => "standby",
            Self::DashboardTest => "dashboard_test",
            Self::AccountUnknown => "account_unknown",
            Self::NotInstagram => "not_instagram",
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// What the event itself says; whether the account is known is for the caller to add.
    pub fn of(event: &Event) -> Option<Self> {
        match &event.body {
            EventBody::Unknown(unknown) if unknown.object != "instagram" => {
                Some(Self::NotInstagram)
            }
            EventBody::CommentReceived(comment) | EventBody::LiveCommentReceived(comment) => {
                match (comment.is_test, comment.is_own) {
                    (true, _) => Some(Self::DashboardTest),
                    (false, true) => Some(Self::OwnComment),
                    (false, false) => None,
                }
            }
            EventBody::MessageReceived(message) if message.is_test => Some(Self::DashboardTest),
            EventBody::MessageReceived(message) if message.is_self => Some(Self::SelfMessage),
            EventBody::MessageEchoed(message) if message.is_self => Some(Self::SelfMessage),
            EventBody::MessageEchoed(_) => Some(Self::Echo),
            EventBody::PostbackReceived(postback) if postback.is_self => Some(Self::SelfMessage),
            EventBody::MessageReceived(_)
            | EventBody::MessageDeleted(_)
            | EventBody::MessageEdited(_)
            | EventBody::ReactionChanged(_)
            | EventBody::MessageSeen(_)
            | EventBody::PostbackReceived(_)
            | EventBody::ReferralReceived(_)
            | EventBody::ThreadControlChanged(_)
            | EventBody::MentionReceived(_)
            | EventBody::StoryInsightsReceived(_)
            | EventBody::Unknown(_) => match event.container {
                Container::Standby => Some(Self::Standby),
                Container::Changes | Container::Messaging | Container::Backfill => None,
            },
        }
    }
}
