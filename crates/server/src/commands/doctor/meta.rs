//! What is asked of Meta: whether it is there, what time it is, the app, the accounts.

use std::sync::Arc;
use std::time::Duration;

use hookline_engine::doctor::{AccountDoctor, Finding, Judgement, Subject, examine_app, judge};
use hookline_engine::keyring::KeyRing;
use hookline_engine::subscribe::Subscriber;
use hookline_meta::graph::GraphClient;
use hookline_model::clock::{Clock as _, Timestamp};
use hookline_store::Store;

use super::DoctorArgs;
use super::patients::{self, Admitted};
use super::visit::{Obstacle, Seen, Visitor};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::wiring::meta as wiring;

/// How long one call to Meta may take.
const CALL_MAX: Duration = Duration::from_secs(8);

/// How long all accounts together may take.
const ACCOUNTS_MAX: Duration = Duration::from_secs(30);

/// Whether Meta's hosts can be reached.
pub(super) struct Hosts {
    findings: Vec<Finding>,
    has_graph: bool,
    has_instagram: bool,
}

/// Visits both hosts of Meta as anybody may; the answer, whatever it is, has a date.
pub(super) async fn reach(visitor: &Visitor, config: &Config) -> Hosts {
    let graph = config.meta.graph_url.as_str();
    let instagram = config.meta.instagram_graph_url.as_str();
    let before = SystemClock.now();
    let (seen, seen_instagram) =
        tokio::join!(visitor.visit(graph, &[]), visitor.visit(instagram, &[]));
    // Longer than the visit itself, if anything: a visit takes a second where clocks matter by 30.
    let took = SystemClock.now().since(before);
    let ours = before.plus(took.div_f64(2.0));
    let mut findings = Vec::new();
    for (address, seen) in [(graph, &seen), (instagram, &seen_instagram)] {
        findings.push(judge_host(address, seen).on("meta_reached", &Subject::App));
    }
    if let Ok(seen) = &seen {
        findings.push(judge_clock(ours, seen.date).on("clock_skew", &Subject::App));
    }
    Hosts {
        findings,
        has_graph: seen.is_ok(),
        has_instagram: seen_instagram.is_ok(),
    }
}

fn judge_host(address: &str, seen: &Result<Seen, Obstacle>) -> Judgement {
    match seen {
        Ok(_) => Judgement::ok(format!("{address} is reached.")),
        Err(obstacle) => Judgement::fail(
            format!("{address} cannot be reached: {obstacle}."),
            "See whether this machine is online and may open https connections to Meta.",
        ),
    }
}

fn judge_clock(ours: Timestamp, theirs: Option<Timestamp>) -> Judgement {
    match theirs {
        Some(theirs) => judge::clock_skew(ours, theirs),
        None => {
            Judgement::skipped("Meta's answer has no date to compare this machine's clock with.")
        }
    }
}

/// Everything that asks Meta.
pub(super) struct Doctors {
    store: Option<Arc<Store>>,
    keys: Option<Arc<KeyRing>>,
    graph: Arc<GraphClient>,
    subscriber: Subscriber,
    hosts: Hosts,
}

impl Doctors {
    pub(super) fn new(
        config: &Config,
        store: Option<Arc<Store>>,
        keys: Option<Arc<KeyRing>>,
        hosts: Hosts,
    ) -> anyhow::Result<Self> {
        let graph = wiring::graph_within(config, CALL_MAX)?;
        Ok(Self {
            store,
            keys,
            subscriber: wiring::subscriber(config, &graph),
            graph,
            hosts,
        })
    }

    pub(super) async fn examine(self, args: &DoctorArgs) -> anyhow::Result<Vec<Finding>> {
        let now = SystemClock.now();
        let has_facebook = match &self.store {
            Some(store) => store.has_facebook_accounts().await?,
            None => false,
        };
        let mut findings = self.hosts.findings;
        if self.hosts.has_graph {
            findings.extend(examine_app(&self.subscriber, has_facebook).await);
        } else {
            let skipped = Judgement::skipped("The app cannot be asked about, see above.");
            findings.push(skipped.on("app_credentials", &Subject::App));
        }
        let Some(store) = self.store else {
            let skipped =
                Judgement::skipped("Without a database there are no accounts to look at.");
            findings.push(skipped.on("accounts", &Subject::Machine));
            return Ok(findings);
        };
        let Admitted {
            patients,
            note,
            of_app,
        } = patients::admit(&store, args).await?;
        let can_ask = self.hosts.has_graph || self.hosts.has_instagram;
        let doctor = AccountDoctor {
            store: Arc::clone(&store),
            keys: self.keys,
            graph: can_ask.then_some(self.graph),
            subscriber: self.subscriber,
            now,
        };
        findings.push(doctor.examine_mode(&patients).await);
        for alert in &of_app {
            findings.push(judge::open_alert(alert, now).on("alert", &Subject::App));
        }
        findings.extend(note);
        findings.extend(doctor.examine_all(&patients, ACCOUNTS_MAX).await);
        drop(doctor);
        store.close().await;
        Ok(findings)
    }
}
