//! Calls that only read: comments, media, conversations (contract 6.1, 6.3, 7).

use hookline_model::clock::Timestamp;
use hookline_model::event::Person;
use hookline_model::ids::{CommentId, ContactId, MediaId, MessageId};
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::endpoint::{GraphConfig, Sender};
use super::page::{Page, time};
use super::request::{RequestProblem, get};
use crate::wire::{Id, Text, lenient};

/// Most entries of one page that Meta gives (contract 6.3).
pub(super) const PAGE: &str = "50";

/// A comment as the Graph API tells it (contract 6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentRead {
    /// The comment.
    pub id: CommentId,
    /// Its words; absent for GIF, sticker and photo comments.
    pub text: Option<String>,
    /// When it was written: the 7-day clock of private replies (contract 5.8).
    pub created_at: Timestamp,
    /// Who wrote it.
    pub from: Option<Person>,
    /// The writer's handle, which Meta also gives without `from`.
    pub username: Option<String>,
    /// The comment it answers.
    pub parent_id: Option<CommentId>,
    /// What it was written on; for an album the album, not the child (contract 4.1).
    pub media_id: Option<MediaId>,
    /// `FEED`, `REELS`, `STORY`, `AD`, `LIVE`, or a word of the future.
    pub media_product_type: Option<String>,
}

/// A post, reel or story as the Graph API tells it (contract 6.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRead {
    /// The media.
    pub id: MediaId,
    /// Its caption.
    pub caption: Option<String>,
    /// Its public link.
    pub permalink: Option<String>,
    /// When it was published.
    pub created_at: Option<Timestamp>,
    /// `FEED`, `REELS`, `STORY`, `AD`, or a word of the future.
    pub product_type: Option<String>,
}

/// One line of an account's list of media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaItem {
    /// The media.
    pub id: MediaId,
    /// When it was published.
    pub created_at: Timestamp,
}

/// A conversation as the Graph API names it: good for reading only (contract 7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConversationId(pub(super) String);

/// One message of a conversation read back (contract 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationMessage {
    /// The message: equal to `mid` and to the id a send answers.
    pub id: MessageId,
    /// When it was written, to the second.
    pub created_at: Timestamp,
    /// Who wrote it: the account or the contact.
    pub from_id: Option<String>,
    /// The handle of who wrote it.
    pub from_username: Option<String>,
    /// Whom it went to: the account or the contact.
    pub to_id: Option<String>,
    /// Its words; absent for media, and for what may not be read.
    pub text: Option<String>,
}

/// Reads one comment. A comment without a readable time counts as unread, because the 7-day rule
/// could not be kept.
pub fn read_comment(
    config: &GraphConfig,
    sender: &Sender<'_>,
    comment: &CommentId,
) -> Result<Call<CommentRead>, RequestProblem> {
    const FIELDS: &str = "id,text,timestamp,from,username,media{id,media_product_type},parent_id";
    let url = config.node(sender, "comment", comment.as_str(), None)?;
    Ok(Call::new(get(url, &[("fields", FIELDS)]), |reply| {
        reply
            .decode::<WireComment<'_>>()?
            .read()
            .ok_or_else(|| reply.unreadable())
    }))
}

/// A page of the answers under a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepliesPage {
    /// The answers.
    pub replies: Vec<CommentRead>,
    /// Where the next page begins; none when this is the last one.
    pub after: Option<String>,
}

/// Reads a page of the answers under a comment, ours among them: at most 50 (contract 6.3).
pub fn read_replies(
    config: &GraphConfig,
    sender: &Sender<'_>,
    comment: &CommentId,
    after: Option<&str>,
) -> Result<Call<RepliesPage>, RequestProblem> {
    const FIELDS: &str = "id,text,timestamp,from,username";
    let url = config.node(sender, "comment", comment.as_str(), Some("replies"))?;
    let mut query = vec![("fields", FIELDS), ("limit", PAGE)];
    query.extend(after.map(|after| ("after", after)));
    Ok(Call::new(get(url, &query), |reply| {
        let page: Page<WireComment<'_>> = reply.decode()?;
        let after = page.after();
        let comments = page
            .data
            .into_iter()
            .map(WireComment::read)
            .collect::<Option<_>>();
        let replies = comments.ok_or_else(|| reply.unreadable())?;
        Ok(RepliesPage { replies, after })
    }))
}

/// Reads one post, reel or story.
pub fn read_media(
    config: &GraphConfig,
    sender: &Sender<'_>,
    media: &MediaId,
) -> Result<Call<MediaRead>, RequestProblem> {
    const FIELDS: &str = "id,caption,permalink,timestamp,media_product_type";
    let url = config.node(sender, "media", media.as_str(), None)?;
    Ok(Call::new(get(url, &[("fields", FIELDS)]), |reply| {
        let wire: WireMedia<'_> = reply.decode()?;
        let id = wire.id.ok_or_else(|| reply.unreadable())?;
        Ok(MediaRead {
            id: MediaId::new(id.0),
            caption: wire.caption.map(Text::into_string),
            permalink: wire.permalink.map(Text::into_string),
            created_at: time(wire.timestamp),
            product_type: wire.media_product_type.map(Text::into_string),
        })
    }))
}

/// Lists the account's newest media, at most 50; entries without a time are left out.
pub fn list_media(
    config: &GraphConfig,
    sender: &Sender<'_>,
) -> Result<Call<Vec<MediaItem>>, RequestProblem> {
    let url = config.node(sender, "account", sender.account.as_str(), Some("media"))?;
    let query = [("fields", "id,timestamp"), ("limit", PAGE)];
    Ok(Call::new(get(url, &query), |reply| {
        let page: Page<WireMedia<'_>> = reply.decode()?;
        let items = page.data.into_iter().filter_map(|wire| {
            Some(MediaItem {
                id: MediaId::new(wire.id?.0),
                created_at: time(wire.timestamp)?,
            })
        });
        Ok(items.collect())
    }))
}

/// Finds the conversation with a contact; none when Meta has none.
pub fn find_conversation(
    config: &GraphConfig,
    sender: &Sender<'_>,
    contact: &ContactId,
) -> Result<Call<Option<ConversationId>>, RequestProblem> {
    let url = config.messaging_edge(sender, "conversations")?;
    let query = [
        ("platform", "instagram"),
        ("user_id", contact.as_str()),
        ("fields", "id"),
    ];
    Ok(Call::new(get(url, &query), |reply| {
        let page: Page<WireNode<'_>> = reply.decode()?;
        let first = page.data.into_iter().next();
        Ok(first.map(|node| ConversationId(node.id.into_string())))
    }))
}

/// Lists the newest messages of a conversation, newest first: the 20 whose particulars Meta still
/// tells (contract 7).
pub fn list_messages(
    config: &GraphConfig,
    sender: &Sender<'_>,
    conversation: &ConversationId,
) -> Result<Call<Vec<ConversationMessage>>, RequestProblem> {
    const FIELDS: &str = "messages.limit(20){id,created_time,from,to,message}";
    let url = config.node(sender, "conversation", &conversation.0, None)?;
    Ok(Call::new(get(url, &[("fields", FIELDS)]), |reply| {
        let wire: WireConversation<'_> = reply.decode()?;
        let messages = wire.messages.map_or_else(Vec::new, |page| page.data);
        let messages = messages.into_iter().map(|message| {
            let (from_id, from_username) = message
                .from
                .map_or((None, None), |from| (from.id, from.username));
            let to = message.to.and_then(|to| to.data.into_iter().next());
            Some(ConversationMessage {
                id: MessageId::new(message.id.0),
                created_at: time(message.created_time)?,
                from_id: from_id.map(Id::into_string),
                from_username: from_username.map(Text::into_string),
                to_id: to.and_then(|to| to.id).map(Id::into_string),
                text: message
                    .message
                    .map(Text::into_string)
                    .filter(|text| !text.is_empty()),
            })
        });
        // A message left out could be the one we look for.
        messages
            .collect::<Option<_>>()
            .ok_or_else(|| reply.unreadable())
    }))
}

#[derive(Deserialize)]
struct WireNode<'a> {
    #[serde(borrow)]
    id: Id<'a>,
}

#[derive(Deserialize)]
struct WirePerson<'a> {
    #[serde(borrow, default, deserialize_with = "lenient")]
    id: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    username: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct WireComment<'a> {
    #[serde(borrow)]
    id: Id<'a>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    text: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    timestamp: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    from: Option<WirePerson<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    username: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    parent_id: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    media: Option<WireMedia<'a>>,
}

impl WireComment<'_> {
    pub(super) fn read(self) -> Option<CommentRead> {
        let (media_id, media_product_type) = self
            .media
            .map_or((None, None), |media| (media.id, media.media_product_type));
        let from = self.from.and_then(|from| {
            let username = from.username.map(Text::into_string);
            from.id.map(|id| Person {
                id: ContactId::new(id.0),
                username,
            })
        });
        Some(CommentRead {
            id: CommentId::new(self.id.0),
            text: self.text.map(Text::into_string),
            created_at: time(self.timestamp)?,
            from,
            username: self.username.map(Text::into_string),
            parent_id: self.parent_id.map(|id| CommentId::new(id.0)),
            media_id: media_id.map(|id| MediaId::new(id.0)),
            media_product_type: media_product_type.map(Text::into_string),
        })
    }
}

#[derive(Deserialize)]
struct WireMedia<'a> {
    #[serde(borrow, default, deserialize_with = "lenient")]
    id: Option<Id<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    caption: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    permalink: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    timestamp: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    media_product_type: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct WireConversation<'a> {
    #[serde(borrow)]
    messages: Option<Page<WireMessage<'a>>>,
}

#[derive(Deserialize)]
struct WireMessage<'a> {
    #[serde(borrow)]
    id: Id<'a>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    created_time: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    from: Option<WirePerson<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    to: Option<Page<WirePerson<'a>>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    message: Option<Text<'a>>,
}
