//! The real binary as a process of its own: started, listened to, stopped, killed.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

/// The app secret of every process started here.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// How long a process may take to say where it listens; generous, for machines under load.
const START_PATIENCE: Duration = Duration::from_mins(1);

/// Lines of its log that are kept to be shown.
const LINES_KEPT: usize = 50;

/// A command that will run the binary in `directory`, with nothing of our own environment.
pub(crate) fn hookline(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookline"));
    command
        .current_dir(directory)
        .env_clear()
        .env("HOOKLINE_SERVER__LISTEN", "127.0.0.1:0")
        .env("HOOKLINE_META__APP_SECRETS", SECRET)
        .env("HOOKLINE_LOG__FORMAT", "json")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A client whose calls take at most `patience`.
pub(crate) fn client(patience: Duration) -> reqwest::Client {
    // Whoever comes first installs it; a second installation is refused without harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder();
    builder.timeout(patience).build().unwrap()
}

/// What Meta writes into the signature header for `body`.
pub(crate) fn signature(body: &[u8]) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
    let digest = ring::hmac::sign(&key, body);
    let mut text = "sha256=".to_owned();
    for byte in digest.as_ref() {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// A server process; killed when the value goes, whatever happens.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) url: String,
    log: Arc<Mutex<VecDeque<String>>>,
}

impl Server {
    /// Starts `command` and waits until it says where it listens; an error is what it said instead.
    pub(crate) fn start(mut command: Command) -> Result<Self, String> {
        let mut child = command.arg("serve").spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        // Made before it is listened to, so that a deaf process does not outlive us.
        let mut server = Self {
            child,
            url: String::new(),
            log: Arc::default(),
        };
        let address = listen(stderr, Arc::clone(&server.log));
        match address.recv_timeout(START_PATIENCE) {
            Ok(address) => server.url = format!("http://{address}"),
            Err(_) => return Err(server.last_words()),
        }
        Ok(server)
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        Vec::from(log.clone()).join("\n")
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap().code()
    }

    /// Kills it, with no chance to finish anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells the address the server says it listens at, and keeps the end of its log. Reads on in the
/// background, so that the server is never blocked by a full pipe.
fn listen(stderr: ChildStderr, log: Arc<Mutex<VecDeque<String>>>) -> Receiver<String> {
    let (tell, told) = sync_channel(1);
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let said: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
            if let Some(address) = said["address"].as_str() {
                let _ = tell.try_send(address.to_owned());
            }
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            if log.len() >= LINES_KEPT {
                log.pop_front();
            }
            log.push_back(line);
        }
    });
    told
}
