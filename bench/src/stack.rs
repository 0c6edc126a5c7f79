//! The stacks people write today for the same work: their sources are in `bench/peers`.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::deliveries::SECRET;
use crate::machine::version;
use crate::peer::pinned;
use crate::redis::{self, Fsync, Redis};

/// What a stack is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Fastify and `BullMQ`.
    Fastify,
    /// Express and `BullMQ`.
    Express,
    /// `FastAPI` on uvicorn, and arq.
    FastApi,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fastify, Self::Express, Self::FastApi];

    /// What pages call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fastify => "Fastify + BullMQ",
            Self::Express => "Express + BullMQ",
            Self::FastApi => "FastAPI + arq",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Fastify => "fastify",
            Self::Express => "express",
            Self::FastApi => "fastapi",
        }
    }

    fn files(self) -> &'static [&'static str] {
        match self {
            Self::Fastify | Self::Express => {
                &["server.js", "package.json", "package-lock.json", ".npmrc"]
            }
            Self::FastApi => &["app.py", "requirements.txt"],
        }
    }

    /// The programs it cannot do without, and where Debian has them.
    fn needs(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Fastify | Self::Express => {
                &[("node", "nodejs (20 or later)"), ("npm", "npm"), REDIS]
            }
            Self::FastApi => &[("python3", "python3-venv"), REDIS],
        }
    }

    /// What is not on this machine, in words; `None` when nothing is missing.
    pub fn missing(self) -> Option<String> {
        let is_missing =
            |(program, _): &&(&str, &str)| version(program, "--version") == "not installed";
        let missing: Vec<_> = self
            .needs()
            .iter()
            .filter(is_missing)
            .map(|(program, package)| format!("`{program}` (Debian: {package})"))
            .collect();
        (!missing.is_empty()).then(|| format!("needs {}", missing.join(" and ")))
    }

    /// Installs it with its dependencies below the directory, unless this very version is there.
    pub fn install(self, sources: &Path, below: &Path) -> anyhow::Result<Installed> {
        let from = sources.join(self.folder());
        let folder = below.join(self.folder());
        let wanted = contents(&from, self.files())?;
        // Written last, so that an installation that was broken off begins again.
        let seal = folder.join("installed");
        if fs::read(&seal).is_ok_and(|found| found == wanted) {
            return Ok(Installed { kind: self, folder });
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).context("removing an older installation")?;
        }
        fs::create_dir_all(&folder)?;
        for file in self.files() {
            fs::copy(from.join(file), folder.join(file))
                .with_context(|| format!("copying {file}"))?;
        }
        self.fetch(&folder)
            .with_context(|| format!("installing {}", self.name()))?;
        fs::write(seal, wanted)?;
        Ok(Installed { kind: self, folder })
    }

    fn fetch(self, folder: &Path) -> anyhow::Result<()> {
        match self {
            Self::Fastify | Self::Express => succeed("npm", &["ci", "--omit=dev"], folder),
            Self::FastApi => {
                succeed("python3", &["-m", "venv", "venv"], folder)?;
                let install = ["-m", "pip", "install", "--quiet", "-r", "requirements.txt"];
                succeed("venv/bin/python", &install, folder)
            }
        }
    }
}

const REDIS: (&str, &str) = (redis::PROGRAM, "redis-server");

fn contents(folder: &Path, files: &[&str]) -> anyhow::Result<Vec<u8>> {
    let mut all = Vec::new();
    for file in files {
        let path = folder.join(file);
        all.extend(fs::read(&path).with_context(|| format!("reading {}", path.display()))?);
    }
    Ok(all)
}

fn succeed(program: &str, arguments: &[&str], folder: &Path) -> anyhow::Result<()> {
    // A relative program would be looked for where we are, not where it shall run.
    let path = folder.join(program);
    let program = if path.exists() { path } else { program.into() };
    let output = Command::new(&program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {}", program.display()))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} ended with {}: {words}",
            program.display(),
            output.status
        );
    }
    Ok(())
}

/// A stack whose dependencies are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    kind: Kind,
    folder: PathBuf,
}

/// A stack as it is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// What is run.
    pub installed: Installed,
    /// When its Redis has what it acknowledged on the disk.
    pub fsync: Fsync,
    /// How many of it serve one port.
    pub workers: u8,
}

impl Stack {
    /// What pages call it.
    pub fn name(&self) -> String {
        let (kind, fsync) = (self.installed.kind.name(), self.fsync.name());
        match self.workers {
            1 => format!("{kind}, {fsync}"),
            workers => format!("{kind}, {fsync}, {workers} processes"),
        }
    }

    /// Its Redis, in the directory.
    pub fn redis(&self, directory: &Path, core: Option<usize>) -> anyhow::Result<Redis> {
        Redis::start(directory, self.fsync, core)
    }

    /// What starts it there with that Redis.
    pub fn command(&self, address: SocketAddr, redis: &Redis, core: Option<usize>) -> Command {
        let folder = &self.installed.folder;
        let mut command = match self.installed.kind {
            Kind::Fastify | Kind::Express => {
                let mut command = pinned(Path::new("node"), core);
                command
                    .arg(folder.join("server.js"))
                    .env("NODE_ENV", "production")
                    .env("PROCESSES", self.workers.to_string());
                command
            }
            Kind::FastApi => {
                let mut command = pinned(&folder.join("venv/bin/python"), core);
                command
                    .args(["-m", "uvicorn", "app:app", "--app-dir"])
                    .arg(folder)
                    .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
                    .args(["--loop", "uvloop", "--http", "httptools"])
                    .args(["--no-access-log", "--log-level", "warning"])
                    .args(["--workers", &self.workers.to_string()]);
                command
            }
        };
        command
            .env("PORT", address.port().to_string())
            .env("REDIS_PORT", redis.address().port().to_string())
            .env("APP_SECRET", SECRET);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
    }

    #[test]
    fn every_stack_has_its_files_and_pins_all_it_uses() {
        for kind in Kind::ALL {
            let text = contents(&sources().join(kind.folder()), kind.files()).unwrap();
            let text = String::from_utf8(text).unwrap();
            assert!(!text.contains("\"resolved\""), "{kind:?} names a registry");
        }
        let python = fs::read_to_string(sources().join("fastapi/requirements.txt")).unwrap();
        assert!(python.lines().all(|line| line.contains("==")), "{python}");
    }

    #[test]
    fn what_is_installed_already_is_not_installed_again() {
        let below = tempfile::tempdir().unwrap();
        let kind = Kind::Fastify;
        let folder = below.path().join(kind.folder());
        fs::create_dir_all(&folder).unwrap();
        let seal = contents(&sources().join(kind.folder()), kind.files()).unwrap();
        fs::write(folder.join("installed"), seal).unwrap();
        let installed = kind.install(&sources(), below.path()).unwrap();
        assert_eq!(
            installed,
            Installed {
                kind,
                folder: folder.clone()
            }
        );
        assert!(!folder.join("server.js").exists());
    }

    #[test]
    fn names_tell_variants_apart() {
        let installed = Installed {
            kind: Kind::FastApi,
            folder: PathBuf::new(),
        };
        let stack = |fsync, workers| Stack {
            installed: installed.clone(),
            fsync,
            workers,
        };
        assert_eq!(stack(Fsync::Always, 1).name(), "FastAPI + arq, always");
        assert_eq!(
            stack(Fsync::EverySecond, 2).name(),
            "FastAPI + arq, everysec, 2 processes"
        );
    }
}
