//! What an automation's limit is used up for when it takes effect.

use crate::automation::OncePer;
use crate::event::{Event, NaturalKey};
use crate::ids::{AccountId, CommentId};
use crate::keys;

/// What a limit is used up for. Equal ones are used up together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OnceScope {
    /// A comment, whichever event tells of it: used up while something that was planned for it by
    /// the automation is owed, accepted or unknown.
    Comment {
        /// Whose account it was made to.
        account: AccountId,
        /// The comment.
        comment: CommentId,
    },
    /// An event about no comment. It is decided about once, so nothing else need be looked at.
    Event(NaturalKey),
    /// A person, or a person on one media: a text of its own for each, through all events.
    Person(String),
}

impl OnceScope {
    /// What a limit is used up for when its automation takes effect for this event.
    pub fn of(once_per: OncePer, event: &Event) -> Self {
        let Some(contact) = event.contact_id() else {
            return Self::of_event(event);
        };
        let account = event.account_id.as_str();
        let of_person = || keys::joined(&["person", account, contact.as_str()]);
        match once_per {
            OncePer::Comment | OncePer::Always => Self::of_event(event),
            OncePer::Person => Self::Person(of_person()),
            OncePer::PersonAndMedia => {
                Self::Person(event.media_id().map_or_else(of_person, |media| {
                    keys::joined(&["person", account, contact.as_str(), media.as_str()])
                }))
            }
        }
    }

    fn of_event(event: &Event) -> Self {
        match event.comment_id() {
            Some(comment) => Self::Comment {
                account: event.account_id.clone(),
                comment: comment.clone(),
            },
            None => Self::Event(event.key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Comment, CommentMedia, Container, EventBody, Person};
    use crate::ids::{ContactId, MediaId};
    use proptest::prelude::*;

    /// Account, contact, media and comment of an event.
    type Ids = (String, String, Option<String>, String);

    fn event((account, contact, media, comment): &Ids) -> Event {
        Event {
            account_id: AccountId::new(account.as_str()),
            key: NaturalKey::from_bytes([1; 16]),
            container: Container::Changes,
            sent_at: None,
            occurred_at: None,
            body: EventBody::CommentReceived(Comment {
                id: CommentId::new(comment.as_str()),
                text: None,
                from: Some(Person {
                    id: ContactId::new(contact.as_str()),
                    username: None,
                }),
                parent_id: None,
                media: media.as_deref().map(|media| CommentMedia {
                    id: MediaId::new(media),
                    product_type: None,
                    original_media_id: None,
                    ad_id: None,
                    ad_title: None,
                }),
                is_own: false,
                is_test: false,
            }),
        }
    }

    fn id() -> impl Strategy<Value = String> {
        "[0-9]{1,2}|[0-9:%]{1,3}"
    }

    /// The ids of two events: any, or the same characters parted at another place.
    fn two() -> impl Strategy<Value = [Ids; 2]> {
        let any = || (id(), id(), prop::option::of(id()), id());
        prop_oneof![
            [any(), any()],
            [id(), id(), id()].prop_map(|[a, b, c]| {
                let (ab, bc) = (format!("{a}:{b}"), format!("{b}:{c}"));
                [(a, bc.clone(), None, bc), (ab, c.clone(), None, c)]
            }),
            [id(), id(), id()].prop_map(|[a, b, c]| {
                let bc = format!("{b}:{c}");
                [(a.clone(), bc, None, a.clone()), (a.clone(), b, Some(c), a)]
            }),
        ]
    }

    proptest! {
        /// Whoever has used a limit up has used up only theirs.
        #[test]
        fn limits_are_shared_exactly_by_what_they_are_for([one, other] in two()) {
            let is_shared = |once_per| {
                OnceScope::of(once_per, &event(&one)) == OnceScope::of(once_per, &event(&other))
            };
            let is_one_account = one.0 == other.0;
            let is_one_person = is_one_account && one.1 == other.1;
            let is_one_comment = is_one_account && one.3 == other.3;
            prop_assert_eq!(is_shared(OncePer::Comment), is_one_comment);
            prop_assert_eq!(is_shared(OncePer::Always), is_one_comment);
            prop_assert_eq!(is_shared(OncePer::Person), is_one_person);
            let is_one_media = is_one_person && one.2 == other.2;
            prop_assert_eq!(is_shared(OncePer::PersonAndMedia), is_one_media);
        }
    }
}
