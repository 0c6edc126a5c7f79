//! `hookline automations`: published automations.
#![expect(
    clippy::print_stdout,
    reason = "what a command finds out goes to the terminal"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use hookline_model::automation::Automation;
use hookline_model::clock::Clock as _;
use hookline_store::{PublishedAutomation, Store};
use serde_json::Value;

use super::table::Table;
use super::{NOT_FOUND, complain, open_existing, open_or_create, print_json, wrong_input};
use crate::clock::SystemClock;
use crate::http::api::automations::shown;

/// Automations read at once.
const PAGE: u32 = 500;

/// What is to be done with automations.
#[derive(Debug, Args)]
pub struct AutomationsArgs {
    #[command(subcommand)]
    command: AutomationsCommand,
}

#[derive(Debug, Subcommand)]
enum AutomationsCommand {
    /// Lists the automations in use.
    List {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Shows the current version of an automation, as TOML that `apply` takes.
    Show {
        /// The automation's name.
        name: String,
        /// Prints JSON, with the version.
        #[arg(long)]
        json: bool,
    },
    /// Publishes automations from TOML files: all of them, or none when one is wrong.
    Apply {
        /// The files, one automation each.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Takes an automation out of use; what it planned still goes out.
    Remove {
        /// The automation's name.
        name: String,
    },
}

/// Does what `args` says on the database of `store_url`. Answers 1 when there is no such
/// automation and 2 when a document is wrong.
pub async fn run(args: AutomationsArgs, store_url: &str) -> anyhow::Result<ExitCode> {
    match args.command {
        AutomationsCommand::List { json } => list(&open_existing(store_url)?, json).await,
        AutomationsCommand::Show { name, json } => {
            show(&open_existing(store_url)?, name, json).await
        }
        AutomationsCommand::Apply { files } => apply(&files, store_url).await,
        AutomationsCommand::Remove { name } => remove(&open_existing(store_url)?, name).await,
    }
}

async fn list(store: &Store, json: bool) -> anyhow::Result<ExitCode> {
    let (mut automations, mut after) = (Vec::new(), None);
    loop {
        let page = store.list_automations(after, PAGE).await?;
        let Some(end) = page.last() else { break };
        after = Some(end.name.clone());
        automations.extend(page);
    }
    if json {
        return print_json(&automations.into_iter().map(shown).collect::<Vec<_>>());
    }
    if automations.is_empty() {
        println!("no automation is in use; publish one with: hookline automations apply <file>");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(["NAME", "VERSION", "PRIORITY", "ON", "PUBLISHED"]);
    for automation in &automations {
        table.row([
            automation.name.clone(),
            automation.version.to_string(),
            priority(automation),
            triggers(automation),
            automation.published_at.to_string(),
        ]);
    }
    print!("{table}");
    Ok(ExitCode::SUCCESS)
}

fn priority(automation: &PublishedAutomation) -> String {
    automation
        .document
        .get("priority")
        .and_then(Value::as_i64)
        .unwrap_or(0)
        .to_string()
}

fn triggers(automation: &PublishedAutomation) -> String {
    let on = automation
        .document
        .pointer("/trigger/on")
        .and_then(Value::as_array);
    let words = on.into_iter().flatten().filter_map(Value::as_str);
    words.collect::<Vec<_>>().join(", ")
}

async fn show(store: &Store, name: String, json: bool) -> anyhow::Result<ExitCode> {
    let Some(automation) = store.find_automation(name.clone()).await? else {
        return Ok(unknown(&name));
    };
    if json {
        return print_json(&shown(automation));
    }
    let PublishedAutomation {
        version,
        published_at,
        document,
        ..
    } = automation;
    println!("# version {version}, published {published_at}");
    // Read back first, because only the document's own type writes it in the order of the pages.
    let text = match Automation::from_json(&document) {
        Ok(automation) => toml::to_string(&automation),
        Err(_) => toml::to_string(&document),
    };
    print!("{}", text.context("cannot write the automation as TOML")?);
    Ok(ExitCode::SUCCESS)
}

async fn apply(files: &[PathBuf], store_url: &str) -> anyhow::Result<ExitCode> {
    let mut documents = Vec::new();
    let mut has_problems = false;
    for file in files {
        match read(file)? {
            Ok(automation) => documents.push(automation),
            Err(problems) => {
                wrong_input(&file.display().to_string(), &problems);
                has_problems = true;
            }
        }
    }
    let mut names: Vec<&str> = documents
        .iter()
        .map(|document| document.name.as_str())
        .collect();
    names.sort_unstable();
    if let Some(name) = names.windows(2).find_map(|pair| match pair {
        [one, other] if one == other => Some(*one),
        _ => None,
    }) {
        complain(&format!("two files name their automation {name}"));
        has_problems = true;
    }
    if has_problems {
        complain("nothing was published");
        return Ok(ExitCode::from(super::WRONG_INPUT));
    }
    let store = open_or_create(store_url)?;
    for automation in documents {
        let name = automation.name.to_string();
        let document = serde_json::to_value(&automation)?;
        let publication = store
            .publish_automation(name.clone(), document, SystemClock.now())
            .await?;
        let done = if publication.is_new {
            "published"
        } else {
            "unchanged:"
        };
        println!("{done} {name}, version {}", publication.version);
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

fn read(
    file: &Path,
) -> anyhow::Result<Result<Automation, Vec<hookline_model::automation::Problem>>> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Automation::from_toml(&text))
}

async fn remove(store: &Store, name: String) -> anyhow::Result<ExitCode> {
    if store
        .remove_automation(name.clone(), SystemClock.now())
        .await?
    {
        println!("{name} is out of use; what it planned still goes out");
        store.close().await;
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(unknown(&name))
    }
}

fn unknown(name: &str) -> ExitCode {
    complain(&format!("no automation in use is named {name}"));
    ExitCode::from(NOT_FOUND)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: AutomationsArgs,
    }

    #[test]
    fn apply_takes_one_file_or_more() {
        let parse = |line: &str| Line::try_parse_from(line.split(' '));
        let parsed = parse("hookline apply a.toml b.toml")
            .expect("it is right")
            .args;
        let AutomationsCommand::Apply { files } = parsed.command else {
            panic!("another command: {:?}", parsed.command);
        };
        assert_eq!(files, [PathBuf::from("a.toml"), PathBuf::from("b.toml")]);
        assert!(parse("hookline apply").is_err());
        assert!(parse("hookline show a --json").is_ok());
    }
}
