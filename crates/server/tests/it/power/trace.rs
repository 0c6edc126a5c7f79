//! The trace: what was done to the files, and what was promised meanwhile.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a record in front of its two byte strings; the layout is the shim's.
const HEADER: usize = 32;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Create,
    Write,
    Truncate,
    SyncBegin,
    SyncEnd,
    Unlink,
    Rename,
    Link,
    Mark,
}

/// The numbers are the shim's, but for the mark, which is ours.
const KINDS: [(u64, Kind); 9] = [
    (1, Kind::Create),
    (2, Kind::Write),
    (3, Kind::Truncate),
    (4, Kind::SyncBegin),
    (5, Kind::SyncEnd),
    (6, Kind::Unlink),
    (7, Kind::Rename),
    (8, Kind::Link),
    (9, Kind::Mark),
];

/// The number of [`Kind::Mark`] as it is written.
const MARK: u32 = 9;

/// Something that has to be true from here on, whatever happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) promise: Promise,
    pub(crate) subject: Vec<u8>,
}

/// What is promised of the subject of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Promise {
    /// The delivery of these bytes was answered with 200.
    Recorded,
    /// Meta is being called for a private reply to this comment.
    PrivateReply,
    /// Meta is being called for a public reply to this comment.
    PublicReply,
    /// Meta is being called for a DM to this person.
    Dm,
    /// The API said that it keeps this account.
    Account,
    /// The API said that it keeps this automation.
    Automation,
}

const PROMISES: [(Promise, &str); 6] = [
    (Promise::Recorded, "recorded"),
    (Promise::PrivateReply, "private_reply"),
    (Promise::PublicReply, "public_reply"),
    (Promise::Dm, "dm"),
    (Promise::Account, "account"),
    (Promise::Automation, "automation"),
];

/// One record of a trace.
#[derive(Debug, Clone)]
pub(crate) struct Record<'a> {
    pub(crate) kind: Kind,
    /// Which file; 0 is the directory.
    pub(crate) inode: u64,
    /// An offset, a size, or the number of a sync.
    pub(crate) number: u64,
    pub(crate) name: &'a str,
    /// Where in the trace its bytes are.
    pub(crate) at: Range<usize>,
    whole: &'a Arc<Vec<u8>>,
}

impl Record<'_> {
    pub(crate) fn data(&self) -> &[u8] {
        &self.whole[self.at.clone()]
    }

    /// The bytes of the whole trace, shared.
    pub(crate) fn whole(&self) -> Arc<Vec<u8>> {
        Arc::clone(self.whole)
    }

    pub(crate) fn mark(&self) -> Option<Mark> {
        let named = |(_, name): &&(Promise, &str)| *name == self.name;
        let (promise, _) = PROMISES.iter().find(named)?;
        (self.kind == Kind::Mark).then(|| Mark {
            promise: *promise,
            subject: self.data().to_vec(),
        })
    }
}

/// A whole trace, read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    bytes: Arc<Vec<u8>>,
}

impl Trace {
    pub(crate) fn read(path: &Path) -> Self {
        Self {
            bytes: Arc::new(std::fs::read(path).unwrap()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The records in their order. A last one that a killed process did not finish is left out.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let number = |from: usize, bytes: usize| {
                let digits = self.bytes.get(at + from..at + from + bytes)?;
                let fold = |sum, digit: &u8| (sum << 8) | u64::from(*digit);
                Some(digits.iter().rev().fold(0, fold))
            };
            let length = |from, bytes| Some(usize::try_from(number(from, bytes)?).unwrap());
            let kind = number(0, 4)?;
            let (name, data) = (length(4, 4)?, length(24, 8)?);
            let name_at = at + HEADER..at + HEADER + name;
            let data_at = name_at.end..name_at.end + data;
            self.bytes.get(data_at.clone())?;
            let record = Record {
                kind: KINDS.iter().find(|(known, _)| *known == kind).unwrap().1,
                inode: number(8, 8)?,
                number: number(16, 8)?,
                name: std::str::from_utf8(&self.bytes[name_at]).unwrap(),
                at: data_at.clone(),
                whole: &self.bytes,
            };
            at = data_at.end;
            Some(record)
        })
    }
}

/// Adds marks to a trace that the shim writes to as well.
#[derive(Debug)]
pub(crate) struct Marker {
    path: PathBuf,
    file: File,
}

impl Marker {
    /// Makes an empty trace.
    pub(crate) fn create(path: &Path) -> Self {
        let mut options = OpenOptions::new();
        let file = options.create_new(true).append(true).open(path).unwrap();
        Self {
            path: path.to_owned(),
            file,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds one mark, in a single write, so that it does not mix with what the shim appends.
    pub(crate) fn mark(&self, promise: Promise, subject: &[u8]) {
        let (_, name) = PROMISES
            .iter()
            .find(|(known, _)| *known == promise)
            .unwrap();
        let length = |bytes: usize| u32::try_from(bytes).unwrap();
        let mut record = Vec::with_capacity(HEADER + name.len() + subject.len());
        record.extend(MARK.to_le_bytes());
        record.extend(length(name.len()).to_le_bytes());
        record.extend([0; 16]);
        record.extend(u64::from(length(subject.len())).to_le_bytes());
        record.extend(name.as_bytes());
        record.extend(subject);
        (&self.file).write_all(&record).unwrap();
    }
}
