//! Everything on the caller's thread, one transaction at a time, each let through by a gate.
//!
//! Commands beside a running server work this way, because one question needs no threads. So does
//! the simulation: without threads the same seed takes the same steps, and a gate that stops at a
//! chosen transaction is a crash at that very place.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookline_model::ids::DeliveryId;
use rusqlite::Connection;

use super::connection::{Purpose, open_connection};
use super::intake::NewDelivery;
use super::writer::{finish, insert, last_delivery};
use crate::error::{OpenError, StoreError};

/// What a gate says of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Go on.
    Go,
    /// Nothing happens any more: whoever asked never hears back, as if the process had died.
    Stop,
}

/// Stands before and after every durable step of a store.
pub trait Gate: Send + Sync {
    /// Asked before a transaction begins. [`Pass::Stop`]: nothing of it is kept.
    fn before(&self) -> Pass;
    /// Asked after a transaction was committed. [`Pass::Stop`]: it is kept, and nobody learns.
    fn after(&self) -> Pass;
}

/// A gate that stands open.
struct Open;

impl Gate for Open {
    fn before(&self) -> Pass {
        Pass::Go
    }

    fn after(&self) -> Pass {
        Pass::Go
    }
}

/// One connection that reads and writes.
pub(crate) struct Stepper {
    /// None once it is closed.
    state: Mutex<Option<State>>,
    gate: Arc<dyn Gate>,
}

struct State {
    connection: Connection,
    last_id: i64,
}

impl Stepper {
    pub(crate) fn open(path: &Path, gate: Option<Arc<dyn Gate>>) -> Result<Self, OpenError> {
        let connection = open_connection(path, Purpose::Write)?;
        let last_id = last_delivery(&connection, path)?;
        Ok(Self {
            state: Mutex::new(Some(State {
                connection,
                last_id,
            })),
            gate: gate.unwrap_or_else(|| Arc::new(Open)),
        })
    }

    pub(crate) async fn record(&self, delivery: NewDelivery) -> Result<DeliveryId, StoreError> {
        self.step(move |state| {
            let id = state.last_id + 1;
            insert(&state.connection, id, &delivery)?;
            state.last_id = id;
            Ok(DeliveryId(id))
        })
        .await
    }

    pub(crate) async fn write<T: Send>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        self.step(move |state| work(&state.connection)).await
    }

    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match &*self.lock() {
            Some(state) => query(&state.connection),
            None => Err(StoreError::Closed),
        }
    }

    pub(crate) fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn step<T: Send>(
        &self,
        work: impl FnOnce(&mut State) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        if self.gate.before() == Pass::Stop {
            return std::future::pending().await;
        }
        let result = self.transaction(work);
        if self.gate.after() == Pass::Stop {
            return std::future::pending().await;
        }
        result
    }

    fn transaction<T>(
        &self,
        work: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut state = self.lock();
        let state = state.as_mut().ok_or(StoreError::Closed)?;
        let last_id_before = state.last_id;
        state
            .connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(StoreError::database("begin"))?;
        let result = work(state);
        let (value, result) = match result {
            Ok(value) => (Some(value), Ok(())),
            Err(error) => (None, Err(error)),
        };
        let finished = finish(&state.connection, result);
        if finished.is_err() {
            state.last_id = last_id_before;
        }
        finished?;
        value.ok_or(StoreError::Closed)
    }
}
