//! Starting a server in a process of its own, on a core of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::deliveries::SECRET;
use crate::{now, processor_time};

/// How long a server may take until it answers.
const START_MAX: Duration = Duration::from_secs(30);

/// How much of a server's own words is shown when it does not start.
const LOG_BYTES_SHOWN: usize = 4000;

/// A server that can be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// The bare reference of this package.
    Bare {
        /// The program.
        program: PathBuf,
    },
    /// Hookline with an embedded database.
    Hookline {
        /// The program.
        program: PathBuf,
    },
}

impl Peer {
    /// What pages call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bare { .. } => "bare hyper",
            Self::Hookline { .. } => "hookline",
        }
    }

    fn program(&self) -> &Path {
        match self {
            Self::Bare { program } | Self::Hookline { program } => program,
        }
    }

    /// What makes it listen there and keep its data in the directory.
    fn configure(&self, command: &mut Command, address: SocketAddr, directory: &Path) {
        match self {
            Self::Bare { .. } => {
                command.args(["--listen", &address.to_string()]);
            }
            Self::Hookline { .. } => {
                let database = directory.join("bench.db");
                command
                    .arg("serve")
                    .env("HOOKLINE_SERVER__LISTEN", address.to_string())
                    .env(
                        "HOOKLINE_STORE__URL",
                        format!("sqlite:{}", database.display()),
                    )
                    .env("HOOKLINE_META__APP_SECRETS", SECRET)
                    .env("HOOKLINE_META__VERIFY_TOKEN", "bench-verify-token");
            }
        }
    }
}

/// A server that is running; it ends when this is dropped.
#[derive(Debug)]
pub struct RunningPeer {
    child: Child,
    address: SocketAddr,
}

impl RunningPeer {
    /// Starts the server with its data in the directory, on the core if one is given, and waits
    /// until it answers.
    pub fn start(peer: &Peer, directory: &Path, core: Option<usize>) -> anyhow::Result<Self> {
        Self::start_with(peer, directory, core, &[])
    }

    /// The same with these variables in its environment.
    pub fn start_with(
        peer: &Peer,
        directory: &Path,
        core: Option<usize>,
        variables: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let address = free_address()?;
        let log = directory.join("server.log");
        let output = File::create(&log).context("creating the server's log")?;
        let mut command = pinned(peer.program(), core);
        peer.configure(&mut command, address, directory);
        let child = command
            .envs(variables.iter().map(|(key, value)| (key, value)))
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("starting {}", peer.name()))?;
        let mut running = Self { child, address };
        if let Err(error) = running.wait_until_healthy() {
            let words = std::fs::read(&log).unwrap_or_default();
            let shown = words.len().saturating_sub(LOG_BYTES_SHOWN);
            let words = String::from_utf8_lossy(words.get(shown..).unwrap_or_default());
            return Err(error.context(format!("{} did not start; it said:\n{words}", peer.name())));
        }
        Ok(running)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Processor time it has spent since it was started, to a hundredth of a second; `None` where
    /// the system does not tell.
    pub fn processor_time(&self) -> Option<Duration> {
        processor_time::of(self.child.id())
    }

    /// The most memory it has ever had resident, in bytes; `None` where the system does not tell.
    pub fn memory_peak_bytes(&self) -> Option<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        memory_peak_in(&std::fs::read_to_string(path).ok()?)
    }

    fn wait_until_healthy(&mut self) -> anyhow::Result<()> {
        let until = now() + START_MAX;
        while now() < until {
            if is_healthy(self.address) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the process ended with {status}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("no answer within {} s", START_MAX.as_secs());
    }
}

impl Drop for RunningPeer {
    fn drop(&mut self) {
        // Both fail only if the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The high-water mark in a process's `status`, which Linux writes in kilobytes.
fn memory_peak_in(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Whether `/healthz` answers 200.
fn is_healthy(address: SocketAddr) -> bool {
    let wait = Duration::from_millis(500);
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, wait)?;
        stream.set_read_timeout(Some(wait))?;
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

/// An address nobody listens at just now.
fn free_address() -> anyhow::Result<SocketAddr> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?)
}

/// The program, kept to one core if one is given.
pub fn pinned(program: &Path, core: Option<usize>) -> Command {
    match core {
        Some(core) => {
            let mut command = Command::new("taskset");
            command.args(["--cpu-list", &core.to_string()]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// The server's core and the load generator's; `None` where programs cannot be kept to one.
pub fn cores() -> Option<(usize, usize)> {
    let count = thread::available_parallelism().map_or(1, usize::from);
    (count >= 2 && can_pin()).then_some((0, 1))
}

/// Whether programs can be kept to a core here.
fn can_pin() -> bool {
    let is_there = Command::new("taskset")
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    is_there.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_peak_is_found_among_the_rest() {
        let status = "Name:\thookline\nVmPeak:\t  900 kB\nVmHWM:\t   2048 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(memory_peak_in(status), Some(2048 * 1024));
        assert_eq!(memory_peak_in("Name:\thookline\n"), None);
    }
}
