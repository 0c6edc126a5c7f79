//! What is known of an event when its text is rendered.

use std::collections::BTreeMap;

use minijinja::Value;
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
            fn get(&self, key: &str) -> Option<&str> {
                match key {
                    $($key => self.$field.as_deref(),)+
                    _ => None,
                }
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
    /// The variables of these names, as texts know them: what is not known is empty.
    pub(super) fn to_value(&self, names: &[&'static str]) -> Value {
        let mut values: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
        let mut alone: BTreeMap<&str, Value> = BTreeMap::new();
        for name in names {
            let value = Value::from(self.get(name).unwrap_or_default());
            if let Some((root, field)) = name.split_once('.') {
                values.entry(root).or_default().insert(field, value);
            } else {
                alone.insert(name, value);
            }
        }
        alone.extend(values.into_iter().map(|(root, of)| (root, Value::from(of))));
        Value::from(alone)
    }

    /// What the variable of this name stands for; none when that is not known.
    fn get(&self, name: &str) -> Option<&str> {
        let Some((root, field)) = name.split_once('.') else {
            return match name {
                "keyword" => self.keyword.as_deref(),
                "automation" => self.automation.as_deref(),
                _ => None,
            };
        };
        match root {
            "contact" => self.contact.get(field),
            "comment" => self.comment.get(field),
            "media" => self.media.get(field),
            "parent" => self.parent.get(field),
            "message" => self.message.get(field),
            "postback" => self.postback.get(field),
            "referral" => self.referral.get(field),
            "account" => self.account.get(field),
            _ => None,
        }
    }
}
