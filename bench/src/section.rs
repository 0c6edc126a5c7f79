//! One part of the report: what was measured, and against which bar.

use serde::{Deserialize, Serialize};

/// What one scenario found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Its name on the command line, in `lower-case-with-dashes`.
    pub key: String,
    /// Its heading.
    pub title: String,
    /// What was done and how, as Markdown.
    pub text: String,
    /// The figures.
    pub tables: Vec<Table>,
    /// What was wanted of it.
    pub bars: Vec<Bar>,
}

/// Figures in rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The headings.
    pub columns: Vec<String>,
    /// One text for each column.
    pub rows: Vec<Vec<String>>,
}

/// One figure we hold ourselves to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// What is measured.
    pub what: String,
    /// What it has to reach.
    pub wanted: String,
    /// What it reached: the median of the runs.
    pub reached: String,
    /// Whether that is enough.
    pub is_met: bool,
}
