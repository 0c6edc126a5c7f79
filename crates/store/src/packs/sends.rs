//! What of a send goes into the pack of its event: what is only shown, and its attempts.
//!
//! Only of a send that has ended, and whose attempts no budget counts any more: nothing of that
//! changes again. What is looked for stays in the row, and so does the time of an echo, which may
//! come late. A row whose text is an empty blob is in the pack of its event.

use hookline_model::clock::Timestamp;
use hookline_model::ids::{CommentId, MessageId};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::read::{Unpacker, if_readable};
use crate::digest;
use crate::error::StoreError;
use crate::ids::{self, MetaId as _};
use crate::lanes::Answer;
use crate::mids;
use crate::records::AttemptRecord;
use crate::rows::Reader;

/// What a pack holds of a send. Read by later versions: what is added has to be optional.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PackedSend {
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keyword: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) comment_id: Option<CommentId>,
    planned_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_at: Option<i64>,
    deadline_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message_id: Option<MessageId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<PackedAttempt>,
}

/// A row of `attempts`; its send and its lane are those of the send.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct PackedAttempt {
    seq: i64,
    number: u32,
    started_at: i64,
    finished_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<PackedAnswer>,
}

/// The column `answer` as it is.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum PackedAnswer {
    Status(u16),
    Json(String),
}

/// Of an accepted send without a message the text may still tell it from others
/// ([`Store::count_rivals`](crate::Store::count_rivals)).
const ENDED: &str = "SELECT id FROM sends
     WHERE event_id = ?1 AND typeof(text) = 'text' AND finished_at < ?2
         AND (state IN ('refused', 'expired', 'cancelled')
              OR (state = 'accepted' AND (message_digest IS NOT NULL OR attempts = 0)))";

/// The sends of an event that ended before `before`.
pub(super) fn ended(
    connection: &Connection,
    event: i64,
    before: Timestamp,
) -> Result<Vec<i64>, StoreError> {
    connection
        .prepare_cached(ENDED)
        .and_then(|mut query| {
            query
                .query_map([event, before.as_millis()], |row| row.get(0))?
                .collect()
        })
        .map_err(StoreError::database("look for sends that ended"))
}

/// What a pack would hold of a send now; none when one of its attempts still counts, or it is in a
/// pack or gone.
pub(super) fn read(
    connection: &Connection,
    send: i64,
    before: Timestamp,
) -> rusqlite::Result<Option<PackedSend>> {
    let found = connection
        .prepare_cached(
            "SELECT text, keyword, context, comment_id, planned_at, due_at, deadline_at, message_id
             FROM sends WHERE id = ?1 AND typeof(text) = 'text'",
        )?
        .query_row([send], |row| {
            Ok(PackedSend {
                text: row.get(0)?,
                keyword: row.get(1)?,
                context: row.get(2)?,
                comment_id: row
                    .get::<_, Option<ids::Text>>(3)?
                    .map(|id| CommentId::new(id.0)),
                planned_at: row.get(4)?,
                due_at: row.get(5)?,
                deadline_at: row.get(6)?,
                message_id: row
                    .get::<_, Option<mids::Text>>(7)?
                    .map(|id| MessageId::new(id.0)),
                attempts: Vec::new(),
            })
        })
        .optional()?;
    let Some(mut packed) = found else {
        return Ok(None);
    };
    let mut query = connection.prepare_cached(
        "SELECT seq, number, started_at, finished_at, outcome, reason, answer FROM attempts
         WHERE send_id = ?1 ORDER BY number",
    )?;
    let mut rows = query.query([send])?;
    while let Some(row) = rows.next()? {
        let Some(finished_at) = row.get::<_, Option<i64>>(3)? else {
            return Ok(None);
        };
        let started_at = row.get(2)?;
        if started_at >= before.as_millis() {
            return Ok(None);
        }
        packed.attempts.push(PackedAttempt {
            seq: row.get(0)?,
            number: row.get(1)?,
            started_at,
            finished_at,
            outcome: row.get(4)?,
            reason: row.get(5)?,
            answer: answer(row)?,
        });
    }
    Ok(Some(packed))
}

fn answer(row: &Row<'_>) -> rusqlite::Result<Option<PackedAnswer>> {
    Ok(match row.get(6)? {
        Value::Integer(_) => Some(PackedAnswer::Status(row.get(6)?)),
        Value::Text(text) => Some(PackedAnswer::Json(text)),
        // The column takes nothing else.
        Value::Null | Value::Real(_) | Value::Blob(_) => None,
    })
}

impl PackedSend {
    /// Its bytes in a pack. Our own nouns always serialise.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(self).map_err(StoreError::corrupt("sends", "text", &"being packed"))
    }

    pub(super) fn of_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Rows that are changed when it is packed, and when that is undone.
    pub(super) fn rows(&self) -> usize {
        1 + self.attempts.len()
    }

    pub(super) fn due_at(&self) -> Option<Timestamp> {
        self.due_at.map(Timestamp::from_millis)
    }

    pub(super) fn deadline_at(&self) -> Timestamp {
        Timestamp::from_millis(self.deadline_at)
    }

    /// Its attempts as shown.
    pub(super) fn attempts(&self) -> Result<Vec<AttemptRecord>, StoreError> {
        let answer = |column: &PackedAnswer| match column {
            PackedAnswer::Status(status) => Ok(Answer::of_status(*status)),
            PackedAnswer::Json(text) => Answer::of_text(text),
        };
        let record = |attempt: &PackedAttempt| {
            Ok(AttemptRecord {
                number: attempt.number,
                started_at: Timestamp::from_millis(attempt.started_at),
                finished_at: Some(Timestamp::from_millis(attempt.finished_at)),
                outcome: attempt.outcome.clone(),
                reason: attempt.reason.clone(),
                answer: attempt
                    .answer
                    .as_ref()
                    .map(answer)
                    .transpose()
                    .map_err(StoreError::corrupt("attempts", "answer", &attempt.seq))?
                    .map(|kept| kept.0),
            })
        };
        self.attempts.iter().map(record).collect()
    }

    /// Puts it back into its row and its attempts into theirs; how many rows of the send there were.
    pub(super) fn put_back(&self, connection: &Connection, send: i64) -> rusqlite::Result<usize> {
        let filled = connection
            .prepare_cached(
                "UPDATE sends SET text = ?2, keyword = ?3, context = ?4, comment_id = ?5,
                     planned_at = ?6, due_at = ?7, deadline_at = ?8, message_id = ?9
                 WHERE id = ?1 AND typeof(text) = 'blob'",
            )?
            .execute(params![
                send,
                self.text,
                self.keyword,
                self.context,
                self.comment_id.as_ref().map(CommentId::column),
                self.planned_at,
                self.due_at,
                self.deadline_at,
                self.message_id.as_ref().map(mids::Column::of)
            ])?;
        let mut insert = connection.prepare_cached(
            "INSERT INTO attempts (lane_id, seq, send_id, number, started_at, finished_at, outcome,
                                   reason, answer)
             SELECT lane_id, ?2, id, ?3, ?4, ?5, ?6, ?7, ?8 FROM sends WHERE id = ?1",
        )?;
        for attempt in &self.attempts {
            let answer = match &attempt.answer {
                None => Value::Null,
                Some(PackedAnswer::Status(status)) => Value::Integer(i64::from(*status)),
                Some(PackedAnswer::Json(text)) => Value::Text(text.clone()),
            };
            insert.execute(params![
                send,
                attempt.seq,
                attempt.number,
                attempt.started_at,
                attempt.finished_at,
                attempt.outcome,
                attempt.reason,
                answer,
            ])?;
        }
        Ok(filled)
    }
}

/// The sends that are known by this message, packed or not: by a digest, and then by the whole.
pub(crate) fn sends_known_by(
    connection: &Connection,
    message: &MessageId,
) -> Result<Vec<i64>, StoreError> {
    let doing = || StoreError::database("look for the send of a message");
    let mut query = connection
        .prepare_cached(
            "SELECT s.id, s.text, s.message_id,
                    (SELECT pack_id FROM events e WHERE e.id = s.event_id) AS pack_id
             FROM sends s WHERE s.message_digest = ?1",
        )
        .map_err(doing())?;
    let mut rows = query
        .query([digest::short(message.as_str())])
        .map_err(doing())?;
    let mut packs = Unpacker::new(connection);
    let mut known = Vec::new();
    while let Some(row) = rows.next().map_err(doing())? {
        let id: i64 = row.get(0).map_err(doing())?;
        match packs.message_id(id, &Reader::new("sends", &id, row)) {
            Ok(found) if found.as_ref() == Some(message) => known.push(id),
            Ok(_) => {}
            // What cannot be read stops nobody, and its digest is as good as the whole.
            Err(error @ StoreError::Corrupt { .. }) => {
                tracing::error!(send = id, %error, "a send cannot be read from its pack");
                known.push(id);
            }
            Err(error) => return Err(error),
        }
    }
    known.extend(if_readable(left_by(&mut packs, message), vec![NOBODY])?);
    Ok(known)
}

/// Stands for a send in a pack that cannot be read: it is none that has a row.
const NOBODY: i64 = 0;

/// Those of them that left their table.
fn left_by(packs: &mut Unpacker<'_>, message: &MessageId) -> Result<Vec<i64>, StoreError> {
    let mut known = Vec::new();
    for (_, row) in packs.sends_of_message(message)? {
        let id = row.id();
        if Reader::of_packed(&id, &row).message("message_id")?.as_ref() == Some(message) {
            known.push(id);
        }
    }
    Ok(known)
}
