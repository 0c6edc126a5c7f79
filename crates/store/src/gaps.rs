//! Gaps: times of which events may be missing, and what reading back found.

mod known;

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use hookline_model::clock::Timestamp;
use hookline_model::event::EventKind;
use hookline_model::ids::{AccountId, CommentId, DeliveryId, MessageId};
use hookline_model::upkeep::{GapCause, Task};
use rusqlite::types::Value as Column;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use self::known::{known, newest};
use crate::Store;
use crate::digest;
use crate::error::StoreError;
use crate::ids::MetaId as _;
use crate::packs::{PackedRow, Unpacker, if_readable};
use crate::rows::Reader;
use crate::sqlite::NewDelivery;
use crate::upkeep::hasten;

/// Where a gap stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapState {
    /// Nobody has begun to read it back.
    Waiting,
    /// It is being read back.
    Reading,
    /// Everything Meta still tells of it was read.
    Read,
    /// It could not be read in time.
    GivenUp,
}

impl GapState {
    /// The state as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Reading => "reading",
            Self::Read => "read",
            Self::GivenUp => "given_up",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Reading, Self::Read, Self::GivenUp]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// What reading a gap back found that had not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found {
    /// Comments.
    pub comments: u32,
    /// Messages.
    pub messages: u32,
    /// Those of both that are past their window: known now, but not to be answered any more.
    pub too_late: u32,
}

/// A time of which events of an account may be missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    /// Its row.
    pub id: i64,
    /// The account.
    pub account_id: AccountId,
    /// Why.
    pub cause: GapCause,
    /// From when.
    pub begins_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Where it stands.
    pub state: GapState,
    /// How far reading has come, in the words of the reader.
    pub progress: Option<Value>,
    /// What was found so far.
    pub found: Found,
    /// When it was noticed.
    pub noticed_at: Timestamp,
    /// When reading ended.
    pub finished_at: Option<Timestamp>,
}

impl Store {
    /// Notes a gap of one account and has it read back from `read_at` on. One that touches a gap
    /// nobody has begun to read makes that one longer.
    pub async fn note_gap(
        &self,
        account: AccountId,
        cause: GapCause,
        (begins_at, ends_at): (Timestamp, Timestamp),
        (now, read_at): (Timestamp, Timestamp),
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            note(connection, &account, cause, (begins_at, ends_at), now)?;
            hasten(connection, Task::Backfill, Some(&account), read_at)?;
            Ok(())
        })
        .await
    }

    /// Notes a gap of every account, and has them read back from `read_at` on, `apart` from one
    /// another, so that many accounts do not ask Meta all at once. Says how many there are.
    pub async fn note_gap_of_all(
        &self,
        cause: GapCause,
        (begins_at, ends_at): (Timestamp, Timestamp),
        (now, read_at): (Timestamp, Timestamp),
        apart: Duration,
    ) -> Result<usize, StoreError> {
        self.write(move |connection| {
            note_of_all(connection, cause, (begins_at, ends_at), now)?;
            read_all_back(connection, ends_at, read_at, apart)
        })
        .await
    }

    /// The account's oldest gap that is not read back yet.
    pub async fn next_gap(&self, account: AccountId) -> Result<Option<Gap>, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT * FROM gaps INDEXED BY gaps_open
                     WHERE account_id = ?1 AND state IN ('waiting', 'reading')
                     ORDER BY id LIMIT 1",
                )
                .and_then(|mut query| {
                    query
                        .query_row([account.column()], |row| Ok(gap(row)))
                        .optional()
                })
                .map_err(StoreError::database("read a gap"))?
                .transpose()
        })
        .await
    }

    /// Keeps how far reading a gap back has come, and what it has found.
    pub async fn keep_gap(&self, gap: Gap) -> Result<(), StoreError> {
        self.write(move |connection| {
            let progress = gap.progress.as_ref().map(Value::to_string);
            connection
                .prepare_cached(
                    "UPDATE gaps SET state = ?2, progress = ?3, comments = ?4, messages = ?5,
                                     too_late = ?6, finished_at = ?7
                     WHERE id = ?1",
                )
                .and_then(|mut update| {
                    update.execute(params![
                        gap.id,
                        gap.state.as_str(),
                        progress,
                        gap.found.comments,
                        gap.found.messages,
                        gap.found.too_late,
                        gap.finished_at.map(Timestamp::as_millis),
                    ])
                })
                .map_err(StoreError::database("keep a gap"))?;
            Ok(())
        })
        .await
    }

    /// The newest gaps, of one account or of all, newest first.
    pub async fn list_gaps(
        &self,
        account: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<Gap>, StoreError> {
        self.read(move |connection| {
            let doing = || StoreError::database("list gaps");
            let mut query = connection
                .prepare_cached(
                    "SELECT * FROM gaps WHERE ?1 IS NULL OR account_id = ?1
                     ORDER BY id DESC LIMIT ?2",
                )
                .map_err(doing())?;
            let account = account.as_ref().map(AccountId::column);
            let mut rows = query.query(params![account, limit]).map_err(doing())?;
            let mut gaps = Vec::new();
            while let Some(row) = rows.next().map_err(doing())? {
                gaps.push(gap(row)?);
            }
            Ok(gaps)
        })
        .await
    }

    /// Records what was read back as a delivery of our own making, which is interpreted, routed
    /// and explained as any other. Answers once its bytes are committed.
    pub async fn record_backfill(
        &self,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Result<DeliveryId, StoreError> {
        self.record(NewDelivery {
            received_at: now,
            secret_index: 0,
            api_version: None,
            source: Some("backfill"),
            body: Bytes::from(body),
        })
        .await
    }

    /// Which of these comments of the account are known from an event.
    pub async fn known_comments(
        &self,
        account: AccountId,
        comments: Vec<CommentId>,
    ) -> Result<HashSet<CommentId>, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT 1 FROM events WHERE comment_id = ?1 AND account_id = ?2";
            let mut packs = Unpacker::new(connection);
            let is_packed = |id: &CommentId| {
                let found = packs.events_of_comment(Some(&account), id);
                if_readable(found.map(|found| !found.is_empty()), true)
            };
            let column = |id: &CommentId| Column::from(id.column());
            known(connection, (sql, &account), comments, column, is_packed)
        })
        .await
    }

    /// Which of these messages of the account are known from an event.
    pub async fn known_messages(
        &self,
        account: AccountId,
        messages: Vec<MessageId>,
    ) -> Result<HashSet<MessageId>, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT 1 FROM events WHERE mid_digest = ?1
                       AND account_id = ?2 AND kind = 'message_received'";
            let mut packs = Unpacker::new(connection);
            let received = Column::Text(EventKind::MessageReceived.as_str().to_owned());
            let is_packed = |id: &MessageId| {
                let found = packs.events_of_message(Some(&account), id);
                let is_it = |(_, row): &(i64, PackedRow)| row.holds("kind", &received);
                if_readable(found.map(|found| found.iter().any(is_it)), true)
            };
            let column = |id: &MessageId| digest::short(id.as_str()).into();
            known(connection, (sql, &account), messages, column, is_packed)
        })
        .await
    }

    /// When the account's newest events were received that Meta delivered, newest first.
    pub async fn newest_events(
        &self,
        account: AccountId,
        limit: u32,
    ) -> Result<Vec<Timestamp>, StoreError> {
        self.read(move |connection| {
            let newest = newest(connection, &account, limit)?;
            Ok(newest.into_iter().map(|(_, at)| at).collect())
        })
        .await
    }

    /// When the newest event of each kind was received that Meta delivered for an account: among
    /// its newest `limit` events, so that a busy account costs no more than that.
    pub async fn newest_event_of_each_kind(
        &self,
        account: AccountId,
        limit: u32,
    ) -> Result<BTreeMap<EventKind, Timestamp>, StoreError> {
        self.read(move |connection| {
            let mut kinds = BTreeMap::new();
            for (kind, at) in newest(connection, &account, limit)? {
                let newest = kinds.entry(kind).or_insert(at);
                *newest = at.max(*newest);
            }
            Ok(kinds)
        })
        .await
    }
}

fn note(
    connection: &Connection,
    account: &AccountId,
    cause: GapCause,
    (begins_at, ends_at): (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<(), StoreError> {
    let doing = || StoreError::database("note a gap");
    let longer = connection
        .prepare_cached(
            "UPDATE gaps SET begins_at = min(begins_at, ?2), ends_at = max(ends_at, ?3)
             WHERE account_id = ?1 AND state = 'waiting' AND begins_at <= ?3 AND ends_at >= ?2",
        )
        .and_then(|mut update| {
            update.execute(params![
                account.column(),
                begins_at.as_millis(),
                ends_at.as_millis()
            ])
        })
        .map_err(doing())?;
    if longer > 0 {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO gaps (account_id, cause, begins_at, ends_at, state, noticed_at)
             VALUES (?1, ?2, ?3, ?4, 'waiting', ?5)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                account.column(),
                cause.as_str(),
                begins_at.as_millis(),
                ends_at.as_millis(),
                now.as_millis(),
            ])
        })
        .map_err(doing())?;
    Ok(())
}

/// As [`note`], for every account that was there before the gap ended: two statements, however many
/// accounts there are, because deliveries wait for the writer meanwhile.
fn note_of_all(
    connection: &Connection,
    cause: GapCause,
    (begins_at, ends_at): (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<(), StoreError> {
    let doing = || StoreError::database("note a gap of all accounts");
    let (begins, ends) = (begins_at.as_millis(), ends_at.as_millis());
    connection
        .prepare_cached(
            "UPDATE gaps SET begins_at = min(begins_at, ?1), ends_at = max(ends_at, ?2)
             WHERE state = 'waiting' AND begins_at <= ?2 AND ends_at >= ?1",
        )
        .and_then(|mut update| update.execute([begins, ends]))
        .map_err(doing())?;
    connection
        .prepare_cached(
            "INSERT INTO gaps (account_id, cause, begins_at, ends_at, state, noticed_at)
             SELECT id, ?1, ?2, ?3, 'waiting', ?4 FROM accounts
             WHERE connected_at < ?3 AND NOT EXISTS (
                 -- Both conditions on the state: the first is the index's.
                 SELECT 1 FROM gaps g INDEXED BY gaps_open
                 WHERE g.account_id = accounts.id
                     AND g.state IN ('waiting', 'reading') AND g.state = 'waiting'
                     AND g.begins_at <= ?2 AND g.ends_at >= ?3)",
        )
        .and_then(|mut insert| {
            insert.execute(params![cause.as_str(), begins, ends, now.as_millis()])
        })
        .map_err(doing())?;
    Ok(())
}

/// Has every account that was there read back, one after the other; says how many those are.
fn read_all_back(
    connection: &Connection,
    ends_at: Timestamp,
    read_at: Timestamp,
    apart: Duration,
) -> Result<usize, StoreError> {
    let apart = i64::try_from(apart.as_millis()).unwrap_or(i64::MAX);
    let doing = || StoreError::database("have all accounts read back");
    connection
        .prepare_cached(
            "UPDATE upkeep SET due_at = min(due_at, ?2 + ?3 * a.place) FROM (
                 SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM accounts
                 WHERE connected_at < ?1) a
             WHERE upkeep.account_id = a.id AND upkeep.task = ?4",
        )
        .and_then(|mut update| {
            update.execute(params![
                ends_at.as_millis(),
                read_at.as_millis(),
                apart,
                Task::Backfill.as_str(),
            ])
        })
        .map_err(doing())
}

fn gap(row: &Row<'_>) -> Result<Gap, StoreError> {
    let id: i64 = row.get("id").map_err(StoreError::database("read a gap"))?;
    let read = Reader::new("gaps", &id, row);
    Ok(Gap {
        id,
        account_id: read.account()?,
        cause: read.word("cause", GapCause::from_name)?,
        begins_at: read.time("begins_at")?,
        ends_at: read.time("ends_at")?,
        state: read.word("state", GapState::from_name)?,
        progress: read.optional_json("progress")?,
        found: Found {
            comments: read.count("comments")?,
            messages: read.count("messages")?,
            too_late: read.count("too_late")?,
        },
        noticed_at: read.time("noticed_at")?,
        finished_at: read.optional_time("finished_at")?,
    })
}
