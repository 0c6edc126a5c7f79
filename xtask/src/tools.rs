//! Finds or installs the programs the gates use.

use std::path::{Path, PathBuf};

use crate::shell::{self, cargo};

/// Where tools of our own installing live; `target` is never part of a commit.
const TOOLS: &str = "target/tools";

/// A cargo subcommand that does not come with the toolchain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    /// Name of the package and of the program.
    pub(crate) name: &'static str,
    /// The version installed where there is none; one that is already there is good enough.
    pub(crate) version: &'static str,
}

/// The test runner.
pub(crate) const NEXTEST: Tool = Tool {
    name: "cargo-nextest",
    version: "0.9.151",
};
/// Licences, advisories, bans and sources.
pub(crate) const DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
};
/// Dependencies that nothing uses.
pub(crate) const MACHETE: Tool = Tool {
    name: "cargo-machete",
    version: "0.9.2",
};

/// A program of the system that a gate or a test starts.
struct SystemProgram {
    program: &'static str,
    /// The Debian packages that bring it.
    packages: &'static [&'static str],
    /// What cannot be done without it.
    needed_for: &'static str,
}

const SYSTEM: &[SystemProgram] = &[
    SystemProgram {
        program: "cc",
        packages: &["gcc", "libc6-dev"],
        needed_for: "compiling the bundled SQLite",
    },
    SystemProgram {
        program: "c++",
        packages: &["g++"],
        needed_for: "compiling libFuzzer",
    },
    SystemProgram {
        program: "valgrind",
        packages: &["valgrind"],
        needed_for: "counting instructions",
    },
];

/// Whether this is continuous integration, where installing needs no asking.
#[expect(
    clippy::disallowed_methods,
    reason = "CI=true is how continuous integration says so"
)]
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// The tool's program, installed first if it is missing and may be; `None` if there is none.
pub(crate) fn find_tool(tool: Tool, may_install: bool) -> anyhow::Result<Option<PathBuf>> {
    let ours = std::path::absolute(Path::new(TOOLS).join("bin").join(tool.name))?;
    if ours.exists() {
        return Ok(Some(ours));
    }
    if let Some(program) = find_program(tool.name) {
        return Ok(Some(program));
    }
    if !may_install {
        return Ok(None);
    }
    install(tool)?;
    Ok(Some(ours))
}

/// Builds the tool without optimisation: it runs for seconds, and an optimised build takes
/// minutes longer.
fn install(tool: Tool) -> anyhow::Result<()> {
    println!("installing {} {} into {TOOLS}", tool.name, tool.version);
    let build = Path::new(TOOLS).join("build");
    shell::succeed(
        cargo()
            .args([
                "install",
                "--locked",
                "--quiet",
                "--profile",
                "dev",
                "--root",
                TOOLS,
            ])
            .arg("--target-dir")
            .arg(&build)
            .args([tool.name, "--version", tool.version]),
    )?;
    // What is left of the build is large, and of no use once the program is there.
    std::fs::remove_dir_all(build)?;
    Ok(())
}

/// The message for a tool that is missing and may not be installed.
pub(crate) fn missing(tool: Tool) -> String {
    format!(
        "{} is not installed; `cargo xtask test --install` does it",
        tool.name
    )
}

/// Installs the Debian packages that are missing, if that is allowed, and says what stays
/// missing. Whoever needs such a program says so themselves when they run.
pub(crate) fn install_system_programs(may_install: bool) -> anyhow::Result<Option<String>> {
    let is_missing = |wanted: &&SystemProgram| find_program(wanted.program).is_none();
    let missing: Vec<_> = SYSTEM.iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    if may_install && find_program("apt-get").is_some() {
        shell::succeed(shell::program("apt-get").args(["update", "-q"]))?;
        shell::succeed(
            shell::program("apt-get")
                .env("DEBIAN_FRONTEND", "noninteractive")
                .args(["install", "-q", "-y", "--no-install-recommends"])
                .args(missing.iter().flat_map(|wanted| wanted.packages)),
        )?;
    }
    let still: Vec<_> = missing
        .into_iter()
        .filter(is_missing)
        .map(|wanted| {
            let packages = wanted.packages.join(", ");
            format!(
                "{} ({}; Debian: {packages})",
                wanted.program, wanted.needed_for
            )
        })
        .collect();
    Ok((!still.is_empty()).then(|| format!("not installed: {}", still.join("; "))))
}

/// The program on the search path.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_on_the_search_path() {
        assert!(find_program("cargo").is_some());
        assert!(find_program("a-program-nobody-has").is_none());
    }
}
