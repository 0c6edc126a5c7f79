//! Lists read after a gap, page by page and newest first (contract 6.3, section 7).
//!
//! An entry of a form we do not know spoils no page: it is counted, so that nothing is missing
//! without being said.

use hookline_model::clock::Timestamp;
use hookline_model::ids::MediaId;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;

use super::call::Call;
use super::endpoint::{GraphConfig, Sender};
use super::page::{Entry, Page, time};
use super::read::{CommentRead, ConversationId, PAGE, WireComment};
use super::request::{RequestProblem, get};
use crate::wire::{Id, Text, Whole, lenient};

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage<T> {
    /// What could be read.
    pub items: Vec<T>,
    /// How many entries could not.
    pub unread: usize,
    /// Where the list goes on; none at its end.
    pub after: Option<String>,
}

/// A media of the account, as its list tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaSummary {
    /// The media.
    pub id: MediaId,
    /// When it was published.
    pub created_at: Option<Timestamp>,
    /// How many comments it has, replies among them; those that cannot be read may be counted.
    pub comments_count: Option<u64>,
    /// `FEED`, `REELS`, or a word of the future; ads and stories are not listed.
    pub product_type: Option<String>,
}

/// A comment with the replies that Meta gives along with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentThread {
    /// The comment.
    pub comment: CommentRead,
    /// Its replies, as far as they came along.
    pub replies: Vec<CommentRead>,
    /// How many replies came along and could not be read.
    pub unread: usize,
    /// Whether there are more.
    pub more: MoreReplies,
}

/// Whether a comment has more replies than came along with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoreReplies {
    /// No.
    None,
    /// Yes, and [`read_replies`](super::read_replies) goes on here.
    After(String),
    /// Yes, and nothing says where: [`read_replies`](super::read_replies) begins anew.
    Unplaced,
}

/// A conversation, as the list of the account tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationSummary {
    /// The conversation.
    pub id: ConversationId,
    /// When something was last said in it.
    pub updated_at: Option<Timestamp>,
}

/// Lists the account's media, newest first, at most 50 on a page. Ads and stories are not among
/// them.
pub fn list_media_page(
    config: &GraphConfig,
    sender: &Sender<'_>,
    after: Option<&str>,
) -> Result<Call<ListPage<MediaSummary>>, RequestProblem> {
    const FIELDS: &str = "id,timestamp,comments_count,media_product_type";
    let url = config.node(sender, "account", sender.account.as_str(), Some("media"))?;
    let request = get(url, &paged(&[("fields", FIELDS), ("limit", PAGE)], after));
    Ok(Call::new(request, |reply| {
        let page: Page<Entry<WireMediaSummary<'_>>> = reply.decode()?;
        Ok(read_page(page, |wire| Some(wire.read())))
    }))
}

/// Lists the comments of a media, newest first, at most 50 on a page, each with its replies. What
/// has no readable time is left out and counted: the 7-day rule could not be kept for it.
pub fn list_comments(
    config: &GraphConfig,
    sender: &Sender<'_>,
    media: &MediaId,
    after: Option<&str>,
) -> Result<Call<ListPage<CommentThread>>, RequestProblem> {
    const FIELDS: &str = "id,text,timestamp,from,username,parent_id,media{id,media_product_type},\
                          replies.limit(50){id,text,timestamp,from,username,parent_id}";
    let url = config.node(sender, "media", media.as_str(), Some("comments"))?;
    let request = get(url, &paged(&[("fields", FIELDS), ("limit", PAGE)], after));
    Ok(Call::new(request, |reply| {
        let page: Page<Entry<WireThread<'_>>> = reply.decode()?;
        Ok(read_page(page, WireThread::read))
    }))
}

/// Lists the account's conversations, newest first: those of the account with Instagram Login, of
/// the Page with Facebook Login. Requests that nobody touched for 30 days are not among them. It
/// counts against the limit of 2 a second, and is what a creator's account must have been asked
/// once before it gets webhooks (contract 3.3).
pub fn list_conversations(
    config: &GraphConfig,
    sender: &Sender<'_>,
    after: Option<&str>,
) -> Result<Call<ListPage<ConversationSummary>>, RequestProblem> {
    // How long a page may be is not documented, so its length is left to Meta.
    const QUERY: [(&str, &str); 2] = [("platform", "instagram"), ("fields", "id,updated_time")];
    let url = config.messaging_edge(sender, "conversations")?;
    let request = get(url, &paged(&QUERY, after));
    Ok(Call::new(request, |reply| {
        let page: Page<Entry<WireConversation<'_>>> = reply.decode()?;
        Ok(read_page(page, |wire| {
            Some(ConversationSummary {
                id: ConversationId(wire.id.into_string()),
                updated_at: time(wire.updated_time),
            })
        }))
    }))
}

fn paged<'a>(
    query: &[(&'static str, &'a str)],
    after: Option<&'a str>,
) -> Vec<(&'static str, &'a str)> {
    let mut query = query.to_vec();
    query.extend(after.map(|after| ("after", after)));
    query
}

fn read_page<W, T>(page: Page<Entry<W>>, read: impl Fn(W) -> Option<T>) -> ListPage<T> {
    let after = page.after();
    let entries = page.data.len();
    let items: Vec<T> = page
        .data
        .into_iter()
        .filter_map(|entry| entry.0.and_then(&read))
        .collect();
    ListPage {
        unread: entries.saturating_sub(items.len()),
        items,
        after,
    }
}

#[derive(serde::Deserialize)]
struct WireMediaSummary<'a> {
    #[serde(borrow)]
    id: Id<'a>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    timestamp: Option<Text<'a>>,
    #[serde(default)]
    comments_count: Whole,
    #[serde(borrow, default, deserialize_with = "lenient")]
    media_product_type: Option<Text<'a>>,
}

impl WireMediaSummary<'_> {
    fn read(self) -> MediaSummary {
        let count = self.comments_count.0;
        MediaSummary {
            id: MediaId::new(self.id.0),
            created_at: time(self.timestamp),
            comments_count: count.and_then(|count| u64::try_from(count).ok()),
            product_type: self.media_product_type.map(Text::into_string),
        }
    }
}

struct WireThread<'a> {
    comment: WireComment<'a>,
    replies: Option<Page<Entry<WireComment<'a>>>>,
}

/// One level of replies and no deeper, however deep an answer goes.
impl<'de: 'a, 'a> Deserialize<'de> for WireThread<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct WireReplies<'a> {
            #[serde(borrow, default, deserialize_with = "lenient")]
            replies: Option<Page<Entry<WireComment<'a>>>>,
        }

        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let comment = serde_json::from_str(raw).map_err(D::Error::custom)?;
        let wire: WireReplies<'_> = serde_json::from_str(raw).map_err(D::Error::custom)?;
        Ok(Self {
            comment,
            replies: wire.replies,
        })
    }
}

impl WireThread<'_> {
    fn read(self) -> Option<CommentThread> {
        let comment = self.comment.read()?;
        let Some(page) = self.replies else {
            return Some(CommentThread {
                comment,
                replies: Vec::new(),
                unread: 0,
                more: MoreReplies::None,
            });
        };
        let has_more = page.has_more();
        let list = read_page(page, WireComment::read);
        let more = match list.after {
            Some(after) => MoreReplies::After(after),
            None if has_more => MoreReplies::Unplaced,
            None => MoreReplies::None,
        };
        let placed = list.items.into_iter().map(|reply| under(&comment, reply));
        let replies = placed.collect();
        Some(CommentThread {
            replies,
            unread: list.unread,
            more,
            comment,
        })
    }
}

/// A reply with what its place says of it.
fn under(comment: &CommentRead, mut reply: CommentRead) -> CommentRead {
    reply.parent_id.get_or_insert_with(|| comment.id.clone());
    reply.media_id = reply.media_id.or_else(|| comment.media_id.clone());
    let product_type = reply.media_product_type;
    reply.media_product_type = product_type.or_else(|| comment.media_product_type.clone());
    reply
}

#[derive(serde::Deserialize)]
struct WireConversation<'a> {
    #[serde(borrow)]
    id: Id<'a>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    updated_time: Option<Text<'a>>,
}
