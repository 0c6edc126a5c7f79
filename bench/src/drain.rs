//! A server on one core works planned sends off to a Graph API that answers at once on another.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::graph::{COUNTS, Counts};
use crate::now;
use crate::peer::{Peer, RunningPeer, pinned};
use crate::stock::ENCRYPTION_KEY;

/// How often it is looked whether all is done.
const GLANCE: Duration = Duration::from_millis(200);

/// Budgets that hold nothing back, so that the machine is what is measured and not the pacing.
const UNPACED: [(&str, &str); 4] = [
    ("HOOKLINE_SENDING__PRIVATE_REPLIES_PER_HOUR", "1000000"),
    ("HOOKLINE_SENDING__PRIVATE_REPLY_BURST", "1000000"),
    ("HOOKLINE_SENDING__TEXTS_PER_SECOND", "10000"),
    ("HOOKLINE_SENDING__LIVE_PRIVATE_REPLIES_PER_SECOND", "10000"),
];

/// The programs, and the cores they get.
#[derive(Debug, Clone)]
pub struct Drain {
    /// The program with `serve`.
    pub hookline: PathBuf,
    /// The Graph API's program.
    pub graph: PathBuf,
    /// The server's core and the Graph API's.
    pub cores: Option<(usize, usize)>,
    /// Further settings of the server.
    pub settings: Vec<(&'static str, String)>,
}

/// Both, running; they end when this is dropped.
pub struct Running {
    /// The server.
    pub server: RunningPeer,
    graph: RunningGraph,
}

struct RunningGraph {
    child: Child,
    address: SocketAddr,
}

impl Drop for RunningGraph {
    fn drop(&mut self) {
        // Both fail only if the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drain {
    /// Starts both on the database in this directory.
    pub fn start(&self, directory: &Path) -> anyhow::Result<Running> {
        let graph = self.start_graph()?;
        let url = format!("http://{}", graph.address);
        let mut variables = vec![
            ("HOOKLINE_META__GRAPH_URL", url.clone()),
            ("HOOKLINE_META__INSTAGRAM_GRAPH_URL", url),
            ("HOOKLINE_ENCRYPTION__KEYS", ENCRYPTION_KEY.to_owned()),
        ];
        variables.extend(UNPACED.map(|(key, value)| (key, value.to_owned())));
        variables.extend(self.settings.iter().cloned());
        let peer = Peer::Hookline {
            program: self.hookline.clone(),
        };
        let core = self.cores.map(|(server, _)| server);
        let server = RunningPeer::start_with(&peer, directory, core, &variables)?;
        Ok(Running { server, graph })
    }

    fn start_graph(&self) -> anyhow::Result<RunningGraph> {
        let mut child = pinned(&self.graph, self.cores.map(|(_, graph)| graph))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the graph api")?;
        let mut line = String::new();
        let output = child.stdout.take().context("its output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().rsplit(' ').next().unwrap_or_default();
        let address = address.parse().context("reading where it listens")?;
        Ok(RunningGraph { child, address })
    }
}

impl Running {
    /// What has reached the Graph API.
    pub fn counts(&self) -> anyhow::Result<Counts> {
        let body = get(self.graph.address, COUNTS)?;
        serde_json::from_slice(&body).context("reading the counts")
    }

    /// A gauge or counter of the server, with its labels as printed.
    pub fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = String::from_utf8(get(self.server.address(), "/metrics")?)?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        match line {
            Some(value) => value.trim().parse().context("reading a metric"),
            None => Ok(0.0),
        }
    }

    /// Waits until the Graph API has so many sends, and the server has kept what came of them.
    pub fn wait_for(&self, sends: u64, at_most: Duration) -> anyhow::Result<Counts> {
        let until = now() + at_most;
        loop {
            let counts = self.counts()?;
            if counts.sends >= sends {
                self.wait_for_outcomes(sends, until)?;
                ensure!(counts.twice == 0, "{} sends came twice", counts.twice);
                return Ok(counts);
            }
            if now() > until {
                bail!("only {} of {sends} sends came in time", counts.sends);
            }
            thread::sleep(GLANCE);
        }
    }

    fn wait_for_outcomes(&self, sends: u64, until: std::time::Instant) -> anyhow::Result<()> {
        loop {
            let kept = self.metric("hookline_attempts_total{outcome=\"accepted\"}")?;
            if format!("{kept:.0}") == sends.to_string() {
                return Ok(());
            }
            if now() > until {
                bail!("{kept} of {sends} outcomes were kept");
            }
            thread::sleep(GLANCE);
        }
    }
}

/// The sends a second between the first tenth and the last.
pub fn rate(counts: &Counts) -> Option<f64> {
    let times = &counts.every_hundredth_ms;
    let (from, to) = (times.len() / 10, times.len() * 9 / 10);
    let millis = times.get(to)?.checked_sub(*times.get(from)?)?;
    let sends = u32::try_from((to - from) * 100).ok()?;
    let millis = u32::try_from(millis).ok().filter(|millis| *millis > 0)?;
    Some(f64::from(sends) * 1000.0 / f64::from(millis))
}

/// A count as a figure.
pub fn float(count: u64) -> f64 {
    let half = |part: u64| f64::from(u32::try_from(part).unwrap_or(u32::MAX));
    half(count >> 32) * 4_294_967_296.0 + half(count & 0xffff_ffff)
}

fn get(address: SocketAddr, path: &str) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let body = head.and_then(|at| answer.get(at + 4..));
    Ok(body.context("an answer without a body")?.to_vec())
}
