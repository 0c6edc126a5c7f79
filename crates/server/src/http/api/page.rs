//! Pages: `limit` and `cursor` in, `items` and `next_cursor` out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookline_store::{Page, PageRequest};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::ApiError;

/// Items of a page when the request does not say.
pub(super) const LIMIT_DEFAULT: u32 = 50;

/// Items of a page at most.
pub(super) const LIMIT_MAX: u32 = 500;

/// One page of a list, newest or first by name first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Items<T> {
    /// The items.
    pub(super) items: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last one.
    #[schema(required)]
    pub(super) next_cursor: Option<String>,
}

/// The `limit` of a request.
pub(super) fn limit(text: Option<&str>) -> Result<u32, ApiError> {
    let Some(text) = text else {
        return Ok(LIMIT_DEFAULT);
    };
    match text.parse() {
        Ok(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
        _ => Err(ApiError::BadRequest(format!(
            "limit must be a number from 1 to {LIMIT_MAX}"
        ))),
    }
}

/// The place in `list` that a cursor stands for; a cursor of another list is refused.
pub(super) fn place(list: &str, cursor: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| Some(text.strip_prefix(list)?.strip_prefix(':')?.to_owned()))
        .map(Some)
        .ok_or_else(wrong_cursor)
}

fn wrong_cursor() -> ApiError {
    ApiError::BadRequest(
        "cursor is not one of this list: use next_cursor of the page before".to_owned(),
    )
}

/// The cursor of a place in `list`.
pub(super) fn cursor(list: &str, place: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}:{place}"))
}

/// The page of a list that goes by row id.
pub(super) fn by_id(
    list: &str,
    (limit_text, cursor): (Option<&str>, Option<&str>),
) -> Result<PageRequest, ApiError> {
    let before = match place(list, cursor)? {
        Some(text) => Some(text.parse().map_err(|_| wrong_cursor())?),
        None => None,
    };
    Ok(PageRequest {
        before,
        limit: limit(limit_text)?,
    })
}

impl<T> Items<T> {
    /// A page of a list that goes by row id.
    pub(super) fn of_page<R>(list: &str, page: Page<R>, shown: impl Fn(R) -> T) -> Self {
        let next_cursor = page.next_before.map(|id| cursor(list, &id.to_string()));
        Self {
            items: page.items.into_iter().map(shown).collect(),
            next_cursor,
        }
    }

    /// A page of a list that goes by name, from up to `limit + 1` rows.
    pub(super) fn by_name<R>(
        list: &str,
        limit: u32,
        mut rows: Vec<R>,
        name: impl Fn(&R) -> String,
        shown: impl Fn(R) -> T,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let final_row = rows.last().filter(|_| has_more);
        let next_cursor = final_row.map(|row| cursor(list, &name(row)));
        Self {
            items: rows.into_iter().map(shown).collect(),
            next_cursor,
        }
    }
}
