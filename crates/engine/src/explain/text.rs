//! An explanation for a terminal.

use std::fmt::Write as _;

use hookline_store::records::{AttemptRecord, SendRecord};

use super::Explanation;
use super::reason::in_words;
use super::summary::kind_in_words;

/// Where the values of a block begin.
const LABEL_WIDTH: usize = 12;

pub(super) fn of(explanation: &Explanation) -> String {
    let mut text = Text(String::new());
    text.line(0, &explanation.summary);
    event(&mut text, explanation);
    deliveries(&mut text, explanation);
    runs(&mut text, explanation);
    for send in &explanation.sends {
        of_send(&mut text, send);
    }
    text.0
}

/// Lines of text; writing to a string cannot fail.
struct Text(String);

impl Text {
    fn line(&mut self, indent: usize, line: &str) {
        let _ = writeln!(self.0, "{:indent$}{line}", "");
    }

    fn field(&mut self, label: &str, value: &str) {
        self.line(2, &format!("{label:<LABEL_WIDTH$} {value}"));
    }

    fn optional(&mut self, label: &str, value: Option<&impl ToString>) {
        if let Some(value) = value {
            self.field(label, &value.to_string());
        }
    }

    fn heading(&mut self, heading: &str) {
        self.line(0, "");
        self.line(0, heading);
    }
}

fn event(text: &mut Text, explanation: &Explanation) {
    let event = &explanation.event;
    text.heading(&format!("event {}", event.id));
    text.field("kind", event.kind.as_str());
    text.field("account", event.account_id.as_str());
    text.optional("comment", event.comment_id.as_ref());
    text.optional("message", event.mid.as_ref());
    text.optional("contact", event.contact_id.as_ref());
    text.field("received", &event.received_at.to_string());
    text.optional("sent by Meta", event.sent_at.as_ref());
    text.optional("happened", event.occurred_at.as_ref());
    if event.backfilled {
        text.field("how", "read back from Meta, because its event never came");
    }
    text.optional("ignored", explanation.ignored.as_ref());
}

fn deliveries(text: &mut Text, explanation: &Explanation) {
    text.heading(&format!("deliveries ({})", explanation.deliveries.len()));
    for delivery in &explanation.deliveries {
        let problem = delivery
            .problem
            .as_deref()
            .map_or_else(String::new, |it| format!(": {it}"));
        text.field(
            &delivery.id.to_string(),
            &format!(
                "received {}, {} bytes, {}{problem}",
                delivery.received_at,
                delivery.body_bytes,
                delivery.status.as_str()
            ),
        );
    }
}

fn runs(text: &mut Text, explanation: &Explanation) {
    text.heading(&format!(
        "automations considered ({})",
        explanation.runs.len()
    ));
    let names: Vec<String> = explanation
        .runs
        .iter()
        .map(|run| format!("{} v{}", run.automation, run.version))
        .collect();
    let width = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    for (run, name) in explanation.runs.iter().zip(&names) {
        text.line(2, &format!("{name:<width$}  {}", run.verdict.as_str()));
        text.line(4, &format!("condition {}", run.because.condition));
        text.line(4, &format!("expected  {}", run.because.expected));
        text.line(4, &format!("actual    {}", run.because.actual));
    }
}

fn of_send(text: &mut Text, send: &SendRecord) {
    text.heading(&format!(
        "send {}: {} of {} v{}, step {}",
        send.id,
        kind_in_words(send.kind),
        send.automation,
        send.version,
        send.step.saturating_add(1)
    ));
    text.field("state", &send.state);
    text.optional("reason", send.reason.as_deref().map(in_words).as_ref());
    text.optional("contact", send.contact_id.as_ref());
    text.optional("due", send.due_at.as_ref());
    text.field("deadline", &send.deadline_at.to_string());
    text.optional("finished", send.finished_at.as_ref());
    text.optional("message", send.message_id.as_ref());
    text.optional("echoed", send.echoed_at.as_ref());
    for attempt in &send.attempts {
        of_attempt(text, attempt);
    }
}

fn of_attempt(text: &mut Text, attempt: &AttemptRecord) {
    let outcome = attempt.outcome.as_deref().unwrap_or("under way");
    let mut value = format!("{} {outcome}", attempt.started_at);
    if let Some(finished) = attempt.finished_at {
        let took = super::summary::elapsed(finished.since(attempt.started_at));
        let _ = write!(value, " after {took}");
    }
    if let Some(reason) = &attempt.reason {
        let _ = write!(value, ": {}", in_words(reason));
    }
    text.field(&format!("attempt {}", attempt.number), &value);
    let Some(answer) = &attempt.answer else {
        return;
    };
    let parts = [
        answer.http_status.map(|status| format!("HTTP {status}")),
        answer.code.map(|code| format!("code {code}")),
        answer.subcode.map(|subcode| format!("subcode {subcode}")),
        answer
            .message
            .as_ref()
            .map(|message| format!("\"{message}\"")),
        answer
            .fbtrace_id
            .as_ref()
            .map(|trace| format!("trace {trace}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if !parts.is_empty() {
        text.field("Meta said", &parts.join(", "));
    }
}
