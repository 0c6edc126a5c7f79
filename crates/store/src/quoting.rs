//! Texts kept as what they add to their delivery.
//!
//! An event says again what its delivery says, and the reason of a run quotes it once more. Both are
//! kept as references into the delivery, and what is in neither is kept beside them: a tenth of the
//! text. The delivery is read with them, so whoever changes its bytes writes the texts out first
//! ([`write_out()`]).
//!
//! A quotation is LZ4 with a dictionary, which is the shapes of our own texts followed by the
//! delivery with its escapes resolved. Its first byte says so: another dictionary, or another way
//! to resolve escapes, is another first byte. Quotations carry a piece of the text's digest, so that
//! one read with the wrong delivery is an error and never somebody else's words.

mod escapes;
mod write_out;

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

use crate::digest;

pub(crate) use write_out::write_out;

/// The first byte of a quotation of this form.
const FORM: u8 = 1;

/// Bytes of a delivery that are quoted from: enough for an event, and little enough that each of
/// the hundred events of a large delivery costs no more than one of a small.
const WINDOW: usize = 4096;

/// Bytes of the window that lie before the place an event is about.
const BEFORE_PLACE: usize = 1024;

/// No text was longer, whatever the bytes say: bounds what reading allocates.
const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of the text's digest.
const CHECK_BYTES: usize = 4;

/// Bytes before the compressed text, at most: the form, two numbers and the digest.
const HEAD_BYTES_MAX: usize = 1 + 2 * 10 + CHECK_BYTES;

/// What our texts look like around what they quote. Never changed: a later one is a later form.
const SHAPES: &str = include_str!("quoting/shapes.txt");

/// A text as stored: whole, or as a quotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The text itself.
    Whole(String),
    /// What it adds to its delivery.
    Quotation(Vec<u8>),
}

impl ToSql for Kept {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Whole(text) => ValueRef::Text(text.as_bytes()),
            Self::Quotation(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl FromSql for Kept {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Text(_) => String::column_result(value).map(Self::Whole),
            ValueRef::Blob(bytes) => Ok(Self::Quotation(bytes.to_vec())),
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => {
                Err(FromSqlError::InvalidType)
            }
        }
    }
}

/// Makes quotations from one delivery.
pub(crate) struct Quoter {
    start: usize,
    dictionary: Vec<u8>,
}

impl Quoter {
    /// Quotes from a delivery, near the place where it says `about`, which matters only in a long
    /// one.
    pub(crate) fn new(delivery: &[u8], about: Option<&str>) -> Self {
        let start = match about {
            Some(about) if delivery.len() > WINDOW => place_of(delivery, about.as_bytes())
                .unwrap_or(0)
                .saturating_sub(BEFORE_PLACE),
            _ => 0,
        };
        Self {
            start,
            dictionary: dictionary(delivery, start),
        }
    }

    /// The text as a quotation, or whole when that is no longer.
    pub(crate) fn keep(&self, text: String) -> Kept {
        match self.quotation(text.as_bytes()) {
            Some(bytes) if bytes.len() < text.len() => Kept::Quotation(bytes),
            Some(_) | None => Kept::Whole(text),
        }
    }

    /// The text as a quotation; none would be a text that LZ4 says it cannot take.
    fn quotation(&self, text: &[u8]) -> Option<Vec<u8>> {
        let room = lz4_flex::block::get_maximum_output_size(text.len());
        let mut bytes = Vec::with_capacity(HEAD_BYTES_MAX + room);
        bytes.push(FORM);
        push_number(&mut bytes, self.start);
        push_number(&mut bytes, text.len());
        bytes.extend_from_slice(&check(text));
        let head = bytes.len();
        bytes.resize(head + room, 0);
        let out = bytes.get_mut(head..)?;
        let length = lz4_flex::block::compress_into_with_dict(text, out, &self.dictionary).ok()?;
        bytes.truncate(head + length);
        Some(bytes)
    }
}

/// The text of a quotation from `delivery`; what is wrong with it when it has none.
pub(crate) fn resolve(quotation: &[u8], delivery: &[u8]) -> Result<String, &'static str> {
    const CUT_OFF: &str = "it ends too early";
    let (form, rest) = quotation.split_first().ok_or(CUT_OFF)?;
    if *form != FORM {
        return Err("it is of a form this version does not know");
    }
    let (start, rest) = number(rest).ok_or(CUT_OFF)?;
    let (length, rest) = number(rest).ok_or(CUT_OFF)?;
    let (wanted, rest) = rest.split_at_checked(CHECK_BYTES).ok_or(CUT_OFF)?;
    if length > TEXT_BYTES_MAX {
        return Err("it says that it is too long");
    }
    let dictionary = dictionary(delivery, start);
    let text = lz4_flex::block::decompress_with_dict(rest, length, &dictionary)
        .map_err(|_| "it does not fit its delivery")?;
    if text.len() != length || check(&text) != wanted {
        return Err("it is not what was kept of its delivery");
    }
    String::from_utf8(text).map_err(|_| "it is no text")
}

/// The shapes of our texts, and the window of the delivery that starts at `start`.
fn dictionary(delivery: &[u8], start: usize) -> Vec<u8> {
    let end = start.saturating_add(WINDOW).min(delivery.len());
    let window = delivery.get(start..end).unwrap_or_default();
    let mut dictionary = Vec::with_capacity(SHAPES.len() + window.len());
    dictionary.extend_from_slice(SHAPES.as_bytes());
    escapes::resolve(window, &mut dictionary);
    dictionary
}

fn place_of(delivery: &[u8], about: &[u8]) -> Option<usize> {
    memchr::memmem::find(delivery, about)
}

fn check(text: &[u8]) -> [u8; CHECK_BYTES] {
    let [one, two, three, four, ..] = digest::key(text);
    [one, two, three, four]
}

/// Seven bits a byte, the lowest first; the last byte is below 128.
fn push_number(bytes: &mut Vec<u8>, mut number: usize) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_usize;
    for (place, byte) in bytes.iter().enumerate().take(9) {
        number |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(place + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests;
