//! What is asked of Meta: whether it is there, what time it is, the app, the accounts.

use std::sync::Arc;
use std::time::Duration;

use hookline_engine::doctor::{AccountDoctor, Finding, Judgement, Subject, examine_app, judge};
use hookline_engine::keyring::KeyRing;
use hookline_engine::subscribe::Subscriber;
use hookline_meta::graph::{AppCredentials, GraphClient};
use hookline_model::clock::{Clock as _, Timestamp};
use hookline_store::{Store, StoreError};

use super::DoctorArgs;
use super::patients;
use super::visit::{Obstacle, Seen, Visitor};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::telemetry::Chain;
use crate::wiring::meta as wiring;

/// How long one call to Meta may take.
const CALL_MAX: Duration = Duration::from_secs(8);

/// How long so many accounts together may take, and how much each further one of `--all` adds.
const ACCOUNTS_MAX: Duration = Duration::from_secs(25);
const ACCOUNTS_IN_TIME: usize = 50;
const ACCOUNT_MORE: Duration = Duration::from_millis(500);

/// No more than so many further accounts add to it: ten minutes are enough for anybody to wait.
const MORE_MAX: u32 = 1_200;

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
    app: Option<AppCredentials>,
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
            app: wiring::meta_app(config),
            subscriber: wiring::subscriber(config, &graph),
            graph,
            hosts,
        })
    }

    /// Looks at the app and the accounts.
    pub(super) async fn examine(self, args: &DoctorArgs) -> Vec<Finding> {
        let has_facebook = match &self.store {
            // What keeps it from being read is told below.
            Some(store) => store.has_facebook_accounts().await.unwrap_or_default(),
            None => false,
        };
        let mut findings = self.hosts.findings.clone();
        if self.hosts.has_graph {
            let app = self.app.as_ref();
            let looked = examine_app(&self.graph, app, &self.subscriber, has_facebook);
            findings.extend(looked.await);
        } else {
            let skipped = Judgement::skipped("The app cannot be asked about, see above.");
            findings.push(skipped.on("app_credentials", &Subject::App));
        }
        let Some(store) = self.store.clone() else {
            let without = "Without a database there are no accounts to look at.";
            let skipped = Judgement::skipped(without);
            findings.push(skipped.on("accounts", &Subject::Machine));
            return findings;
        };
        let found = self.accounts(&store, args).await;
        store.close().await;
        findings.extend(found.unwrap_or_else(|problem| vec![unread(&problem)]));
        findings
    }

    async fn accounts(
        self,
        store: &Arc<Store>,
        args: &DoctorArgs,
    ) -> Result<Vec<Finding>, StoreError> {
        let now = SystemClock.now();
        let admitted = patients::admit(store, args).await?;
        let can_ask = self.hosts.has_graph || self.hosts.has_instagram;
        let doctor = AccountDoctor {
            store: Arc::clone(store),
            keys: self.keys,
            graph: can_ask.then_some(self.graph),
            subscriber: self.subscriber,
            now,
        };
        let mut findings = vec![doctor.examine_mode(&admitted.everyone).await?];
        for alert in &admitted.of_app {
            findings.push(judge::open_alert(alert, now).on("alert", &Subject::App));
        }
        findings.extend(admitted.note);
        let patients = &admitted.patients;
        let more = u32::try_from(patients.len().saturating_sub(ACCOUNTS_IN_TIME));
        let limit = ACCOUNTS_MAX + ACCOUNT_MORE * more.unwrap_or(u32::MAX).min(MORE_MAX);
        findings.extend(doctor.examine_all(patients, limit).await);
        Ok(findings)
    }
}

fn unread(problem: &StoreError) -> Finding {
    let judged = Judgement::fail(
        format!("The accounts could not be read: {}.", Chain(problem)),
        "See whether the disk is full or the file is damaged.",
    );
    judged.on("accounts", &Subject::Machine)
}
