//! The durable record: SQL, and nothing outside this crate has any.
//!
//! [`Store`] is opened from a URL and has one method per business step, each exactly one
//! transaction: no row access and no transaction handle leaves this crate. Methods take `now`.
//!
//! - [`deliveries`](Store::record_delivery): what Meta sent, and asking for it again
//! - [`accounts`](Store::connect_account), [`automations`](Store::publish_automation)
//! - [`planning`]: what interpreting and routing reads and commits
//! - [`lanes`]: claiming, trying and finishing sends
//! - [`evidence`]: what reconciling reads and settles
//! - [`erase`]: what finds, erases and overwrites everything of a person or an account
//! - [`packs`]: old deliveries, many compressed as one
//! - [`records`]: what pages, commands and explanations show
//! - [`queue`]: what waits in each lane, and when it goes out
//! - [`upkeep`], [`gaps`]: what comes back for each account, and what it missed
//! - [`alerts`]: what a person has to know of, and whom it is told
//!
//! SQLite is the one database now; the layout of one file per noun is what a second database will
//! be written beside.

mod accounts;
pub mod alerts;
mod automations;
mod deliveries;
mod digest;
pub mod erase;
mod error;
pub mod evidence;
pub mod gaps;
mod ids;
mod instance;
pub mod lanes;
mod mids;
pub mod packs;
pub mod planning;
#[cfg(test)]
mod query_plans;
pub mod queue;
mod quoting;
pub mod records;
mod retention;
mod rows;
mod sizes;
mod sqlite;
mod stats;
pub mod upkeep;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;

pub use accounts::{ConnectAccount, Grant, NewToken, SealedToken, StoredAccount};
pub use automations::{Publication, PublishedAutomation};
pub use deliveries::RecordDelivery;
pub use error::{OpenError, StoreError};
pub use records::{Page, PageRequest};
pub use retention::Swept;
pub use sizes::{Room, Sizes};
pub use sqlite::{Gate, Pass};
pub use stats::{LaneStats, Stats};

use hookline_model::ids::DeliveryId;
use sqlite::{NewDelivery, Readers, Stepper, Writer};

/// Who opens the store, which decides whether it may be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// The engine: refuses to start beside another engine on the same database.
    Exclusive,
    /// A command beside a running engine: works on the thread that asks, and asks no more of the
    /// machine than one connection.
    Shared,
}

/// The durable record of one installation.
///
/// Dropping it without [`Store::close`] loses nothing: everything that was answered is committed.
pub struct Store {
    path: PathBuf,
    hands: Hands,
    _instance: Option<instance::InstanceLock>,
}

/// Who does the work.
enum Hands {
    /// A writer that commits in groups, and readers beside it.
    Threads {
        writer: Writer,
        thread: Mutex<Option<JoinHandle<()>>>,
        readers: Readers,
    },
    /// The caller's own thread.
    Steps(Arc<Stepper>),
}

/// Work that was submitted: ends when it is committed.
pub(crate) type Submitted<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

impl Store {
    /// Opens the database of `url` (`sqlite:<path>`), creating and migrating it as needed.
    ///
    /// # Errors
    /// Says what is wrong and what to do: another instance, a file that is no database, one from
    /// a newer version, a file system that cannot keep our promises.
    pub fn open(url: &str, ownership: Ownership) -> Result<Self, OpenError> {
        let path = path_of(url)?;
        match ownership {
            Ownership::Exclusive => {
                let instance = Some(instance::InstanceLock::take(&path)?);
                prepare(&path)?;
                let hands = threads(&path)?;
                Ok(Self::of(path, hands, instance))
            }
            Ownership::Shared => {
                prepare(&path)?;
                let hands = Hands::Steps(Arc::new(Stepper::open(&path, None)?));
                Ok(Self::of(path, hands, None))
            }
        }
    }

    /// Opens the database of `url` alone, as an engine does, and lets `gate` stand before and
    /// after each of its transactions, all of which run on the thread that asks.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_stepwise(url: &str, gate: Arc<dyn Gate>) -> Result<Self, OpenError> {
        let path = path_of(url)?;
        let instance = Some(instance::InstanceLock::take(&path)?);
        prepare(&path)?;
        let hands = Hands::Steps(Arc::new(Stepper::open(&path, Some(gate))?));
        Ok(Self::of(path, hands, instance))
    }

    fn of(path: PathBuf, hands: Hands, instance: Option<instance::InstanceLock>) -> Self {
        Self {
            path,
            hands,
            _instance: instance,
        }
    }
    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Finishes what waits, moves the log into the database, and ends the writer.
    pub async fn close(&self) {
        let (writer, thread) = match &self.hands {
            Hands::Threads { writer, thread, .. } => (writer, thread),
            Hands::Steps(stepper) => return stepper.close(),
        };
        writer.stop().await;
        let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the writer thread panicked");
            }
        }
    }

    pub(crate) async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &self.hands {
            Hands::Threads { readers, .. } => {
                let query = |connection: &Connection| sqlite::at_one_moment(connection, query);
                readers.read(query).await
            }
            Hands::Steps(stepper) => {
                stepper.read(|connection| sqlite::at_one_moment(connection, query))
            }
        }
    }

    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &self.hands {
            Hands::Threads { writer, .. } => writer.write(work).await,
            Hands::Steps(stepper) => stepper.write(work).await,
        }
    }

    /// As [`write`](Self::write), but only until the writer has the work: what is submitted after it
    /// is done after it, and whoever waits for its commit can do something else first.
    pub(crate) async fn submit<T, F>(&self, work: F) -> Result<Submitted<T>, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &self.hands {
            Hands::Threads { writer, .. } => {
                let answer = writer.submit(work).await?;
                Ok(Box::pin(async move {
                    answer.await.map_err(|_| StoreError::Closed)?
                }))
            }
            Hands::Steps(stepper) => {
                let stepper = Arc::clone(stepper);
                Ok(Box::pin(async move { stepper.write(work).await }))
            }
        }
    }

    /// Takes a step for each item, all in one transaction. If one of them fails, each is taken in a
    /// transaction of its own, so that what is wrong with one is no trouble of its neighbours.
    pub(crate) async fn write_each<I, T>(
        &self,
        items: Vec<I>,
        step: impl Fn(&Connection, &I) -> Result<T, StoreError> + Clone + Send + 'static,
    ) -> Vec<Result<T, StoreError>>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let items = Arc::new(items);
        let (all, each) = (Arc::clone(&items), step.clone());
        let together = self.write(move |connection| {
            let taken = all.iter().map(|item| each(connection, item));
            taken.collect::<Result<Vec<T>, _>>()
        });
        let error = match together.await {
            Ok(taken) => return taken.into_iter().map(Ok).collect(),
            Err(error) => error,
        };
        let is_of_one = matches!(
            error,
            StoreError::Corrupt { .. } | StoreError::Database { .. } | StoreError::Conflict(_)
        );
        let mut results = Vec::with_capacity(items.len());
        for place in 0..items.len() {
            if items.len() == 1 || !is_of_one {
                results.push(Err(error.shared()));
                continue;
            }
            let (items, step) = (Arc::clone(&items), step.clone());
            let alone = self.write(move |connection| match items.get(place) {
                Some(item) => step(connection, item),
                None => Err(StoreError::Closed),
            });
            results.push(alone.await);
        }
        results
    }

    /// Does `work` on a connection that writes, outside of any transaction and beside the writer.
    pub(crate) async fn beside<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &self.hands {
            Hands::Threads { .. } => {
                let path = self.path.clone();
                let apart = move || {
                    let connection = sqlite::open_connection(&path, sqlite::Purpose::Write)
                        .map_err(|error| StoreError::Commit(error.to_string()))?;
                    work(&connection)
                };
                tokio::task::spawn_blocking(apart)
                    .await
                    .map_err(|_| StoreError::Closed)?
            }
            Hands::Steps(stepper) => stepper.read(work),
        }
    }

    pub(crate) async fn record(&self, delivery: NewDelivery) -> Result<DeliveryId, StoreError> {
        match &self.hands {
            Hands::Threads { writer, .. } => writer.record(delivery).await,
            Hands::Steps(stepper) => stepper.record(delivery).await,
        }
    }
}

/// Creates and migrates the database as needed.
fn prepare(path: &Path) -> Result<(), OpenError> {
    let mut connection = sqlite::open_connection(path, sqlite::Purpose::Write)?;
    let steps = sqlite::migrate(&mut connection, path)?;
    if steps > 0 {
        let schema = sqlite::known_schema();
        tracing::info!(schema, steps, "migrated the database");
    }
    Ok(())
}

fn threads(path: &Path) -> Result<Hands, OpenError> {
    let readers = Readers::open(path)?;
    let (writer, thread) = Writer::start(path)?;
    Ok(Hands::Threads {
        writer,
        thread: Mutex::new(Some(thread)),
        readers,
    })
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The file of `sqlite:<path>`; `sqlite://<path>` is read the same way.
pub fn path_of(url: &str) -> Result<PathBuf, OpenError> {
    let rest = url
        .strip_prefix("sqlite:")
        .map(|rest| rest.strip_prefix("//").unwrap_or(rest));
    match rest {
        Some(path) if !path.is_empty() && path != ":memory:" => Ok(PathBuf::from(path)),
        _ => Err(OpenError::Url {
            url: url.to_owned(),
        }),
    }
}
