//! Flame graphs of Hookline while it is measured: what its time goes to, stack by stack.
//!
//! `perf` samples the server's stacks, and inferno draws them. A server that is sampled is slower,
//! so what is measured meanwhile is not kept.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail, ensure};

use crate::peer::RunningPeer;
use crate::scenario::Settings;

/// Samples a second: not a divisor of anything that happens by the clock.
const SAMPLES_PER_SECOND: &str = "499";

/// Frames narrower than this part of the picture, in per cent, cannot be seen and are left out.
const NARROWEST_PERCENT: &str = "0.2";

/// Inferno's programs.
const COLLAPSE: &str = "inferno-collapse-perf";
const DRAW: &str = "inferno-flamegraph";

/// A server that is being sampled.
#[derive(Debug)]
pub struct Recording {
    perf: Child,
    samples: PathBuf,
    graph: PathBuf,
    title: String,
}

impl Recording {
    /// Starts, if flame graphs are wanted; the name becomes that of the file and the heading.
    pub fn start(
        settings: &Settings,
        server: &RunningPeer,
        name: &str,
    ) -> anyhow::Result<Option<Self>> {
        let Some(directory) = &settings.flames else {
            return Ok(None);
        };
        fs::create_dir_all(directory).context("making the directory of the flame graphs")?;
        let file = file_of(name);
        let samples = settings.data.join(format!("{file}.perf"));
        let perf = Command::new("perf")
            .args(["record", "--freq", SAMPLES_PER_SECOND, "--call-graph", "fp"])
            .args(["--quiet", "--pid", &server.id().to_string(), "--output"])
            .arg(&samples)
            .stdin(Stdio::null())
            .spawn()
            .context("starting perf")?;
        Ok(Some(Self {
            perf,
            samples,
            graph: directory.join(format!("{file}.svg")),
            title: name.to_owned(),
        }))
    }

    /// Ends, and draws what was seen.
    pub fn finish(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill")
            .args(["-INT", &self.perf.id().to_string()])
            .status()
            .context("asking perf to end")?;
        ensure!(asked.success(), "perf had ended before it was asked to");
        self.perf.wait().context("waiting for perf")?;
        let folded = self.samples.with_extension("folded");
        let mut script = Command::new("perf");
        script.args(["script", "--input"]).arg(&self.samples);
        let stacks = self.samples.with_extension("stacks");
        through(&mut script, &stacks)?;
        through(Command::new(COLLAPSE).arg(&stacks), &folded)?;
        let mut draw = Command::new(DRAW);
        draw.args(["--title", &self.title, "--minwidth", NARROWEST_PERCENT]);
        draw.args(["--no-javascript", "--deterministic"])
            .arg(&folded);
        through(&mut draw, &self.graph)?;
        let drawn = fs::read_to_string(&self.graph).context("reading what was drawn")?;
        fs::write(&self.graph, picture(&drawn)).context("writing the flame graph")
    }
}

/// What begins and ends so is no part of the picture: its names are tooltips without a script.
const NO_PICTURE: [(&str, &str); 6] = [
    ("<!--", "-->"),
    ("<script", "</script>"),
    (" onload=\"", "\""),
    (" xmlns:fg=\"", "\""),
    (" fg:x=\"", "\""),
    (" fg:w=\"", "\""),
];

/// Only what is seen.
fn picture(svg: &str) -> String {
    let mut rest = svg.to_owned();
    for (begin, end) in NO_PICTURE {
        while let Some((before, after)) = rest.split_once(begin) {
            let after = after.split_once(end).map_or("", |(_, after)| after);
            rest = format!("{before}{after}");
        }
    }
    rest
}

/// Runs a program with its output in a file.
fn through(command: &mut Command, file: &Path) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .stdout(File::create(file).with_context(|| format!("creating {}", file.display()))?)
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("starting {program}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("{program} ended with {}: {}", output.status, words.trim());
    }
    Ok(())
}

/// A name as the name of a file: small letters and digits, a hyphen for everything else.
fn file_of(name: &str) -> String {
    let words = name.split(|ch: char| !ch.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_those_of_files() {
        assert_eq!(
            file_of("hookline, receiving only"),
            "hookline-receiving-only"
        );
    }

    #[test]
    fn a_picture_runs_nothing() {
        let svg = "<svg onload=\"init(evt)\" width=\"9\"><!--NOTES: --><script>var x;</script>\
                   <rect y=\"1\" fg:x=\"2\" fg:w=\"3\"/></svg>";
        assert_eq!(picture(svg), "<svg width=\"9\"><rect y=\"1\"/></svg>");
    }

    #[test]
    fn what_a_program_complains_about_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let mut failing = Command::new("sh");
        failing.args(["-c", "echo not today >&2; exit 3"]);
        let error = through(&mut failing, &directory.path().join("out")).unwrap_err();
        let words = format!("{error:#}");
        assert!(
            words.contains("not today") && words.contains("sh"),
            "{words}"
        );
    }
}
