//! Builds the shim with the C compiler that linking needs anyway.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles the shim into `directory`; an error says why it cannot be had here.
pub(super) fn build(directory: &Path) -> Result<PathBuf, String> {
    if !cfg!(all(target_os = "linux", target_pointer_width = "64")) {
        return Err("the shim is written for 64-bit Linux".to_owned());
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/power/shim.c");
    let shim = directory.join("shim.so");
    let mut compile = Command::new("cc");
    compile
        .args([
            "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o",
        ])
        .args([&shim, &source])
        .args(["-ldl", "-lpthread"]);
    let output = compile
        .output()
        .map_err(|error| format!("the C compiler (cc) does not start: {error}"))?;
    assert!(
        output.status.success(),
        "the shim does not compile: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(shim)
}
