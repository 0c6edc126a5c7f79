//! Room for connections among the files a process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files beside the clients' connections: the database and its readers, the calls to Meta, the log.
const OTHERS: u64 = 200;

/// The system lets this process open fewer files than its connections may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{connections} connections are configured, and the system lets this process open only {files} \
     files: raise its limit (LimitNOFILE, ulimit -n) or lower server.max_connections"
)]
pub struct Shortage {
    connections: usize,
    files: u64,
}

/// Raises the process's own limit of open files to what so many connections need, as far as the
/// system lets it. Most systems begin with 1024 and allow many more to whoever asks.
pub fn make_room_for(connections: usize) -> Result<(), Shortage> {
    let needed = u64::try_from(connections)
        .unwrap_or(u64::MAX)
        .saturating_add(OTHERS);
    let limit = getrlimit(Resource::Nofile);
    let Some(files) = limit.current.filter(|files| *files < needed) else {
        return Ok(());
    };
    let allowed = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    let raised = Rlimit {
        current: Some(allowed),
        maximum: limit.maximum,
    };
    let files = setrlimit(Resource::Nofile, raised).map_or(files, |()| allowed);
    if files < needed {
        return Err(Shortage { connections, files });
    }
    Ok(())
}
