//! The comment node and its writes (contract 6.1, 6.2).

use super::fields::{self, Field};
use super::paging::Page;
use super::{Call, GraphError};
use crate::json::Json;
use crate::wire::ProductType;
use crate::world::World;
use crate::world::comments::{Author, Comment};
use crate::world::inspect::SentBy;

/// A time as the Graph API prints it, such as `2017-05-19T23:27:28+0000`.
pub(super) fn timestamp(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms)
        .unwrap_or_default()
        .strftime("%Y-%m-%dT%H:%M:%S+0000")
        .to_string()
}

impl World {
    /// The comment a call is about, if it is readable with the call's token.
    fn own_comment(&self, now_ms: i64, call: &Call) -> Result<&Comment, GraphError> {
        let ig_id = &self.authorized_account(now_ms, call)?.ig_id;
        let comment = self.find_comment(call.subject())?;
        let media = self.find_media(&comment.media)?;
        let is_over = media.product_type == ProductType::Live && !media.is_on_air;
        let is_readable =
            comment.account == *ig_id && !comment.is_deleted && !comment.is_mention && !is_over;
        if is_readable {
            Ok(comment)
        } else {
            Err(GraphError::missing(&comment.id))
        }
    }

    pub(super) fn read_comment(&self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let comment = self.own_comment(now_ms, call)?;
        let wanted = match call.text("fields") {
            Some(text) => fields::parse(text)?,
            None => Field::named(&["id", "text", "timestamp"]),
        };
        self.comment_json(comment, &wanted)
    }

    /// A comment with the fields asked for; absent text is an absent key.
    pub(super) fn comment_json(
        &self,
        comment: &Comment,
        wanted: &[Field],
    ) -> Result<Json, GraphError> {
        fields::select(wanted, &comment.id, |field| {
            Ok(match field.name.as_str() {
                "text" => comment.text.as_deref().map(Json::from),
                "timestamp" => Some(Json::from(timestamp(comment.created_ms))),
                "from" => Some(self.author_json(comment)),
                "username" => Some(Json::from(self.author_name(comment))),
                "media" => {
                    let media = self.find_media(&comment.media)?;
                    Some(self.media_json(media, &field.inner_or(&["id"]))?)
                }
                "parent_id" => comment.parent.as_deref().map(Json::from),
                "hidden" => Some(Json::from(comment.is_hidden)),
                "like_count" => Some(Json::from(0)),
                "user" => match &comment.author {
                    Author::Account { ig_id } => Some(Json::id(ig_id)),
                    Author::Person { .. } => None,
                },
                "legacy_instagram_comment_id" => Some(Json::from(&comment.id)),
                "replies" => self.replies_json(comment, field)?,
                other => return Err(GraphError::no_field(other, "IGComment")),
            })
        })
    }

    fn replies_json(&self, comment: &Comment, field: &Field) -> Result<Option<Json>, GraphError> {
        let inner = field.inner_or(&["id", "text", "timestamp"]);
        let page = Page::from_args(field.arg("limit"), field.arg("after"), 50);
        let total = self.alive(&comment.replies).count();
        let replies = self
            .alive(&comment.replies)
            .skip(page.start)
            .take(page.len)
            .map(|reply| self.comment_json(reply, &inner))
            .collect::<Result<Vec<_>, _>>()?;
        let edge = format!("https://graph.instagram.com/{}/replies", comment.id);
        Ok((!replies.is_empty()).then(|| page.wrap_at(&edge, replies, total)))
    }

    fn author_name(&self, comment: &Comment) -> String {
        match &comment.author {
            Author::Person { username, .. } => username.clone(),
            Author::Account { ig_id } => self
                .accounts
                .get(ig_id)
                .map(|account| account.username.clone())
                .unwrap_or_default(),
        }
    }

    fn author_json(&self, comment: &Comment) -> Json {
        let from = match &comment.author {
            Author::Person { scoped_id, .. } => Json::id(scoped_id),
            Author::Account { ig_id } => Json::id(ig_id),
        };
        let own = match &comment.author {
            Author::Account { ig_id } => self
                .accounts
                .get(ig_id)
                .map(|account| Json::from(&account.own_igsid)),
            Author::Person { .. } => None,
        };
        from.with("username", self.author_name(comment))
            .with_some("self_ig_scoped_id", own)
    }

    /// The comments among these ids that were not deleted.
    pub(super) fn alive<'a>(
        &'a self,
        ids: &'a [String],
    ) -> impl DoubleEndedIterator<Item = &'a Comment> {
        ids.iter()
            .filter_map(|id| self.comments.get(id))
            .filter(|comment| !comment.is_deleted)
    }

    pub(super) fn list_replies(&self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let comment = self.own_comment(now_ms, call)?;
        let replies: Vec<_> = self.alive(&comment.replies).collect();
        self.comment_page(call, &replies)
    }

    /// A page of comments with the fields the call asks for.
    pub(super) fn comment_page(
        &self,
        call: &Call,
        comments: &[&Comment],
    ) -> Result<Json, GraphError> {
        let wanted = match call.text("fields") {
            Some(text) => fields::parse(text)?,
            None => Field::named(&["timestamp", "text", "id"]),
        };
        let page = Page::of(call, 50);
        let items = comments
            .iter()
            .skip(page.start)
            .take(page.len)
            .map(|comment| self.comment_json(comment, &wanted))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(page.wrap(call, items, comments.len()))
    }

    pub(super) fn public_reply(&mut self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let comment = self.own_comment(now_ms, call)?;
        let (media, target) = (comment.media.clone(), comment.id.clone());
        if self.find_media(&media)?.product_type == ProductType::Live {
            return Err(GraphError::invalid(
                "Comments on live video can not be replied to",
            ));
        }
        if comment.is_hidden {
            return Err(GraphError::invalid("Hidden comments can not be replied to"));
        }
        self.write_comment(now_ms, call, &media, Some(&target))
    }

    pub(super) fn comment_on_media(
        &mut self,
        now_ms: i64,
        call: &Call,
    ) -> Result<Json, GraphError> {
        let ig_id = self.authorized_account(now_ms, call)?.ig_id.clone();
        let media = self.find_media(call.subject())?;
        if media.account.as_ref() != Some(&ig_id) {
            return Err(GraphError::missing(call.subject()));
        }
        if media.product_type == ProductType::Live || !media.comments_enabled {
            return Err(GraphError::invalid(
                "Comments are not possible on this media",
            ));
        }
        let id = media.id.clone();
        self.write_comment(now_ms, call, &id, None)
    }

    /// Creates the comment; `fields=` on the POST then fails it all the same (contract 6.2).
    fn write_comment(
        &mut self,
        now_ms: i64,
        call: &Call,
        media: &str,
        parent: Option<&str>,
    ) -> Result<Json, GraphError> {
        let message = call
            .text("message")
            .filter(|message| !message.is_empty())
            .ok_or_else(|| GraphError::invalid("The parameter message is required"))?;
        let id = self.comment_as_account(now_ms, media, parent, message, SentBy::Api)?;
        if call.text("fields").is_some() {
            return Err(GraphError::new(
                400,
                20,
                Some(1_772_107),
                "(#20) The response format is not supported",
            ));
        }
        Ok(Json::id(id))
    }

    pub(super) fn hide_comment(&mut self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let comment = self.own_comment(now_ms, call)?;
        let (id, is_own) = (
            comment.id.clone(),
            matches!(comment.author, Author::Account { .. }),
        );
        if self.find_media(&comment.media)?.product_type == ProductType::Live {
            return Err(GraphError::invalid(
                "Comments on live video can not be hidden",
            ));
        }
        let hide = match call.value("hide") {
            Some(serde_json::Value::Bool(hide)) => *hide,
            Some(serde_json::Value::String(text)) if text == "true" => true,
            Some(serde_json::Value::String(text)) if text == "false" => false,
            Some(_) | None => return Err(GraphError::invalid("The parameter hide is required")),
        };
        if let Some(comment) = self.comments.get_mut(&id) {
            // Own comments on own media stay visible, and the call still says success.
            comment.is_hidden = hide && !is_own;
        }
        Ok(Json::object().with("success", true))
    }

    pub(super) fn delete_comment_by_api(
        &mut self,
        now_ms: i64,
        call: &Call,
    ) -> Result<Json, GraphError> {
        let id = self.own_comment(now_ms, call)?.id.clone();
        self.delete_comment(&id)?;
        Ok(Json::object().with("success", true))
    }

    /// `POST /{ig-id}/mentions`: answers a mention under someone else's media (contract 6.4).
    pub(super) fn reply_to_mention(
        &mut self,
        now_ms: i64,
        call: &Call,
    ) -> Result<Json, GraphError> {
        self.own_account(now_ms, call)?;
        let media = call.text("media_id").unwrap_or_default();
        let is_foreign = self.find_media(media)?.account.is_none();
        let message = call.text("message").unwrap_or_default();
        if !is_foreign || message.is_empty() {
            return Err(GraphError::invalid("The mention can not be replied to"));
        }
        Ok(Json::id(self.ids.draw(crate::ids::IdKind::Comment)))
    }
}
