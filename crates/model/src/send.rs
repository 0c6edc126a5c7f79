//! What we owe a person: one outbound effect, its states and its key.

use serde::{Deserialize, Serialize};

use crate::event::EventName;
use crate::ids::{AccountId, CommentId};

/// What kind of effect a send has on Meta's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendKind {
    /// A DM addressed by the comment it answers (contract 5.8).
    PrivateReply,
    /// A comment under the comment it answers (contract 6.2).
    PublicReply,
    /// A DM inside the contact's 24-hour window (contract 5.7).
    Dm,
}

impl SendKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::PrivateReply, Self::PublicReply, Self::Dm];

    /// The kind as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PrivateReply => "private_reply",
            Self::PublicReply => "public_reply",
            Self::Dm => "dm",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether a refusal of this step lets the next step go on: a public reply is optional.
    pub fn is_optional(self) -> bool {
        match self {
            Self::PublicReply => true,
            Self::PrivateReply | Self::Dm => false,
        }
    }

    /// Whether it reaches a person's inbox. Of several automations on one event only one gets to.
    pub fn is_message(self) -> bool {
        match self {
            Self::PrivateReply | Self::Dm => true,
            Self::PublicReply => false,
        }
    }
}

/// What is paced together within one account: together with the account it names a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendClass {
    /// Private replies to comments on posts, reels, stories and ads.
    PrivateReply,
    /// Private replies to live comments: possible only while on air.
    LivePrivateReply,
    /// DMs of text.
    Text,
    /// DMs with media.
    Media,
    /// Public replies.
    PublicReply,
}

impl SendClass {
    /// Every class.
    pub const ALL: [Self; 5] = [
        Self::PrivateReply,
        Self::LivePrivateReply,
        Self::Text,
        Self::Media,
        Self::PublicReply,
    ];

    /// The class as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PrivateReply => "private_reply",
            Self::LivePrivateReply => "live_private_reply",
            Self::Text => "text",
            Self::Media => "media",
            Self::PublicReply => "public_reply",
        }
    }

    /// The class of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }

    /// The class of a send of this kind.
    pub fn of(kind: SendKind, is_live: bool) -> Self {
        match (kind, is_live) {
            (SendKind::PrivateReply, false) => Self::PrivateReply,
            (SendKind::PrivateReply, true) => Self::LivePrivateReply,
            (SendKind::PublicReply, _) => Self::PublicReply,
            (SendKind::Dm, _) => Self::Text,
        }
    }
}

/// Where a send stands. `held` is not stored: it is what a planned send is called while its
/// account or lane may not send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendState {
    /// Waits for its time, for the step before it, or for its lane.
    Planned,
    /// A worker has it.
    Leased,
    /// Meta took it.
    Accepted,
    /// Meta or a rule of ours said no, for good.
    Refused,
    /// It may have landed; evidence decides.
    Unknown,
    /// Its deadline or window passed before it could be sent.
    Expired,
    /// Nobody wants it any more, such as after a refused step before it.
    Cancelled,
}

impl SendState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Planned,
        Self::Leased,
        Self::Accepted,
        Self::Refused,
        Self::Unknown,
        Self::Expired,
        Self::Cancelled,
    ];

    /// The state as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Leased => "leased",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether nothing will change it any more.
    pub fn is_final(self) -> bool {
        match self {
            Self::Accepted | Self::Refused | Self::Expired | Self::Cancelled => true,
            Self::Planned | Self::Leased | Self::Unknown => false,
        }
    }
}

/// What makes a send this send and no other; a second one with an equal key cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SendKey {
    /// The one private reply a comment can ever get, whichever automation or event asks for it
    /// (contract 5.8).
    PrivateReply {
        /// The account that replies.
        account: AccountId,
        /// The comment.
        comment: CommentId,
    },
    /// Any other step: once for each event, automation and place in its steps. The event is named
    /// by what it is found by, so that planning the same event again finds the same send.
    Step {
        /// The event.
        event: EventName,
        /// The automation.
        automation: i64,
        /// The place among its steps, from 0.
        step: u32,
    },
}

impl SendKey {
    /// The key of the private reply to a comment.
    pub fn private_reply(account: &AccountId, comment: &CommentId) -> Self {
        Self::PrivateReply {
            account: account.clone(),
            comment: comment.clone(),
        }
    }

    /// The key of any other step.
    pub fn step(event: EventName, automation: i64, step: u32) -> Self {
        Self::Step {
            event,
            automation,
            step,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for kind in SendKind::ALL {
            assert_eq!(SendKind::from_name(kind.as_str()), Some(kind));
        }
        for class in SendClass::ALL {
            assert_eq!(SendClass::from_name(class.as_str()), Some(class));
        }
        for state in SendState::ALL {
            assert_eq!(SendState::from_name(state.as_str()), Some(state));
        }
    }
}
