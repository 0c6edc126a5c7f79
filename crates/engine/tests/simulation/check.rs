//! What must hold: at every moment, and at the end.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use hookline_model::clock::Timestamp;
use hookline_model::ids::MessageId;
use hookline_sim::world::{Author, Sent, SentBy, SentKind};
use hookline_store::records::SendRecord;

use super::Play;
use super::machine::budget;
use super::options::Options;
use super::wire::Made;

/// A promise that was broken.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) rule: &'static str,
    pub(crate) what: String,
}

/// What a simulation came to.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) options: Options,
    pub(crate) violations: Vec<Violation>,
    pub(crate) steps: usize,
    pub(crate) deaths: u32,
    pub(crate) acknowledged: usize,
    pub(crate) sends: BTreeMap<String, usize>,
    /// Everything that reached people, as one number: equal for equal seeds.
    pub(crate) fingerprint: u64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "simulate {}", self.options)?;
        for violation in &self.violations {
            writeln!(f, "  {}: {}", violation.rule, violation.what)?;
        }
        write!(
            f,
            "  {} deliveries acknowledged, {} durable steps, {} deaths, sends {:?}, fingerprint {:x}",
            self.acknowledged, self.steps, self.deaths, self.sends, self.fingerprint
        )
    }
}

/// What many simulations came to.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) seeds: u64,
    pub(crate) broken: u64,
    violations: usize,
    acknowledged: usize,
    steps: usize,
    deaths: u64,
    sends: BTreeMap<String, usize>,
}

impl Totals {
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.broken += u64::from(!outcome.violations.is_empty());
        self.violations += outcome.violations.len();
        self.acknowledged += outcome.acknowledged;
        self.steps += outcome.steps;
        self.deaths += u64::from(outcome.deaths);
        for (state, count) in &outcome.sends {
            *self.sends.entry(state.clone()).or_default() += count;
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} seeds, {} of them broke a promise ({} violations); {} deliveries acknowledged, \
             {} durable steps, {} deaths, sends {:?}",
            self.seeds,
            self.broken,
            self.violations,
            self.acknowledged,
            self.steps,
            self.deaths,
            self.sends
        )
    }
}

#[derive(Default)]
pub(crate) struct Findings {
    violations: Vec<Violation>,
    /// When attempts were made, by account and class, as the engine's clock showed it.
    made: HashMap<(String, &'static str), Vec<Timestamp>>,
    sends: Vec<SendRecord>,
}

impl Findings {
    pub(crate) fn add(&mut self, rule: &'static str, what: String) {
        self.violations.push(Violation { rule, what });
    }

    pub(crate) fn outcome(&self, play: &Play) -> Outcome {
        let mut sends = BTreeMap::new();
        for send in &self.sends {
            *sends.entry(send.state.clone()).or_default() += 1;
        }
        Outcome {
            options: play.options.clone(),
            violations: self.violations.clone(),
            steps: play.machine.steps(),
            deaths: play.machine.deaths,
            acknowledged: play.acknowledged.len(),
            sends,
            fingerprint: fingerprint(&play.world().sent()),
        }
    }
}

fn fingerprint(sent: &[Sent]) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    for sent in sent {
        (&sent.account, &sent.text, &sent.id, sent.at_ms).hash(&mut hasher);
    }
    hasher.finish()
}

/// After every turn of the play.
pub(crate) fn now(play: &mut Play) {
    for made in play.wire.take_made() {
        if made.is_crowded {
            let person = made.person.clone().unwrap_or_default();
            play.findings.add(
                "one in flight for each conversation",
                format!("two calls to {person} of {} at once", made.account),
            );
        }
        check_deadline(play, &made);
        check_budget(&mut play.findings, &made);
    }
}

fn class_of(made: &Made) -> &'static str {
    match made.body.get("recipient") {
        Some(to) if to.get("comment_id").is_some() => "private_reply",
        Some(_) => "text",
        None => "public_reply",
    }
}

/// No rolling window holds more attempts than the budget, by the clock of the one who counts.
fn check_budget(findings: &mut Findings, made: &Made) {
    let class = class_of(made);
    let lane = findings
        .made
        .entry((made.account.clone(), class))
        .or_default();
    lane.push(made.at);
    let window_begins = made.at.minus(budget().window());
    let within = lane.iter().filter(|at| **at > window_begins).count();
    if within > usize::try_from(budget().limit()).unwrap() {
        let what = format!(
            "{within} {class} attempts of {} by {}",
            made.account, made.at
        );
        findings.add("budget", what);
    }
}

/// Nothing is sent after its deadline or outside its window.
fn check_deadline(play: &mut Play, made: &Made) {
    const WEEK_MS: i64 = 7 * 24 * 3_600_000;
    const DAY_MS: i64 = 24 * 3_600_000;
    // The engine's clock may be off by so much.
    const OFF_MS: i64 = 3_000;
    let recipient = made.body.get("recipient");
    let text = |key: &str| {
        recipient
            .and_then(|to| to.get(key))
            .and_then(|id| id.as_str())
    };
    let mut late = None;
    if let Some(comment) = text("comment_id") {
        let world = play.world();
        if let Ok(comment) = world.find_comment(comment)
            && made.at_ms > comment.created_ms + WEEK_MS + OFF_MS
        {
            late = Some(format!("a private reply to {}", comment.id));
        }
    } else if let Some(person) = text("id") {
        let last = play.scenario.last_message(&made.account, person);
        if last.is_none_or(|at| made.at_ms > at + DAY_MS + OFF_MS) {
            late = Some(format!("a DM to {person} whose window is closed"));
        }
    }
    if let Some(what) = late {
        play.findings.add("deadline and window", what);
    }
}

/// When nothing is open any more.
pub(crate) fn at_the_end(play: &mut Play) {
    let sends = play.machine.sends();
    let sent = play.world().sent();
    check_once(&mut play.findings, &sent);
    check_truth(&mut play.findings, &sends, &sent);
    check_order(&mut play.findings, &sent);
    check_not_to_ourselves(play, &sends, &sent);
    check_nobody_forgotten(play);
    play.findings.sends = sends;
}

fn by_api(sent: &[Sent]) -> impl Iterator<Item = &Sent> {
    sent.iter().filter(|sent| sent.by == SentBy::Api)
}

/// Every text names what it answers, so no text may reach anybody twice.
fn check_once(findings: &mut Findings, sent: &[Sent]) {
    let mut seen = HashSet::new();
    for sent in by_api(sent) {
        let what = (&sent.account, &sent.recipient_id, &sent.text);
        if !seen.insert(what) {
            findings.add("at most once", format!("{what:?} was sent twice"));
        }
    }
}

/// Nothing of ours is answered, and nothing is even planned for it: Meta would refuse some of it,
/// and a refusal hides the mistake.
fn check_not_to_ourselves(play: &mut Play, sends: &[SendRecord], sent: &[Sent]) {
    let mut found = Vec::new();
    {
        let world = play.world();
        let is_own = |comment: &str| {
            let comment = world.find_comment(comment);
            comment.is_ok_and(|comment| matches!(comment.author, Author::Account { .. }))
        };
        for send in sends {
            if let Some(comment) = &send.comment_id
                && is_own(comment.as_str())
            {
                found.push(format!("send {} answers {comment}, our own", send.id));
            }
        }
        for text in by_api(sent).filter_map(|sent| sent.text.as_deref()) {
            if text.contains("the owner says") {
                found.push(format!("{text:?} answers our own message"));
            }
        }
    }
    for what in found {
        play.findings.add("never to ourselves", what);
    }
}

/// What we say of a send is what Meta did.
fn check_truth(findings: &mut Findings, sends: &[SendRecord], sent: &[Sent]) {
    let ids: HashSet<&str> = by_api(sent).map(|sent| sent.id.as_str()).collect();
    let answered: Vec<(SentKind, &str)> = by_api(sent)
        .filter_map(|sent| Some((sent.kind, sent.comment_id.as_deref()?)))
        .collect();
    for send in sends {
        let id = send.message_id.as_ref().map(MessageId::as_str);
        let kind = match send.kind.as_str() {
            "private_reply" => SentKind::PrivateReply,
            "public_reply" => SentKind::PublicReply,
            _ => SentKind::Message,
        };
        let by_comment = send
            .comment_id
            .as_ref()
            .is_some_and(|comment| answered.contains(&(kind, comment.as_str())));
        let has_landed = id.is_some_and(|id| ids.contains(id)) || by_comment;
        let is_true = match send.state.as_str() {
            "accepted" => has_landed,
            "refused" | "expired" | "cancelled" => !has_landed && send.reason.is_some(),
            _ => true,
        };
        if !is_true {
            let what = format!(
                "{} {} to {:?} is {} ({:?}) after {:?}, but Meta says {}",
                send.kind.as_str(),
                send.id,
                send.comment_id,
                send.state,
                send.reason,
                send.attempts,
                if has_landed {
                    "it landed"
                } else {
                    "it did not land"
                }
            );
            findings.add("truth", what);
        }
    }
}

/// A public reply that says so comes after the message it speaks of.
fn check_order(findings: &mut Findings, sent: &[Sent]) {
    let mut private: HashMap<&str, i64> = HashMap::new();
    for sent in by_api(sent) {
        let Some(comment) = sent.comment_id.as_deref() else {
            continue;
        };
        match sent.kind {
            SentKind::PrivateReply => {
                private.insert(comment, sent.at_ms);
            }
            SentKind::PublicReply if private.get(comment).is_none_or(|at| *at > sent.at_ms) => {
                let what = format!("the public reply to {comment} came before the private one");
                findings.add("order", what);
            }
            SentKind::PublicReply | SentKind::Message | SentKind::Reaction => {}
        }
    }
}

/// Everything that was delivered has a verdict, and by now everything was.
fn check_nobody_forgotten(play: &mut Play) {
    let comments = play.scenario.comments.clone();
    let messages = play.scenario.messages.clone();
    let subjects = comments.into_iter().chain(messages);
    for subject in subjects {
        let has_verdict = play
            .machine
            .story(&subject)
            .is_some_and(|story| !story.runs.is_empty() || story.event.ignored.is_some());
        if !has_verdict {
            let what = format!("{subject} has no verdict");
            play.findings.add("nobody is forgotten", what);
        }
    }
    let unfinished = play
        .machine
        .sends()
        .into_iter()
        .flat_map(|send| {
            send.attempts
                .into_iter()
                .map(move |attempt| (send.id, attempt))
        })
        .filter(|(_, attempt)| attempt.finished_at.is_none())
        .map(|(send, attempt)| format!("attempt {} of send {send}", attempt.number));
    for what in unfinished.collect::<Vec<_>>() {
        play.findings.add("every attempt has an outcome", what);
    }
}
