//! What the figures were measured on.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::disk;

/// How often the disk probe writes.
const DISK_WRITES: u32 = 500;

/// Names and values, in the order of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine(Vec<(&'static str, String)>);

impl Machine {
    /// This one, with its disk where the directory lies.
    pub fn this(data: &Path) -> anyhow::Result<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let processor = first_field(&read("/proc/cpuinfo"), "model name");
        let memory = first_field(&read("/proc/meminfo"), "MemTotal");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let kernel = read("/proc/sys/kernel/osrelease");
        let disk = disk::probe(data, DISK_WRITES)?;
        Ok(Self(vec![
            ("Processor", format!("{processor}, {cores} cores")),
            ("Memory", memory),
            (
                "System",
                format!("{} {}", std::env::consts::OS, kernel.trim()),
            ),
            (
                "Disk",
                format!(
                    "writing 4 KiB and waiting for fdatasync took p50 {:.0} µs, p99 {:.0} µs \
                     where the databases lie; a 200 from Hookline has waited for at least one",
                    disk.p50, disk.p99
                ),
            ),
            (
                "Compiler",
                format!("{}, release profile", version("rustc", "--version")),
            ),
        ]))
    }

    /// Made of these lines.
    pub fn of(lines: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self(lines.into_iter().collect())
    }

    /// One line more.
    pub fn push(&mut self, name: &'static str, value: String) {
        self.0.push((name, value));
    }

    /// The lines.
    pub fn lines(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

/// The value of the first line `name: value`.
fn first_field(text: &str, name: &str) -> String {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.split_once(':'));
    value.map_or("unknown".to_owned(), |(_, value)| value.trim().to_owned())
}

/// The first line a program says of its version; "not installed" where there is no such program.
pub fn version(program: &str, argument: &str) -> String {
    let output = Command::new(program)
        .arg(argument)
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        return "not installed".to_owned();
    };
    let words = String::from_utf8_lossy(&output.stdout);
    words.lines().next().unwrap_or("unknown").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_whatever_is_around_them() {
        let text = "processor\t: 0\nmodel name\t: Some: Thing\nmodel name\t: other\n";
        assert_eq!(first_field(text, "model name"), "Some: Thing");
        assert_eq!(first_field(text, "MemTotal"), "unknown");
    }

    #[test]
    fn a_program_that_is_not_there_is_said_to_be() {
        assert_eq!(version("no-such-program-here", "-v"), "not installed");
    }
}
