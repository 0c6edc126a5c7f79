//! Notices: what people are told of alerts, until each destination has it or a day has passed.

use hookline_model::alert::{Alert, Notice, NoticeEvent};
use hookline_model::clock::Timestamp;
use hookline_model::ids::NoticeId;
use rusqlite::{Connection, Row, params};

use crate::Store;
use crate::error::StoreError;
use crate::rows::{Reader, to_json};

/// Notices that may wait at once. More of them help nobody: the alerts themselves are still there.
const WAITING_MAX: u32 = 10_000;

/// One notice on its way to one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What is told.
    pub notice: Notice,
    /// Whom, by the name that was given when it was addressed.
    pub destination: String,
    /// Tries so far.
    pub tries: u32,
    /// When the notice came about.
    pub created_at: Timestamp,
}

/// What came of telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterOutcome {
    /// It arrived.
    Delivered,
    /// It did not, and is tried again then.
    TryAgain {
        /// When.
        at: Timestamp,
        /// What was wrong.
        problem: String,
    },
    /// It did not, and is not tried again.
    GivenUp {
        /// What was wrong.
        problem: String,
    },
}

impl Store {
    /// Notices of which nobody has been told yet and it is not decided whom to tell, oldest first.
    pub async fn list_new_notices(&self, limit: u32) -> Result<Vec<Notice>, StoreError> {
        self.read(move |connection| {
            let doing = || StoreError::database("look for new notices");
            let mut query = connection
                .prepare_cached(
                    "SELECT id, event, alert FROM alert_notices WHERE addressed_at IS NULL
                     ORDER BY id LIMIT ?1",
                )
                .map_err(doing())?;
            let mut rows = query.query([limit]).map_err(doing())?;
            let mut notices = Vec::new();
            while let Some(row) = rows.next().map_err(doing())? {
                notices.push(notice(row)?);
            }
            Ok(notices)
        })
        .await
    }

    /// Decides that each of `destinations` is told these notices. One that was addressed before
    /// stays as it is.
    pub async fn address_notices(
        &self,
        notices: Vec<NoticeId>,
        destinations: Vec<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            for id in &notices {
                address(connection, *id, &destinations, now)?;
            }
            Ok(())
        })
        .await
    }

    /// What may be told now, the longest due first. Of one alert a destination is told in the
    /// order of what happened: a later notice waits for the one before it.
    pub async fn list_due_letters(
        &self,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Letter>, StoreError> {
        self.read(move |connection| {
            let doing = || StoreError::database("look for notices that are due");
            let mut query = connection
                .prepare_cached(
                    "SELECT n.id, n.event, n.alert, n.created_at, l.destination, l.tries
                     FROM alert_letters l JOIN alert_notices n ON n.id = l.notice_id
                     WHERE l.state = 'due' AND l.due_at <= ?1 AND NOT EXISTS (
                         SELECT 1 FROM alert_notices earlier
                         CROSS JOIN alert_letters before ON before.notice_id = earlier.id
                         WHERE earlier.alert_id = n.alert_id AND earlier.id < n.id
                             AND before.destination = l.destination AND before.state = 'due')
                     ORDER BY l.due_at, l.notice_id LIMIT ?2",
                )
                .map_err(doing())?;
            let mut rows = query
                .query(params![now.as_millis(), limit])
                .map_err(doing())?;
            let mut letters = Vec::new();
            while let Some(row) = rows.next().map_err(doing())? {
                letters.push(letter(row)?);
            }
            Ok(letters)
        })
        .await
    }

    /// Commits what came of telling one destination; `false` when that was settled before.
    pub async fn finish_letter(
        &self,
        notice: NoticeId,
        destination: String,
        outcome: LetterOutcome,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let (state, due_at, problem) = match &outcome {
                LetterOutcome::Delivered => ("delivered", None, None),
                LetterOutcome::TryAgain { at, problem } => ("due", Some(*at), Some(problem)),
                LetterOutcome::GivenUp { problem } => ("given_up", None, Some(problem)),
            };
            let settled = connection
                .prepare_cached(
                    "UPDATE alert_letters SET state = ?3, tries = tries + 1,
                         due_at = coalesce(?4, due_at), problem = ?5
                     WHERE notice_id = ?1 AND destination = ?2 AND state = 'due'",
                )
                .and_then(|mut update| {
                    update.execute(params![
                        notice.0,
                        destination,
                        state,
                        due_at.map(Timestamp::as_millis),
                        problem
                    ])
                })
                .map_err(StoreError::database("finish a notice"))?;
            Ok(settled > 0)
        })
        .await
    }
}

/// Commits, together with what happened to the alert, that people are to be told.
pub(super) fn queue(
    connection: &Connection,
    alert: &Alert,
    event: NoticeEvent,
    now: Timestamp,
) -> Result<(), StoreError> {
    let json = to_json(alert)?;
    let queued = connection
        .prepare_cached(
            "INSERT INTO alert_notices (alert_id, event, created_at, alert)
             SELECT ?1, ?2, ?3, ?4
             WHERE (SELECT count(*) FROM (SELECT 1 FROM alert_notices
                    WHERE addressed_at IS NULL LIMIT ?5)) < ?5
               AND (SELECT count(*) FROM (SELECT 1 FROM alert_letters
                    WHERE state = 'due' LIMIT ?5)) < ?5",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                alert.id.0,
                event.as_str(),
                now.as_millis(),
                json,
                WAITING_MAX
            ])
        });
    let queued = queued.map_err(StoreError::database("queue a notice"))?;
    if queued == 0 {
        let (code, event) = (alert.code.as_str(), event.as_str());
        tracing::error!(
            code,
            event,
            "nobody is told of an alert: too many notices wait"
        );
    }
    Ok(())
}

fn address(
    connection: &Connection,
    id: NoticeId,
    destinations: &[String],
    now: Timestamp,
) -> Result<(), StoreError> {
    let doing = || StoreError::database("address a notice");
    let is_new = connection
        .prepare_cached(
            "UPDATE alert_notices SET addressed_at = ?2 WHERE id = ?1 AND addressed_at IS NULL",
        )
        .and_then(|mut update| update.execute(params![id.0, now.as_millis()]))
        .map_err(doing())?;
    if is_new == 0 {
        return Ok(());
    }
    for destination in destinations {
        connection
            .prepare_cached(
                "INSERT INTO alert_letters (notice_id, destination, state, due_at)
                 VALUES (?1, ?2, 'due', ?3) ON CONFLICT DO NOTHING",
            )
            .and_then(|mut insert| insert.execute(params![id.0, destination, now.as_millis()]))
            .map_err(doing())?;
    }
    Ok(())
}

fn notice(row: &Row<'_>) -> Result<Notice, StoreError> {
    let id: i64 = row
        .get("id")
        .map_err(StoreError::database("read a notice"))?;
    let read = Reader::new("alert_notices", &id, row);
    Ok(Notice {
        id: NoticeId(id),
        event: read.word("event", NoticeEvent::from_name)?,
        alert: read.json("alert")?,
    })
}

fn letter(row: &Row<'_>) -> Result<Letter, StoreError> {
    let notice = notice(row)?;
    let read = Reader::new("alert_letters", &notice.id, row);
    Ok(Letter {
        destination: read.get("destination")?,
        tries: read.count("tries")?,
        created_at: read.time("created_at")?,
        notice,
    })
}
