//! Starting other programs.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, bail};

/// The root of the workspace: where the manifest of this package's parent lies.
pub(crate) fn root() -> anyhow::Result<PathBuf> {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = package
        .parent()
        .context("this package has no parent directory")?;
    Ok(root.to_owned())
}

/// What cargo tells a program it runs about that program's own package.
const OWN_PACKAGE: [&str; 4] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_PRIMARY_",
];

/// A program that does not hear that a cargo started us. Build scripts that look at such variables
/// would otherwise run again each time somebody changes between `cargo xtask` and plain cargo.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    for (key, _) in std::env::vars_os() {
        let is_ours = |key: &str| OWN_PACKAGE.iter().any(|prefix| key.starts_with(prefix));
        if key.to_str().is_some_and(is_ours) {
            command.env_remove(key);
        }
    }
    command
}

/// The cargo of the pinned toolchain.
pub(crate) fn cargo() -> Command {
    program("cargo")
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from)
}

/// Runs it with our own input and output, and passes its verdict on.
pub(crate) fn status_of(command: &mut Command) -> anyhow::Result<ExitCode> {
    let status = command
        .status()
        .with_context(|| format!("starting {}", line(command)))?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs it with our own input and output; an error if it fails.
pub(crate) fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("starting {}", line(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", line(command));
    }
    Ok(())
}

/// What a program wrote, and whether it was content.
pub(crate) struct Captured {
    pub(crate) text: String,
    pub(crate) is_success: bool,
}

/// Runs it and keeps both outputs, standard output first, without showing them.
pub(crate) fn capture(command: &mut Command) -> anyhow::Result<Captured> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {}", line(command)))?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok(Captured {
        text,
        is_success: output.status.success(),
    })
}

/// Which of a program's outputs is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watched {
    Stdout,
    Stderr,
}

/// Runs it, shows everything as it comes, and keeps what the watched output said.
pub(crate) fn watch(command: &mut Command, watched: Watched) -> anyhow::Result<Captured> {
    command.stdin(Stdio::null());
    match watched {
        Watched::Stdout => command.stdout(Stdio::piped()),
        Watched::Stderr => command.stderr(Stdio::piped()),
    };
    let mut child = command
        .spawn()
        .with_context(|| format!("starting {}", line(command)))?;
    let mut text = String::new();
    match watched {
        Watched::Stdout => {
            let pipe = child.stdout.take().context("the output was not piped")?;
            for line in lossy_lines(pipe) {
                let line = line?;
                println!("{line}");
                text.push_str(&line);
                text.push('\n');
            }
        }
        Watched::Stderr => {
            let pipe = child.stderr.take().context("the output was not piped")?;
            for line in lossy_lines(pipe) {
                let line = line?;
                eprintln!("{line}");
                text.push_str(&line);
                text.push('\n');
            }
        }
    }
    let is_success = child.wait()?.success();
    Ok(Captured { text, is_success })
}

/// Lines of a pipe; a test may print bytes that are not text, which must not end the reading.
fn lossy_lines(pipe: impl std::io::Read) -> impl Iterator<Item = std::io::Result<String>> {
    BufReader::new(pipe)
        .split(b'\n')
        .map(|line| line.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// The command as a person would type it, for messages.
pub(crate) fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned()),
    );
    words.join(" ")
}
