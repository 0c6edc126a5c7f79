//! The disk of the model: what is on it for certain, what may be, and what a power cut leaves.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use rand::RngExt as _;
use rand::rngs::ChaCha8Rng;

use super::trace::{Kind, Record};

/// What a directory holds: names and contents.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// The number of the directory in a trace.
const DIRECTORY: u64 = 0;

/// A directory with its files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    /// Every file there ever was: one without a name may get it back.
    files: Vec<Tracked<Contents>>,
    names: Tracked<Names>,
    /// The names as the running system sees them.
    seen: BTreeMap<String, usize>,
    /// Which file an inode number means now; the system uses numbers again.
    inodes: HashMap<u64, usize>,
}

/// Something that changes, with the changes that are not on the disk for certain.
#[derive(Debug, Clone)]
struct Tracked<T: Changing> {
    certain: T,
    pending: VecDeque<T::Change>,
    /// Changes that have become certain.
    settled: usize,
    /// For each sync under way, how many changes it covers, counted from the beginning.
    syncs: HashMap<u64, usize>,
}

trait Changing {
    type Change;
    fn change(&mut self, change: &Self::Change);
}

impl<T: Changing + Default> Default for Tracked<T> {
    fn default() -> Self {
        Self {
            certain: T::default(),
            pending: VecDeque::new(),
            settled: 0,
            syncs: HashMap::new(),
        }
    }
}

impl<T: Changing> Tracked<T> {
    fn begin_sync(&mut self, number: u64) {
        let covered = self.settled + self.pending.len();
        self.syncs.insert(number, covered);
    }

    fn end_sync(&mut self, number: u64) {
        let covered = self.syncs.remove(&number).unwrap_or(0);
        while self.settled < covered {
            let Some(change) = self.pending.pop_front() else {
                return;
            };
            self.certain.change(&change);
            self.settled += 1;
        }
    }
}

/// The names of a directory.
#[derive(Debug, Clone, Default)]
struct Names(BTreeMap<String, usize>);

#[derive(Debug, Clone)]
enum NameChange {
    Put(String, usize),
    Remove(String),
    Move(String, String),
}

impl Changing for Names {
    type Change = NameChange;

    fn change(&mut self, change: &NameChange) {
        match change {
            NameChange::Put(name, file) => {
                self.0.insert(name.clone(), *file);
            }
            NameChange::Remove(name) => {
                self.0.remove(name);
            }
            NameChange::Move(from, to) => {
                if let Some(file) = self.0.remove(from) {
                    self.0.insert(to.clone(), file);
                }
            }
        }
    }
}

/// The contents of a file.
#[derive(Debug, Clone, Default)]
struct Contents(Vec<u8>);

#[derive(Debug, Clone)]
enum ContentChange {
    Write { offset: usize, bytes: Slice },
    Truncate(usize),
}

/// Bytes of a trace, not copied.
#[derive(Debug, Clone)]
struct Slice {
    whole: Arc<Vec<u8>>,
    at: std::ops::Range<usize>,
}

impl Slice {
    fn bytes(&self) -> &[u8] {
        &self.whole[self.at.clone()]
    }
}

impl ContentChange {
    /// The size of a file of this size afterwards.
    fn size(&self, before: usize) -> usize {
        match self {
            Self::Write { offset, bytes } => before.max(offset + bytes.at.len()),
            Self::Truncate(size) => *size,
        }
    }

    /// Writes the part of the change that lies in `from..to` of a file that is large enough.
    fn write(&self, file: &mut [u8], from: usize, to: usize) {
        match self {
            Self::Write { offset, bytes } => {
                let (start, end) = (from.max(*offset), to.min(offset + bytes.at.len()));
                if start < end {
                    file[start..end].copy_from_slice(&bytes.bytes()[start - offset..end - offset]);
                }
            }
            Self::Truncate(size) => {
                if from.max(*size) < to {
                    file[from.max(*size)..to].fill(0);
                }
            }
        }
    }
}

impl Changing for Contents {
    type Change = ContentChange;

    fn change(&mut self, change: &ContentChange) {
        let size = change.size(self.0.len());
        self.0.resize(size, 0);
        change.write(&mut self.0, 0, size);
    }
}

/// How a cut chooses what survives of what is not certain.
#[derive(Debug, Clone, Copy)]
struct Chance {
    sector: usize,
    survives: Survives,
}

#[derive(Debug, Clone, Copy)]
enum Survives {
    Nothing,
    Everything,
    /// So many sectors in a hundred are as new as they can be, the others of any age.
    Some(u32),
}

impl Chance {
    fn draw(random: &mut ChaCha8Rng) -> Self {
        Self {
            sector: [512, 4096][random.random_range(0..2)],
            survives: match random.random_range(0..6) {
                0 => Survives::Nothing,
                1 => Survives::Everything,
                2 => Survives::Some(95),
                3 => Survives::Some(5),
                _ => Survives::Some(50),
            },
        }
    }

    /// How many of `count` changes in a row have happened.
    fn prefix(self, count: usize, random: &mut ChaCha8Rng) -> usize {
        match self.survives {
            Survives::Nothing => 0,
            Survives::Everything => count,
            Survives::Some(percent) if random.random_range(0..100) < percent => count,
            Survives::Some(_) => random.random_range(0..=count),
        }
    }
}

impl Disk {
    /// A disk with these files on it for certain. They have no inode numbers before they lie in a
    /// directory: see [`Disk::lay_out`].
    pub(crate) fn of(image: Image) -> Self {
        let mut disk = Self::default();
        for (name, bytes) in image {
            disk.names.certain.0.insert(name.clone(), disk.files.len());
            disk.seen.insert(name, disk.files.len());
            disk.files.push(Tracked {
                certain: Contents(bytes),
                ..Tracked::default()
            });
        }
        disk
    }

    /// Writes the files of a disk without pending changes into a directory and learns their inode
    /// numbers, so that a trace of what happens there can be applied.
    pub(crate) fn lay_out(&mut self, directory: &Path) {
        use std::os::unix::fs::MetadataExt as _;
        let files = self.seen.iter().map(|(name, file)| (name.clone(), *file));
        for (name, file) in files.collect::<Vec<_>>() {
            let path = directory.join(&name);
            write_file(&path, &self.files[file].certain.0);
            let inode = std::fs::metadata(&path).unwrap().ino();
            self.inodes.insert(inode, file);
        }
    }

    /// Does what a record of a trace tells.
    pub(crate) fn apply(&mut self, record: &Record<'_>) {
        let number = || usize::try_from(record.number).unwrap();
        match record.kind {
            Kind::Create => {
                self.inodes.insert(record.inode, self.files.len());
                self.rename(NameChange::Put(record.name.to_owned(), self.files.len()));
                self.files.push(Tracked::default());
            }
            Kind::Link => {
                let to = std::str::from_utf8(record.data()).unwrap();
                let file = self.seen[record.name];
                self.rename(NameChange::Put(to.to_owned(), file));
            }
            Kind::Rename => {
                let to = std::str::from_utf8(record.data()).unwrap();
                self.rename(NameChange::Move(record.name.to_owned(), to.to_owned()));
            }
            Kind::Unlink => self.rename(NameChange::Remove(record.name.to_owned())),
            Kind::Write => {
                let bytes = Slice {
                    whole: record.whole(),
                    at: record.at.clone(),
                };
                let offset = number();
                self.file(record.inode)
                    .pending
                    .push_back(ContentChange::Write { offset, bytes });
            }
            Kind::Truncate => {
                let change = ContentChange::Truncate(number());
                self.file(record.inode).pending.push_back(change);
            }
            Kind::SyncBegin if record.inode == DIRECTORY => self.names.begin_sync(record.number),
            Kind::SyncBegin => self.file(record.inode).begin_sync(record.number),
            Kind::SyncEnd if record.inode == DIRECTORY => self.names.end_sync(record.number),
            Kind::SyncEnd => self.file(record.inode).end_sync(record.number),
            Kind::Mark => {}
        }
    }

    fn file(&mut self, inode: u64) -> &mut Tracked<Contents> {
        &mut self.files[self.inodes[&inode]]
    }

    fn rename(&mut self, change: NameChange) {
        let mut seen = Names(std::mem::take(&mut self.seen));
        seen.change(&change);
        self.seen = seen.0;
        self.names.pending.push_back(change);
    }

    /// What a power cut at this moment may leave.
    pub(crate) fn cut(&self, random: &mut ChaCha8Rng) -> Image {
        let chance = Chance::draw(random);
        let mut names = self.names.certain.clone();
        let happened = chance.prefix(self.names.pending.len(), random);
        for change in self.names.pending.iter().take(happened) {
            names.change(change);
        }
        let contents = |(name, file): (String, usize)| {
            let left = cut_file(&self.files[file], chance, random);
            (name, left)
        };
        names.0.into_iter().map(contents).collect()
    }
}

/// What is left of one file. Its size is of some moment since its last sync; the truncations up to
/// then have happened, whole, the later ones have not. Each sector is of some moment since its last
/// sync or truncation.
fn cut_file(file: &Tracked<Contents>, chance: Chance, random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut sizes = vec![file.certain.0.len()];
    for change in &file.pending {
        sizes.push(change.size(sizes[sizes.len() - 1]));
    }
    let largest = sizes.iter().copied().max().unwrap_or(0);
    let moment = chance.prefix(file.pending.len(), random);
    let mut left = file.certain.0.clone();
    left.resize(largest, 0);
    let mut touched: BTreeMap<usize, Vec<&ContentChange>> = BTreeMap::new();
    for (number, change) in file.pending.iter().enumerate() {
        let (from, to) = match change {
            ContentChange::Write { offset, bytes } => (*offset, offset + bytes.at.len()),
            ContentChange::Truncate(size) if number < moment => (*size, largest),
            ContentChange::Truncate(_) => continue,
        };
        for sector in from / chance.sector..to.div_ceil(chance.sector) {
            touched.entry(sector).or_default().push(change);
        }
    }
    for (sector, changes) in touched {
        let from = sector * chance.sector;
        let to = (from + chance.sector).min(largest);
        let truncated = |change: &&ContentChange| matches!(change, ContentChange::Truncate(_));
        let for_certain = changes
            .iter()
            .rposition(truncated)
            .map_or(0, |last| last + 1);
        let happened = for_certain + chance.prefix(changes.len() - for_certain, random);
        for change in changes.into_iter().take(happened) {
            change.write(&mut left, from, to);
        }
    }
    left.resize(sizes[moment], 0);
    left
}

/// Makes a file as the server makes its own: the key is nobody else's to read.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.unwrap().write_all(bytes).unwrap();
}
