//! Automations and their immutable versions.

use hookline_model::clock::Timestamp;
use hookline_model::ids::AutomationId;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use crate::Store;
use crate::accounts::bump;
use crate::error::StoreError;
use crate::rows::Reader;

/// The current version of an automation.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedAutomation {
    /// The automation, through all its versions.
    pub id: AutomationId,
    /// Its name.
    pub name: String,
    /// The number of this version, from 1.
    pub version: u32,
    /// When this version was published.
    pub published_at: Timestamp,
    /// When the first version was published: decides among equal priorities.
    pub first_published_at: Timestamp,
    /// The document.
    pub document: Value,
}

/// What publishing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publication {
    /// The version that is current now.
    pub version: u32,
    /// Whether it is a new one; publishing an equal document again changes nothing.
    pub is_new: bool,
}

impl Store {
    /// Publishes a document under its name: a new version, unless the current one is equal.
    pub async fn publish_automation(
        &self,
        name: String,
        document: Value,
        now: Timestamp,
    ) -> Result<Publication, StoreError> {
        self.write(move |connection| publish(connection, &name, &document, now))
            .await
    }

    /// Takes an automation out of use: it is considered no more, what it planned still goes out.
    /// `false` if there is none of that name.
    pub async fn remove_automation(
        &self,
        name: String,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let removed = connection
                .execute(
                    "UPDATE automations SET removed_at = ?2
                     WHERE name = ?1 AND removed_at IS NULL",
                    params![name, now.as_millis()],
                )
                .map_err(StoreError::database("remove the automation"))?;
            if removed > 0 {
                bump(connection, "automations")?;
            }
            Ok(removed > 0)
        })
        .await
    }

    /// The current version of the automation of that name.
    pub async fn find_automation(
        &self,
        name: String,
    ) -> Result<Option<PublishedAutomation>, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached(&format!("{CURRENT} AND name = ?1"))
                .and_then(|mut query| {
                    query
                        .query_row([&name], |row| Ok(published(row)))
                        .optional()
                })
                .map_err(StoreError::database("find the automation"))?
                .transpose()
        })
        .await
    }

    /// Up to `limit` automations in use after the one named `after`, by name.
    pub async fn list_automations(
        &self,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<PublishedAutomation>, StoreError> {
        self.read(move |connection| {
            list(
                connection,
                &format!("{CURRENT} AND name > ?1 ORDER BY name LIMIT ?2"),
                params![after.unwrap_or_default(), limit],
            )
        })
        .await
    }
}

const CURRENT: &str = "SELECT a.id, a.name, a.version, a.first_published_at, v.published_at,
                              v.document
                       FROM automations a
                       JOIN automation_versions v
                         ON v.automation_id = a.id AND v.version = a.version
                       WHERE a.removed_at IS NULL";

/// Every automation in use.
pub(crate) fn all(connection: &Connection) -> Result<Vec<PublishedAutomation>, StoreError> {
    list(connection, &format!("{CURRENT} ORDER BY a.id"), [])
}

fn list(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<PublishedAutomation>, StoreError> {
    let doing = || StoreError::database("list automations");
    let mut query = connection.prepare_cached(sql).map_err(doing())?;
    let mut rows = query.query(params).map_err(doing())?;
    let mut automations = Vec::new();
    while let Some(row) = rows.next().map_err(doing())? {
        automations.push(published(row)?);
    }
    Ok(automations)
}

fn published(row: &Row<'_>) -> Result<PublishedAutomation, StoreError> {
    let id: i64 = row
        .get("id")
        .map_err(StoreError::database("read an automation"))?;
    let read = Reader::new("automations", &id, row);
    Ok(PublishedAutomation {
        id: AutomationId(id),
        name: read.get("name")?,
        version: read.count("version")?,
        published_at: read.time("published_at")?,
        first_published_at: read.time("first_published_at")?,
        document: read.json("document")?,
    })
}

fn publish(
    connection: &Connection,
    name: &str,
    document: &Value,
    now: Timestamp,
) -> Result<Publication, StoreError> {
    let doing = StoreError::database;
    let existing: Option<(i64, u32, bool, String)> = connection
        .query_row(
            "SELECT a.id, a.version, a.removed_at IS NOT NULL, v.document
             FROM automations a
             JOIN automation_versions v ON v.automation_id = a.id AND v.version = a.version
             WHERE a.name = ?1",
            [name],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .optional()
        .map_err(doing("find the automation"))?;
    let text = document.to_string();
    let (id, version) = match existing {
        Some((_, version, false, current)) if current == text => {
            return Ok(Publication {
                version,
                is_new: false,
            });
        }
        Some((id, version, _, _)) => {
            connection
                .execute(
                    "UPDATE automations SET version = ?2, removed_at = NULL WHERE id = ?1",
                    params![id, version + 1],
                )
                .map_err(doing("publish a version"))?;
            (id, version + 1)
        }
        None => {
            connection
                .execute(
                    "INSERT INTO automations (name, first_published_at, version)
                     VALUES (?1, ?2, 1)",
                    params![name, now.as_millis()],
                )
                .map_err(doing("publish an automation"))?;
            (connection.last_insert_rowid(), 1)
        }
    };
    connection
        .execute(
            "INSERT INTO automation_versions (automation_id, version, published_at, document)
             VALUES (?1, ?2, ?3, ?4)",
            params![id, version, now.as_millis(), text],
        )
        .map_err(doing("keep the version"))?;
    bump(connection, "automations")?;
    Ok(Publication {
        version,
        is_new: true,
    })
}
