//! Pages of lists, with cursors (contract 6.3, section 7).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Call;
use crate::json::Json;

/// Where a page begins and how long it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    pub(crate) start: usize,
    pub(crate) len: usize,
}

impl Page {
    /// The page a call asks for with `limit` and `after`.
    pub(crate) fn of(call: &Call, len_max: usize) -> Self {
        Self::from_args(call.text("limit"), call.text("after"), len_max)
    }

    pub(crate) fn from_args(limit: Option<&str>, after: Option<&str>, len_max: usize) -> Self {
        let len = limit
            .and_then(|limit| limit.parse().ok())
            .unwrap_or(25)
            .clamp(1, len_max);
        let start = after
            .and_then(|cursor| URL_SAFE_NO_PAD.decode(cursor).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        Self { start, len }
    }

    /// Wraps the items of this page; `total` decides whether there is a next one.
    pub(crate) fn wrap(self, call: &Call, items: Vec<Json>, total: usize) -> Json {
        self.wrap_with(items, total, |cursor| call.url_with_after(cursor))
    }

    /// Wraps the items of a list that stands within another answer, and goes on at `edge`.
    pub(crate) fn wrap_at(self, edge: &str, items: Vec<Json>, total: usize) -> Json {
        self.wrap_with(items, total, |cursor| format!("{edge}?after={cursor}"))
    }

    fn wrap_with(self, items: Vec<Json>, total: usize, next_url: impl Fn(&str) -> String) -> Json {
        let end = self.start.saturating_add(items.len());
        let list = Json::object().with("data", items);
        if end <= self.start {
            return list;
        }
        let cursor = |position: usize| URL_SAFE_NO_PAD.encode(position.to_string());
        let cursors = Json::object()
            .with("before", cursor(self.start))
            .with("after", cursor(end));
        let next = (end < total).then(|| next_url(&cursor(end)));
        list.with(
            "paging",
            Json::object()
                .with("cursors", cursors)
                .with_some("next", next),
        )
    }
}
