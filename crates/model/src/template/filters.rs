//! The filters a text can use.

use minijinja::{Environment, Error, ErrorKind, Value, filters};
use unicode_segmentation::UnicodeSegmentation;

/// Every filter, as a text names it.
pub(super) const FILTERS: [&str; 9] = [
    "capitalize",
    "default",
    "lower",
    "replace",
    "title",
    "trim",
    "truncate",
    "upper",
    "urlencode",
];

pub(super) fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("default", default);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("replace", filters::replace);
    environment.add_filter("title", filters::title);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("truncate", truncate);
    environment.add_filter("upper", filters::upper);
    environment.add_filter("urlencode", urlencode);
}

/// What to write instead of a name there is no filter of.
pub(super) fn hint(name: &str) -> String {
    crate::automation::nearest(name, FILTERS).map_or_else(
        || format!("the filters are {}", FILTERS.join(", ")),
        |nearest| format!("did you mean {nearest}?"),
    )
}

/// The value, or the other one when it is empty: what is not known is empty, never missing.
fn default(value: Value, other: Value) -> Value {
    if value.is_true() { value } else { other }
}

/// At most so many characters as people count them; the last is `…` when something was left out.
fn truncate(value: &str, length: usize) -> Result<String, Error> {
    let Some(kept) = length.checked_sub(1) else {
        let reason = "truncate needs a length of at least 1";
        return Err(Error::new(ErrorKind::InvalidOperation, reason));
    };
    if value.graphemes(true).nth(length).is_none() {
        return Ok(value.to_owned());
    }
    let mut shortened: String = value.graphemes(true).take(kept).collect();
    shortened.truncate(shortened.trim_end().len());
    shortened.push('…');
    Ok(shortened)
}

/// The value as it stands in a link: everything but letters, digits and `-._~` of ASCII as `%XX`.
fn urlencode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for half in [byte >> 4, byte & 0x0F] {
                let digit = char::from_digit(u32::from(half), 16).unwrap_or('0');
                encoded.push(digit.to_ascii_uppercase());
            }
        }
    }
    encoded
}
