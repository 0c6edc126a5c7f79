//! What SQLite leaves of deleted rows, overwritten with zeros.
//!
//! `secure_delete` zeroes a row where it is deleted. But a row that was moved before, when its
//! page was split or merged, has left a copy in the unallocated part of the page it came from.
//! That part, and pages that are in no tree, are cleaned here through SQLite's own table of pages,
//! in small transactions like any other; then the log, which still has the pages as they were, is
//! emptied. Nothing that is in use is written: the layout of a page stays as it is
//! (<https://www.sqlite.org/fileformat2.html>).

use std::collections::BTreeSet;
use std::ops::Range;

use hookline_model::clock::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::Store;
use crate::error::StoreError;

/// Pages looked at in one read.
const PAGES_AT_ONCE: u32 = 2048;

/// Pages cleaned in one transaction.
pub(super) const CLEANED_AT_ONCE: usize = 128;

/// In a larger database the number of the page an overflow page continues on could be taken for
/// the kind of a tree's page (137 GB at 4 KiB).
const PAGE_COUNT_MAX: u32 = 0x0200_0000;

/// Pages that hold what nobody needs, and up to where was looked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dirty {
    /// Their numbers.
    pub pages: Vec<u32>,
    /// Up to here.
    pub until: u32,
    /// Whether there is nothing behind it.
    pub is_end: bool,
}

impl Store {
    /// Deletions that wait for the pages to be cleaned.
    pub async fn deletions_to_clean(&self) -> Result<Vec<i64>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT id FROM deletions WHERE state = 'cleaning' ORDER BY id")
                .and_then(|mut query| query.query_map([], |row| row.get(0))?.collect())
                .map_err(StoreError::database("look for deletions to finish"))
        })
        .await
    }

    /// Looks at the next pages after `after` for what is left of deleted rows.
    pub async fn dirty_pages(&self, after: u32) -> Result<Dirty, StoreError> {
        self.read(move |connection| dirty(connection, after)).await
    }

    /// Overwrites what is left of deleted rows in these pages.
    pub async fn clean_pages(&self, pages: Vec<u32>) -> Result<(), StoreError> {
        self.write(move |connection| {
            let whole = Book::open(connection)?;
            let free = whole.free_pages(connection)?;
            for page in pages {
                whole.clean(connection, page, &free)?;
            }
            Ok(())
        })
        .await
    }

    /// Moves the log into the database and empties it. `false` when a reader still needs it.
    pub async fn empty_log(&self) -> Result<bool, StoreError> {
        self.beside(|connection| {
            connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                    Ok(row.get::<_, i64>(0)? == 0)
                })
                .map_err(StoreError::database("empty the log"))
        })
        .await
    }

    /// Writes the whole database anew, for where the pages cannot be cleaned one by one. Nobody
    /// can write meanwhile.
    pub async fn rewrite(&self) -> Result<(), StoreError> {
        self.beside(|connection| {
            connection
                .execute_batch("VACUUM")
                .map_err(StoreError::database("write the database anew"))
        })
        .await
    }

    /// Whether pages can be cleaned one by one.
    pub async fn can_clean_pages(&self) -> Result<bool, StoreError> {
        self.read(|connection| {
            let has_table = connection
                .prepare("SELECT data FROM sqlite_dbpage WHERE pgno = 1")
                .is_ok();
            Ok(has_table && page_count(connection)? < PAGE_COUNT_MAX)
        })
        .await
    }

    /// These deletions are done: no byte is left of whom they were about.
    pub async fn finish_deletions(&self, ids: Vec<i64>, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            for id in ids {
                connection
                    .execute(
                        "UPDATE deletions SET state = 'done', done_at = ?2
                         WHERE id = ?1 AND state = 'cleaning'",
                        params![id, now.as_millis()],
                    )
                    .map_err(StoreError::database("finish a deletion"))?;
            }
            Ok(())
        })
        .await
    }
}

fn page_count(connection: &Connection) -> Result<u32, StoreError> {
    connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .map_err(StoreError::database("count the pages"))
}

fn read_page(connection: &Connection, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
    connection
        .prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = ?1")
        .and_then(|mut query| query.query_row([number], |row| row.get(0)).optional())
        .map_err(StoreError::database("read a page"))
}

fn dirty(connection: &Connection, after: u32) -> Result<Dirty, StoreError> {
    let whole = Book::open(connection)?;
    let free = whole.free_pages(connection)?;
    let last = page_count(connection)?;
    let mut found = Dirty::default();
    for number in after + 1..=last.min(after.saturating_add(PAGES_AT_ONCE)) {
        found.until = number;
        let Some(page) = read_page(connection, number)? else {
            continue;
        };
        if whole
            .waste(number, &page, &free)
            .iter()
            .any(|range| !is_zero(&page, range))
        {
            found.pages.push(number);
            if found.pages.len() >= CLEANED_AT_ONCE {
                break;
            }
        }
    }
    found.until = found.until.max(after);
    found.is_end = found.until >= last;
    Ok(found)
}

fn is_zero(page: &[u8], range: &Range<usize>) -> bool {
    page.get(range.clone())
        .is_none_or(|bytes| bytes.iter().all(|byte| *byte == 0))
}

/// What the first page says of all pages.
struct Book {
    /// Bytes of a page that SQLite uses.
    usable: usize,
    first_trunk: u32,
}

/// Pages that are in no tree.
#[derive(Default)]
struct FreePages {
    trunks: BTreeSet<u32>,
    leaves: BTreeSet<u32>,
}

impl Book {
    fn open(connection: &Connection) -> Result<Self, StoreError> {
        let corrupt = || StoreError::corrupt("pages", "header", &1)("is too short");
        let first = read_page(connection, 1)?.ok_or_else(corrupt)?;
        let reserved = first.get(20).copied().ok_or_else(corrupt)?;
        Ok(Self {
            usable: first.len().saturating_sub(usize::from(reserved)),
            first_trunk: number_at(&first, 32).ok_or_else(corrupt)?,
        })
    }

    /// Goes through the list of free pages; it holds a thousand to a page.
    fn free_pages(&self, connection: &Connection) -> Result<FreePages, StoreError> {
        let mut free = FreePages::default();
        let mut trunk = self.first_trunk;
        while trunk != 0 && free.trunks.insert(trunk) {
            let Some(page) = read_page(connection, trunk)? else {
                break;
            };
            let leaves = number_at(&page, 4).unwrap_or(0);
            for place in 0..leaves {
                let offset = usize::try_from(place)
                    .unwrap_or(usize::MAX)
                    .saturating_mul(4)
                    + 8;
                let Some(leaf) = number_at(&page, offset) else {
                    break;
                };
                free.leaves.insert(leaf);
            }
            trunk = number_at(&page, 0).unwrap_or(0);
        }
        Ok(free)
    }

    fn clean(
        &self,
        connection: &Connection,
        number: u32,
        free: &FreePages,
    ) -> Result<(), StoreError> {
        let Some(mut page) = read_page(connection, number)? else {
            return Ok(());
        };
        let waste = self.waste(number, &page, free);
        if waste.iter().all(|range| is_zero(&page, range)) {
            return Ok(());
        }
        for range in waste {
            if let Some(bytes) = page.get_mut(range) {
                bytes.fill(0);
            }
        }
        connection
            .prepare_cached("UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1")
            .and_then(|mut update| update.execute(params![number, page]))
            .map_err(StoreError::database("clean a page"))?;
        Ok(())
    }

    /// The parts of a page that hold nothing.
    fn waste(&self, number: u32, page: &[u8], free: &FreePages) -> Vec<Range<usize>> {
        if free.leaves.contains(&number) {
            return std::iter::once(0..page.len()).collect();
        }
        if free.trunks.contains(&number) {
            let leaves = number_at(page, 4).unwrap_or(0);
            let used = usize::try_from(leaves)
                .unwrap_or(usize::MAX)
                .saturating_mul(4)
                .saturating_add(8);
            return std::iter::once(used.min(page.len())..page.len()).collect();
        }
        let begin = if number == 1 { 100 } else { 0 };
        tree_waste(page, begin, self.usable).unwrap_or_default()
    }
}

/// The unallocated parts of a page of a tree: between the list of its cells and the first cell,
/// and its free blocks without their heads. None for any other page, or one that is not as it
/// should be.
fn tree_waste(page: &[u8], begin: usize, usable: usize) -> Option<Vec<Range<usize>>> {
    let head = match page.get(begin)? {
        2 | 5 => 12,
        10 | 13 => 8,
        _ => return None,
    };
    let cells = short_at(page, begin + 3)?;
    let content = match short_at(page, begin + 5)? {
        0 => 65536,
        content => content,
    };
    let list_end = begin + head + 2 * cells;
    if list_end > content || content > usable || usable > page.len() {
        return None;
    }
    for cell in 0..cells {
        let at = short_at(page, begin + head + 2 * cell)?;
        if at < content || at >= usable {
            return None;
        }
    }
    let mut waste: Vec<_> = std::iter::once(list_end..content).collect();
    let (mut block, mut least) = (short_at(page, begin + 1)?, content);
    while block != 0 {
        let size = short_at(page, block + 2)?;
        if block < least || size < 4 || block + size > usable {
            return None;
        }
        waste.push(block + 4..block + size);
        least = block + size;
        block = short_at(page, block)?;
    }
    Some(waste)
}

fn short_at(page: &[u8], offset: usize) -> Option<usize> {
    let bytes = page.get(offset..)?.first_chunk()?;
    Some(usize::from(u16::from_be_bytes(*bytes)))
}

fn number_at(page: &[u8], offset: usize) -> Option<u32> {
    let bytes = page.get(offset..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
}
