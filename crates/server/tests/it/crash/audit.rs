//! The audit of a trial: what reached people beside what Hookline believes.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use hookline_model::send::SendKind;
use hookline_sim::world::inspect::{Sent, SentKind};
use hookline_store::records::{PageRequest, SendFilter, SendRecord};
use hookline_store::{Ownership, Store};

use super::super::binary::hookline;
use super::load::Made;
use super::meta::Meta;
use super::now;

/// Problems that are told with everything known of them.
const TOLD_MAX: usize = 5;

/// How long after its time a send that waits for nothing may still wait.
const OVERDUE: Duration = Duration::from_secs(5);

/// Of so many sends, one may be left for a person to decide.
const UNKNOWN_ONE_IN: usize = 1000;

/// What an audit found.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    comments: usize,
    messages: usize,
    private_replies: usize,
    dms: usize,
    public_replies: usize,
    attempts: usize,
    /// Attempts that a crash cut off.
    cut_off: usize,
    /// Sends that wait for a person.
    unknown: usize,
    lost: usize,
    doubled: usize,
    pub(crate) problems: Vec<String>,
    /// The first problems with all that is known of them.
    pub(crate) told: Vec<String>,
    /// The same of the first sends that wait for a person.
    pub(crate) undecided: Vec<String>,
}

/// A problem and the comment or message it is about.
struct Problem {
    what: String,
    subject: String,
}

/// What one comment, or one conversation, has to show.
#[derive(Debug, Default)]
struct Ledger<'a> {
    /// How often something reached a person.
    reached: usize,
    sends: Vec<&'a SendRecord>,
}

impl Ledger<'_> {
    fn count(&self, state: &str) -> usize {
        self.sends.iter().filter(|send| send.state == state).count()
    }
}

/// Compares the simulator's record with the database in `directory`.
pub(crate) async fn audit(directory: &Path, meta: &Meta, made: &Made) -> Audit {
    let sends = all_sends(directory).await;
    let sent = meta.world().sent();
    let count = |kind| sent.iter().filter(|sent| sent.kind == kind).count();
    let mut audit = Audit {
        comments: made.comments.len(),
        messages: made.messages.len(),
        private_replies: count(SentKind::PrivateReply),
        dms: count(SentKind::Message),
        public_replies: count(SentKind::PublicReply),
        ..Audit::default()
    };
    let mut problems = Vec::new();
    for send in &sends {
        audit.look_at(send, &mut problems);
    }
    audit.comments(made, &sent, &sends, &mut problems);
    audit.conversations(made, &sent, &sends, &mut problems);
    let told = problems.iter().take(TOLD_MAX);
    audit.told = told.map(|problem| tell(directory, problem)).collect();
    let undecided = sends.iter().filter(|send| is_undecided(send));
    audit.unknown = undecided.clone().count();
    audit.undecided = undecided
        .take(TOLD_MAX)
        .map(|send| {
            let what = format!("send {} ({}) is left unknown", send.id, send.kind.as_str());
            let subject = send.event_id.to_string();
            tell(directory, &Problem { what, subject })
        })
        .collect();
    audit.problems = problems.into_iter().map(|problem| problem.what).collect();
    audit
}

async fn all_sends(directory: &Path) -> Vec<SendRecord> {
    let url = format!("sqlite:{}", directory.join("hookline.db").display());
    let store = Store::open(&url, Ownership::Shared).unwrap();
    let mut sends = Vec::new();
    let mut before = None;
    loop {
        let request = PageRequest { before, limit: 500 };
        let page = store
            .list_sends(SendFilter::default(), request, now())
            .await
            .unwrap();
        sends.extend(page.items);
        before = page.next_before;
        if before.is_none() {
            break;
        }
    }
    store.close().await;
    sends
}

impl Audit {
    /// What must hold for every send alone.
    fn look_at(&mut self, send: &SendRecord, problems: &mut Vec<Problem>) {
        self.attempts += send.attempts.len();
        let cut_off = |attempt: &&_| is_cut_off(attempt);
        self.cut_off += send.attempts.iter().filter(cut_off).count();
        let mut is_wrong = |what: &str| {
            problems.push(Problem {
                what: format!("send {} ({}): {what}", send.id, send.kind.as_str()),
                subject: send.event_id.to_string(),
            });
        };
        if send
            .attempts
            .iter()
            .any(|attempt| attempt.outcome.is_none())
        {
            is_wrong("an attempt has no outcome");
        }
        let reason = send.reason.as_deref();
        match send.state.as_str() {
            "accepted" => {}
            "unknown" if is_undecided(send) => {}
            "planned" if send.due_at.is_none() => {}
            "planned"
                if send
                    .due_at
                    .is_some_and(|due_at| due_at.plus(OVERDUE) < now()) =>
            {
                is_wrong("overdue");
            }
            state => is_wrong(&format!("left {state}, because {reason:?}")),
        }
    }

    /// Every comment has one private reply and one public one.
    fn comments(
        &mut self,
        made: &Made,
        sent: &[Sent],
        sends: &[SendRecord],
        problems: &mut Vec<Problem>,
    ) {
        let pairs = [
            (SentKind::PrivateReply, SendKind::PrivateReply),
            (SentKind::PublicReply, SendKind::PublicReply),
        ];
        for (reached, kind) in pairs {
            let mut ledgers: BTreeMap<&str, Ledger<'_>> = BTreeMap::new();
            for comment in &made.comments {
                ledgers.insert(&comment.id, Ledger::default());
            }
            for sent in sent.iter().filter(|sent| sent.kind == reached) {
                let comment = sent.comment_id.as_deref().unwrap_or_default();
                ledgers.entry(comment).or_default().reached += 1;
            }
            for send in sends.iter().filter(|send| send.kind == kind) {
                let comment = send.comment_id.as_ref().map_or("", |id| id.as_str());
                ledgers.entry(comment).or_default().sends.push(send);
            }
            for (comment, ledger) in ledgers {
                let subject = comment.to_owned();
                self.compare(kind, 1, &ledger, &subject, problems);
            }
        }
    }

    /// Every person has as many DMs as they wrote messages.
    fn conversations(
        &mut self,
        made: &Made,
        sent: &[Sent],
        sends: &[SendRecord],
        problems: &mut Vec<Problem>,
    ) {
        let mut ledgers: BTreeMap<(&str, &str), (usize, &str, Ledger<'_>)> = BTreeMap::new();
        for message in &made.messages {
            let key = (message.account.as_str(), message.scoped_id.as_str());
            let (owed, last, _) = ledgers.entry(key).or_default();
            *owed += 1;
            *last = &message.mid;
        }
        for sent in sent.iter().filter(|sent| sent.kind == SentKind::Message) {
            let person = sent.recipient_id.as_deref().unwrap_or_default();
            let key = (sent.account.as_str(), person);
            ledgers.entry(key).or_default().2.reached += 1;
        }
        for send in sends.iter().filter(|send| send.kind == SendKind::Dm) {
            let person = send.contact_id.as_ref().map_or("", |id| id.as_str());
            let key = (send.account_id.as_str(), person);
            ledgers.entry(key).or_default().2.sends.push(send);
        }
        for (owed, last, ledger) in ledgers.values() {
            self.compare(SendKind::Dm, *owed, ledger, last, problems);
        }
    }

    fn compare(
        &mut self,
        kind: SendKind,
        owed: usize,
        ledger: &Ledger<'_>,
        subject: &str,
        problems: &mut Vec<Problem>,
    ) {
        let kind = kind.as_str();
        let (reached, accepted) = (ledger.reached, ledger.count("accepted"));
        let undecided = ledger.count("unknown") + ledger.count("planned");
        let mut is_wrong = |what: String| {
            problems.push(Problem {
                what: format!("{kind}, {subject}: {what}"),
                subject: subject.to_owned(),
            });
        };
        if reached > owed {
            self.doubled += reached - owed;
            is_wrong(format!("{owed} owed, {reached} reached the person"));
        }
        if accepted > reached {
            self.lost += accepted - reached;
            is_wrong(format!(
                "{accepted} said to be accepted, {reached} reached the person"
            ));
        }
        if accepted + undecided < owed {
            self.lost += owed - accepted - undecided;
            is_wrong(format!(
                "{owed} owed, {accepted} accepted, {undecided} for a person to decide"
            ));
        }
        if reached > accepted + undecided {
            is_wrong(format!(
                "{reached} reached the person, only {accepted} are known of"
            ));
        }
    }

    /// Fails a trial that has shown nothing: without calls cut off, or with too much left over.
    pub(crate) fn assert_meaningful(&self) {
        assert!(self.cut_off > 0, "no crash cut a call off: {self}");
        let allowed = 1 + self.attempts / UNKNOWN_ONE_IN;
        assert!(
            self.unknown <= allowed,
            "too much is left to a person: {self}\n{}",
            self.undecided.join("\n")
        );
    }
}

fn is_undecided(send: &SendRecord) -> bool {
    send.state == "unknown" && send.reason.as_deref() == Some("needs_a_person")
}

fn is_cut_off(attempt: &hookline_store::records::AttemptRecord) -> bool {
    attempt.reason.as_deref() == Some("lease_ended")
}

/// A problem with what `hookline explain` says about it.
fn tell(directory: &Path, problem: &Problem) -> String {
    let explained = hookline(directory)
        .args(["explain", &problem.subject])
        .output()
        .unwrap();
    format!(
        "{}\n{}{}",
        problem.what,
        String::from_utf8_lossy(&explained.stdout),
        String::from_utf8_lossy(&explained.stderr)
    )
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} comments: {} private replies, {} public ones; {} messages: {} DMs",
            self.comments, self.private_replies, self.public_replies, self.messages, self.dms
        )?;
        write!(
            f,
            "{} attempts, {} of them cut off by a crash; {} left unknown for a person; {} lost, {} doubled",
            self.attempts, self.cut_off, self.unknown, self.lost, self.doubled
        )
    }
}
