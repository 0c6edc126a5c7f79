//! Whether every promise was kept on what a power cut left.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use bytes::Bytes;
use hookline_engine::keyring::{KeyId, SealedToken};
use hookline_model::clock::{Clock as _, Timestamp};
use hookline_model::ids::AccountId;
use hookline_server::clock::SystemClock;
use hookline_server::config::{EncryptionConfig, StoreUrl};
use hookline_server::keys;
use hookline_store::{Ownership, RecordDelivery, Store};
use rusqlite::Connection;

use super::disk::{Image, write_file};
use super::trace::{Mark, Promise};

/// What is delivered after the power is back.
const AFTERWARDS: &[u8] = br#"{"object":"instagram","entry":[],"of":"afterwards"}"#;

/// Lays out what is left, again and again, and holds it against what was promised by then.
pub(crate) struct Checker {
    /// Everything promised so far.
    pub(crate) promised: Vec<Mark>,
}

impl Checker {
    pub(crate) fn new(promised: Vec<Mark>) -> Self {
        Self { promised }
    }

    /// Checks one image; an error is the promise that was broken.
    pub(crate) async fn check(&self, left: &Image) -> Result<(), String> {
        let place = memory_directory();
        for (name, bytes) in left {
            write_file(&place.path().join(name), bytes);
        }
        let id = go_on(place.path()).await?;
        let database = place.path().join("hookline.db");
        let database = Connection::open(&database).map_err(|error| error.to_string())?;
        self.look(&database, id)
            .map_err(|error| error.to_string())??;
        self.tokens_open(&database, place.path())
            .map_err(|error| error.to_string())?
    }

    fn of(&self, promise: Promise) -> impl Iterator<Item = &[u8]> {
        let marks = self.promised.iter();
        let wanted = marks.filter(move |mark| mark.promise == promise);
        wanted.map(|mark| mark.subject.as_slice())
    }

    fn look(&self, database: &Connection, last: i64) -> rusqlite::Result<Result<(), String>> {
        let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        if sound != "ok" {
            return Ok(Err(format!("the database is not sound: {sound}")));
        }
        let progress: i64 = database.query_row(
            "SELECT delivery_id FROM progress WHERE stage = 'interpret'",
            [],
            |row| row.get(0),
        )?;
        // The last one was recorded after the cut.
        if progress >= last {
            return Ok(Err(format!(
                "interpreted up to {progress}, and the next delivery is {last}"
            )));
        }
        let mut query = database.prepare("SELECT id, body FROM deliveries ORDER BY id")?;
        let rows: Vec<(i64, Vec<u8>)> = query
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        if !rows.iter().map(|(id, _)| *id).eq(1..=last) {
            return Ok(Err(format!("the ids up to {last} have gaps")));
        }
        let bodies: HashSet<&[u8]> = rows.iter().map(|(_, body)| body.as_slice()).collect();
        let missing = self
            .of(Promise::Recorded)
            .filter(|body| !bodies.contains(body));
        let missing = missing.count();
        if missing > 0 {
            let all = self.of(Promise::Recorded).count();
            return Ok(Err(format!(
                "{missing} of {all} acknowledged deliveries are gone"
            )));
        }
        self.calls_have_attempts(database)
    }

    /// Meta never saw a call whose attempt is not there.
    fn calls_have_attempts(&self, database: &Connection) -> rusqlite::Result<Result<(), String>> {
        let kinds = [
            (Promise::PrivateReply, "private_reply", "comment_id"),
            (Promise::PublicReply, "public_reply", "comment_id"),
            (Promise::Dm, "dm", "contact_id"),
        ];
        for (promise, kind, subject) in kinds {
            let sql = format!(
                "SELECT CAST(s.{subject} AS TEXT), count(*) FROM attempts a JOIN sends s ON s.id = a.send_id
                 WHERE s.kind = ?1 GROUP BY 1"
            );
            let mut query = database.prepare(&sql)?;
            let attempts: HashMap<String, u32> = query
                .query_map([kind], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            let mut calls: HashMap<&str, u32> = HashMap::new();
            for subject in self.of(promise) {
                *calls
                    .entry(std::str::from_utf8(subject).unwrap())
                    .or_default() += 1;
            }
            for (subject, calls) in calls {
                let known = attempts.get(subject).copied().unwrap_or(0);
                if known < calls {
                    return Ok(Err(format!(
                        "{kind} to {subject}: Meta was called {calls} times, {known} attempts are known"
                    )));
                }
            }
        }
        Ok(Ok(()))
    }

    /// What the API said it keeps is kept, and can be used.
    fn tokens_open(
        &self,
        database: &Connection,
        directory: &Path,
    ) -> rusqlite::Result<Result<(), String>> {
        for name in self.of(Promise::Automation) {
            let name = std::str::from_utf8(name).unwrap();
            let known = database
                .prepare(
                    "SELECT 1 FROM automation_versions v JOIN automations a
                              ON a.id = v.automation_id WHERE a.name = ?1",
                )?
                .exists([name])?;
            if !known {
                return Ok(Err(format!("the automation {name} is gone")));
            }
        }
        if self.of(Promise::Account).count() == 0 {
            return Ok(Ok(()));
        }
        let store = StoreUrl::Sqlite {
            path: directory.join("hookline.db"),
        };
        let ring = match keys::load(&EncryptionConfig { keys: Vec::new() }, &store) {
            Ok(loaded) => loaded.ring,
            Err(error) => return Ok(Err(format!("the key is gone: {error}"))),
        };
        for account in self.of(Promise::Account) {
            let account = std::str::from_utf8(account).unwrap();
            let mut query = database
                .prepare("SELECT token_key, token FROM accounts WHERE CAST(id AS TEXT) = ?1")?;
            let sealed = query
                .query_map([account], |row| {
                    Ok(SealedToken {
                        key_id: KeyId(row.get(0)?),
                        bytes: row.get(1)?,
                    })
                })?
                .next()
                .transpose()?;
            let opened = sealed.map(|sealed| ring.open(&AccountId::new(account), &sealed).is_ok());
            if opened != Some(true) {
                return Ok(Err(format!(
                    "the account {account} or the key of its token is gone"
                )));
            }
        }
        Ok(Ok(()))
    }
}

/// Opens the store as a start would, takes one more delivery, and closes it. Answers its id.
async fn go_on(directory: &Path) -> Result<i64, String> {
    let url = format!("sqlite:{}", directory.join("hookline.db").display());
    let opened = tokio::task::block_in_place(|| Store::open(&url, Ownership::Exclusive));
    let store = opened.map_err(|error| format!("the store does not open: {}", chain(&error)))?;
    let delivery = RecordDelivery {
        received_at: now(),
        secret_index: 0,
        api_version: None,
        body: Bytes::from_static(AFTERWARDS),
    };
    let id = store.record_delivery(delivery).await;
    store.close().await;
    Ok(id
        .map_err(|error| format!("nothing more can be recorded: {}", chain(&error)))?
        .0)
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

fn now() -> Timestamp {
    SystemClock.now()
}

/// A directory in memory, where there is one: what is checked has been through its power cut.
fn memory_directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}
