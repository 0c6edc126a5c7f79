//! The bytes of a pack: what it holds, one after another, compressed together.

use std::io;
use std::ops::Range;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

use super::columns;
use super::row::{PackedRow, Rows, Table};

/// Tries hard; a higher level wins a twentieth and takes ten times as long.
const LEVEL: i32 = 9;

/// More than this was never packed, whatever the row says: bounds what reading allocates.
const RAW_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The first byte of what is compressed: whole rows, and then texts of rows that stay.
const FORM: u8 = 0x81;

/// That of the form before: such texts alone. The one before that began with the number of a table.
const FORM_OF_TEXTS: u8 = 0x80;

/// Which column of which row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The body of a delivery.
    Delivery(i64),
    /// The body of an event.
    Event(i64),
    /// The reason of a run.
    Run {
        /// Its event.
        event: i64,
        /// Its automation.
        automation: i64,
    },
    /// What is only shown of a send, and its attempts.
    Send(i64),
    /// A run as a whole.
    WholeRun {
        /// Its event.
        event: i64,
        /// Its automation.
        automation: i64,
    },
}

impl Place {
    fn numbers(self) -> [i64; 3] {
        match self {
            Self::Delivery(id) => [1, id, 0],
            Self::Event(id) => [2, id, 0],
            Self::Run { event, automation } => [3, event, automation],
            Self::Send(id) => [4, id, 0],
            Self::WholeRun { event, automation } => [5, event, automation],
        }
    }

    fn of(numbers: [i64; 3]) -> Option<Self> {
        match numbers {
            [1, id, _] => Some(Self::Delivery(id)),
            [2, id, _] => Some(Self::Event(id)),
            [3, event, automation] => Some(Self::Run { event, automation }),
            [4, id, _] => Some(Self::Send(id)),
            [5, event, automation] => Some(Self::WholeRun { event, automation }),
            _ => None,
        }
    }
}

/// What a pack holds.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Contents {
    /// Those that left their tables.
    rows: Rows,
    /// What was taken out of those that stay.
    raw: Vec<u8>,
    places: Vec<(Place, Range<usize>)>,
}

impl Contents {
    pub(super) fn push(&mut self, place: Place, bytes: &[u8]) {
        let start = self.raw.len();
        self.raw.extend_from_slice(bytes);
        self.places.push((place, start..self.raw.len()));
    }

    pub(super) fn push_rows(&mut self, rows: Rows) {
        self.rows.extend(rows);
    }

    pub(super) fn into_rows(self) -> Rows {
        self.rows
    }

    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The row of a table that has this id.
    pub(super) fn row(&self, table: Table, id: i64) -> Option<&PackedRow> {
        self.rows.of(table).iter().find(|row| row.id() == id)
    }

    pub(super) fn raw_bytes(&self) -> usize {
        self.raw.len() + self.rows.bytes()
    }

    /// How many rows it holds something of.
    pub(super) fn len(&self) -> usize {
        self.places.len() + self.rows.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, &[u8])> {
        self.places.iter().map(|(place, range)| {
            let bytes = self.raw.get(range.clone()).unwrap_or_default();
            (*place, bytes)
        })
    }

    pub(super) fn find(&self, wanted: Place) -> Option<&[u8]> {
        self.iter()
            .find(|(place, _)| *place == wanted)
            .map(|(_, bytes)| bytes)
    }

    /// Table by table: what is alike stands together.
    fn grouped(&self) -> Self {
        let mut places: Vec<_> = self.iter().collect();
        places.sort_by_key(|(place, _)| place.numbers()[0]);
        let mut grouped = Self {
            rows: self.rows.clone(),
            ..Self::default()
        };
        for (place, bytes) in places {
            grouped.push(place, bytes);
        }
        grouped
    }

    /// The rows; then all places, as the steps from one to the next of its table, and all bytes.
    fn to_raw(&self) -> Vec<u8> {
        let mut raw = vec![FORM];
        columns::write(&mut raw, &self.rows);
        put(&mut raw, length_of(self.places.len()));
        let mut last = [0; 3];
        for (place, range) in &self.places {
            let numbers = place.numbers();
            if numbers[0] != last[0] {
                last = [0; 3];
            }
            put(&mut raw, numbers[0]);
            put(&mut raw, numbers[1].wrapping_sub(last[1]));
            put(&mut raw, numbers[2]);
            put(&mut raw, length_of(range.len()));
            last = numbers;
        }
        raw.extend_from_slice(&self.raw);
        raw
    }

    fn of_raw(raw: &[u8]) -> Option<Self> {
        let (rows, rest) = columns::read(raw.strip_prefix(&[FORM])?)?;
        Some(Self {
            rows,
            ..Self::of_texts(rest)?
        })
    }

    fn of_texts(raw: &[u8]) -> Option<Self> {
        let (count, mut rest) = take(raw)?;
        let mut places = Vec::new();
        let (mut last, mut end) = ([0; 3], 0_usize);
        for _ in 0..count {
            let (table, after) = take(rest)?;
            let (step, after) = take(after)?;
            let (second, after) = take(after)?;
            let (length, after) = take(after)?;
            if table != last[0] {
                last = [0; 3];
            }
            last = [table, last[1].wrapping_add(step), second];
            let start = end;
            end = start.checked_add(usize::try_from(length).ok()?)?;
            places.push((Place::of(last)?, start..end));
            rest = after;
        }
        (rest.len() == end).then(|| Self {
            rows: Rows::default(),
            raw: rest.to_vec(),
            places,
        })
    }

    /// The bytes as stored, with a checksum, and how many they are when they are decompressed. Read
    /// back once before anybody relies on them.
    pub(super) fn compress(&self) -> io::Result<(Vec<u8>, usize)> {
        if self.len() == 0 {
            return Ok((Vec::new(), 0));
        }
        let grouped = self.grouped();
        let raw = grouped.to_raw();
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        let bytes = compressor.compress(&raw)?;
        if Self::decompress(&bytes, raw.len())? == grouped {
            Ok((bytes, raw.len()))
        } else {
            Err(io::Error::other("it does not read back as it was written"))
        }
    }

    /// What [`compress`](Self::compress) made; never more than `raw_bytes`.
    pub(super) fn decompress(bytes: &[u8], raw_bytes: usize) -> io::Result<Self> {
        if raw_bytes > RAW_BYTES_MAX {
            return Err(io::Error::other("it says that it holds too much"));
        }
        let raw = Decompressor::new()?.decompress(bytes, raw_bytes)?;
        if raw.len() != raw_bytes {
            return Err(io::Error::other("it holds less than it says"));
        }
        let contents = match raw.first() {
            Some(&FORM) => Self::of_raw(&raw),
            Some(&FORM_OF_TEXTS) => raw.get(1..).and_then(Self::of_texts),
            _ => places(&raw).map(|places| Self {
                rows: Rows::default(),
                raw,
                places,
            }),
        };
        contents.ok_or_else(|| io::Error::other("it ends in the middle of a row"))
    }
}

pub(super) fn length_of(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// Seven bits a byte, the lowest first, of the number with its sign in the lowest bit.
pub(super) fn put(raw: &mut Vec<u8>, number: i64) {
    let mut bits = (number << 1 ^ number >> 63).cast_unsigned();
    loop {
        let [low, ..] = bits.to_le_bytes();
        bits >>= 7;
        if bits == 0 {
            raw.push(low & 0x7f);
            return;
        }
        raw.push(low | 0x80);
    }
}

pub(super) fn take(raw: &[u8]) -> Option<(i64, &[u8])> {
    let mut bits = 0_u64;
    for (place, byte) in raw.iter().enumerate().take(10) {
        bits |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            let number = (bits >> 1).cast_signed() ^ -((bits & 1).cast_signed());
            return Some((number, raw.get(place + 1..)?));
        }
    }
    None
}

/// The places of the form before, each in front of its bytes.
fn places(raw: &[u8]) -> Option<Vec<(Place, Range<usize>)>> {
    let mut places = Vec::new();
    let mut rest = raw;
    while !rest.is_empty() {
        let (table, after) = number(rest)?;
        let (id, after) = number(after)?;
        let (second, after) = number(after)?;
        let (length, after) = number(after)?;
        let length = usize::try_from(length).ok()?;
        let start = raw.len() - after.len();
        rest = after.get(length..)?;
        places.push((Place::of([table, id, second])?, start..start + length));
    }
    Some(places)
}

fn number(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((i64::from_le_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Contents {
        let mut contents = Contents::default();
        contents.push(Place::Delivery(7), b"{\"a\":1}");
        contents.push(Place::Event(9), "\u{1f525}".as_bytes());
        contents.push(Place::Delivery(8), b"");
        let run = Place::Run {
            event: 9,
            automation: 1,
        };
        contents.push(run, b"why");
        contents.push(Place::Send(3), b"what");
        contents
    }

    /// As the version before wrote them.
    fn in_the_form_before(contents: &Contents) -> Vec<u8> {
        let mut raw = Vec::new();
        for (place, bytes) in contents.iter() {
            for number in place.numbers() {
                raw.extend_from_slice(&number.to_le_bytes());
            }
            raw.extend_from_slice(&bytes.len().to_le_bytes());
            raw.extend_from_slice(bytes);
        }
        raw
    }

    fn pairs(contents: &Contents) -> Vec<(Place, &[u8])> {
        contents.iter().collect()
    }

    #[test]
    fn what_was_packed_reads_back_byte_by_byte() {
        let contents = some();
        let (bytes, raw_bytes) = contents.compress().unwrap();
        let read = Contents::decompress(&bytes, raw_bytes).unwrap();
        assert_eq!(pairs(&read), pairs(&contents.grouped()));
        assert_eq!(read.len(), contents.len());
        for (place, bytes) in contents.iter() {
            assert_eq!(read.find(place), Some(bytes));
        }
        assert_eq!(read.find(Place::Event(7)), None);
    }

    #[test]
    fn packs_of_the_version_before_are_read() {
        let contents = some();
        let raw = in_the_form_before(&contents);
        let bytes = Compressor::new(LEVEL).unwrap().compress(&raw).unwrap();
        let read = Contents::decompress(&bytes, raw.len()).unwrap();
        assert_eq!(pairs(&read), pairs(&contents));
    }

    #[test]
    fn packs_of_texts_alone_are_read() {
        let contents = some().grouped();
        // Rows of no table, one after another.
        let no_rows = [FORM, 0, 0, 0, 0, 0];
        let raw = contents.to_raw();
        let texts = raw.strip_prefix(&no_rows).unwrap();
        let raw = [&[FORM_OF_TEXTS], texts].concat();
        let bytes = Compressor::new(LEVEL).unwrap().compress(&raw).unwrap();
        let read = Contents::decompress(&bytes, raw.len()).unwrap();
        assert_eq!(read, contents);
    }

    #[test]
    fn numbers_of_any_size_read_back() {
        for number in [0, 1, -1, 63, 64, -65, i64::MAX, i64::MIN] {
            let mut raw = Vec::new();
            put(&mut raw, number);
            raw.push(7);
            assert_eq!(take(&raw), Some((number, &[7][..])));
        }
        assert_eq!(take(&[0x80; 12]), None);
        assert_eq!(take(&[]), None);
    }

    #[test]
    fn broken_bytes_are_an_error_wherever_they_are_broken() {
        let contents = some();
        let (bytes, raw_bytes) = contents.compress().unwrap();
        for place in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[place] ^= 0x40;
            // The checksum is over what comes out: what still reads must be what was written.
            if let Ok(read) = Contents::decompress(&broken, raw_bytes) {
                assert_eq!(read, contents.grouped(), "byte {place}");
            }
            assert!(Contents::decompress(&bytes[..place], raw_bytes).is_err());
        }
        assert!(Contents::decompress(&bytes, raw_bytes - 1).is_err());
        assert!(Contents::decompress(&bytes, usize::MAX).is_err());
    }

    #[test]
    fn what_ends_too_early_or_too_late_is_not_read() {
        let raw = some().grouped().to_raw();
        for end in 0..raw.len() {
            assert_eq!(Contents::of_raw(&raw[..end]), None, "{end}");
        }
        assert_eq!(Contents::of_raw(&[&raw[..], b"x"].concat()), None);
    }
}
