//! What the stages do, as metrics.

use std::time::Duration;

use hookline_engine::interpret::InterpretReport;
use hookline_engine::reconcile::ReconcileReport;
use hookline_engine::worker::Observer;

use crate::metrics::Metrics;

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
}
