//! Configuration: defaults, then a TOML file, then the environment, then flags.
//!
//! Nothing else in the product reads the environment. Every key is one row of one table, from
//! which the reading, the hints for unknown keys and the reference page are made. All problems
//! are found and reported together, because fixing them one start at a time is how an evening
//! goes by.

mod alerts;
mod checks;
mod keys;
mod layers;
mod optout;
mod problem;
mod reader;
mod reference;
mod sections;
mod source;
mod value;

#[cfg(test)]
mod tests;

pub use alerts::{AlertsConfig, ReceiverUrl, SmtpSecurity, SmtpServer};
pub use problem::{Finding, Origin, Problems};
pub use reference::reference;
pub use sections::{
    AdminConfig, ConnectConfig, EncryptionConfig, LogConfig, MetaConfig, MetricsConfig,
    OptoutConfig, QueueConfig, RetentionConfig, SendingConfig, ServerConfig, StoreConfig,
    WatchConfig,
};
pub use source::{Flags, Purpose, Sources};
pub use value::{BaseUrl, LogFormat, StoreUrl};

/// Everything the owner can set, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where and how the server listens.
    pub server: ServerConfig,
    /// Where everything is kept.
    pub store: StoreConfig,
    /// How work is handed to workers.
    pub queue: QueueConfig,
    /// The Meta app, and where Meta is.
    pub meta: MetaConfig,
    /// When and how fast things are sent.
    pub sending: SendingConfig,
    /// How often it is looked whether everything still works.
    pub watch: WatchConfig,
    /// Who may use the REST API.
    pub admin: AdminConfig,
    /// The keys tokens are encrypted with.
    pub encryption: EncryptionConfig,
    /// Who may read the metrics.
    pub metrics: MetricsConfig,
    /// Who may connect accounts in a browser.
    pub connect: ConnectConfig,
    /// How long things are kept.
    pub retention: RetentionConfig,
    /// Whom people are told through of what is wrong.
    pub alerts: AlertsConfig,
    /// The words that stop and start messages to a contact.
    pub optout: OptoutConfig,
    /// What is logged, and how.
    pub log: LogConfig,
}

/// A configuration that holds, and what its owner should know about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What works, but probably not as intended; to be logged at start.
    pub warnings: Vec<Finding>,
}

/// Reads every layer and checks the whole.
///
/// Errs with all problems of all layers at once; none of them prints a secret.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let layers = layers::gather(sources);
    let mut reader = reader::Reader::new(layers.given, layers.problems);
    let config = sections::read(&mut reader);
    let warnings = checks::check(&config, sources.purpose, &mut reader);
    reader.finish().map(|()| Loaded { config, warnings })
}
