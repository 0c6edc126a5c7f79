//! Hookline with an account and an automation, beside a Graph API that answers at once.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::Context;
use serde_json::json;

use crate::api::{Api, TOKEN};
use crate::peer::{Peer, RunningPeer, pinned};
use crate::scenario::Settings;

/// The account every generated delivery is for.
const ACCOUNT: &str = "17841400000000001";

/// Private replies Hookline may send in an hour, and at once: many times what Meta allows one
/// account, so that sending is at work while deliveries come.
const REPLIES_PER_HOUR: u32 = 360_000;

/// The same for each second, in words for the page.
pub const REPLIES: &str = "100 private replies a second";

/// What is running; it ends when this is dropped.
#[derive(Debug)]
pub struct Connected {
    /// Hookline.
    pub server: RunningPeer,
    /// The Graph API, which is only there to end with this.
    _graph: Graph,
}

#[derive(Debug)]
struct Graph(Child);

impl Drop for Graph {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Connected {
    /// Starts both on the database in the directory, free on all cores, and connects the account;
    /// with an automation that answers every generated comment, if one is wanted.
    pub fn start(
        settings: &Settings,
        directory: &Path,
        is_automated: bool,
    ) -> anyhow::Result<Self> {
        let graph = pinned(&settings.program("graph")?, None)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        let mut graph = Graph(graph.context("starting the graph api")?);
        let address = told_address(&mut graph.0)?;
        let peer = Peer::Hookline {
            program: settings.program("hookline")?,
        };
        let server = RunningPeer::start_with(&peer, directory, None, &variables(&address))?;
        let connected = Self {
            server,
            _graph: graph,
        };
        connected.connect(is_automated)?;
        Ok(connected)
    }

    fn connect(&self, is_automated: bool) -> anyhow::Result<()> {
        let api = self.api();
        let account = json!({
            "username": "bench",
            "access_token": "bench-access-token",
            "login": "instagram",
        });
        let automation = json!({
            "name": "link-on-comment",
            "trigger": {"on": "comment"},
            "match": {"mode": "word", "any": ["link"]},
            "steps": [{"do": "private_reply", "text": "Hi {{ contact.username }}, here it is"}],
        });
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(async {
                api.put(&format!("/accounts/{ACCOUNT}"), &account).await?;
                if is_automated {
                    api.put("/automations/link-on-comment", &automation).await?;
                }
                Ok(())
            })
    }

    fn api(&self) -> Api {
        Api {
            address: self.server.address(),
        }
    }

    /// Asks Hookline to end and waits until it has.
    pub fn stop(self) -> anyhow::Result<()> {
        self.server.stop()
    }

    /// Deliveries that are recorded and not yet interpreted and routed.
    pub fn backlog(&self) -> anyhow::Result<f64> {
        self.metric("hookline_backlog")
    }

    /// A figure of `/metrics`, with its labels as printed; 0 where it is not there.
    pub fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = self.server.get("/metrics")?;
        metric_in(&text, name)
    }
}

fn metric_in(text: &str, name: &str) -> anyhow::Result<f64> {
    let value = text
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .find(|(found, _)| *found == name);
    value.map_or(Ok(0.0), |(_, value)| {
        value.parse().with_context(|| format!("reading {name}"))
    })
}

/// The address a program of ours prints when it listens.
fn told_address(child: &mut Child) -> anyhow::Result<String> {
    let mut line = String::new();
    let output = child.stdout.take().context("its output")?;
    BufReader::new(output).read_line(&mut line)?;
    let address = line.trim().rsplit(' ').next().unwrap_or_default();
    Ok(address.to_owned())
}

fn variables(graph: &str) -> [(&'static str, String); 6] {
    let url = format!("http://{graph}");
    [
        ("HOOKLINE_META__GRAPH_URL", url.clone()),
        ("HOOKLINE_META__INSTAGRAM_GRAPH_URL", url),
        ("HOOKLINE_ADMIN__TOKEN", TOKEN.to_owned()),
        ("HOOKLINE_SENDING__FIRST_REPLY_DELAY", "0s".to_owned()),
        (
            "HOOKLINE_SENDING__PRIVATE_REPLIES_PER_HOUR",
            REPLIES_PER_HOUR.to_string(),
        ),
        ("HOOKLINE_SENDING__PRIVATE_REPLY_BURST", "25".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_found_by_its_whole_name() {
        let text = "# TYPE hookline_backlog gauge\nhookline_backlog_max 9\nhookline_backlog 3\n";
        assert!((metric_in(text, "hookline_backlog").unwrap() - 3.0).abs() < f64::EPSILON);
        assert!(metric_in(text, "hookline_other").unwrap().abs() < f64::EPSILON);
    }
}
