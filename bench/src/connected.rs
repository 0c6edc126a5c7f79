//! Hookline with an account and an automation, beside a Graph API that answers at once.

use std::path::Path;

use serde_json::json;

use crate::api::{Api, TOKEN};
use crate::graph::RunningGraph;
use crate::peer::{Peer, RunningPeer};
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
    _graph: RunningGraph,
}

impl Connected {
    /// Starts both on the database in the directory, free on all cores, and connects the account;
    /// with an automation that answers every generated comment, if one is wanted.
    pub fn start(
        settings: &Settings,
        directory: &Path,
        is_automated: bool,
    ) -> anyhow::Result<Self> {
        let graph = RunningGraph::start(settings, None)?;
        let peer = Peer::Hookline {
            program: settings.program("hookline")?,
        };
        let server = RunningPeer::start_with(&peer, directory, None, &variables(&graph.url()))?;
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
        self.server.metric("hookline_backlog")
    }
}

fn variables(url: &str) -> [(&'static str, String); 6] {
    [
        ("HOOKLINE_META__GRAPH_URL", url.to_owned()),
        ("HOOKLINE_META__INSTAGRAM_GRAPH_URL", url.to_owned()),
        ("HOOKLINE_ADMIN__TOKEN", TOKEN.to_owned()),
        ("HOOKLINE_SENDING__FIRST_REPLY_DELAY", "0s".to_owned()),
        (
            "HOOKLINE_SENDING__PRIVATE_REPLIES_PER_HOUR",
            REPLIES_PER_HOUR.to_string(),
        ),
        ("HOOKLINE_SENDING__PRIVATE_REPLY_BURST", "25".to_owned()),
    ]
}
