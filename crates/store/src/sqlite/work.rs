//! A piece of work for the writer, and how it is kept apart from its neighbours.

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::writer::run;
use crate::error::StoreError;

/// Where a piece of work stands in its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing else is in it: when this work fails, the whole transaction is begun anew.
    First,
    /// What others did must stay when it fails, so it is set apart from them. That costs a copy of
    /// every page it changes.
    Beside,
}

/// Tells whoever asked for a piece of work what came of it, once it is known what came of its
/// transaction.
pub(super) type Completion = Box<dyn FnOnce(Result<(), &StoreError>) + Send>;

/// What a piece of work comes to, once that is committed.
pub(crate) type Answer<T> = oneshot::Receiver<Result<T, StoreError>>;

/// A piece of work that was done.
pub(super) struct Done {
    /// Whether the transaction has anything of it.
    pub(super) is_kept: bool,
    /// Owed to whoever asked for it.
    pub(super) answer: Completion,
}

type Doing = dyn FnOnce(&Connection, Place) -> Done + Send;

/// Something to be done inside a transaction.
pub(super) struct Work(Box<Doing>);

impl Work {
    /// The work, and where its result will be told.
    pub(super) fn of<T, F>(work: F) -> (Self, Answer<T>)
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let work = Box::new(move |connection: &Connection, place| {
            let result = match place {
                Place::First => work(connection),
                Place::Beside => in_savepoint(connection, work),
            };
            let is_kept = result.is_ok();
            let answer: Completion = Box::new(move |committed| {
                let result = match committed {
                    Ok(()) => result,
                    Err(error) => Err(error.shared()),
                };
                // The caller may have given up waiting; the work is committed all the same.
                let _ = reply.send(result);
            });
            Done { is_kept, answer }
        });
        (Self(work), answer)
    }

    /// Does it. What was not kept of a work that was the first is still in the transaction.
    pub(super) fn take(self, connection: &Connection, place: Place) -> Done {
        (self.0)(connection, place)
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    const DOING: &str = "keep work apart";
    run(connection, "SAVEPOINT work", DOING)?;
    let result = work(connection);
    if result.is_err() && !connection.is_autocommit() {
        run(connection, "ROLLBACK TO work", DOING)?;
    }
    if !connection.is_autocommit() {
        run(connection, "RELEASE work", DOING)?;
    }
    result
}
