//! The page about a comparison: docs/PERFORMANCE.md.

use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::comparison::{Comparison, Figure, Measured, Settings};
use crate::deliveries::BODY_BYTES;
use crate::latency::Report;

/// What the figures were measured on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    compiler: String,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo")
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
            .map_or("unknown processor".to_owned(), |(_, name)| {
                name.trim().to_owned()
            });
        let kernel = read("/proc/sys/kernel/osrelease");
        let compiler = Command::new("rustc").arg("--version").output();
        Self {
            processor,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: format!("{} {}", std::env::consts::OS, kernel.trim())
                .trim()
                .to_owned(),
            compiler: compiler.map_or_else(
                |_| "rustc unknown".to_owned(),
                |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            ),
        }
    }
}

/// A micro benchmark's result.
#[derive(Debug, Clone, PartialEq)]
pub struct Micro {
    name: String,
    nanoseconds: f64,
}

/// The medians the micro benchmarks left below the directory, by name.
pub fn micro(criterion: &Path) -> Vec<Micro> {
    let mut found = Vec::new();
    collect_micro(criterion, 4, &mut found);
    found.sort_by(|left, right| left.name.cmp(&right.name));
    found
}

fn collect_micro(directory: &Path, depth: u32, found: &mut Vec<Micro>) {
    #[derive(Deserialize)]
    struct Benchmark {
        full_id: String,
    }
    #[derive(Deserialize)]
    struct Estimates {
        median: Estimate,
    }
    #[derive(Deserialize)]
    struct Estimate {
        point_estimate: f64,
    }
    let name = fs::read(directory.join("new/benchmark.json")).ok();
    let estimates = fs::read(directory.join("new/estimates.json")).ok();
    if let (Some(name), Some(estimates)) = (name, estimates)
        && let Ok(Benchmark { full_id }) = serde_json::from_slice(&name)
        && let Ok(Estimates { median }) = serde_json::from_slice(&estimates)
    {
        found.push(Micro {
            name: full_id,
            nanoseconds: median.point_estimate,
        });
    }
    if depth == 0 {
        return;
    }
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            collect_micro(&entry.path(), depth - 1, found);
        }
    }
}

/// The whole page.
pub fn write(
    comparison: &Comparison,
    settings: &Settings,
    machine: &Machine,
    micro: &[Micro],
) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut page, comparison, settings, machine, micro);
    page
}

fn write_page(
    page: &mut String,
    comparison: &Comparison,
    settings: &Settings,
    machine: &Machine,
    micro: &[Micro],
) -> fmt::Result {
    writeln!(page, "# Performance\n")?;
    writeln!(
        page,
        "Written by `cargo xtask bench`; run it to repeat everything below. All servers were measured \
         in one run, in turning order, {} rounds each, so the ratios hold where the absolute figures \
         do not. A figure is the median of the rounds, with the smallest and the largest.\n",
        settings.rounds,
    )?;
    write_settings(page, comparison, settings, machine)?;
    writeln!(page, "## As fast as answers come\n")?;
    writeln!(
        page,
        "| server | deliveries per second | share of the first | processor µs for each | p50 µs | p99 µs |"
    )?;
    writeln!(page, "| --- | --- | --- | --- | --- | --- |")?;
    for server in &comparison.servers {
        let processor = show(&server.processor_us, 1);
        let per_second = figure(&server.closed, |report| report.per_second, 0);
        let ratio = show(&comparison.ratios(server), 2);
        let p50 = figure(&server.closed, |report| report.latency_us.p50, 0);
        let p99 = figure(&server.closed, |report| report.latency_us.p99, 0);
        writeln!(
            page,
            "| {} | {per_second} | {ratio} | {processor} | {p50} | {p99} |",
            server.name
        )?;
    }
    writeln!(page, "\n## At {} deliveries per second\n", settings.rate)?;
    writeln!(
        page,
        "Each delivery is timed from the moment it was due, so a stall counts for everything that \
         waited behind it. Microseconds.\n"
    )?;
    writeln!(page, "| server | p50 | p99 | p99.9 | max |")?;
    writeln!(page, "| --- | --- | --- | --- | --- |")?;
    for server in &comparison.servers {
        write_latencies(page, server)?;
    }
    writeln!(page, "\n## The disk\n")?;
    let [before, after] = &comparison.disk;
    writeln!(
        page,
        "A 200 from Hookline means that the delivery is on the disk. Writing 4 KiB and waiting for \
         `fdatasync` took on the same disk, before and after: p50 {:.0} and {:.0} µs, p99 {:.0} and \
         {:.0} µs.",
        before.p50, after.p50, before.p99, after.p99,
    )?;
    if !micro.is_empty() {
        writeln!(page, "\n## Single steps\n")?;
        writeln!(page, "| step | median µs |\n| --- | --- |")?;
        for each in micro {
            writeln!(page, "| {} | {:.2} |", each.name, each.nanoseconds / 1000.0)?;
        }
    }
    Ok(())
}

fn write_settings(
    page: &mut String,
    comparison: &Comparison,
    settings: &Settings,
    machine: &Machine,
) -> fmt::Result {
    let cores = if comparison.is_pinned {
        "the server on one core, the load generator on another"
    } else {
        "server and load generator shared the cores"
    };
    writeln!(
        page,
        "- Machine: {}, {} cores, {}",
        machine.processor, machine.cores, machine.kernel
    )?;
    writeln!(page, "- Compiler: {}, release profile", machine.compiler)?;
    writeln!(
        page,
        "- Load: POST /webhooks/instagram with signed comments of {BODY_BYTES} bytes, no two alike, \
         over {} keep-alive connections, {} s for each measurement after warming up; {cores}",
        settings.connections, settings.seconds,
    )?;
    writeln!(
        page,
        "- Every answer was checked to be 200; one that is not ends the run"
    )?;
    writeln!(
        page,
        "- \"bare hyper\" reads each request and answers 200, on one thread: what HTTP alone costs; \
         \"hookline\" is `hookline serve` on an empty SQLite database with its defaults\n"
    )
}

fn write_latencies(page: &mut String, server: &Measured) -> fmt::Result {
    let p50 = figure(&server.open, |report| report.latency_us.p50, 0);
    let p99 = figure(&server.open, |report| report.latency_us.p99, 0);
    let p99_9 = figure(&server.open, |report| report.latency_us.p99_9, 0);
    let max = figure(&server.open, |report| report.latency_us.max, 0);
    writeln!(
        page,
        "| {} | {p50} | {p99} | {p99_9} | {max} |",
        server.name
    )
}

fn figure(reports: &[Report], of: impl Fn(&Report) -> f64, digits: usize) -> String {
    show(&reports.iter().map(of).collect::<Vec<_>>(), digits)
}

fn show(values: &[f64], digits: usize) -> String {
    Figure::of(values).map_or(
        "none".to_owned(),
        |Figure {
             median,
             least,
             most,
         }| { format!("{median:.digits$} ({least:.digits$} to {most:.digits$})") },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_show_their_spread() {
        assert_eq!(show(&[3.0, 1.0, 2.0], 0), "2 (1 to 3)");
        assert_eq!(show(&[0.5], 2), "0.50 (0.50 to 0.50)");
        assert_eq!(show(&[], 0), "none");
    }

    #[test]
    fn micro_benchmarks_are_found_by_what_they_left() {
        let directory = tempfile::tempdir().unwrap();
        let new = directory.path().join("verify/1 secrets/700/new");
        fs::create_dir_all(&new).unwrap();
        fs::write(
            new.join("benchmark.json"),
            r#"{"full_id":"verify/1 secrets/700"}"#,
        )
        .unwrap();
        fs::write(
            new.join("estimates.json"),
            r#"{"median":{"point_estimate":1500.0}}"#,
        )
        .unwrap();
        let found = micro(directory.path());
        assert_eq!(
            found,
            [Micro {
                name: "verify/1 secrets/700".to_owned(),
                nanoseconds: 1500.0
            }]
        );
        assert_eq!(micro(&directory.path().join("nowhere")), []);
    }
}
