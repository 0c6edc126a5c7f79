//! Identifiers, each its own type, so that a comment id cannot be used where a media id is meant.
//!
//! Meta's ids are opaque text (contract section 0: decimal strings that exceed what a float
//! holds). Ours are sequential numbers shown with a prefix (`evt_17`), so that every id a person
//! pastes says what it names.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! meta_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the id exactly as Meta wrote it.
            pub fn new(id: impl Into<Arc<str>>) -> Self {
                Self(id.into())
            }

            /// The id as Meta wrote it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

meta_id!(
    /// The professional account a webhook is about: `entry.id`, `user_id` of `/me`, never the
    /// app-scoped `id` (contract section 0).
    AccountId
);
meta_id!(
    /// The person on the other side of one account (IGSID).
    ContactId
);
meta_id!(
    /// A comment or live comment.
    CommentId
);
meta_id!(
    /// A post, reel, story, ad or live broadcast.
    MediaId
);
meta_id!(
    /// Meta's id of a message (`mid`), opaque.
    MessageId
);
meta_id!(
    /// The Facebook Page a Facebook Login account is sent through.
    PageId
);
meta_id!(
    /// The account as one app sees it: `id` of `/me`; needed for Meta's callbacks only.
    AppScopedId
);

/// An id that is not of the form it claims to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}<number>")]
pub struct ParseIdError {
    prefix: &'static str,
}

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.strip_prefix($prefix)
                    .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
                    .and_then(|digits| digits.parse().ok())
                    .map(Self)
                    .ok_or(ParseIdError { prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

row_id!(
    /// One recorded POST from Meta; sequential, so a larger id was recorded later.
    DeliveryId,
    "dlv_"
);
row_id!(
    /// One event.
    EventId,
    "evt_"
);
row_id!(
    /// One automation, through all its versions.
    AutomationId,
    "aut_"
);
row_id!(
    /// One automation considered for one event.
    RunId,
    "run_"
);
row_id!(
    /// One outbound effect we owe.
    SendId,
    "snd_"
);
row_id!(
    /// One alert, from the moment it is raised to the moment it is resolved.
    AlertId,
    "alr_"
);
row_id!(
    /// One thing people are told of an alert, whomever it is told.
    NoticeId,
    "ntc_"
);
row_id!(
    /// One (account, send class).
    LaneId,
    "lane_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_ids_read_back_what_they_print() {
        assert_eq!(EventId(17).to_string(), "evt_17");
        assert_eq!("evt_17".parse(), Ok(EventId(17)));
    }

    #[test]
    fn foreign_text_is_not_an_id() {
        for text in [
            "17",
            "evt_",
            "evt_-1",
            "evt_+1",
            "snd_17",
            "evt_1x",
            "evt_99999999999999999999",
        ] {
            assert!(
                text.parse::<EventId>().is_err(),
                "{text} was taken for an event id"
            );
        }
    }
}
