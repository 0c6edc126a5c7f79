//! Starting a server in a process of its own, on a core of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::deliveries::SECRET;
use crate::redis::Redis;
use crate::stack::Stack;
use crate::{now, processor_time};

/// How long a server may take until it answers.
const START_MAX: Duration = Duration::from_secs(30);

/// How long it may take to end when asked to.
const STOP_MAX: Duration = Duration::from_mins(1);

/// How long one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How often it is looked whether it is there, or gone.
const GLANCE: Duration = Duration::from_millis(20);

/// How much of a server's own words is shown when it does not start.
const LOG_BYTES_SHOWN: usize = 4000;

/// A server that can be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// A reference of this package.
    Bare {
        /// The program.
        program: PathBuf,
        /// Threads that serve.
        threads: u16,
        /// Whether it verifies and keeps what is posted.
        is_durable: bool,
    },
    /// Hookline with an embedded database.
    Hookline {
        /// The program.
        program: PathBuf,
    },
    /// What people write today.
    Stack(Stack),
}

impl Peer {
    /// What pages call it.
    pub fn name(&self) -> String {
        match self {
            Self::Bare { is_durable, .. } => match is_durable {
                false => "bare hyper".to_owned(),
                true => "bare hyper, a file synced".to_owned(),
            },
            Self::Hookline { .. } => "hookline".to_owned(),
            Self::Stack(stack) => stack.name(),
        }
    }

    /// What makes it listen there and keep its data in the directory, and what it needs beside it.
    fn command(
        &self,
        address: SocketAddr,
        directory: &Path,
        core: Option<usize>,
    ) -> anyhow::Result<(Command, Option<Redis>)> {
        match self {
            Self::Bare {
                program,
                threads,
                is_durable,
            } => {
                let mut command = pinned(program, core);
                command.args(["--listen", &address.to_string()]);
                command.args(["--threads", &threads.to_string()]);
                if *is_durable {
                    command.arg("--keep-in").arg(directory);
                }
                Ok((command, None))
            }
            Self::Hookline { program } => {
                let database = directory.join("bench.db");
                let mut command = pinned(program, core);
                command
                    .arg("serve")
                    .env("HOOKLINE_SERVER__LISTEN", address.to_string())
                    .env(
                        "HOOKLINE_STORE__URL",
                        format!("sqlite:{}", database.display()),
                    )
                    .env("HOOKLINE_META__APP_SECRETS", SECRET)
                    .env("HOOKLINE_META__VERIFY_TOKEN", "bench-verify-token");
                Ok((command, None))
            }
            Self::Stack(stack) => {
                let redis = stack.redis(directory, core)?;
                Ok((stack.command(address, &redis, core), Some(redis)))
            }
        }
    }
}

/// A server that is running; it ends when this is dropped.
#[derive(Debug)]
pub struct RunningPeer {
    child: Child,
    address: SocketAddr,
    redis: Option<Redis>,
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
        let mut running = Self::spawn(peer, directory, core, variables)?;
        running.wait_until("/healthz", GLANCE, directory)?;
        Ok(running)
    }

    /// The same until it says that it is ready, and how long that took.
    pub fn start_timed(peer: &Peer, directory: &Path) -> anyhow::Result<(Self, Duration)> {
        let started = now();
        let mut running = Self::spawn(peer, directory, None, &[])?;
        running.wait_until("/readyz", Duration::from_millis(1), directory)?;
        Ok((running, now().saturating_duration_since(started)))
    }

    fn spawn(
        peer: &Peer,
        directory: &Path,
        core: Option<usize>,
        variables: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let address = free_address()?;
        let log = log_in(directory);
        let output = File::create(&log).context("creating the server's log")?;
        let (mut command, redis) = peer.command(address, directory, core)?;
        let child = command
            .envs(variables.iter().map(|(key, value)| (key, value)))
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("starting {}", peer.name()))?;
        Ok(Self {
            child,
            address,
            redis,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its number among the running programs.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor time that it, what it started and its Redis have spent, to a hundredth of a
    /// second; `None` where the system does not tell.
    pub fn processor_time(&self) -> Option<Duration> {
        let own = processor_time::of_family(self.child.id())?;
        match &self.redis {
            Some(redis) => Some(own + processor_time::of(redis.id())?),
            None => Some(own),
        }
    }

    /// The most memory it has ever had resident, in bytes; `None` where the system does not tell.
    pub fn memory_peak_bytes(&self) -> Option<u64> {
        self.memory("VmHWM:")
    }

    /// The memory it has resident now, in bytes; `None` where the system does not tell.
    pub fn memory_bytes(&self) -> Option<u64> {
        self.memory("VmRSS:")
    }

    fn memory(&self, field: &str) -> Option<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        memory_in(&std::fs::read_to_string(path).ok()?, field)
    }

    /// Asks it to end and waits until it has.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let status = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .context("asking a server to end")?;
        ensure!(status.success(), "a server could not be asked to end");
        let until = now() + STOP_MAX;
        while now() < until {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            thread::sleep(GLANCE);
        }
        bail!("a server did not end within {} s", STOP_MAX.as_secs());
    }

    /// The body of what it answers to a GET.
    pub fn get(&self, path: &str) -> anyhow::Result<String> {
        get(self.address, path)
    }

    /// A figure of `/metrics`, with its labels as printed; 0 where it is not there.
    pub fn metric(&self, name: &str) -> anyhow::Result<f64> {
        metric_in(&self.get("/metrics")?, name)
    }

    fn wait_until(&mut self, path: &str, glance: Duration, directory: &Path) -> anyhow::Result<()> {
        let problem = self.poll(path, glance);
        problem.with_context(|| {
            let words = std::fs::read(log_in(directory)).unwrap_or_default();
            let shown = words.len().saturating_sub(LOG_BYTES_SHOWN);
            let words = String::from_utf8_lossy(words.get(shown..).unwrap_or_default());
            format!("a server did not start; it said:\n{words}")
        })
    }

    fn poll(&mut self, path: &str, glance: Duration) -> anyhow::Result<()> {
        let until = now() + START_MAX;
        while now() < until {
            if answers_ok(self.address, path) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the process ended with {status}");
            }
            thread::sleep(glance);
        }
        bail!("no answer within {} s", START_MAX.as_secs());
    }
}

fn log_in(directory: &Path) -> PathBuf {
    directory.join("server.log")
}

impl Drop for RunningPeer {
    fn drop(&mut self) {
        let started = processor_time::descendants(self.child.id());
        // Both fail only if the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !started.is_empty() {
            // What is gone by itself meanwhile is complained about, which is nobody's concern.
            let _ = Command::new("kill")
                .arg("-KILL")
                .args(started.iter().map(u32::to_string))
                .stderr(Stdio::null())
                .status();
        }
    }
}

/// The body of what is answered there to a GET.
pub(crate) fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.write_all(
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("half an answer")?;
    ensure!(head.starts_with("HTTP/1.1 200"), "{path} answered {head}");
    Ok(body.to_owned())
}

fn metric_in(text: &str, name: &str) -> anyhow::Result<f64> {
    let value = text
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .find(|(found, _)| *found == name);
    value.map_or(Ok(0.0), |(_, value)| {
        value.parse().with_context(|| format!("reading {name}"))
    })
}

/// An amount of memory in a process's `status`, which Linux writes in kilobytes.
fn memory_in(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Whether a GET is answered with 200.
fn answers_ok(address: SocketAddr, path: &str) -> bool {
    let wait = Duration::from_millis(500);
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, wait)?;
        stream.set_read_timeout(Some(wait))?;
        stream.write_all(
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                .as_bytes(),
        )?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

/// An address nobody listens at just now.
pub fn free_address() -> anyhow::Result<SocketAddr> {
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
    fn amounts_of_memory_are_found_among_the_rest() {
        let status = "Name:\thookline\nVmPeak:\t  900 kB\nVmHWM:\t   2048 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(memory_in(status, "VmHWM:"), Some(2048 * 1024));
        assert_eq!(memory_in(status, "VmRSS:"), Some(1024));
        assert_eq!(memory_in("Name:\thookline\n", "VmRSS:"), None);
    }

    #[test]
    fn a_figure_is_found_by_its_whole_name() {
        let text = "# TYPE hookline_backlog gauge\nhookline_backlog_max 9\nhookline_backlog 3\n";
        assert!((metric_in(text, "hookline_backlog").unwrap() - 3.0).abs() < f64::EPSILON);
        assert!(metric_in(text, "hookline_other").unwrap().abs() < f64::EPSILON);
    }
}
