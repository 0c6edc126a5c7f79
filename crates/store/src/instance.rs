//! One engine per database.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// A lock on a file beside the database, held by the system as long as this value lives and freed
/// by it when the process dies.
#[derive(Debug)]
pub(crate) struct InstanceLock {
    _file: File,
}

impl InstanceLock {
    /// Takes the lock, or says that another engine has it.
    pub(crate) fn take(database: &Path) -> Result<Self, OpenError> {
        let path = lock_path(database);
        let locking = |source| OpenError::Lock {
            path: path.clone(),
            source,
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(locking)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
                path: database.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(locking(source)),
        }
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
