//! Ten thousand connections that are opened and left alone, against the real binary.

#![expect(
    clippy::print_stdout,
    reason = "what was left out, and what was measured, is told"
)]

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::binary::{SECRET, Server, hookline};
use crate::site::{Answer, Client, get_of, post_with, sign};
use crate::stage::wait;

const BODY: &[u8] = br#"{"object":"instagram","entry":[]}"#;

const CONNECTIONS: usize = 10_000;

/// How many are opened at the same time.
const AT_ONCE: usize = 200;

/// Meta hangs up after this time (contract 2.6).
const META_WAITS: Duration = Duration::from_secs(5);

/// Most memory of the process with all connections open: 24 KiB for each, and what it has without.
const MEMORY_KB_MAX: u64 = 10_000 * 24 + 64 * 1024;

/// A server that begins with room for few files, as most systems give it.
fn start(directory: &Path, changes: &[(&str, &str)]) -> (Server, SocketAddr) {
    let inner = hookline(directory);
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "ulimit -Sn 256; exec \"$0\" \"$@\""])
        .arg(inner.get_program())
        .current_dir(directory)
        .env_clear()
        .envs(
            inner
                .get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        )
        .envs(changes.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let server = Server::start(command).unwrap();
    let address = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    (server, address)
}

/// Room for our ends of the connections; says so when the system does not give it.
fn has_room_for_files() -> bool {
    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(CONNECTIONS + 500).unwrap();
    let raised = Rlimit {
        current: Some(wanted.max(limit.current.unwrap_or(wanted))),
        maximum: limit.maximum,
    };
    let has_room = limit.current.is_none() || setrlimit(Resource::Nofile, raised).is_ok();
    if !has_room {
        println!("SKIPPED: the system lets this process open fewer than {wanted} files");
    }
    has_room
}

async fn ask(address: SocketAddr, request: &[u8]) -> Answer {
    let asking = async {
        let mut client = Client::connect(address).await;
        client.send(request).await;
        client.answer().await
    };
    tokio::time::timeout(META_WAITS, asking)
        .await
        .unwrap_or_else(|_| panic!("no answer in the time Meta waits"))
}

async fn deliver(address: SocketAddr) -> u16 {
    let request = post_with(&[&sign(SECRET, BODY)], BODY);
    ask(address, &request).await.status
}

/// The connections the server counts, ours among them.
async fn connections(address: SocketAddr) -> usize {
    let metrics = ask(address, &get_of("/metrics")).await.body;
    let count = metrics
        .lines()
        .find_map(|line| line.strip_prefix("hookline_connections "));
    count.unwrap().parse().unwrap()
}

/// Opens connections and leaves them alone. One that is refused or cut off is none of our concern.
async fn open_all(address: SocketAddr) -> Vec<TcpStream> {
    let mut open = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS / AT_ONCE {
        let mut opening = JoinSet::new();
        for _ in 0..AT_ONCE {
            opening.spawn(TcpStream::connect(address));
        }
        open.extend(opening.join_all().await.into_iter().flatten());
    }
    open
}

/// Looks at the most memory the process has held, where the system tells.
fn is_within_memory(server: &Server) {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())) else {
        println!("SKIPPED: the system does not tell how much memory a process holds");
        return;
    };
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak: u64 = peak
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    println!("{peak} kB at most");
    assert!(peak < MEMORY_KB_MAX, "{peak} kB");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_are_held_and_others_are_served() {
    if !has_room_for_files() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let room = [
        ("HOOKLINE_SERVER__MAX_CONNECTIONS", "10500"),
        ("HOOKLINE_SERVER__HEADER_TIMEOUT", "60s"),
        ("HOOKLINE_SERVER__BODY_TIMEOUT", "60s"),
    ];
    let (server, address) = start(directory.path(), &room);
    let idle = open_all(address).await;
    assert_eq!(idle.len(), CONNECTIONS);
    let all = wait(|| async { (connections(address).await > CONNECTIONS).then_some(()) });
    all.await.expect("not all connections were accepted");
    for _ in 0..20 {
        assert_eq!(deliver(address).await, 200);
    }
    is_within_memory(&server);
    drop(idle);
    let gone = wait(|| async { (connections(address).await < 100).then_some(()) });
    gone.await.expect("the connections were not given up");
    assert_eq!(deliver(address).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_idle_connections_than_there_are_places_keep_nobody_out() {
    if !has_room_for_files() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (server, address) = start(directory.path(), &[]);
    let opening = tokio_util::task::TaskTracker::new().spawn(open_all(address));
    let mut delivered = 0;
    while !opening.is_finished() {
        assert_eq!(deliver(address).await, 200);
        delivered += 1;
    }
    let idle = opening.await.unwrap();
    for _ in 0..20 {
        assert_eq!(deliver(address).await, 200);
    }
    assert!(connections(address).await <= 800);
    is_within_memory(&server);
    println!("{} were opened beside {delivered} deliveries", idle.len());
}
