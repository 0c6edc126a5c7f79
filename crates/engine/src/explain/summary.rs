//! The one sentence.

use std::time::Duration;

use hookline_model::automation::Because;
use hookline_model::clock::Timestamp;
use hookline_model::send::SendKind;
use hookline_store::planning::Verdict;
use hookline_store::records::{RunRecord, SendRecord, Story};

use super::reason::{ignored_in_words, in_words};
use super::subject::{self, noun, quoted};

/// How many automations a sentence names one by one.
const NAMED_MAX: usize = 3;

/// What became of the event, as of `now`.
pub(super) fn of(story: &Story, now: Timestamp) -> String {
    let subject = subject::of(&story.event);
    if let Some(ignored) = &story.event.ignored {
        return format!(
            "{subject} was ignored because {}",
            ignored_in_words(ignored)
        );
    }
    let of_verdict = |verdict: Verdict| -> Vec<&RunRecord> {
        story
            .runs
            .iter()
            .filter(|run| run.verdict == verdict)
            .collect()
    };
    let matched = of_verdict(Verdict::Matched);
    let kept_from: Vec<&RunRecord> = story
        .runs
        .iter()
        .filter(|run| is_kept_from(run.verdict))
        .collect();
    if matched.is_empty() && story.sends.is_empty() {
        return match (kept_from.as_slice(), story.runs.as_slice()) {
            ([], []) => format!(
                "{subject} set off nothing: no automation in use is for this account and kind of \
                 event"
            ),
            ([], _) => format!(
                "{subject} set off nothing: no automation matched ({})",
                listed(&of_verdict(Verdict::NotMatched), not_matched)
            ),
            (kept_from, _) => {
                format!("{subject} was not answered: {}", listed(kept_from, kept))
            }
        };
    }
    let mut parts = vec![format!("{subject} {}", listed(&matched, matches))];
    parts.extend(story.sends.iter().map(|send| of_send(send, story, now)));
    if !kept_from.is_empty() {
        parts.push(listed(&kept_from, kept));
    }
    parts.join("; ")
}

/// The sentence of an event that cannot be routed yet.
pub(super) fn of_waiting(story: &Story) -> String {
    let subject = subject::of(&story.event);
    format!(
        "{subject} is waiting: an automation is for the next media, and Meta has not said yet when \
         the media of this event was published"
    )
}

fn is_kept_from(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Skipped | Verdict::Lost => true,
        Verdict::Matched | Verdict::NotMatched => false,
    }
}

fn listed(runs: &[&RunRecord], words: fn(&RunRecord) -> String) -> String {
    let mut named: Vec<String> = runs.iter().take(NAMED_MAX).map(|run| words(run)).collect();
    match runs.len().saturating_sub(NAMED_MAX) {
        0 => {}
        more => named.push(format!("and {more} more")),
    }
    named.join("; ")
}

fn matches(run: &RunRecord) -> String {
    format!(
        "matched {} because {}",
        run.automation,
        condition(&run.because)
    )
}

fn not_matched(run: &RunRecord) -> String {
    format!("{}: {}", run.automation, condition(&run.because))
}

/// Why an automation whose conditions hold takes no effect.
fn kept(run: &RunRecord) -> String {
    let RunRecord {
        automation,
        because,
        ..
    } = run;
    match because.condition.as_str() {
        "priority" => format!("{automation} {}", because.actual),
        "contact" => {
            format!("{automation} matched, but the person has asked to get no more messages")
        }
        "limit.once_per" => format!(
            "{automation} matched, but its limit of once per {} is already used up",
            because.expected
        ),
        "one private reply per comment" => format!(
            "{automation} matched, but the comment already has the one private reply Meta allows"
        ),
        _ => format!("{automation} was skipped because {}", condition(because)),
    }
}

fn condition(because: &Because) -> String {
    let Because {
        condition,
        expected,
        actual,
    } = because;
    if condition.starts_with("match.") {
        let text = match actual.as_str() {
            "no text" => "there is no text".to_owned(),
            text => format!("the text is {}", quoted(Some(text))),
        };
        return format!("{condition} asks for {expected} and {text}");
    }
    format!("{condition} asks for {expected} and it is {actual}")
}

fn of_send(send: &SendRecord, story: &Story, now: Timestamp) -> String {
    let what = format!("the {}", kind_in_words(send.kind));
    let reason = send.reason.as_deref().map(in_words);
    let because = reason
        .as_ref()
        .map_or_else(String::new, |reason| format!(": {reason}"));
    match send.state.as_str() {
        "accepted" => accepted(&what, send, story),
        "held" => format!(
            "{what} is held{because}; it can still go out until {}",
            send.deadline_at
        ),
        "planned" => format!("{what} {}{}", waits(send, now), tries(send)),
        "leased" => format!("{what} is being sent now{}", tries(send)),
        "unknown" => {
            format!("it is not known whether {what} arrived{because}; it is not repeated blindly")
        }
        "refused" => format!("{what} was refused{because}{}", said(send)),
        "expired" => format!("{what} expired{}{because}", at(send.finished_at)),
        "cancelled" => format!("{what} was cancelled{because}"),
        other => format!("{what} is {other}{because}"),
    }
}

fn accepted(what: &str, send: &SendRecord, story: &Story) -> String {
    let accepted_at = send
        .attempts
        .iter()
        .rev()
        .find(|attempt| attempt.outcome.as_deref() == Some("accepted"))
        .and_then(|attempt| attempt.finished_at)
        .or(send.finished_at);
    let when = accepted_at.map_or_else(String::new, |moment| {
        let after = elapsed(moment.since(story.event.received_at));
        format!(
            " at {moment} ({after} after the {} arrived)",
            noun(story.event.event_kind)
        )
    });
    let echo = if send.echoed_at.is_some() {
        " and confirmed by its echo"
    } else {
        ""
    };
    format!("{what} was accepted by Meta{when}{echo}")
}

fn waits(send: &SendRecord, now: Timestamp) -> String {
    match send.due_at {
        None => "waits for the step before it".to_owned(),
        Some(due) if due > now => {
            format!("is waiting: due at {due} (in {})", elapsed(due.since(now)))
        }
        Some(due) => format!("is waiting for its turn: due since {due}"),
    }
}

fn tries(send: &SendRecord) -> String {
    let Some(last) = send.attempts.last() else {
        return String::new();
    };
    let Some(outcome) = &last.outcome else {
        return String::new();
    };
    let reason = last
        .reason
        .as_deref()
        .map_or_else(String::new, |reason| format!(": {}", in_words(reason)));
    let outcome = outcome.replace('_', " ");
    format!(" after try {}, which was {outcome}{reason}", last.number)
}

/// What Meta said to the last try, as far as it names an error.
fn said(send: &SendRecord) -> String {
    let answer = send
        .attempts
        .last()
        .and_then(|attempt| attempt.answer.as_ref());
    let Some((answer, code)) = answer.and_then(|answer| Some((answer, answer.code?))) else {
        return String::new();
    };
    let subcode = answer
        .subcode
        .map_or_else(String::new, |subcode| format!(", subcode {subcode}"));
    format!(" (Meta's error {code}{subcode})")
}

fn at(moment: Option<Timestamp>) -> String {
    moment.map_or_else(String::new, |moment| format!(" at {moment}"))
}

/// A kind of send as people call it.
pub(super) fn kind_in_words(kind: SendKind) -> &'static str {
    match kind {
        SendKind::PrivateReply => "private reply",
        SendKind::PublicReply => "public reply",
        SendKind::Dm => "DM",
    }
}

/// A duration as people say it: `10.1 s`, `3 min 5 s`, `2 h 5 min`, `3 d 4 h`.
pub fn elapsed(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => {
            let tenths = duration.subsec_millis() / 100;
            format!("{seconds}.{tenths} s")
        }
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}
