//! What is measured of sending and of size, one file each.

pub mod accounts;
pub mod claims;
pub mod lateness;
pub mod sends;

use std::path::{Path, PathBuf};

use crate::drain::{Drain, Running};
use crate::stock::{self, Stock};

/// Where a scenario finds what it measures.
#[derive(Debug, Clone)]
pub struct Place {
    /// The program with `serve`.
    pub hookline: PathBuf,
    /// The Graph API that answers at once.
    pub graph: PathBuf,
    /// Where databases are made: a directory on the disk that is to be measured.
    pub data: PathBuf,
    /// The server's core and the other's.
    pub cores: Option<(usize, usize)>,
    /// Runs of each measurement.
    pub runs: usize,
}

impl Place {
    fn directory(&self) -> anyhow::Result<tempfile::TempDir> {
        Ok(tempfile::tempdir_in(&self.data)?)
    }

    /// Both programs on a database with this stock.
    fn start(&self, directory: &Path, stock: &Stock) -> anyhow::Result<Running> {
        stock::make(directory, stock)?;
        self.start_on(directory)
    }

    pub(crate) fn start_on(&self, directory: &Path) -> anyhow::Result<Running> {
        let drain = Drain {
            hookline: self.hookline.clone(),
            graph: self.graph.clone(),
            cores: self.cores,
            settings: Vec::new(),
        };
        drain.start(directory)
    }
}

/// The median of some figures.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// A rate, and the least and the most of its runs.
fn spread(figures: &[f64]) -> String {
    let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let most = figures.iter().copied().fold(0.0, f64::max);
    format!("{:.0} ({least:.0} to {most:.0})", median(figures.to_vec()))
}
