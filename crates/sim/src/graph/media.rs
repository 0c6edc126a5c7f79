//! The media node and its lists (contract 6.3).

use super::comments::timestamp;
use super::fields::{self, Field};
use super::paging::Page;
use super::{Call, GraphError};
use crate::json::Json;
use crate::wire::ProductType;
use crate::world::World;
use crate::world::media::Media;

fn media_type(product_type: ProductType) -> &'static str {
    match product_type {
        ProductType::Feed | ProductType::Ad | ProductType::Story => "IMAGE",
        ProductType::Reels | ProductType::Live => "VIDEO",
    }
}

impl World {
    /// A media with the fields asked for. Its count of comments has the replies among them.
    pub(super) fn media_json(&self, media: &Media, wanted: &[Field]) -> Result<Json, GraphError> {
        fields::select(wanted, &media.id, |field| {
            Ok(match field.name.as_str() {
                "caption" => media.caption.as_deref().map(Json::from),
                "media_type" => Some(Json::from(media_type(media.product_type))),
                "media_product_type" => Some(Json::from(media.product_type.as_str())),
                "permalink" => Some(Json::from(&media.permalink)),
                "timestamp" => Some(Json::from(timestamp(media.published_ms))),
                "username" => Some(Json::from(&media.owner_username)),
                "owner" => media.account.as_deref().map(Json::id),
                "like_count" => Some(Json::from(0)),
                "comments_count" => Some(Json::Number(self.comments_under(media).to_string())),
                "is_comment_enabled" => Some(Json::from(media.comments_enabled)),
                "media_url" | "thumbnail_url" | "children" | "shortcode" => None,
                other => return Err(GraphError::no_field(other, "IGMedia")),
            })
        })
    }

    fn comments_under(&self, media: &Media) -> usize {
        self.alive(&media.comments)
            .map(|comment| 1 + self.alive(&comment.replies).count())
            .sum()
    }

    fn own_media(&self, now_ms: i64, call: &Call) -> Result<&Media, GraphError> {
        let ig_id = &self.authorized_account(now_ms, call)?.ig_id;
        let media = self.find_media(call.subject())?;
        if media.account.as_ref() == Some(ig_id) {
            Ok(media)
        } else {
            Err(GraphError::missing(&media.id))
        }
    }

    pub(super) fn read_media(&self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let media = self.own_media(now_ms, call)?;
        let wanted = match call.text("fields") {
            Some(text) => fields::parse(text)?,
            None => Field::named(&["id"]),
        };
        self.media_json(media, &wanted)
    }

    /// `POST /{media-id}?comment_enabled=`.
    pub(super) fn change_media(&mut self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let id = self.own_media(now_ms, call)?.id.clone();
        let enabled = match call.value("comment_enabled") {
            Some(serde_json::Value::Bool(enabled)) => *enabled,
            Some(serde_json::Value::String(text)) => text == "true",
            Some(_) | None => {
                return Err(GraphError::invalid(
                    "The parameter comment_enabled is required",
                ));
            }
        };
        if let Some(media) = self.media.get_mut(&id) {
            media.comments_enabled = enabled;
        }
        Ok(Json::object().with("success", true))
    }

    /// `GET /{ig-id}/media`, newest first; ads and stories are not on the organic edge.
    pub(super) fn list_media(&self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let account = self.own_account(now_ms, call)?;
        let wanted = match call.text("fields") {
            Some(text) => fields::parse(text)?,
            None => Field::named(&["id"]),
        };
        let organic: Vec<_> = account
            .media
            .iter()
            .rev()
            .filter_map(|id| self.media.get(id))
            .filter(|media| matches!(media.product_type, ProductType::Feed | ProductType::Reels))
            .collect();
        let page = Page::of(call, 100);
        let items = organic
            .iter()
            .skip(page.start)
            .take(page.len)
            .map(|media| self.media_json(media, &wanted))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(page.wrap(call, items, organic.len()))
    }

    /// `GET /{media-id}/comments`, top-level comments, newest first.
    pub(super) fn list_comments(&self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let media = self.own_media(now_ms, call)?;
        let newest_first: Vec<_> = self.alive(&media.comments).rev().collect();
        self.comment_page(call, &newest_first)
    }
}
