//! How large the program is.

use std::fs;

use super::{Settings, at_most, table};
use crate::figure::float;
use crate::section::Section;

/// Measures the file.
pub fn run(settings: &Settings) -> anyhow::Result<Section> {
    let megabytes = float(fs::metadata(settings.program("hookline")?)?.len()) / 1e6;
    let row = vec!["hookline".to_owned(), format!("{megabytes:.1}")];
    Ok(Section {
        key: "binary".to_owned(),
        title: "Size of the program".to_owned(),
        text:
            "The file as the release profile writes it, with everything it embeds. A megabyte is \
               a million bytes."
                .to_owned(),
        tables: vec![table(["program", "MB"], vec![row])],
        bars: vec![at_most(
            "MB of the release binary",
            25.0,
            Some(megabytes),
            1,
        )],
    })
}
