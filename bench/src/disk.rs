//! What one durable write costs on this disk, with nothing of ours in between.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::Context;

use crate::latency::{Latencies, Quantiles};
use crate::now;

/// Bytes written before each sync: one page of a database's log.
const PAGE: [u8; 4096] = [0x5a; 4096];

/// Writes 4 KiB and waits until they are on the disk (fdatasync), `count` times, overwriting one
/// file in the directory; the file is gone afterwards.
pub fn probe(directory: &Path, count: u32) -> anyhow::Result<Quantiles> {
    let path = directory.join("fdatasync-probe");
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .open(&path)
        .context("creating the file of the disk probe")?;
    let mut latencies = Latencies::new()?;
    // The first write makes the file longer, which costs more than what is measured.
    file.write_all(&PAGE)?;
    file.sync_all()?;
    for _ in 0..count {
        let started = now();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&PAGE)?;
        file.sync_data()?;
        latencies.record(now().saturating_duration_since(started));
    }
    std::fs::remove_file(&path)?;
    Ok(latencies.quantiles())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let quantiles = probe(directory.path(), 3).unwrap();
        assert!(quantiles.max >= quantiles.p50);
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }
}
