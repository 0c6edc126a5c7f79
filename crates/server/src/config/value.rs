//! The kinds of values a key can have, read from text.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookline_engine::keyring::{EncryptionKey, KEY_BYTES};
use reqwest::Url;
use zeroize::Zeroizing;

/// Why a text is not a value of the wanted kind: what is wrong, and what to write instead.
/// Holds nothing of the text, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unfit {
    pub(super) what: String,
    pub(super) remedy: String,
}

impl Unfit {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

/// The address of a server, without a final slash: scheme, host, port and path prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    is_https: bool,
    is_loopback: bool,
}

impl BaseUrl {
    /// Stands in for an address that could not be read, in a configuration nobody gets to see.
    pub(super) fn unusable() -> Self {
        Self {
            text: String::new(),
            is_https: true,
            is_loopback: true,
        }
    }

    /// The address, to which a path that starts with a slash can be added.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether what is sent there is encrypted on its way.
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

pub(super) fn base_url(text: &str) -> Result<BaseUrl, Unfit> {
    let unfit = |what: &str| Unfit::new(what, "write one such as \"https://hooks.example.com\"");
    let url = Url::parse(text).map_err(|error| unfit(&format!("is not a URL ({error})")))?;
    let is_https = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return Err(unfit("is neither an https nor an http URL")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unfit("holds a user name or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(unfit("has a query or a fragment"));
    }
    let is_loopback = is_loopback(&url);
    Ok(BaseUrl {
        text: url.as_str().trim_end_matches('/').to_owned(),
        is_https,
        is_loopback,
    })
}

/// Whether the host of a URL is this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Where everything is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// The embedded database.
    Sqlite {
        /// The file; relative to the working directory.
        path: PathBuf,
    },
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(f, "sqlite:{}", path.display()),
        }
    }
}

pub(super) fn store_url(text: &str) -> Result<StoreUrl, Unfit> {
    const REMEDY: &str = "write sqlite:<path>, such as \"sqlite:hookline.db\"";
    if text.starts_with("postgres:") || text.starts_with("postgresql:") {
        return Err(Unfit::new(
            "asks for PostgreSQL, which this version does not support",
            REMEDY,
        ));
    }
    let Some(path) = text.strip_prefix("sqlite:") else {
        return Err(Unfit::new("is not a store of a known kind", REMEDY));
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        return Err(Unfit::new("names no file", REMEDY));
    }
    if path.starts_with(":memory:") || path.contains('?') {
        return Err(Unfit::new(
            "is not a plain file, and a 200 must mean that the delivery is on disk",
            REMEDY,
        ));
    }
    Ok(StoreUrl::Sqlite {
        path: PathBuf::from(path),
    })
}

pub(super) fn no_queue_url(_text: &str) -> Result<(), Unfit> {
    Err(Unfit::new(
        "asks for a queue, which this version does not support",
        "remove it: work is handed over inside the process",
    ))
}

pub(super) fn address(text: &str) -> Result<String, Unfit> {
    let unfit = || {
        Unfit::new(
            "is not an address with a port",
            "write host:port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"",
        )
    };
    let (host, port) = text.rsplit_once(':').ok_or_else(unfit)?;
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    let is_host = !host.is_empty()
        && (is_bracketed || !host.contains(':'))
        && !host.contains(|sign: char| sign.is_whitespace() || sign == '/');
    if !is_host || port.parse::<u16>().is_err() {
        return Err(unfit());
    }
    Ok(text.to_owned())
}

pub(super) fn duration(text: &str) -> Result<Duration, Unfit> {
    humantime::parse_duration(text).map_err(|_| {
        Unfit::new(
            "is not a duration",
            "write a number with its unit, such as \"10s\" or \"1m30s\"",
        )
    })
}

pub(super) fn size(text: &str) -> Result<usize, Unfit> {
    let unfit = || {
        Unfit::new(
            "is not a size",
            "write a whole number with its unit, such as \"4MiB\" or \"512KiB\"",
        )
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, suffix) = text.split_at_checked(digits).ok_or_else(unfit)?;
    let factor = match suffix.trim_start() {
        "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(unfit()),
    };
    number
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(unfit)
}

pub(super) fn truth(text: &str) -> Result<bool, Unfit> {
    text.parse()
        .map_err(|_| Unfit::new("is neither true nor false", "write true or false"))
}

pub(super) fn encryption_key(text: &str) -> Result<EncryptionKey, Unfit> {
    const REMEDY: &str = "write the base64 of 32 random bytes, as `openssl rand -base64 32` prints";
    let bytes = STANDARD
        .decode(text)
        .map(Zeroizing::new)
        .map_err(|_| Unfit::new("is not base64", REMEDY))?;
    let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice())
        .map_err(|_| Unfit::new(format!("is {} bytes long, not 32", bytes.len()), REMEDY))?;
    Ok(EncryptionKey::new(key))
}

/// Ids go into paths of calls to Meta, so only what an id can look like is let in.
pub(super) fn app_id(text: &str) -> Result<String, Unfit> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err(Unfit::new(
            "is not an app id",
            "copy the number from App settings, Basic",
        ))
    }
}

pub(super) fn api_version(text: &str) -> Result<String, Unfit> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_prefix('v')
        .and_then(|numbers| numbers.split_once('.'))
        .filter(|(major, minor)| is_number(major) && is_number(minor))
        .map(|_| text.to_owned())
        .ok_or_else(|| {
            Unfit::new(
                "is not a version of the Graph API",
                "write one such as \"v26.0\"",
            )
        })
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, Unfit> {
    text.parse()
        .map_err(|()| Unfit::new("is not a log format", "write \"text\" or \"json\""))
}

/// Stricter than the filter's own reading, which takes a misspelt level for the name of a module
/// and then logs nothing.
pub(super) fn log_level(text: &str) -> Result<String, Unfit> {
    let is_level = |level: &str| {
        ["off", "error", "warn", "info", "debug", "trace"]
            .contains(&level.to_ascii_lowercase().as_str())
    };
    let is_target = |target: &str| {
        !target.is_empty()
            && target
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-'))
    };
    let is_directive = |directive: &str| match directive.split_once('=') {
        Some((target, level)) => is_target(target) && is_level(level),
        None => is_level(directive),
    };
    if text.split(',').all(|part| is_directive(part.trim())) {
        Ok(text.to_owned())
    } else {
        Err(Unfit::new(
            "is not a log level",
            "write off, error, warn, info, debug or trace, or a list such as \
             \"info,hookline_engine=debug\"",
        ))
    }
}
