//! What the stages do, as metrics.

use std::time::Duration;

use hookline_engine::alerts::{Signs, TellReport};
use hookline_engine::interpret::InterpretReport;
use hookline_engine::reconcile::ReconcileReport;
use hookline_engine::worker::Observer;

use crate::metrics::{Metrics, Verdict};

impl Observer for Metrics {
    fn interpreted(&self, report: &InterpretReport) {
        tracing::debug!(?report, "interpreted");
    }

    fn attempt(&self, outcome: &'static str, lateness: Duration) {
        self.count_attempts(outcome, 1);
        self.observe_lateness(lateness);
    }

    fn reconciled(&self, report: &ReconcileReport) {
        if *report != ReconcileReport::default() {
            tracing::info!(?report, "reconciled");
        }
    }

    fn incident(&self, is_open: bool) {
        self.set_incident(is_open);
    }

    fn told(&self, report: &TellReport) {
        let TellReport {
            delivered,
            failed,
            given_up,
        } = *report;
        for (outcome, notices) in [
            ("delivered", delivered),
            ("failed", failed),
            ("given_up", given_up),
        ] {
            if notices > 0 {
                self.count_notices(outcome, u64::try_from(notices).unwrap_or(u64::MAX));
            }
        }
    }
}

/// What is counted anyway is what alerts go by, so that counting costs the path to the 200 nothing
/// more.
impl Signs for Metrics {
    fn refused_signatures(&self) -> u64 {
        [
            Verdict::MissingSignature,
            Verdict::MalformedSignature,
            Verdict::WrongSignature,
        ]
        .into_iter()
        .map(|verdict| self.deliveries_of(verdict))
        .sum()
    }

    fn unrecorded_deliveries(&self) -> u64 {
        self.deliveries_of(Verdict::Unavailable)
    }

    fn is_incident(&self) -> bool {
        self.has_incident()
    }
}
