//! The Graph API in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use anyhow::Context;

use super::{COUNTS, Counts};
use crate::peer::{get, pinned};
use crate::scenario::Settings;

/// A Graph API that is running; it ends when this is dropped.
#[derive(Debug)]
pub struct RunningGraph {
    child: Child,
    address: SocketAddr,
}

impl RunningGraph {
    /// Starts it, on the core if one is given, and waits until it listens.
    pub fn start(settings: &Settings, core: Option<usize>) -> anyhow::Result<Self> {
        let mut child = pinned(&settings.program("graph")?, core)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the graph api")?;
        match told_address(&mut child) {
            Ok(address) => Ok(Self { child, address }),
            Err(error) => {
                // Both fail only if the process is gone already.
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Where it is asked.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has reached it.
    pub fn counts(&self) -> anyhow::Result<Counts> {
        serde_json::from_str(&get(self.address, COUNTS)?).context("reading the counts")
    }
}

/// The address it prints when it listens.
fn told_address(child: &mut Child) -> anyhow::Result<SocketAddr> {
    let mut line = String::new();
    let output = child.stdout.take().context("its output")?;
    BufReader::new(output).read_line(&mut line)?;
    let address = line.trim().rsplit(' ').next().unwrap_or_default();
    address.parse().context("reading where it listens")
}

impl Drop for RunningGraph {
    fn drop(&mut self) {
        // Both fail only if the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
