//! The runtime of everything but the connections, which have [their own](crate::http).

use std::io;

use tokio::runtime::{Builder, Runtime};

/// How much sooner than the engine's own threads a connection or the writer gets the processor, as
/// steps of `nice`: some five times as much of it when there is too little.
///
/// Meta gives up on a webhook that waits, and nobody on a plan: when deliveries come faster than the
/// machine can do everything, they are recorded first, and the rest follows when they slow down.
#[cfg(target_os = "linux")]
const STEPS_BEHIND: i32 = 7;

/// Starts it. The thread that calls this keeps its priority, and so do those it starts itself.
///
/// # Errors
/// When the system gives no threads.
pub fn start() -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all();
    #[cfg(target_os = "linux")]
    if let Ok(own) = rustix::process::getpriority_process(None) {
        // A thread inherits what the one that started it has, so this is no step further down.
        builder.on_thread_start(move || {
            // Without it everything works, only in another order.
            let _ = rustix::process::setpriority_process(None, own.saturating_add(STEPS_BEHIND));
        });
    }
    builder.build()
}
