//! Several figures of the same thing, and what is printed of them.

use crate::latency::{median, spread};

/// The middle of several figures, with the smallest and the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// The middle one.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

impl Figure {
    /// Of the values; `None` of none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let (least, most) = spread(values)?;
        Some(Self {
            median: median(values)?,
            least,
            most,
        })
    }
}

/// The values as `median (least to most)`.
pub fn show(values: &[f64], digits: usize) -> String {
    Figure::of(values).map_or(
        "none".to_owned(),
        |Figure {
             median,
             least,
             most,
         }| { format!("{median:.digits$} ({least:.digits$} to {most:.digits$})") },
    )
}

/// The number, as near as a float comes to it.
pub fn float(number: u64) -> f64 {
    let high = u32::try_from(number >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(number & 0xffff_ffff).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
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
    fn large_numbers_stay_large() {
        assert!((float(7) - 7.0).abs() < f64::EPSILON);
        assert!((float(10_000_000_000) - 1e10).abs() < 1.0);
    }
}
