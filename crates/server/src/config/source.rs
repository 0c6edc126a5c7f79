//! What a configuration is read from.

use std::ffi::OsString;
use std::path::PathBuf;

/// What the configuration is for, which decides what it must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Receiving and sending: the app secret is needed.
    Serve,
    /// Any other command: what it needs, it says itself.
    Command,
}

/// The keys that have a flag.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--listen`
    pub listen: Option<String>,
    /// `--store`
    pub store_url: Option<String>,
}

/// Everything outside the process that a configuration depends on.
#[derive(Debug, Clone)]
pub struct Sources {
    /// `--config`; without it `hookline.toml` of the working directory is read if it exists.
    pub file: Option<PathBuf>,
    /// What relative paths are relative to.
    pub directory: PathBuf,
    /// The environment.
    pub variables: Vec<(OsString, OsString)>,
    /// The command line.
    pub flags: Flags,
    /// What for.
    pub purpose: Purpose,
}

impl Sources {
    /// The sources of this process. Relative paths stay as they are, so they are relative to the
    /// working directory.
    pub fn of_process(file: Option<PathBuf>, flags: Flags, purpose: Purpose) -> Self {
        Self {
            file,
            directory: PathBuf::new(),
            // Unlike `vars`, this does not panic when some unrelated variable is not UTF-8.
            variables: std::env::vars_os().collect(),
            flags,
            purpose,
        }
    }
}
