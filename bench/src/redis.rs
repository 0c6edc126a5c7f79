//! A Redis of the bench's own: the installed program, in a directory of its own, on a free port.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::now;
use crate::peer::{free_address, pinned};

/// The program.
pub const PROGRAM: &str = "redis-server";

/// How long it may take until it answers.
const START_MAX: Duration = Duration::from_secs(10);

/// When what was written is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Before Redis acknowledges it.
    Always,
    /// Within a second or two; a power cut before that loses what was acknowledged.
    EverySecond,
}

impl Fsync {
    /// What Redis calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::EverySecond => "everysec",
        }
    }
}

/// One that is running; it ends when this is dropped.
#[derive(Debug)]
pub struct Redis {
    child: Child,
    address: SocketAddr,
}

impl Redis {
    /// Starts one with its files in the directory, on the core if one is given.
    pub fn start(directory: &Path, fsync: Fsync, core: Option<usize>) -> anyhow::Result<Self> {
        let address = free_address()?;
        let output = File::create(directory.join("redis.log"))?;
        let child = pinned(Path::new(PROGRAM), core)
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
            .arg("--dir")
            .arg(directory)
            // The log is what makes it durable; snapshots beside it would only cost time.
            .args(["--save", "", "--appendonly", "yes"])
            .args(["--appendfsync", fsync.name()])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| {
                format!("starting {PROGRAM}; Debian has it in a package of that name")
            })?;
        let mut redis = Self { child, address };
        redis.wait_until_ready()?;
        Ok(redis)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its number among the running programs.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The answer to a command without arguments that answers in one line.
    pub fn ask(&self, command: &str) -> anyhow::Result<String> {
        ask(self.address, command)
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let until = now() + START_MAX;
        while now() < until {
            if ask(self.address, "PING").is_ok_and(|answer| answer == "+PONG") {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{PROGRAM} ended with {status}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("{PROGRAM} gave no answer within {} s", START_MAX.as_secs());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(address: SocketAddr, command: &str) -> anyhow::Result<String> {
    let wait = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address, wait)?;
    stream.set_read_timeout(Some(wait))?;
    stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::version;

    #[test]
    fn it_starts_durable_or_says_what_to_install() {
        let directory = tempfile::tempdir().unwrap();
        let started = Redis::start(directory.path(), Fsync::Always, None);
        if version(PROGRAM, "--version") == "not installed" {
            let problem = format!("{:#}", started.unwrap_err());
            assert!(problem.contains("Debian has it"), "{problem}");
            return;
        }
        let redis = started.unwrap();
        assert_eq!(redis.ask("PING").unwrap(), "+PONG");
        assert_eq!(redis.ask("SET key value").unwrap(), "+OK");
        assert!(directory.path().join("appendonlydir").exists());
    }
}
