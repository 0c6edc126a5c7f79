//! Posts, reels, stories, ads and broadcasts.

use serde::{Deserialize, Serialize};

use super::{Refusal, World};
use crate::ids::IdKind;
use crate::wire::{Ad, MediaRef, ProductType};

/// A media to create.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewMedia {
    /// The owning account, by id or username.
    pub account: String,
    /// An id to use instead of an invented one.
    pub id: Option<String>,
    /// Post, reel, story, ad or broadcast.
    pub product_type: ProductType,
    /// The caption.
    pub caption: Option<String>,
    /// The ad behind it, for ads.
    pub ad: Option<Ad>,
    /// When it was published, in milliseconds; now when not given.
    pub published_ms: Option<i64>,
}

/// A media as the world knows it.
#[derive(Debug, Clone, Serialize)]
pub struct Media {
    /// The media id.
    pub id: String,
    /// The owning account; none for media of people outside.
    pub account: Option<String>,
    /// The owner's username.
    pub owner_username: String,
    /// Post, reel, story, ad or broadcast.
    pub product_type: ProductType,
    /// The caption.
    pub caption: Option<String>,
    /// The link people share.
    pub permalink: String,
    /// When it was published, in milliseconds.
    pub published_ms: i64,
    /// Whether a broadcast is running.
    pub is_on_air: bool,
    /// Whether comments are open.
    pub comments_enabled: bool,
    /// The ad behind it.
    pub ad: Option<Ad>,
    /// Comment ids, oldest first, replies not among them.
    #[serde(skip)]
    pub(crate) comments: Vec<String>,
}

impl Media {
    pub(crate) fn reference(&self) -> MediaRef {
        MediaRef {
            id: self.id.clone(),
            product_type: self.product_type,
            ad: self.ad.clone(),
        }
    }
}

impl World {
    /// Publishes a media; a broadcast is on air at once.
    pub fn create_media(&mut self, now_ms: i64, new: NewMedia) -> Result<Media, Refusal> {
        let owner = self.find_account(&new.account)?;
        let (ig_id, username) = (owner.ig_id.clone(), owner.username.clone());
        let media = self.insert_media(now_ms, new, Some(ig_id.clone()), username)?;
        if let Some(owner) = self.accounts.get_mut(&ig_id) {
            owner.media.push(media.id.clone());
        }
        Ok(media)
    }

    /// A media of someone who is no account of this app, to be mentioned under.
    pub(crate) fn insert_foreign_media(
        &mut self,
        now_ms: i64,
        username: &str,
        caption: Option<String>,
    ) -> Result<Media, Refusal> {
        let new = NewMedia {
            caption,
            ..NewMedia::default()
        };
        self.insert_media(now_ms, new, None, username.to_owned())
    }

    fn insert_media(
        &mut self,
        now_ms: i64,
        new: NewMedia,
        account: Option<String>,
        owner_username: String,
    ) -> Result<Media, Refusal> {
        if self.media.len() >= self.config.limits.objects_max {
            return Err(Refusal::Full("media"));
        }
        let id = new.id.unwrap_or_else(|| self.ids.draw(IdKind::Media));
        if self.media.contains_key(&id) {
            return Err(Refusal::Taken(id));
        }
        let place = match new.product_type {
            ProductType::Feed | ProductType::Ad => "p",
            ProductType::Reels => "reel",
            ProductType::Story => "stories",
            ProductType::Live => "live",
        };
        let media = Media {
            permalink: format!("https://www.instagram.com/{place}/C{id}/"),
            account,
            owner_username,
            product_type: new.product_type,
            caption: new.caption,
            published_ms: new.published_ms.unwrap_or(now_ms),
            is_on_air: new.product_type == ProductType::Live,
            comments_enabled: true,
            ad: new.ad,
            comments: Vec::new(),
            id: id.clone(),
        };
        self.media.insert(id, media.clone());
        Ok(media)
    }

    /// The media with this id.
    pub fn find_media(&self, id: &str) -> Result<&Media, Refusal> {
        self.media
            .get(id)
            .ok_or_else(|| Refusal::UnknownMedia(id.to_owned()))
    }

    /// Starts or ends a broadcast.
    pub fn set_on_air(&mut self, id: &str, is_on_air: bool) -> Result<(), Refusal> {
        let media = self
            .media
            .get_mut(id)
            .ok_or_else(|| Refusal::UnknownMedia(id.to_owned()))?;
        media.is_on_air = is_on_air;
        Ok(())
    }

    /// The account's newest media of a type, published now when there is none.
    pub(crate) fn media_of_type(
        &mut self,
        now_ms: i64,
        ig_id: &str,
        product_type: ProductType,
    ) -> Result<String, Refusal> {
        let owned = self.find_account(ig_id)?.media.iter().rev();
        let found = owned
            .filter_map(|id| self.media.get(id))
            .find(|media| media.product_type == product_type)
            .map(|media| media.id.clone());
        if let Some(id) = found {
            return Ok(id);
        }
        let new = NewMedia {
            account: ig_id.to_owned(),
            product_type,
            ..NewMedia::default()
        };
        Ok(self.create_media(now_ms, new)?.id)
    }
}
