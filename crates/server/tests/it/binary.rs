//! The real binary as a process of its own: started, listened to, stopped, killed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// The app secret of every process started here.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// How long a process may take to say where it listens; generous, for machines under load.
const START_PATIENCE: Duration = Duration::from_mins(1);

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

/// A server process; killed when the value goes, whatever happens.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    /// Starts `command` and waits until it says where it listens.
    pub(crate) fn start(command: Command) -> Self {
        Self::try_start(command).unwrap_or_else(|log| panic!("the server did not start: {log}"))
    }

    /// The same; an error is what the server said instead.
    pub(crate) fn try_start(mut command: Command) -> Result<Self, String> {
        let mut child = command.arg("serve").spawn().unwrap();
        let heard = listening(&mut child);
        // Made before the look at what was heard, so that a deaf process does not outlive us.
        let mut server = Self {
            child,
            url: String::new(),
        };
        server.url = heard?;
        Ok(server)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
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
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address the server says it listens at, or what it said instead. Reads on in the
/// background, so that the server is never blocked by a full pipe.
fn listening(child: &mut Child) -> Result<String, String> {
    let log = BufReader::new(child.stderr.take().unwrap());
    let (tell, told) = std::sync::mpsc::sync_channel(1000);
    std::thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            let _ = tell.try_send(line);
        }
    });
    let mut seen = String::new();
    while let Ok(line) = told.recv_timeout(START_PATIENCE) {
        let said: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
        if let Some(address) = said["address"].as_str() {
            return Ok(format!("http://{address}"));
        }
        seen.push_str(&line);
    }
    Err(seen)
}
