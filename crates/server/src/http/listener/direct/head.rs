//! Telling a delivery in the form Meta writes it from everything else.

use httparse::{EMPTY_HEADER, Header, Status};

/// How a delivery begins: [`webhook::PATH`](crate::http::webhook::PATH), and nothing behind it.
const REQUEST_LINE: &[u8] = b"POST /webhooks/instagram HTTP/1.1\r\n";

/// Fields of a head; one with more is not read here.
const FIELDS_MAX: usize = 32;

/// What the bytes of a connection begin with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// Too little to tell.
    Unfinished,
    /// A delivery whose head is whole.
    Delivery(Head),
    /// Anything else, for a reader that knows all of HTTP.
    Other,
}

/// The head of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes of it.
    pub(super) length: usize,
    /// Bytes of the body behind it.
    pub(super) body_length: usize,
    /// The signature, as received.
    pub(super) signature: Option<Vec<u8>>,
    /// The API version, as received.
    pub(super) api_version: Option<Vec<u8>>,
}

/// Looks at the bytes of a connection from the beginning of a request on.
///
/// Whatever could be read in two ways, asks for something or is given twice is
/// [`Begun::Other`]: here is decided only what nobody could read otherwise.
pub(super) fn look_at(bytes: &[u8]) -> Begun {
    let Some(fields) = bytes.strip_prefix(REQUEST_LINE) else {
        return if REQUEST_LINE.starts_with(bytes) {
            Begun::Unfinished
        } else {
            Begun::Other
        };
    };
    let mut places = [EMPTY_HEADER; FIELDS_MAX];
    let (length, fields) = match httparse::parse_headers(fields, &mut places) {
        Ok(Status::Complete(parsed)) => parsed,
        Ok(Status::Partial) => return Begun::Unfinished,
        Err(_) => return Begun::Other,
    };
    Fields::read(fields)
        .and_then(|fields| {
            Some(Head {
                length: REQUEST_LINE.len() + length,
                body_length: fields.body_length?,
                signature: fields.signature.map(<[u8]>::to_vec),
                api_version: fields.api_version.map(<[u8]>::to_vec),
            })
        })
        .map_or(Begun::Other, Begun::Delivery)
}

/// The fields that count.
#[derive(Default)]
struct Fields<'a> {
    body_length: Option<usize>,
    signature: Option<&'a [u8]>,
    api_version: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    /// `None` where there is more to a field than this reader knows.
    fn read(fields: &[Header<'a>]) -> Option<Self> {
        let mut read = Self::default();
        fields.iter().all(|field| read.take(field)).then_some(read)
    }

    fn take(&mut self, field: &Header<'a>) -> bool {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        // Most fields are told from these by their length alone.
        match field.name.len() {
            14 if is("content-length") => {
                let length = length_of(field.value);
                length.is_some() && self.body_length.replace(length.unwrap_or(0)).is_none()
            }
            19 if is("x-hub-signature-256") => self.signature.replace(field.value).is_none(),
            20 if is("facebook-api-version") => self.api_version.replace(field.value).is_none(),
            10 if is("connection") => field.value.eq_ignore_ascii_case(b"keep-alive"),
            17 if is("transfer-encoding") => false,
            6 if is("expect") => false,
            7 if is("upgrade") || is("trailer") => false,
            _ => true,
        }
    }
}

/// A length written in digits and nothing else.
fn length_of(value: &[u8]) -> Option<usize> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
