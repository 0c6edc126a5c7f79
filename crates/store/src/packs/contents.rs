//! The bytes of a pack: what it holds, one after another, compressed together.

use std::io;
use std::ops::Range;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

/// Tries hard; a higher level wins a twentieth and takes ten times as long.
const LEVEL: i32 = 9;

/// More than this was never packed, whatever the row says: bounds what reading allocates.
const RAW_BYTES_MAX: usize = 64 * 1024 * 1024;

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
}

impl Place {
    fn numbers(self) -> [i64; 3] {
        match self {
            Self::Delivery(id) => [1, id, 0],
            Self::Event(id) => [2, id, 0],
            Self::Run { event, automation } => [3, event, automation],
            Self::Send(id) => [4, id, 0],
        }
    }

    fn of(numbers: [i64; 3]) -> Option<Self> {
        match numbers {
            [1, id, _] => Some(Self::Delivery(id)),
            [2, id, _] => Some(Self::Event(id)),
            [3, event, automation] => Some(Self::Run { event, automation }),
            [4, id, _] => Some(Self::Send(id)),
            _ => None,
        }
    }
}

/// What a pack holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    raw: Vec<u8>,
    places: Vec<(Place, Range<usize>)>,
}

impl Contents {
    pub(super) fn push(&mut self, place: Place, bytes: &[u8]) {
        for number in place.numbers() {
            self.raw.extend_from_slice(&number.to_le_bytes());
        }
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.raw.extend_from_slice(&length.to_le_bytes());
        let start = self.raw.len();
        self.raw.extend_from_slice(bytes);
        self.places.push((place, start..self.raw.len()));
    }

    pub(super) fn raw_bytes(&self) -> usize {
        self.raw.len()
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
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

    /// The bytes as stored, with a checksum. Read back once before anybody relies on them.
    pub(super) fn compress(&self) -> io::Result<Vec<u8>> {
        if self.places.is_empty() {
            return Ok(Vec::new());
        }
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        let bytes = compressor.compress(&self.raw)?;
        if Self::decompress(&bytes, self.raw.len())? == *self {
            Ok(bytes)
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
        let places =
            places(&raw).ok_or_else(|| io::Error::other("it ends in the middle of a row"))?;
        Ok(Self { raw, places })
    }
}

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

    #[test]
    fn what_was_packed_reads_back_byte_by_byte() {
        let contents = some();
        let bytes = contents.compress().unwrap();
        let read = Contents::decompress(&bytes, contents.raw_bytes()).unwrap();
        assert_eq!(read, contents);
        assert_eq!(read.find(Place::Delivery(7)), Some(&b"{\"a\":1}"[..]));
        assert_eq!(read.find(Place::Delivery(8)), Some(&b""[..]));
        assert_eq!(read.find(Place::Event(7)), None);
    }

    #[test]
    fn broken_bytes_are_an_error_wherever_they_are_broken() {
        let contents = some();
        let bytes = contents.compress().unwrap();
        for place in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[place] ^= 0x40;
            // The checksum is over what comes out: what still reads must be what was written.
            if let Ok(read) = Contents::decompress(&broken, contents.raw_bytes()) {
                assert_eq!(read, contents, "byte {place}");
            }
            assert!(Contents::decompress(&bytes[..place], contents.raw_bytes()).is_err());
        }
        assert!(Contents::decompress(&bytes, contents.raw_bytes() - 1).is_err());
        assert!(Contents::decompress(&bytes, usize::MAX).is_err());
    }
}
