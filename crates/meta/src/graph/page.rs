//! Lists as Meta writes them, in pages with cursors (contract 6.3, section 7).

use hookline_model::clock::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny};

use crate::wire::{Text, lenient};

/// One page of a list.
#[derive(serde::Deserialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    paging: Option<WirePaging>,
}

#[derive(serde::Deserialize)]
struct WirePaging {
    #[serde(default)]
    cursors: Option<WireCursors>,
    /// The address of the next page. It may carry a token, so only its presence is looked at.
    #[serde(default)]
    next: Option<IgnoredAny>,
}

#[derive(serde::Deserialize)]
struct WireCursors {
    #[serde(default)]
    after: Option<String>,
}

impl<T> Page<T> {
    /// The cursor of the next page, if there is one (contract 6.3).
    pub(super) fn after(&self) -> Option<String> {
        let paging = self.paging.as_ref()?;
        paging.next.as_ref()?;
        paging.cursors.as_ref()?.after.clone()
    }

    /// Whether there is more, even where no cursor says how to get at it.
    pub(super) fn has_more(&self) -> bool {
        let paging = self.paging.as_ref();
        paging.is_some_and(|paging| paging.next.is_some())
    }
}

/// An entry whose unknown form does not spoil the page it stands on.
pub(super) struct Entry<T>(pub(super) Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entry<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient(deserializer).map(Self)
    }
}

/// A time as the Graph API prints it; none for what is none.
pub(super) fn time(text: Option<Text<'_>>) -> Option<Timestamp> {
    text.and_then(|text| Timestamp::from_graph(&text.0))
}
