//! A few reading connections, lent out one query at a time.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::{Purpose, open_connection};
use crate::error::{OpenError, StoreError};

/// Queries at once. More would only contend for the same two or three cores.
const READERS: usize = 4;

/// Reads that belong together: all see the same commit, and the locks of one read are enough for
/// them, which cost as much as looking up a row does. What moves from its table into a pack or back
/// meanwhile is seen in one place, and in no other.
pub(crate) fn at_one_moment<T>(
    connection: &Connection,
    reads: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let moment = connection
        .unchecked_transaction()
        .map_err(StoreError::database("read what belongs together"))?;
    reads(&moment)
}

/// The pool. A read sees the last commit; it never waits for the writer, nor the writer for it.
#[derive(Clone)]
pub(crate) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    places: Arc<Semaphore>,
}

impl Readers {
    /// Opens the first reader, so that a broken file is found at start-up.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let first = open_connection(path, Purpose::Read)?;
        Ok(Self {
            path: Arc::new(path.to_owned()),
            idle: Arc::new(Mutex::new(vec![first])),
            places: Arc::new(Semaphore::new(READERS)),
        })
    }

    /// Runs one query on a thread where blocking is allowed.
    pub(crate) async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_| StoreError::Closed)?;
        let readers = self.clone();
        tokio::task::spawn_blocking(move || {
            let connection = readers.take()?;
            let result = query(&connection);
            readers.give_back(connection);
            drop(place);
            result
        })
        .await
        .map_err(|_| StoreError::Closed)?
    }

    fn take(&self) -> Result<Connection, StoreError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match idle {
            Some(connection) => Ok(connection),
            None => open_connection(&self.path, Purpose::Read)
                .map_err(|error| StoreError::Commit(error.to_string())),
        }
    }

    fn give_back(&self, connection: Connection) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
    }
}
