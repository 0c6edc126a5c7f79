//! The recordings: the real binary at work, with everything it does to its files written down.

mod face;

use std::fmt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};
use tokio_util::task::TaskTracker;

use super::super::binary::{Server, client, hookline, signature};
use super::disk::Disk;
use super::trace::{Mark, Marker, Promise, Trace};
use face::Meta;

/// Connections that deliver at once.
const CONNECTIONS: usize = 8;

/// Deliveries of each connection in one life: enough for many commits and some checkpoints.
const DELIVERIES: usize = 60;

/// Comments and messages of the recording with everything in it.
const WORDS: usize = 120;

/// The longest that may take to be answered.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was recorded.
pub(crate) struct Recording {
    pub(crate) name: &'static str,
    /// The disk before.
    pub(crate) base: Disk,
    /// What had been promised before.
    pub(crate) promised: Vec<Mark>,
    pub(crate) trace: Trace,
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marks = self.trace.records().filter_map(|record| record.mark());
        write!(
            f,
            "{}: {} records, {} KiB, {} promises",
            self.name,
            self.trace.records().count(),
            self.trace.len() / 1024,
            marks.count()
        )
    }
}

/// A place to record in: the database's directory, and the trace beside it.
struct Studio<'a> {
    place: tempfile::TempDir,
    shim: &'a Path,
    marker: Arc<Marker>,
}

impl<'a> Studio<'a> {
    fn new(shim: &'a Path) -> Self {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("kept")).unwrap();
        let marker = Arc::new(Marker::create(&place.path().join("trace")));
        Self {
            place,
            shim,
            marker,
        }
    }

    /// The command that runs the binary behind the shim.
    fn command(&self) -> Command {
        let directory = self.place.path().join("kept");
        let mut command = hookline(&directory);
        command
            .env("LD_PRELOAD", self.shim)
            .env("POWER_DIRECTORY", &directory)
            .env("POWER_TRACE", self.marker.path());
        command
    }

    fn trace(&self) -> Trace {
        Trace::read(self.marker.path())
    }
}

/// Deliveries over several connections, in two lives of which each ends with SIGTERM. An error is
/// what the binary says when it does not start on the base.
pub(crate) async fn deliveries(
    shim: &Path,
    mut base: Disk,
    promised: Vec<Mark>,
) -> Result<Recording, String> {
    let studio = Studio::new(shim);
    base.lay_out(&studio.place.path().join("kept"));
    let first = promised.len();
    for life in 0..2 {
        let mut server = start(studio.command())?;
        let connections = TaskTracker::new();
        let tasks: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                let name = format!("{first}.{life}.{connection}");
                let (url, marker) = (server.url.clone(), Arc::clone(&studio.marker));
                connections.spawn(deliver_some(url, marker, name))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(server.terminate(), Some(0));
    }
    Ok(Recording {
        name: "deliveries",
        base,
        promised,
        trace: studio.trace(),
    })
}

fn start(command: Command) -> Result<Server, String> {
    tokio::task::block_in_place(|| Server::start(command))
}

/// One connection's deliveries, none like any other; most are small, some are large.
async fn deliver_some(url: String, marker: Arc<Marker>, name: String) {
    let client = client(PATIENCE);
    let seed = name.bytes().fold(0, |sum, byte| sum * 31 + u64::from(byte));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for number in 0..DELIVERIES {
        let size = match random.random_range(0..20) {
            0 => random.random_range(20_000..60_000),
            1..=4 => random.random_range(1_000..9_000),
            _ => random.random_range(0..400),
        };
        let filler: String = (0..size)
            .map(|_| char::from(random.random_range(b'a'..=b'z')))
            .collect();
        let body =
            format!(r#"{{"object":"instagram","entry":[],"of":"{name}.{number}","t":"{filler}"}}"#);
        deliver(&client, &url, &marker, body.into_bytes()).await;
        let pause = Duration::from_millis(random.random_range(0..25));
        tokio::time::sleep(pause).await;
    }
}

/// Delivers until the answer is 200, and marks that it was.
async fn deliver(client: &reqwest::Client, url: &str, marker: &Marker, body: Vec<u8>) {
    let signature = signature(&body);
    // A 503 says that it could not commit in time; a slow disk does not end the recording.
    for _ in 0..20 {
        let request = client
            .post(format!("{url}/webhooks/instagram"))
            .header("X-Hub-Signature-256", &signature)
            .body(body.clone());
        if request.send().await.unwrap().status().as_u16() == 200 {
            return marker.mark(Promise::Recorded, &body);
        }
    }
    panic!("a delivery was not taken");
}

/// Everything at work: accounts and automations over the API, comments and messages, sends. Ends
/// with SIGKILL, in the middle of whatever is under way.
pub(crate) async fn pipeline(shim: &Path, seed: u64) -> Recording {
    let studio = Studio::new(shim);
    let meta = Meta::build(Arc::clone(&studio.marker), seed).await;
    let mut command = studio.command();
    command
        .env("HOOKLINE_META__GRAPH_URL", format!("{}/fb", meta.url))
        .env(
            "HOOKLINE_META__INSTAGRAM_GRAPH_URL",
            format!("{}/ig", meta.url),
        )
        .env("HOOKLINE_ADMIN__TOKEN", face::ADMIN_TOKEN)
        .env("HOOKLINE_SENDING__FIRST_REPLY_DELAY", "20ms")
        .env("HOOKLINE_SENDING__PRIVATE_REPLY_BURST", "700");
    let server = start(command).unwrap();
    let client = client(PATIENCE);
    meta.connect(&client, &server.url).await;
    for number in 0..WORDS {
        meta.somebody_speaks(number);
        meta.deliver_due(&client, &server.url).await;
    }
    meta.hear_out(&client, &server.url, WORDS).await;
    server.kill();
    meta.stop();
    Recording {
        name: "the pipeline",
        base: Disk::default(),
        promised: Vec::new(),
        trace: studio.trace(),
    }
}
