//! Comments, public replies, and mentions under other people's media.

use serde::{Deserialize, Serialize};

use super::{Refusal, World};
use crate::ids::IdKind;
use crate::wire::{CommentEvent, Event, ProductType};

/// Who wrote a comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Author {
    /// A person.
    Person {
        /// The username.
        username: String,
        /// The id the media's owner sees them under.
        scoped_id: String,
    },
    /// The owner of the media.
    Account {
        /// The account's id.
        ig_id: String,
    },
}

/// A comment as the world knows it.
#[derive(Debug, Clone, Serialize)]
pub struct Comment {
    /// The comment id.
    pub id: String,
    /// The account that gets the events: the media's owner, or the one mentioned.
    pub account: String,
    /// The media commented on.
    pub media: String,
    /// Who wrote it.
    pub author: Author,
    /// The top-level comment it answers.
    pub parent: Option<String>,
    /// The text; none for a GIF, sticker or photo.
    pub text: Option<String>,
    /// When it was written, in milliseconds.
    pub created_ms: i64,
    /// Hidden by the owner.
    pub is_hidden: bool,
    /// Deleted by its author or the owner.
    pub is_deleted: bool,
    /// The message id of the one private reply, once there is one.
    pub private_reply: Option<String>,
    /// Replies, oldest first.
    pub(crate) replies: Vec<String>,
    /// Found only through a mention: not readable as a comment (contract 6.1).
    pub(crate) is_mention: bool,
}

/// A comment a person writes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommentDraft {
    /// The account commented at, by id or username.
    pub account: String,
    /// The author's username; a new name becomes a person.
    pub person: String,
    /// The text; none for a GIF, sticker or photo.
    pub text: Option<String>,
    /// The media; the account's newest of `product_type` when not given.
    pub media: Option<String>,
    /// Which media to take when none is named.
    pub product_type: ProductType,
    /// The comment answered; a reply to a reply joins the top comment's thread.
    pub parent: Option<String>,
    /// An id to use instead of an invented one.
    pub id: Option<String>,
    /// When it was written, in milliseconds; now when not given.
    pub created_ms: Option<i64>,
    /// Keeps the event back, as if Meta had lost it.
    pub is_silent: bool,
}

impl CommentDraft {
    /// A comment with a text under the account's newest post.
    pub fn new(
        account: impl Into<String>,
        person: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            account: account.into(),
            person: person.into(),
            text: Some(text.into()),
            ..Self::default()
        }
    }
}

/// A mention of an account under someone else's media.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MentionDraft {
    /// The account mentioned.
    pub account: String,
    /// Who mentions it.
    pub person: String,
    /// The comment's text, or the caption.
    pub text: String,
    /// Whether the mention is in the caption instead of a comment.
    pub in_caption: bool,
    /// The media mentioned under earlier; a new one when not given.
    pub media: Option<String>,
}

impl World {
    /// A person comments; returns the comment id. The event is queued at once.
    pub fn comment(&mut self, now_ms: i64, draft: CommentDraft) -> Result<String, Refusal> {
        let ig_id = self.find_account(&draft.account)?.ig_id.clone();
        let scoped_id = self.igsid(&ig_id, &draft.person)?;
        let parent = match &draft.parent {
            Some(parent) => Some(self.top_comment(parent)?),
            None => None,
        };
        let media = match (&draft.media, &parent) {
            (Some(media), _) => media.clone(),
            (None, Some(parent)) => self.find_comment(parent)?.media.clone(),
            (None, None) => self.media_of_type(now_ms, &ig_id, draft.product_type)?,
        };
        if self.find_media(&media)?.account.as_deref() != Some(ig_id.as_str()) {
            return Err(Refusal::Invalid(
                "the media belongs to another account".to_owned(),
            ));
        }
        let comment = Comment {
            id: draft.id.unwrap_or_else(|| self.ids.draw(IdKind::Comment)),
            account: ig_id,
            media,
            author: Author::Person {
                username: draft.person,
                scoped_id,
            },
            parent,
            text: draft.text,
            created_ms: draft.created_ms.unwrap_or(now_ms),
            is_hidden: false,
            is_deleted: false,
            private_reply: None,
            replies: Vec::new(),
            is_mention: false,
        };
        self.insert_comment(now_ms, comment, !draft.is_silent)
    }

    /// Stores a comment and queues its event.
    pub(crate) fn insert_comment(
        &mut self,
        now_ms: i64,
        comment: Comment,
        is_told: bool,
    ) -> Result<String, Refusal> {
        if self.comments.len() >= self.config.limits.objects_max {
            return Err(Refusal::Full("comments"));
        }
        let id = comment.id.clone();
        if self.comments.contains_key(&id) {
            return Err(Refusal::Taken(id));
        }
        match &comment.parent {
            Some(parent) => {
                if let Some(parent) = self.comments.get_mut(parent) {
                    parent.replies.push(id.clone());
                }
            }
            None => {
                if let Some(media) = self.media.get_mut(&comment.media) {
                    media.comments.push(id.clone());
                }
            }
        }
        let event = self.comment_event(&comment)?;
        let account = comment.account.clone();
        self.comments.insert(id.clone(), comment);
        if is_told {
            self.emit(now_ms, &account, event);
        }
        Ok(id)
    }

    /// The event of a comment as it was written.
    fn comment_event(&self, comment: &Comment) -> Result<Event, Refusal> {
        let media = self.find_media(&comment.media)?;
        if comment.is_mention {
            return Ok(Event::Mention {
                media_id: comment.media.clone(),
                comment_id: Some(comment.id.clone()),
            });
        }
        let (from_id, username, self_ig_scoped_id) = match &comment.author {
            Author::Person {
                username,
                scoped_id,
            } => (scoped_id.clone(), username.clone(), None),
            Author::Account { ig_id } => {
                let account = self.find_account(ig_id)?;
                (
                    ig_id.clone(),
                    account.username.clone(),
                    Some(account.own_igsid.clone()),
                )
            }
        };
        let event = CommentEvent {
            from_id,
            username,
            self_ig_scoped_id,
            media: media.reference(),
            id: comment.id.clone(),
            parent_id: comment.parent.clone(),
            text: comment.text.clone(),
        };
        Ok(if media.product_type == ProductType::Live {
            Event::LiveComment(event)
        } else {
            Event::Comment(event)
        })
    }

    /// Deletes a comment and the replies to it; Meta sends no event for this (contract 4.1).
    pub fn delete_comment(&mut self, id: &str) -> Result<(), Refusal> {
        let comment = self
            .comments
            .get_mut(id)
            .ok_or_else(|| Refusal::UnknownComment(id.to_owned()))?;
        comment.is_deleted = true;
        for reply in comment.replies.clone() {
            if let Some(reply) = self.comments.get_mut(&reply) {
                reply.is_deleted = true;
            }
        }
        Ok(())
    }

    /// Delivers a comment's event once more, as Meta does for boosted posts and after outages.
    pub fn repeat_comment_event(&mut self, now_ms: i64, id: &str) -> Result<(), Refusal> {
        let comment = self.find_comment(id)?;
        let (account, event) = (comment.account.clone(), self.comment_event(comment)?);
        self.emit(now_ms, &account, event);
        Ok(())
    }

    /// A person mentions an account elsewhere; returns the media id and the comment id.
    pub fn mention(
        &mut self,
        now_ms: i64,
        draft: MentionDraft,
    ) -> Result<(String, Option<String>), Refusal> {
        let ig_id = self.find_account(&draft.account)?.ig_id.clone();
        let scoped_id = self.igsid(&ig_id, &draft.person)?;
        let caption = draft.in_caption.then(|| draft.text.clone());
        let media = match draft.media {
            Some(media) => self.find_media(&media)?.id.clone(),
            None => {
                self.insert_foreign_media(now_ms, &draft.person, caption)?
                    .id
            }
        };
        if draft.in_caption {
            let event = Event::Mention {
                media_id: media.clone(),
                comment_id: None,
            };
            self.emit(now_ms, &ig_id, event);
            return Ok((media, None));
        }
        let comment = Comment {
            id: self.ids.draw(IdKind::Comment),
            account: ig_id,
            media: media.clone(),
            author: Author::Person {
                username: draft.person,
                scoped_id,
            },
            parent: None,
            text: Some(draft.text),
            created_ms: now_ms,
            is_hidden: false,
            is_deleted: false,
            private_reply: None,
            replies: Vec::new(),
            is_mention: true,
        };
        let id = self.insert_comment(now_ms, comment, true)?;
        Ok((media, Some(id)))
    }

    /// The comment with this id, deleted ones too.
    pub fn find_comment(&self, id: &str) -> Result<&Comment, Refusal> {
        self.comments
            .get(id)
            .ok_or_else(|| Refusal::UnknownComment(id.to_owned()))
    }

    /// The top-level comment of a thread: threads are one level deep (contract 4.1).
    pub(crate) fn top_comment(&self, id: &str) -> Result<String, Refusal> {
        let comment = self.find_comment(id)?;
        Ok(comment.parent.clone().unwrap_or_else(|| comment.id.clone()))
    }
}
