//! The command line: what `hookline` can be told to do.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::commands::{
    accounts, alerts, automations, contacts, demo, doctor, explain, openapi, queue, replay, sends,
    serve, sim, subscribe,
};
use crate::config::{self, Flags, Loaded, Purpose, Sources};
use crate::telemetry::Chain;
use crate::{keys, runtime, telemetry, wiring};

/// The exit code of wrong configuration or usage.
const USAGE: u8 = 2;

/// Hookline: turns Instagram comments and messages into automated DMs.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    /// The configuration file; without it hookline.toml of the working directory, if it exists.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// Overrides store.url.
    #[arg(long, global = true)]
    store: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Receives webhooks and sends what they lead to.
    Serve {
        /// Overrides server.listen.
        #[arg(long)]
        listen: Option<String>,
    },
    /// Plays the main job on an empty machine: no configuration, no network.
    Demo(demo::DemoArgs),
    /// Plays Meta, for developing against without Meta.
    Sim(sim::SimArgs),
    /// Connected accounts.
    Accounts(accounts::AccountsArgs),
    /// The people on the other side.
    Contacts(contacts::ContactsArgs),
    /// Published automations.
    Automations(automations::AutomationsArgs),
    /// What happened with a comment, message or event, and why.
    Explain(explain::ExplainArgs),
    /// What is owed, and settling by hand what evidence cannot.
    Sends(sends::SendsArgs),
    /// What waits in each lane, when it goes out, and why other things did not.
    Queue(queue::QueueArgs),
    /// What is wrong, since when, and what to do about it.
    Alerts(alerts::AlertsArgs),
    /// Has Meta deliver: the app's webhook and every account's, safe beside a running server.
    Subscribe,
    /// Interprets a delivery again.
    Replay(replay::ReplayArgs),
    /// Looks at everything that can keep events from coming, and says what to do next.
    ///
    /// It changes nothing, and works beside a running server and without one. Exit code 0: nothing
    /// failed, though there may be warnings; 1: something failed.
    Doctor(doctor::DoctorArgs),
    /// Brings the database to this version's schema.
    Migrate,
    /// Prints the REST API's OpenAPI document.
    #[command(hide = true)]
    Openapi,
    /// Prints the reference of all configuration keys.
    #[command(hide = true)]
    ConfigReference,
    /// Prints the reference of all alerts.
    #[command(hide = true)]
    AlertReference,
}

/// Does what the command line says and answers the exit code: 0 done, 1 failed, 2 wrong usage or
/// configuration.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = runtime::start()
        .context("no threads to work with")
        .and_then(|runtime| runtime.block_on(dispatch(cli)));
    match done {
        Ok(code) => code,
        Err(error) => {
            complain(&Chain(error.as_ref()).to_string());
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let Cli {
        config,
        store,
        command,
    } = cli;
    let given = Given {
        file: config,
        store,
    };
    match command {
        Command::Demo(args) => {
            quiet_log();
            demo::run(args).await
        }
        Command::Sim(args) => {
            quiet_log();
            sim::run(args).await
        }
        Command::Openapi => openapi::run(),
        Command::AlertReference => Ok(alerts::print_reference()),
        Command::ConfigReference => Ok(print_reference()),
        Command::Serve { listen } => match given.load(listen, Purpose::Serve)? {
            Some(loaded) => serve::run(loaded).await,
            None => Ok(ExitCode::from(USAGE)),
        },
        Command::Accounts(args) => on_store(given, Task::Accounts(args)).await,
        Command::Contacts(args) => on_store(given, Task::Contacts(args)).await,
        Command::Automations(args) => on_store(given, Task::Automations(args)).await,
        Command::Explain(args) => on_store(given, Task::Explain(args)).await,
        Command::Sends(args) => on_store(given, Task::Sends(args)).await,
        Command::Queue(args) => on_store(given, Task::Queue(args)).await,
        Command::Alerts(args) => on_store(given, Task::Alerts(args)).await,
        Command::Subscribe => on_store(given, Task::Subscribe).await,
        Command::Replay(args) => on_store(given, Task::Replay(args)).await,
        // Without a log: what would be logged is among its findings.
        Command::Doctor(args) => doctor::run(args, |purpose| given.sources(None, purpose)).await,
        Command::Migrate => on_store(given, Task::Migrate).await,
    }
}

/// What every command was given.
struct Given {
    file: Option<PathBuf>,
    store: Option<String>,
}

impl Given {
    /// What the configuration is read from.
    fn sources(&self, listen: Option<String>, purpose: Purpose) -> Sources {
        let flags = Flags {
            listen,
            store_url: self.store.clone(),
        };
        Sources::of_process(self.file.clone(), flags, purpose)
    }

    /// Reads the configuration and starts the log; nothing when the configuration is wrong, which
    /// the person has been told by then.
    fn load(self, listen: Option<String>, purpose: Purpose) -> anyhow::Result<Option<Loaded>> {
        match config::load(&self.sources(listen, purpose)) {
            Ok(loaded) => {
                telemetry::init(&loaded.config.log)?;
                Ok(Some(loaded))
            }
            Err(problems) => {
                complain(&problems.to_string());
                Ok(None)
            }
        }
    }
}

/// What can be done beside a running server, on its database.
enum Task {
    Accounts(accounts::AccountsArgs),
    Contacts(contacts::ContactsArgs),
    Automations(automations::AutomationsArgs),
    Explain(explain::ExplainArgs),
    Sends(sends::SendsArgs),
    Queue(queue::QueueArgs),
    Alerts(alerts::AlertsArgs),
    Subscribe,
    Replay(replay::ReplayArgs),
    Migrate,
}

async fn on_store(given: Given, task: Task) -> anyhow::Result<ExitCode> {
    let Some(Loaded { config, .. }) = given.load(None, Purpose::Command)? else {
        return Ok(ExitCode::from(USAGE));
    };
    let store = wiring::store_url(&config.store.url);
    match task {
        Task::Accounts(args) => {
            let keys = keys::load(&config.encryption, &config.store.url)?;
            accounts::run(args, &config, &store, keys.ring).await
        }
        Task::Subscribe => {
            let keys = keys::load(&config.encryption, &config.store.url)?;
            subscribe::run(&config, &store, &keys.ring).await
        }
        Task::Contacts(args) => contacts::run(args, &store).await,
        Task::Automations(args) => automations::run(args, &store).await,
        Task::Explain(args) => explain::run(args, &store).await,
        Task::Sends(args) => sends::run(args, &store).await,
        Task::Queue(args) => queue::run(args, &store, wiring::budgets(&config.sending)).await,
        Task::Alerts(args) => {
            let connect_page = wiring::meta::connect_page(&config);
            alerts::run(args, &store, connect_page.as_deref()).await
        }
        Task::Replay(args) => replay::run(args, &store).await,
        Task::Migrate => migrate(&store).await,
    }
}

/// The demo and the simulator speak for themselves; only trouble is logged.
fn quiet_log() {
    let log = config::LogConfig {
        level: "warn".to_owned(),
        format: config::LogFormat::Text,
    };
    if let Err(error) = telemetry::init(&log) {
        complain(&error.to_string());
    }
}

async fn migrate(store: &str) -> anyhow::Result<ExitCode> {
    let opened = hookline_store::Store::open(store, hookline_store::Ownership::Shared)?;
    opened.close().await;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "the command's whole purpose")]
fn print_reference() -> ExitCode {
    print!("{}", config::reference());
    ExitCode::SUCCESS
}

#[expect(
    clippy::print_stderr,
    reason = "the person who called has to see what is wrong"
)]
fn complain(message: &str) {
    eprintln!("hookline: {message}");
}
