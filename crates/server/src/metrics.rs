//! What the product counts, in the `OpenMetrics` text form; every name starts with `hookline_`.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hookline_model::alert::AlertCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The `Content-Type` of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the time to an answer, in seconds: Meta gives up after 5 (contract 2.6).
const ACK_BUCKETS: [f64; 15] = [
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
];

/// Upper bounds of how late an attempt starts, in seconds.
const LATENESS_BUCKETS: [f64; 12] = [
    0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 600.0, 3600.0,
];

/// What became of one POST from Meta, or from someone who pretends to be Meta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Committed and answered 200.
    Recorded,
    /// No signature: 401.
    MissingSignature,
    /// A signature of another form: 401.
    MalformedSignature,
    /// A signature no configured secret made: 401.
    WrongSignature,
    /// Over the body limit: 413.
    TooLarge,
    /// The body took too long: 408.
    Timeout,
    /// The body ended early or was not HTTP: 400, or nobody left to answer.
    Incomplete,
    /// Could not be committed in time: 503.
    Unavailable,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 8] = [
        Self::Recorded,
        Self::MissingSignature,
        Self::MalformedSignature,
        Self::WrongSignature,
        Self::TooLarge,
        Self::Timeout,
        Self::Incomplete,
        Self::Unavailable,
    ];

    /// The verdict as its label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::MissingSignature => "rejected_missing_signature",
            Self::MalformedSignature => "rejected_malformed_signature",
            Self::WrongSignature => "rejected_signature",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::Incomplete => "incomplete",
            Self::Unavailable => "unavailable",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabel {
    verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// Codes are a closed list; the account is not among the labels, because accounts are not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AlertLabel {
    code: &'static str,
    severity: &'static str,
}

/// Every counter, gauge and histogram; shared by reference.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Resolved once, because the path to the 200 passes here.
    deliveries: [Counter; Verdict::ALL.len()],
    ack_seconds: Histogram,
    backlog: Gauge,
    lanes: Family<StateLabel, Gauge>,
    sends: Family<StateLabel, Gauge>,
    attempts: Family<OutcomeLabel, Counter>,
    lateness_seconds: Histogram,
    incident: Gauge,
    alerts: Family<AlertLabel, Gauge>,
    notices: Family<OutcomeLabel, Counter>,
    connections: Gauge,
    connections_shed: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("hookline");
        let deliveries = Family::<VerdictLabel, Counter<u64, AtomicU64>>::default();
        let ack_seconds = Histogram::new(ACK_BUCKETS);
        let lateness_seconds = Histogram::new(LATENESS_BUCKETS);
        let (backlog, connections) = (Gauge::default(), Gauge::default());
        let incident = Gauge::default();
        let (lanes, sends) = (Family::default(), Family::default());
        let attempts = Family::default();
        let (alerts, notices) = (Family::default(), Family::default());
        let connections_shed = Counter::default();
        registry.register(
            "deliveries",
            "POSTs to the webhook, by what became of them",
            deliveries.clone(),
        );
        registry.register(
            "ack_seconds",
            "From a delivery's header to its 200",
            ack_seconds.clone(),
        );
        registry.register(
            "backlog",
            "Deliveries recorded and not interpreted yet",
            backlog.clone(),
        );
        registry.register("lanes", "Lanes, by state", lanes.clone());
        registry.register("sends", "Sends, by state", sends.clone());
        registry.register("attempts", "Attempts, by outcome", attempts.clone());
        registry.register(
            "lateness_seconds",
            "From a send's due time to the start of its attempt",
            lateness_seconds.clone(),
        );
        registry.register(
            "app_incident",
            "1 while sending waits because many accounts get the same error from Meta at once",
            incident.clone(),
        );
        register_alerts(&mut registry, &alerts, &notices);
        registry.register("connections", "Connections open", connections.clone());
        registry.register(
            "connections_shed",
            "Connections closed to make room for others",
            connections_shed.clone(),
        );
        let deliveries = Verdict::ALL.map(|verdict| {
            deliveries.get_or_create_owned(&VerdictLabel {
                verdict: verdict.as_str(),
            })
        });
        Self {
            registry,
            deliveries,
            ack_seconds,
            backlog,
            lanes,
            sends,
            attempts,
            lateness_seconds,
            incident,
            alerts,
            notices,
            connections,
            connections_shed,
        }
    }

    /// Counts one POST.
    pub fn count_delivery(&self, verdict: Verdict) {
        let counters = Verdict::ALL.iter().zip(&self.deliveries);
        for (_, counter) in counters.filter(|(known, _)| **known == verdict) {
            counter.inc();
        }
    }

    /// Notes how long a 200 took, from the request's header on.
    pub fn observe_ack(&self, took: Duration) {
        self.ack_seconds.observe(took.as_secs_f64());
    }

    /// Sets how many deliveries wait to be interpreted.
    pub fn set_backlog(&self, deliveries: i64) {
        self.backlog.set(deliveries);
    }

    /// Sets how many lanes are in a state.
    pub fn set_lanes(&self, state: &'static str, lanes: i64) {
        self.lanes.get_or_create(&StateLabel { state }).set(lanes);
    }

    /// Sets how many sends are in a state.
    pub fn set_sends(&self, state: &'static str, sends: i64) {
        self.sends.get_or_create(&StateLabel { state }).set(sends);
    }

    /// Counts finished attempts of one outcome.
    pub fn count_attempts(&self, outcome: &'static str, attempts: u64) {
        self.attempts
            .get_or_create(&OutcomeLabel { outcome })
            .inc_by(attempts);
    }

    /// Notes how long after its due time an attempt started.
    pub fn observe_lateness(&self, late_by: Duration) {
        self.lateness_seconds.observe(late_by.as_secs_f64());
    }

    /// Says whether sending waits for trouble of the whole app to pass.
    pub fn set_incident(&self, is_open: bool) {
        self.incident.set(i64::from(is_open));
    }

    /// Whether sending waits for trouble of the whole app to pass.
    pub fn has_incident(&self) -> bool {
        self.incident.get() != 0
    }

    /// How many POSTs there were of one verdict.
    pub fn deliveries_of(&self, verdict: Verdict) -> u64 {
        let mut counters = Verdict::ALL.iter().zip(&self.deliveries);
        let found = counters.find(|(known, _)| **known == verdict);
        found.map_or(0, |(_, counter)| counter.get())
    }

    /// Sets how many alerts of a code are open.
    pub fn set_alerts(&self, code: AlertCode, alerts: i64) {
        let label = AlertLabel {
            code: code.as_str(),
            severity: code.severity().as_str(),
        };
        self.alerts.get_or_create(&label).set(alerts);
    }

    /// Counts tries to tell people of alerts.
    pub fn count_notices(&self, outcome: &'static str, notices: u64) {
        self.notices
            .get_or_create(&OutcomeLabel { outcome })
            .inc_by(notices);
    }

    /// One more connection is open.
    pub fn open_connection(&self) {
        self.connections.inc();
    }

    /// One less connection is open.
    pub fn close_connection(&self) {
        self.connections.dec();
    }

    /// One connection was closed to make room.
    pub fn count_shed(&self) {
        self.connections_shed.inc();
    }

    /// Everything, in the `OpenMetrics` text form of [`CONTENT_TYPE`].
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn register_alerts(
    registry: &mut Registry,
    alerts: &Family<AlertLabel, Gauge>,
    notices: &Family<OutcomeLabel, Counter>,
) {
    registry.register(
        "alerts_open",
        "Alerts that are open, by code",
        alerts.clone(),
    );
    registry.register(
        "alert_notices",
        "Tries to tell people of alerts, by outcome",
        notices.clone(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_shown() {
        let metrics = Metrics::new();
        metrics.count_delivery(Verdict::Recorded);
        metrics.count_delivery(Verdict::WrongSignature);
        metrics.count_delivery(Verdict::WrongSignature);
        metrics.observe_ack(Duration::from_micros(150));
        metrics.set_lanes("paced", 3);
        metrics.set_sends("planned", 7);
        metrics.count_attempts("accepted", 5);
        metrics.observe_lateness(Duration::from_millis(20));
        metrics.open_connection();
        metrics.set_alerts(AlertCode::TokenDead, 2);
        let text = metrics.encode().unwrap();
        for line in [
            "hookline_deliveries_total{verdict=\"recorded\"} 1",
            "hookline_deliveries_total{verdict=\"rejected_signature\"} 2",
            "hookline_deliveries_total{verdict=\"unavailable\"} 0",
            "hookline_ack_seconds_bucket{le=\"0.0001\"} 0",
            "hookline_ack_seconds_bucket{le=\"0.0002\"} 1",
            "hookline_backlog 0",
            "hookline_lanes{state=\"paced\"} 3",
            "hookline_sends{state=\"planned\"} 7",
            "hookline_attempts_total{outcome=\"accepted\"} 5",
            "hookline_lateness_seconds_count 1",
            "hookline_connections 1",
            "hookline_alerts_open{code=\"token_dead\",severity=\"critical\"} 2",
            "# EOF",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line}\nin\n{text}"
            );
        }
    }
}
