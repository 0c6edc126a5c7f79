//! Takes the given values key by key, reads each as its kind, and keeps the problems.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use hookline_model::secret::Secret;
use zeroize::Zeroizing;

use super::keys;
use super::layers::{Given, Raw};
use super::problem::{Finding, Origin, Problems};
use super::value::{self, Unfit};

pub(super) struct Reader {
    given: BTreeMap<&'static str, Given>,
    problems: Vec<Finding>,
}

impl Reader {
    pub(super) fn new(given: BTreeMap<&'static str, Given>, problems: Vec<Finding>) -> Self {
        Self { given, problems }
    }

    pub(super) fn finish(self) -> Result<(), Problems> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(Problems(self.problems))
        }
    }

    /// Who gave this key.
    pub(super) fn origin(&self, path: &str) -> Origin {
        self.given
            .get(path)
            .map_or(Origin::Default, |given| given.origin.clone())
    }

    /// Whether nothing is wrong with these keys so far, so that they can be compared.
    pub(super) fn are_sound(&self, paths: &[&str]) -> bool {
        !self
            .problems
            .iter()
            .any(|problem| paths.contains(&problem.key.as_str()))
    }

    pub(super) fn problem(&mut self, path: &str, unfit: Unfit) {
        let finding = Finding::new(path, self.origin(path), unfit.what, unfit.remedy);
        self.problems.push(finding);
    }

    /// The text given for a key. An empty one is none where none is possible, because a variable
    /// that is set to nothing is how compose files and unit files leave things out.
    fn text(&mut self, path: &str) -> Option<Zeroizing<String>> {
        let has_default = keys::find(path).is_some_and(|key| key.default.is_some());
        let given = self.given.get(path)?;
        let Raw::Text(text) = &given.value else {
            return None;
        };
        if text.trim().is_empty() {
            let is_file = matches!(given.origin, Origin::SecretFile { .. });
            if has_default || is_file {
                self.problem(path, Unfit::new("is empty", "give a value or remove it"));
            }
            return None;
        }
        Some(text.clone())
    }

    /// Reads an optional key; a text that does not fit is a problem and counts as none.
    pub(super) fn optional<T>(
        &mut self,
        path: &str,
        read: impl FnOnce(&str) -> Result<T, Unfit>,
    ) -> Option<T> {
        let text = self.text(path)?;
        match read(&text) {
            Ok(value) => Some(value),
            Err(mut unfit) => {
                let is_secret = keys::find(path).is_some_and(|key| key.is_secret);
                if !is_secret {
                    unfit.what = format!("\"{}\" {}", text.as_str(), unfit.what);
                }
                self.problem(path, unfit);
                None
            }
        }
    }

    /// Reads a key that has a default; `instead` stands in when there is a problem with it.
    pub(super) fn required<T>(
        &mut self,
        path: &str,
        instead: T,
        read: impl FnOnce(&str) -> Result<T, Unfit>,
    ) -> T {
        self.optional(path, read).unwrap_or(instead)
    }

    pub(super) fn duration(&mut self, path: &str, range: RangeInclusive<Duration>) -> Duration {
        let instead = *range.start();
        self.required(path, instead, |text| {
            let duration = value::duration(text)?;
            let print = |duration: &Duration| humantime::format_duration(*duration).to_string();
            within(duration, &range, print)
        })
    }

    pub(super) fn size(&mut self, path: &str, range: RangeInclusive<usize>) -> usize {
        let instead = *range.start();
        self.required(path, instead, |text| {
            within(value::size(text)?, &range, |size| format!("{size}B"))
        })
    }

    pub(super) fn count<T>(&mut self, path: &str, range: RangeInclusive<T>) -> T
    where
        T: Copy + PartialOrd + Display + std::str::FromStr,
    {
        let instead = *range.start();
        self.required(path, instead, |text| {
            let count = text.parse::<T>().map_err(|_| {
                let between = format!("write one from {} to {}", range.start(), range.end());
                Unfit::new("is not a whole number in range", between)
            })?;
            within(count, &range, T::to_string)
        })
    }

    pub(super) fn secret(&mut self, path: &str) -> Option<Secret> {
        self.text(path).map(|text| Secret::new(text.as_str()))
    }

    /// The entries of a list; an empty one is a problem.
    pub(super) fn list(&mut self, path: &str) -> Vec<Zeroizing<String>> {
        let Some(Raw::List(entries)) = self.given.get(path).map(|given| &given.value) else {
            return Vec::new();
        };
        let entries = entries.clone();
        if entries.iter().any(|entry| entry.trim().is_empty()) {
            let unfit = Unfit::new("has an empty entry", "remove it, or the comma too many");
            self.problem(path, unfit);
        }
        entries
    }

    /// The entries of a list, each read; the problems name the entry by its place.
    pub(super) fn list_of<T>(
        &mut self,
        path: &str,
        read: impl Fn(&str) -> Result<T, Unfit>,
    ) -> Vec<T> {
        let mut values = Vec::new();
        for (index, entry) in self.list(path).iter().enumerate() {
            match read(entry) {
                Ok(value) => values.push(value),
                Err(unfit) => {
                    let what = format!("entry {} {}", index + 1, unfit.what);
                    self.problem(path, Unfit::new(what, unfit.remedy));
                }
            }
        }
        values
    }
}

fn within<T: PartialOrd>(
    value: T,
    range: &RangeInclusive<T>,
    print: impl Fn(&T) -> String,
) -> Result<T, Unfit> {
    if range.contains(&value) {
        return Ok(value);
    }
    let between = format!(
        "write one from {} to {}",
        print(range.start()),
        print(range.end())
    );
    Err(Unfit::new("is out of range", between))
}
