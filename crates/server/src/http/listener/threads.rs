//! The threads that serve connections, each with a runtime of its own.
//!
//! A connection stays on its thread from its first byte to its last: reading, verifying and
//! waiting for the commit wake nothing on another thread, and the engine's own work never stands
//! before an answer in one queue.

use std::io;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// One thread verifies and hands over as much as a disk commits; more than a few only contend.
const THREADS_MAX: usize = 4;

/// The threads; they end when this is dropped, and with them whatever still runs on them.
#[derive(Debug)]
pub(super) struct Threads {
    threads: Vec<ServingThread>,
    next: usize,
}

#[derive(Debug)]
struct ServingThread {
    runtime: Handle,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Threads {
    /// As many as suit the machine.
    pub(super) fn start() -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..(cores / 2).clamp(1, THREADS_MAX))
            .map(|_| ServingThread::start())
            .collect::<io::Result<_>>()?;
        Ok(Self { threads, next: 0 })
    }

    /// The runtime of the next connection.
    pub(super) fn next(&mut self) -> Option<&Handle> {
        self.next = (self.next + 1) % self.threads.len().max(1);
        self.threads.get(self.next).map(|thread| &thread.runtime)
    }
}

impl ServingThread {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("hookline-serve".to_owned())
            .spawn(move || runtime.block_on(stopped.cancelled()))?;
        Ok(Self {
            runtime: handle,
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for ServingThread {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a thread that serves connections panicked");
        }
    }
}
