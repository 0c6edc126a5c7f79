//! What is known of an event when its text is rendered.

use std::collections::BTreeMap;

use minijinja::{Value, context};
use serde::{Deserialize, Serialize};

macro_rules! facts {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident as $key:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$field_doc])* #[serde(rename = $key)] pub $field: Option<String>,)+
        }

        impl $name {
            fn to_value(&self) -> Value {
                let fields = [$(($key, Value::from(self.$field.as_deref().unwrap_or_default()))),+];
                Value::from(BTreeMap::from(fields))
            }
        }
    };
}

facts!(
    /// The person on the other side.
    ContactFacts {
        /// `contact.id`
        id as "id",
        /// `contact.username`
        username as "username",
    }
);
facts!(
    /// The comment that set the automation off.
    CommentFacts {
        /// `comment.id`
        id as "id",
        /// `comment.text`
        text as "text",
    }
);
facts!(
    /// The media the event is about.
    MediaFacts {
        /// `media.id`
        id as "id",
        /// `media.permalink`, read from Meta
        permalink as "permalink",
        /// `media.caption`, read from Meta
        caption as "caption",
    }
);
facts!(
    /// The comment that was answered.
    ParentFacts {
        /// `parent.id`
        id as "id",
        /// `parent.text`, read from Meta
        text as "text",
        /// `parent.username`, read from Meta
        username as "username",
    }
);
facts!(
    /// The message that set the automation off.
    MessageFacts {
        /// `message.text`
        text as "text",
    }
);
facts!(
    /// The tap that set the automation off.
    PostbackFacts {
        /// `postback.title`
        title as "title",
        /// `postback.payload`
        payload as "payload",
    }
);
facts!(
    /// The link that set the automation off.
    ReferralFacts {
        /// `referral.ref`
        reference as "ref",
        /// `referral.source`
        source as "source",
    }
);
facts!(
    /// The account the automation works for.
    AccountFacts {
        /// `account.id`
        id as "id",
        /// `account.username`
        username as "username",
    }
);

/// All that a text can name; what is not known renders as nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The person on the other side.
    pub contact: ContactFacts,
    /// The comment that set the automation off.
    pub comment: CommentFacts,
    /// The media the event is about.
    pub media: MediaFacts,
    /// The comment that was answered.
    pub parent: ParentFacts,
    /// The message that set the automation off.
    pub message: MessageFacts,
    /// The tap that set the automation off.
    pub postback: PostbackFacts,
    /// The link that set the automation off.
    pub referral: ReferralFacts,
    /// The account the automation works for.
    pub account: AccountFacts,
    /// The keyword that was found.
    pub keyword: Option<String>,
    /// The name of the automation.
    pub automation: Option<String>,
}

impl Facts {
    pub(super) fn to_value(&self) -> Value {
        context! {
            contact => self.contact.to_value(),
            comment => self.comment.to_value(),
            media => self.media.to_value(),
            parent => self.parent.to_value(),
            message => self.message.to_value(),
            postback => self.postback.to_value(),
            referral => self.referral.to_value(),
            account => self.account.to_value(),
            keyword => self.keyword.as_deref().unwrap_or_default(),
            automation => self.automation.as_deref().unwrap_or_default(),
        }
    }
}
