//! The key ring at start, and every random byte of the product.
//!
//! Without configured keys one is made and kept in `hookline.key` beside the database. Nothing
//! else draws randomness: the rest is given a seed or a nonce.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookline_engine::keyring::{EmptyKeyRing, EncryptionKey, KEY_BYTES, KeyRing, NONCE_BYTES};
use zeroize::Zeroizing;

use crate::config::{EncryptionConfig, StoreUrl};

/// The name of the key file.
const KEY_FILE: &str = "hookline.key";

/// More than the base64 of a key and a newline, so that a file that is not ours is noticed.
const KEY_FILE_BYTES_MAX: u64 = 128;

/// Why there is no key to encrypt tokens with.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The machine has no randomness to give.
    #[error("no random bytes could be drawn for an encryption key")]
    Randomness(#[source] getrandom::Error),
    /// The key file could not be read.
    #[error("the key file {} could not be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The key file could not be made.
    #[error("the key file {} could not be made", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others than its owner may read the key file.
    #[error("the key file {} may be read by others: run chmod 600 on it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The file is not the base64 of 32 bytes.
    #[error("the key file {} does not hold an encryption key: restore it from a backup", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// There is no key at all.
    #[error("there is no encryption key")]
    None(#[from] EmptyKeyRing),
}

/// The key ring, and what its owner should know about it.
#[derive(Debug)]
pub struct LoadedKeys {
    /// The keys.
    pub ring: KeyRing,
    /// To be logged at start; none when the keys are configured.
    pub warning: Option<String>,
}

/// The configured keys, else the key file beside the database, which is made when there is none.
///
/// A made key is on disk, with its directory entry, before this returns: a token sealed with a
/// key that a power cut took away would be lost.
pub fn load(config: &EncryptionConfig, store: &StoreUrl) -> Result<LoadedKeys, KeysError> {
    if let Some(found) = find(config, store)? {
        return Ok(found);
    }
    let (directory, path) = key_file(store);
    make_key_file(directory, &path)?;
    let key = read_key(&path)?;
    of_file(key, &path)
}

/// The configured keys, else those of the key file beside the database; none when there are
/// neither. Nothing is made.
pub fn find(config: &EncryptionConfig, store: &StoreUrl) -> Result<Option<LoadedKeys>, KeysError> {
    if !config.keys.is_empty() {
        let ring = KeyRing::new(config.keys.clone())?;
        return Ok(Some(LoadedKeys {
            ring,
            warning: None,
        }));
    }
    let (_, path) = key_file(store);
    match read_key(&path) {
        Err(KeysError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        read => of_file(read?, &path).map(Some),
    }
}

/// The key file of a database, and the directory it is in.
fn key_file(store: &StoreUrl) -> (&Path, PathBuf) {
    let StoreUrl::Sqlite { path } = store;
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    (directory, directory.join(KEY_FILE))
}

fn of_file(key: EncryptionKey, path: &Path) -> Result<LoadedKeys, KeysError> {
    let warning = format!(
        "access tokens are encrypted with the key in {}: back that file up with the database, \
         or set encryption.keys; without it every account has to be connected again",
        path.display()
    );
    Ok(LoadedKeys {
        ring: KeyRing::new(vec![key])?,
        warning: Some(warning),
    })
}

fn read_key(path: &Path) -> Result<EncryptionKey, KeysError> {
    let failed = |source| KeysError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    // Asked of the open file, so that it cannot be exchanged in between.
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeysError::Exposed {
            path: path.to_owned(),
        });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(KEY_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(failed)?;
    STANDARD
        .decode(text.trim())
        .map(Zeroizing::new)
        .ok()
        .and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok())
        .map(EncryptionKey::new)
        .ok_or_else(|| KeysError::NotAKey {
            path: path.to_owned(),
        })
}

/// Writes a new key beside its place and links it in, so that the file is never seen half
/// written and a file that another process made meanwhile is never replaced.
fn make_key_file(directory: &Path, path: &Path) -> Result<(), KeysError> {
    let failed = |source| KeysError::Write {
        path: path.to_owned(),
        source,
    };
    let key = Zeroizing::new(random_bytes::<KEY_BYTES>()?);
    let text = Zeroizing::new(format!("{}\n", STANDARD.encode(key.as_slice())));
    let suffix = u64::from_le_bytes(random_bytes()?);
    let beside = directory.join(format!("{KEY_FILE}.{suffix:016x}"));
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| match std::fs::hard_link(&beside, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        });
    let removed = match std::fs::remove_file(&beside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    made.and(removed)
        .and_then(|()| File::open(directory)?.sync_all())
        .map_err(failed)
}

/// Random bytes from the operating system.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], KeysError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(KeysError::Randomness)?;
    Ok(bytes)
}

/// A nonce for one token to be sealed.
pub fn nonce() -> Result<[u8; NONCE_BYTES], KeysError> {
    random_bytes()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use hookline_model::ids::AccountId;
    use hookline_model::secret::Secret;

    use super::*;

    fn store(directory: &Path) -> StoreUrl {
        StoreUrl::Sqlite {
            path: directory.join("hookline.db"),
        }
    }

    const UNSET: EncryptionConfig = EncryptionConfig { keys: Vec::new() };

    #[test]
    fn a_made_key_is_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let first = load(&UNSET, &store(directory.path())).unwrap();
        let again = load(&UNSET, &store(directory.path())).unwrap();
        let account = AccountId::new("17841");
        let token = Secret::new("IGAA");
        let sealed = first.ring.seal(&account, &token, nonce().unwrap()).unwrap();
        assert_eq!(again.ring.open(&account, &sealed), Ok(token));
        assert!(again.warning.unwrap().contains("hookline.key"));
    }

    #[test]
    fn looking_for_a_key_makes_none() {
        let directory = tempfile::tempdir().unwrap();
        let look = || find(&UNSET, &store(directory.path())).unwrap();
        assert!(look().is_none());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        load(&UNSET, &store(directory.path())).unwrap();
        assert!(look().is_some());
    }

    #[test]
    fn the_key_file_is_its_owners_alone_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        load(&UNSET, &store(directory.path())).unwrap();
        let mode = std::fs::metadata(directory.path().join(KEY_FILE)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_exposed_key_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        load(&UNSET, &store(directory.path())).unwrap();
        let path = directory.path().join(KEY_FILE);
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let refused = load(&UNSET, &store(directory.path())).unwrap_err();
        assert!(matches!(refused, KeysError::Exposed { .. }), "{refused}");
    }

    #[test]
    fn a_damaged_key_file_is_refused_and_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(KEY_FILE);
        std::fs::write(&path, "AAAA").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let refused = load(&UNSET, &store(directory.path())).unwrap_err();
        assert!(matches!(refused, KeysError::NotAKey { .. }), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "AAAA");
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let refused = load(&UNSET, &store(Path::new("/nonexistent"))).unwrap_err();
        assert!(refused.to_string().contains("/nonexistent/hookline.key"));
    }

    #[test]
    fn configured_keys_need_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let config = EncryptionConfig {
            keys: vec![EncryptionKey::new([1; KEY_BYTES])],
        };
        let loaded = load(&config, &store(directory.path())).unwrap();
        assert!(loaded.warning.is_none());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
