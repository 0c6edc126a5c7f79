//! Collects what each layer gives: defaults, file, environment, flags; a later one wins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::keys::{self, KEYS, Key, VARIABLE_PREFIX};
use super::problem::{Finding, Origin};
use super::source::Sources;

/// Largest configuration or secret file; anything larger was named by mistake.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A value as written, before its kind is looked at.
pub(super) enum Raw {
    Text(Zeroizing<String>),
    List(Vec<Zeroizing<String>>),
}

/// A value, and who gave it.
pub(super) struct Given {
    pub(super) value: Raw,
    pub(super) origin: Origin,
}

/// What all layers together give for every key.
pub(super) struct Layers {
    pub(super) given: BTreeMap<&'static str, Given>,
    pub(super) problems: Vec<Finding>,
}

/// Reads every layer. What cannot be read is a problem, and the rest is read all the same.
pub(super) fn gather(sources: &Sources) -> Layers {
    let mut gathering = Gathering {
        directory: sources.directory.clone(),
        given: BTreeMap::new(),
        twins: BTreeMap::new(),
        problems: Vec::new(),
    };
    gathering.add_defaults();
    gathering.add_file(sources.file.as_deref());
    gathering.add_variables(sources);
    gathering.add_flags(sources);
    gathering.read_twins();
    Layers {
        given: gathering.given,
        problems: gathering.problems,
    }
}

struct Gathering {
    directory: PathBuf,
    given: BTreeMap<&'static str, Given>,
    twins: BTreeMap<&'static str, (PathBuf, Origin)>,
    problems: Vec<Finding>,
}

impl Gathering {
    fn add_defaults(&mut self) {
        for key in KEYS {
            if let Some(default) = key.default {
                self.set(key, split(key, default), Origin::Default);
            }
        }
    }

    fn add_file(&mut self, named: Option<&Path>) {
        let path = self
            .directory
            .join(named.unwrap_or(Path::new("hookline.toml")));
        let text = match read_bounded(&path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                return;
            }
            Err(error) => {
                let what = format!("{} cannot be read ({error})", path.display());
                let remedy = "name a TOML file that this user may read";
                self.problem("--config", Origin::Flag("--config"), &what, remedy);
                return;
            }
        };
        let origin = |start: usize| Origin::File {
            path: path.clone(),
            line: line_of(&text, start),
        };
        let (table, errors) = DeTable::parse_recoverable(&text);
        for error in errors {
            let start = error.span().map_or(0, |span| span.start);
            // Only the message: the error's own rendering prints the line, which may hold a secret.
            let what = format!("is not TOML ({})", error.message().trim());
            self.problem(
                "configuration file",
                origin(start),
                &what,
                "correct the line",
            );
        }
        for (name, section) in table.get_ref() {
            let section_name = name.get_ref();
            let Some(entries) = section.get_ref().as_table() else {
                self.unknown(section_name, section_name, origin(name.span().start));
                continue;
            };
            if !keys::SECTIONS
                .iter()
                .any(|(known, _)| known == section_name)
                && entries.is_empty()
            {
                self.unknown(section_name, section_name, origin(name.span().start));
            }
            for (name, value) in entries {
                let path = format!("{section_name}.{}", name.get_ref());
                self.add_entry(&path, value.get_ref(), origin(name.span().start));
            }
        }
    }

    fn add_entry(&mut self, path: &str, value: &DeValue<'_>, origin: Origin) {
        if let Some(key) = keys::find(path) {
            let (read, remedy) = if key.kind.is_list() {
                let list = value.as_array().and_then(texts).map(Raw::List);
                (list, "write it as [\"first\", \"second\"]")
            } else {
                (scalar(value).map(Raw::Text), "write one value")
            };
            if let Some(read) = read {
                self.set(key, read, origin);
            } else {
                let what = format!("is not a {}", key.kind.describe());
                self.problem(path, origin, &what, remedy);
            }
        } else if let Some(key) = keys::find_twin(path) {
            match value.as_str() {
                Some(file) => self.set_twin(key, PathBuf::from(file), origin),
                None => self.problem(path, origin, "is not a path", "write it in quotes"),
            }
        } else {
            self.unknown(path, path, origin);
        }
    }

    fn add_variables(&mut self, sources: &Sources) {
        for (name, value) in &sources.variables {
            let Some(name) = name
                .to_str()
                .filter(|name| name.starts_with(VARIABLE_PREFIX))
            else {
                continue;
            };
            if is_service_link(name) {
                continue;
            }
            let origin = Origin::Variable(name.to_owned());
            let path = path_of_variable(name);
            let is_known = keys::variable(&path) == *name
                && (keys::find(&path).is_some() || keys::find_twin(&path).is_some());
            if !is_known {
                self.unknown(name, &path, origin);
                continue;
            }
            let Some(value) = value.to_str() else {
                self.problem(&path, origin, "is not UTF-8", "write it as UTF-8 text");
                continue;
            };
            if let Some(key) = keys::find(&path) {
                self.set(key, split(key, value), origin);
            } else if let Some(key) = keys::find_twin(&path).filter(|_| !value.is_empty()) {
                self.set_twin(key, PathBuf::from(value), origin);
            }
        }
    }

    fn add_flags(&mut self, sources: &Sources) {
        let flags = [
            ("server.listen", "--listen", &sources.flags.listen),
            ("store.url", "--store", &sources.flags.store_url),
        ];
        for (path, flag, value) in flags {
            if let (Some(key), Some(value)) = (keys::find(path), value) {
                self.set(key, split(key, value), Origin::Flag(flag));
            }
        }
    }

    fn read_twins(&mut self) {
        for (path, (file, named_by)) in std::mem::take(&mut self.twins) {
            let Some(key) = keys::find(path) else {
                continue;
            };
            let direct = self.given.get(path).map(|given| given.origin.clone());
            if let Some(direct) = direct.filter(|origin| *origin != Origin::Default) {
                let what = format!("is given twice: here, and as {} ({named_by})", key.twin());
                self.problem(path, direct, &what, "keep one of the two");
                continue;
            }
            let file = self.directory.join(file);
            match read_bounded(&file).map(Zeroizing::new) {
                Ok(text) => {
                    let text = text.trim_end_matches(['\n', '\r']);
                    let value = if key.kind.is_list() {
                        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                        Raw::List(lines.map(|line| Zeroizing::new(line.to_owned())).collect())
                    } else {
                        Raw::Text(Zeroizing::new(text.to_owned()))
                    };
                    let named_by = Box::new(named_by);
                    self.set(
                        key,
                        value,
                        Origin::SecretFile {
                            path: file,
                            named_by,
                        },
                    );
                }
                Err(error) => {
                    let what = format!("{} cannot be read ({error})", file.display());
                    let remedy = "name a file that this user may read";
                    self.problem(&key.twin(), named_by, &what, remedy);
                }
            }
        }
    }

    fn set(&mut self, key: &'static Key, value: Raw, origin: Origin) {
        self.given.insert(key.path, Given { value, origin });
    }

    fn set_twin(&mut self, key: &'static Key, file: PathBuf, origin: Origin) {
        self.twins.insert(key.path, (file, origin));
    }

    fn problem(&mut self, key: &str, origin: Origin, what: &str, remedy: &str) {
        self.problems.push(Finding::new(key, origin, what, remedy));
    }

    /// `written` is what the owner wrote, `path` the key it would be.
    fn unknown(&mut self, written: &str, path: &str, origin: Origin) {
        let is_variable = matches!(origin, Origin::Variable(_));
        let remedy = match keys::nearest(path) {
            Some(known) if is_variable => format!("did you mean {}?", keys::variable(&known)),
            Some(known) => format!("did you mean {known}?"),
            None => "remove it, or see docs/CONFIGURATION.md for the keys".to_owned(),
        };
        self.problem(written, origin, "is not a known key", &remedy);
    }
}

/// `HOOKLINE_SERVER__LISTEN` is `server.listen`; a single underscore after a section's name is
/// taken for the slip it is, so that the hint for it is the right one.
fn path_of_variable(name: &str) -> String {
    let name = name
        .strip_prefix(VARIABLE_PREFIX)
        .unwrap_or(name)
        .to_ascii_lowercase();
    match name.split_once("__") {
        Some((section, key)) => format!("{section}.{key}"),
        None => name.replacen('_', ".", 1),
    }
    .trim()
    .to_owned()
}

/// Kubernetes gives every container variables named after the services beside it, so a service
/// called `hookline` would otherwise keep Hookline from starting.
fn is_service_link(name: &str) -> bool {
    !name.contains("__")
        && (name.ends_with("_SERVICE_HOST")
            || name.contains("_SERVICE_PORT")
            || name.ends_with("_PORT")
            || ["_TCP", "_UDP", "_SCTP"]
                .iter()
                .any(|part| name.contains(part)))
}

/// Text of the environment, the command line or a default, which separate lists by commas.
fn split(key: &Key, text: &str) -> Raw {
    let own = |text: &str| Zeroizing::new(text.to_owned());
    if !key.kind.is_list() {
        return Raw::Text(own(text));
    }
    if text.trim().is_empty() {
        return Raw::List(Vec::new());
    }
    Raw::List(text.split(',').map(|part| own(part.trim())).collect())
}

fn texts(array: &toml::de::DeArray<'_>) -> Option<Vec<Zeroizing<String>>> {
    array
        .iter()
        .map(|item| item.get_ref().as_str())
        .map(|text| text.map(|text| Zeroizing::new(text.to_owned())))
        .collect()
}

fn scalar(value: &DeValue<'_>) -> Option<Zeroizing<String>> {
    match value {
        DeValue::String(text) => Some(Zeroizing::new(text.clone().into_owned())),
        DeValue::Integer(number) => Some(Zeroizing::new(number.as_str().to_owned())),
        DeValue::Float(number) => Some(Zeroizing::new(number.as_str().to_owned())),
        DeValue::Boolean(truth) => Some(Zeroizing::new(truth.to_string())),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    1 + before.split(|byte| *byte == b'\n').skip(1).count()
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = std::fs::File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(std::io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}
